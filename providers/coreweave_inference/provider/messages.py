"""How the providers name an object to a user, and what they advise beside the service's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from coreweave_inference.errors import (
    ApiError,
    CoreWeaveError,
    Forbidden,
    QuotaExceeded,
    Refused,
    StorageError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from coreweave_inference.model import Kind

from .values import URN

ADVICE: tuple[tuple[type[CoreWeaveError], str], ...] = (
    (Unauthorized, "nothing was changed"),
    (Forbidden, "nothing was changed"),
    (
        QuotaExceeded,
        "free some of the quota or have it raised, then run again; repeating alone does not help",
    ),
    (Throttled, "run again in a while"),
    (Refused, "fix the declaration and run again"),
    (Unreachable, "run again: what the service may have accepted is found by its id"),
    (ApiError, "run again"),
)


def subject(kind: Kind, props: Mapping[str, Any]) -> str:
    """`deployment "chat"`: the resource's own name as the user wrote it."""
    return f'{kind.noun} "{resource_name(props)}"'


def resource_name(props: Mapping[str, Any]) -> str:
    """The name in the program, taken from the URN; the object's name where there is no URN (an import)."""
    urn = props.get(URN)
    return urn.rsplit("::", 1)[-1] if isinstance(urn, str) and urn else str(props.get("name") or "?")


@contextmanager
def translate_service_errors(what: str) -> Iterator[None]:
    """Let an error of the service name the object and say what to do; its class stays, since callers branch on it."""
    try:
        yield
    except (ApiError, StorageError, Unreachable) as error:
        if error.names_object:
            raise
        advice = next((do for kind, do in ADVICE if isinstance(error, kind)), "")
        raise error.with_text("; ".join(part for part in (f"{what}: {error}", advice) if part)) from error
