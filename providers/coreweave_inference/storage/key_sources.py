"""Where the keys of a process come from, as its settings say: made with the token, a profile, or the environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from coreweave_inference.clock import Clock, system
from coreweave_inference.errors import SettingsError
from coreweave_inference.settings.resolution import Settings
from coreweave_inference.settings.secret import Secret

from . import run_keys
from .connection import Credentials, from_profile
from .credentials import KeyMaker, Minted, S3Credentials, minted

_minted: dict[tuple[str, Secret, Clock], Minted] = {}
"""By endpoint, token and clock: the key that this process has, or that it may not make any. A run asks from several places."""


class CredentialSettings(Protocol):
    """What the settings say about keys."""

    @property
    def endpoint(self) -> str:
        """Where a key is made."""
        ...

    @property
    def token(self) -> Secret:
        """What it is made with."""
        ...

    @property
    def s3_credentials(self) -> str:
        """`minted`, `profile` or `environment`."""
        ...

    @property
    def s3_profile(self) -> str | None:
        """The profile's name, for `profile`."""
        ...


def credentials_from(
    settings: CredentialSettings, api: KeyMaker, clock: Clock, environ: Mapping[str, str]
) -> Credentials:
    """The source of keys that the settings choose. Raises SettingsError where it holds none."""
    if settings.s3_profile:
        return from_profile(settings.s3_profile)
    if settings.s3_credentials == "environment":
        return from_environment(environ)
    shared = _minted.setdefault((settings.endpoint, settings.token, clock), Minted())
    place = run_keys.place_of(settings.endpoint, settings.token)
    return minted(api, clock, shared=shared, elsewhere=lambda without: run_keys.of_run(place, clock, without))


@contextmanager
def one_key(directory: Path, settings: Settings) -> Iterator[None]:
    """Hand the key of this process to those of the run in `directory`: one is enough for all of them."""
    if settings.s3_profile or settings.s3_credentials == "environment":
        yield
        return

    def key() -> S3Credentials:
        from coreweave_inference.api.client import InferenceApi  # It takes long to load.

        with InferenceApi.of(settings) as api:
            return credentials_from(settings, api, system, {})()

    with run_keys.answering(directory, run_keys.place_of(settings.endpoint, settings.token), key, system):
        yield


def from_environment(environ: Mapping[str, str]) -> Credentials:
    """The key in AWS_* variables, else that of the profile AWS_PROFILE or `default`. Raises SettingsError."""
    access_key_id, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access_key_id:
        return from_profile(environ.get("AWS_PROFILE") or "default")
    if not secret_key:
        raise SettingsError(
            "S3 credentials: AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY; set both"
        )
    key = S3Credentials(access_key_id, secret_key, environ.get("AWS_SESSION_TOKEN") or None)
    return lambda: key
