"""The hidden keys of inputs and outputs, and the format of the state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from coreweave_inference.model.engine_secrets import secret
from coreweave_inference.model.normal_form import get_path
from coreweave_inference.model.resource_types import IGNORED
from coreweave_inference.version import __version__

FORMAT = 1
"""Number of the state format, in every resource's outputs."""
PACKAGE_VERSION = "packageVersion"
"""Output of the account: the version of this package that last created or read it."""

PROVIDER = "__provider"
IDENTITY = "__identity"
DERIVED_NAME = "__derivedName"
RESOLVED_VERSION = "__resolvedVersion"
PARTIAL = "__partial"
"""Hidden input of readiness: the patterns of the targets that the run is limited to; `objects` are those of them alone."""
URN = "__urn"
STACK = "__stack"
KEPT = "__kept"
"""A bucket that the engine leaves behind; what is noted of its creation must say so too."""
NOTED = "__attempts"
"""Hidden output of the account, by URN: what creations were about to send. It stays until a repair has looked for it."""
DELETED = "__deletions"
"""Hidden output of the account, by id: deletions that the service accepted and that were not confirmed before a run ended."""
ADOPTS = "__adopts"
"""Hidden input of a creation: it adopts what exists, `True` the object of its name, an id that object alone."""
HIDDEN = (IDENTITY, DERIVED_NAME, RESOLVED_VERSION, IGNORED, URN)
"""Inputs that Pulumi does not show; they travel through outputs too, since `read` gets nothing else."""


def unknown_format(outputs: Mapping[str, Any]) -> str:
    """What is wrong with outputs in a state format that this version does not know; empty where nothing is."""
    found = outputs.get("format", FORMAT)
    if found in range(1, FORMAT + 1) and not isinstance(found, bool):
        return ""
    if isinstance(found, bool) or not isinstance(found, (int, float)) or found < 1 or found % 1:
        return (
            f"this stack's state has format {json.dumps(found, default=str)}, which no version of coreweave-inference writes; nothing was "
            "changed; put back the state as it was (`pulumi stack export --version N`, then `pulumi stack import`)"
        )
    version = outputs.get(PACKAGE_VERSION)
    needed = f"version {version} or later" if isinstance(version, str) else "a later version"
    return (
        f"this stack's state has format {found:g}, and version {__version__} of coreweave-inference knows formats up to "
        f"{FORMAT}; nothing was changed; install {needed} (`pip install --upgrade coreweave-inference`)"
    )


def with_secret_environment(props: dict[str, Any]) -> dict[str, Any]:
    """`props` with every value of `runtime.engineEnv` as a secret, also one that somebody added outside."""
    environment = get_path(props, "runtime.engineEnv")
    if not isinstance(environment, Mapping):
        return props
    marked = {
        name: value if isinstance(value, Mapping) else secret(value) for name, value in environment.items()
    }
    return {**props, "runtime": {**props["runtime"], "engineEnv": marked}}


def hidden(props: Mapping[str, Any]) -> dict[str, Any]:
    """The hidden inputs among `props`."""
    return {key: props[key] for key in HIDDEN if key in props}


def what_finds(props: Mapping[str, Any]) -> dict[str, Any]:
    """Of the inputs or outputs of an object what it takes to find it again; the spec stays out, since it may hold secrets."""
    return {key: value for key, value in props.items() if key in ("apiId", "name", PROVIDER, *HIDDEN)}


def managed_id(bucket: str, sid: str) -> str:
    """By what a run remembers a policy that it declares or that the state has. Not the bucket's own id: a policy may go while
    its bucket stays, and a former statement beside a new one.
    """
    return f"{sid} in the policy of {bucket}"


def bucket_in_state(name: str) -> str:
    """By what a run remembers a bucket that the state has; its name alone is that of its policy too."""
    return f"weights bucket {name}"
