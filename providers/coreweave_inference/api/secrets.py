"""The secrets that one client knows, taken out of every text that the service sends.

Nothing that sends or decides belongs here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from coreweave_inference.settings.secret import Secret, redacted

from .objects import ApiObject

CERTAINLY_NO_WORD = 8
"""Characters; a shorter value of an environment that others may have set (`INFO`) is not hidden in texts."""
T = TypeVar("T")


class KnownSecrets:
    """The token, and the secrets of each spec that was sent or answered. Safe to share between threads."""

    def __init__(self, token: Secret) -> None:
        self._token = token
        self._values: set[str] = set()

    def add(self, spec: Mapping[str, Any] | None) -> None:
        """Know the secrets of a spec: the W&B key and every `engineEnv` value."""
        self._values.update(_secrets_of(spec))

    def hidden(self, text: str) -> str:
        """`text` without any of them."""
        return redacted(text, (self._token.reveal(), *self._values))

    def hidden_in(self, result: T) -> T:
        """What a call gave; objects in it without secrets in their conditions, where the service may repeat them."""
        if isinstance(result, list):
            return cast(T, [self.hidden_in(one) for one in result])
        if not isinstance(result, ApiObject):
            return result
        self._values.update(value for value in _secrets_of(result.spec) if len(value) >= CERTAINLY_NO_WORD)
        conditions = tuple(
            replace(found, reason=self.hidden(found.reason), message=self.hidden(found.message))
            for found in result.conditions
        )
        return cast(T, replace(result, conditions=conditions))


def _secrets_of(spec: Mapping[str, Any] | None) -> list[str]:
    auth = (spec or {}).get("weightsAndBiasesAuth")
    runtime = (spec or {}).get("runtime")
    found = [auth.get("apiKey")] if isinstance(auth, Mapping) else []
    environment = runtime.get("engineEnv") if isinstance(runtime, Mapping) else None
    if isinstance(environment, Mapping):
        found.extend(environment.values())
    return [value for value in found if isinstance(value, str)]
