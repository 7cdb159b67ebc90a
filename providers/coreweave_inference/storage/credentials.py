"""Keys for object storage: what one is, and how a short-lived one is made and renewed.

No environment and no files here: those are read in `connection` and `key_sources`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from coreweave_inference.api.objects import parsed_time
from coreweave_inference.clock import Clock
from coreweave_inference.errors import ApiError

FRESH_SECONDS = 30.0
"""A newly made key is refused for some seconds; a refusal of a younger key is not yet an answer (documentation)."""


@dataclass(frozen=True)
class S3Credentials:
    """One access key; its `repr` shows nothing secret. `renew_at` and `made_at` are monotonic seconds, where known.

    `discard` tells its maker, where it has one, that the key has ended before its time: the next one is another.
    """

    access_key_id: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    renew_at: float | None = None
    made_at: float | None = None
    discard: Callable[[], None] | None = field(default=None, repr=False, compare=False)

    def is_fresh(self, now: float) -> bool:
        """Whether the key is so young that the service may not know it yet; `now` in monotonic seconds."""
        return self.made_at is not None and now - self.made_at < FRESH_SECONDS


class KeyMaker(Protocol):
    """The one call of the Inference API that is needed here."""

    def mint_access_key(self, duration_seconds: int) -> dict[str, Any]:
        """A new key: `accessKeyId`, `secretKey`, `expiry`."""
        ...


@dataclass
class Minted:
    """The key that sources have made, for all of them: what one made, renewed or got an error for counts for the others."""

    current: S3Credentials | None = None
    discarded: str = ""
    error: ApiError | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


def minted(
    api: KeyMaker,
    clock: Clock,
    duration: int = 3600,
    shared: Minted | None = None,
    elsewhere: Callable[[str], S3Credentials | None] = lambda without: None,
) -> Callable[[], S3Credentials]:
    """A source of keys made with the API token, each for `duration` seconds and renewed in its last sixth.

    The first key is made on the first call, unless `elsewhere` has one other than that of the id that it is given. Safe to share
    between threads; two sources share nothing but what is in `shared`. An error is remembered and raised again: asking again with the
    same token changes nothing.
    """
    known = shared or Minted()

    def credentials() -> S3Credentials:
        with known.lock:
            if known.error is not None:
                raise known.error
            if known.current is None or _is_due(known.current, clock.monotonic()):
                known.current = another()
            return known.current

    def another() -> S3Credentials:
        key = elsewhere(known.discarded)
        if key is None or key.access_key_id == known.discarded or _is_due(key, clock.monotonic()):
            try:
                key = _made(api, clock, duration)
            except ApiError as error:
                known.error = error if _is_final(error) else None
                raise
        id_ = key.access_key_id
        return replace(key, discard=lambda: discard(id_))

    def discard(access_key_id: str) -> None:
        with known.lock:
            if known.current is not None and known.current.access_key_id == access_key_id:
                known.current, known.discarded = None, access_key_id

    return credentials


def _is_final(error: ApiError) -> bool:
    """Whether the service said no, or has no such call; not an error in passing."""
    return error.status == 501 or (400 <= error.status < 500 and error.status not in (408, 429))


def _is_due(key: S3Credentials, now: float) -> bool:
    return key.renew_at is not None and now >= key.renew_at


def _made(api: KeyMaker, clock: Clock, duration: int) -> S3Credentials:
    """A new key. Its `expiry` is by the service's clock: it counts where it shortens the duration that was asked for,
    and not where this machine's clock is so wrong that a new key would seem to have ended.
    """
    answer = api.mint_access_key(duration)
    expiry, made_at = parsed_time(str(answer.get("expiry") or "")), clock.monotonic()
    granted = expiry.timestamp() - clock.now() if expiry else duration
    lasts = granted if 0 < granted < duration else duration
    return S3Credentials(
        access_key_id=str(answer["accessKeyId"]),
        secret_key=str(answer["secretKey"]),
        session_token=str(answer["sessionToken"]) if answer.get("sessionToken") else None,
        renew_at=made_at + lasts * 5 / 6,
        made_at=made_at,
    )
