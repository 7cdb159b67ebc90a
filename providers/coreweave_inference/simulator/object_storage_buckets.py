"""CoreWeave's bucket rules: names, zones, owners, and how long a new bucket takes to be seen everywhere.

The register of buckets, without objects: what is kept in them is the backend's, who may do what is decided elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

from .bucket_policies import Policy
from .object_storage_messages import Refused

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_RESERVED_PREFIXES = ("xn--", "cw-", "vip-", "log-stitcher-ch-")
_ZONE = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)*")


@dataclass
class Bucket:
    """A bucket and what CoreWeave knows about it. `created` is in simulated epoch seconds."""

    name: str
    organisation_id: str
    zone: str
    created: float
    delay_seconds: float
    policy_document: bytes | None = None
    policy: Policy | None = None

    def refuse_while_new(self, now: float) -> None:
        """Documentation: a new bucket is first 400 InvalidRegion, then 404, then there. Half the delay each."""
        age = now - self.created
        if age < self.delay_seconds / 2:
            raise Refused(400, "InvalidRegion", "The bucket is not known in this region yet.")
        if age < self.delay_seconds:
            raise no_such_bucket()


class BucketRegister:
    """All buckets of one simulator: names are global, whatever organisation they belong to."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}

    def get(self, name: str) -> Bucket:
        """The bucket. Raises Refused with NoSuchBucket."""
        if name not in self._buckets:
            raise no_such_bucket()
        return self._buckets[name]

    def find(self, name: str) -> Bucket | None:
        """The bucket, or None."""
        return self._buckets.get(name)

    def all(self) -> list[Bucket]:
        """Every bucket, by name."""
        return sorted(self._buckets.values(), key=lambda bucket: bucket.name)

    def is_new(self, name: str, zone: str, organisation_id: str) -> bool:
        """Whether CreateBucket has anything to do; the same name in the same zone succeeds silently (documentation).

        Raises Refused where the name is bad, belongs to somebody else, or lies in another zone.
        """
        _check_name(name)
        existing = self._buckets.get(name)
        if existing is None:
            return True
        if existing.organisation_id != organisation_id:
            raise Refused(409, "BucketAlreadyExists", "The bucket name belongs to another organization.")
        if existing.zone != zone:
            raise Refused(
                409, "BucketAlreadyOwnedByYou", f"Your bucket of this name is in zone {existing.zone}."
            )
        return False

    def add(self, bucket: Bucket) -> None:
        """Enter a bucket whose name `is_new` has found free."""
        self._buckets[bucket.name] = bucket

    def remove(self, name: str) -> None:
        """Strike a bucket that was deleted."""
        del self._buckets[name]


def no_such_bucket() -> Refused:
    """The error for a bucket that is not there."""
    return Refused(404, "NoSuchBucket", "The bucket does not exist.")


def zone_of(configuration: bytes) -> str:
    """The LocationConstraint in a CreateBucket body. Raises Refused where there is none or it is not a zone."""
    zone = None
    if configuration.strip():
        try:
            zone = ElementTree.fromstring(configuration).findtext("{*}LocationConstraint")
        except ElementTree.ParseError as error:
            raise Refused(400, "MalformedXML", f"CreateBucketConfiguration is not XML: {error}") from error
    if not zone:
        raise Refused(400, "InvalidLocationConstraint", "LocationConstraint is required: the bucket's zone.")
    if not _ZONE.fullmatch(zone):
        raise Refused(400, "InvalidLocationConstraint", f'LocationConstraint "{zone}" is not a zone.')
    return zone


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name.startswith(_RESERVED_PREFIXES) or name == "int":
        message = "3 to 63 of a-z, 0-9 and -, first and last alphanumeric, no reserved prefix (xn--, cw-, vip-) or name."
        raise Refused(400, "InvalidBucketName", message)
