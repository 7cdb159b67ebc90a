"""Access keys for object storage: minted for an organisation, and distinguished by what is wrong with them.

Keys only: no HTTP request, no signature arithmetic and no bucket may enter.
"""

from __future__ import annotations

import hashlib
import secrets
import string
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Protocol

from .bucket_policies import principal_arn

TEMPORARY_SECONDS = 3600
_ALPHABET = string.ascii_uppercase + string.digits


class TellsTime(Protocol):
    """Anything with the simulated time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...


@dataclass(frozen=True)
class AccessKey:
    """One key pair. Times are simulated epoch seconds; `expires` None: for ever; `token` None: no session."""

    access_key_id: str
    secret_key: str = field(repr=False)
    principal: str
    organisation_id: str
    usable_from: float
    expires: float | None
    token: str | None = field(default=None, repr=False)


class Credentials:
    """All access keys of one simulated object storage.

    `delay_seconds`: a fresh key is refused for so long; a change concerns keys minted after it.
    """

    def __init__(self, clock: TellsTime, delay_seconds: float = 0) -> None:
        self.delay_seconds = delay_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, AccessKey] = {}

    def mint(self, organisation_id: str, duration_seconds: int) -> dict[str, Any]:
        """The body that answers an access-key request: `accessKeyId`, `secretKey`, `principalName`, `expiry`.

        A duration of 0 is for ever, and `expiry` is then null. Raises ValueError for a negative duration.
        """
        if duration_seconds < 0:
            raise ValueError(f"durationSeconds is {duration_seconds}: give 0 (for ever) or more")
        key = self._add(organisation_id, duration_seconds or None, with_token=False)
        return {
            "accessKeyId": key.access_key_id,
            "secretKey": key.secret_key,
            "principalName": key.principal,
            "expiry": _expiry(key),
        }

    def mint_temporary(self, organisation_id: str) -> dict[str, Any]:
        """The container-credentials form, good for an hour: `AccessKeyId`, `SecretAccessKey`, `Token`, `Expiration`."""
        key = self._add(organisation_id, TEMPORARY_SECONDS, with_token=True)
        return {
            "AccessKeyId": key.access_key_id,
            "SecretAccessKey": key.secret_key,
            "Token": key.token,
            "Expiration": _expiry(key),
        }

    def find(self, access_key_id: str) -> AccessKey | None:
        """The key of that id, expired ones and too fresh ones included."""
        return self._keys.get(access_key_id)

    def expire(self) -> None:
        """Let every key that was not minted for ever be expired from now on."""
        with self._lock:
            now = self._clock.now()
            for key in list(self._keys.values()):
                if key.expires is not None:
                    self._keys[key.access_key_id] = replace(key, expires=min(key.expires, now))

    def _add(self, organisation_id: str, duration_seconds: int | None, with_token: bool) -> AccessKey:
        now = self._clock.now()
        key = AccessKey(
            access_key_id="CW" + "".join(secrets.choice(_ALPHABET) for _ in range(18)),
            secret_key="cwo" + secrets.token_urlsafe(30),
            principal=principal_arn(organisation_id, user_of(organisation_id)),
            organisation_id=organisation_id,
            usable_from=now + self.delay_seconds,
            expires=None if duration_seconds is None else now + duration_seconds,
            token=secrets.token_urlsafe(48) if with_token else None,
        )
        with self._lock:
            self._keys[key.access_key_id] = key
        return key


def user_of(organisation_id: str) -> str:
    """The one user of an organisation here: always the same id, so that a policy can name it."""
    return "u" + hashlib.sha256(organisation_id.encode()).hexdigest()[:20]


def _expiry(key: AccessKey) -> str | None:
    if key.expires is None:
        return None
    return datetime.fromtimestamp(key.expires, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
