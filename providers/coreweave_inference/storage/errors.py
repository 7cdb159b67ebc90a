"""From an error of object storage to the class of `errors` that says what to do.

Pure: code and words are arguments; botocore is not imported here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from coreweave_inference.errors import (
    AccessDenied,
    BucketMissing,
    CoreWeaveError,
    NotOurs,
    StorageError,
    Unreachable,
    one_line,
)

MISSING = frozenset({"NoSuchBucket", "404", "NotFound"})
EXPIRED = "ExpiredToken"
DENIED = frozenset(
    {"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", EXPIRED}
)
SKEWED = "RequestTimeTooSkewed"
BARE_DENIAL = frozenset({"403", "Forbidden"})
"""A refused HEAD, which has no code of its own."""
OF_SIGNATURE = frozenset({*BARE_DENIAL, "SignatureDoesNotMatch", "RequestExpired", EXPIRED})
"""Refusals that a wrong time in the signature explains; a key that the service accepts and may not do this gets AccessDenied."""
MOST_SKEW = timedelta(minutes=15)
"""How far the time of a signature may be from the service's."""
TAKEN = frozenset({"BucketAlreadyExists", "BucketAlreadyOwnedByYou"})
NOT_YET = frozenset({"400", "InvalidRegion", "BadRequest", *MISSING})
"""What a bucket may answer in its first minutes, while its configuration spreads (documentation)."""

UNCLEAR = frozenset(
    {"ServiceUnavailable", "SlowDown", "InternalError", "RequestTimeout", "500", "502", "503", "504"}
)
"""Answers after which a write may or may not have happened."""

SKEW_ADVICE = (
    "the clock of this machine differs from the service's{by}, and requests signed with a wrong time are refused; set "
    "the clock"
)

_ADVICE = {
    "AccessDenied": (
        "the key may not do this: its organization access policy must allow it, and a bucket policy shuts out everyone"
        " it does not name"
    ),
    "InvalidAccessKeyId": "object storage does not know the key: check the credentials and the S3 endpoint",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key: check the credentials",
    "ExpiredToken": "the key has expired: make a new one",
    "BucketNotEmpty": "it still holds objects, old versions or delete markers; empty it first or keep it",
    "InvalidBucketName": "a name has 3 to 63 of a-z, 0-9 and -, and does not start with cw- or vip-",
    "InvalidLocationConstraint": "check the zone",
    "MalformedPolicy": "the service does not take this policy document",
}


def clock_skew(date: str, now: datetime) -> timedelta | None:
    """How far `now` is from an answer's `Date` header, if too far for a signature; None where it is not, or not known."""
    try:
        skew = abs(now - parsedate_to_datetime(date))
    except (TypeError, ValueError):
        return None
    return skew if skew > MOST_SKEW else None


def storage_error(
    bucket: str, act: str, code: str, words: str, request_id: str = "", skew: timedelta | None = None
) -> StorageError:
    """The error for `code`: which bucket, what was tried, the service's own words, and what to do.

    `skew` is the difference of the clocks where it explains a refusal: an answer to a HEAD has no code of its own.
    """
    where = f'bucket "{bucket}": ' if bucket else ""
    if code in MISSING:
        return BucketMissing(
            f"{where}cannot {act}: there is no such bucket, or it is another account's",
            code=code,
            request_id=request_id,
        )
    kind = AccessDenied if code in DENIED else StorageError
    advice = _ADVICE.get("AccessDenied" if code in BARE_DENIAL else code, "")
    if code == SKEWED or (skew and code in OF_SIGNATURE):
        advice = SKEW_ADVICE.format(by=f" by {skew.total_seconds() / 60:.0f} minutes" if skew else "")
    message = words if words and words != code and words != "Forbidden" else ""
    text = "; ".join(part for part in (message, advice) if part) or "the service gave no reason"
    return kind(f"{where}cannot {act}: {text}", code=code, request_id=request_id)


def redirect_error(bucket: str, act: str, endpoint: str, location: str) -> StorageError:
    """The error for an answer that sends on to another address: a signed request goes nowhere but to the endpoint."""
    where = f" to {one_line(location, 300)}" if location else ""
    return StorageError(
        f'bucket "{bucket}": cannot {act}: {endpoint} redirects{where}; no key is sent on; set the S3 endpoint to the final '
        "address"
    )


def is_unclear(error: CoreWeaveError) -> bool:
    """Whether what was asked for may have happened in spite of `error`."""
    return isinstance(error, Unreachable) or (isinstance(error, StorageError) and error.code in UNCLEAR)


def taken(bucket: str, code: str, zone: str) -> NotOurs:
    """The error for a bucket name that cannot be created since it is in use."""
    if code == "BucketAlreadyOwnedByYou":
        return NotOurs(
            f'bucket "{bucket}" exists already in this organization, in another zone than {zone};'
            f" a bucket cannot move: choose another name or that zone"
        )
    return NotOurs(
        f'bucket "{bucket}" exists already, in another organization or another zone than {zone};'
        f" names are unique across all customers: choose another"
    )
