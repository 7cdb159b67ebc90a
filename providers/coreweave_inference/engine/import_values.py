"""What an import reads of a state, and values as a state and an import file have them. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from coreweave_inference.api.objects import parsed_time
from coreweave_inference.importing.snapshot import LiveObject
from coreweave_inference.model.engine_secrets import SECRET, SECRET_SIGNATURE, without_secrets
from coreweave_inference.model.identity import place_in
from coreweave_inference.model.nested import without_none
from coreweave_inference.model.normal_form import get_path, with_path
from coreweave_inference.model.resource_types import NOUNS, own_type
from coreweave_inference.program.recorded import resources_of
from coreweave_inference.provider.values import STACK
from coreweave_inference.waiting import Revision

from .repair import Resource, State

ENVIRONMENT = "runtime.engineEnv"


def recorded_in(state: State | None) -> dict[tuple[str, str], str]:
    """By kind and key the ids of what a state has, without what waits for its deletion, the account and readiness. A resource
    in a component, which no declaration file makes, has its place as key.
    """
    found = {}
    for one in resources_of(state):
        noun = NOUNS.get(own_type(str(one["type"])), "")
        if noun not in ("", "account", "readiness") and not one.get("delete"):
            found[noun, place_in(str(one["urn"])).key] = str(one.get("id", ""))
    return found


def identity_in(state: State | None) -> str:
    """The identity under which a state has its buckets and statements; empty where it has none."""
    inputs = (one.get("inputs") or {} for one in resources_of(state))
    return next((str(found[STACK]) for found in inputs if STACK in found), "")


def import_file(resources: Iterable[Resource]) -> dict[str, Any]:
    """What `pulumi import --file` reads: with inputs and outputs, so that the engine reads nothing, and without secrets."""
    return {
        "resources": [
            {
                "type": one["type"],
                "name": one["urn"].rsplit("::", 1)[-1],
                "id": one["id"],
                "inputs": without_none(without_secrets(one["inputs"], None)),
                "outputs": without_none(without_secrets(one["outputs"], None)),
            }
            for one in resources
        ]
    }


def revision_of(live: LiveObject) -> str:
    """A revision of what was written by others: the same for each import of the same write."""
    moment = parsed_time(live.updated_at) or parsed_time(live.created_at)
    nonce = hashlib.sha256(f"{live.id} {live.updated_at}".encode()).hexdigest()[:12]
    return str(Revision(nonce, moment.timestamp() if moment else 0.0, ""))


def secret(value: Any) -> dict[str, Any]:
    """A value that the engine encrypts when it takes the state in."""
    return {SECRET_SIGNATURE: SECRET, "plaintext": json.dumps(value)}


def sealed(spec: Mapping[str, Any], references: Mapping[str, Any] | None) -> dict[str, Any]:
    """The spec with its engine's variables as secrets: those of `references`, or all."""
    values = get_path(spec, ENVIRONMENT)
    if not isinstance(values, Mapping):
        return dict(spec)
    sealed = {
        name: secret(value) if references is None or f'{ENVIRONMENT}["{name}"]' in references else value
        for name, value in values.items()
    }
    return with_path(spec, ENVIRONMENT, sealed)
