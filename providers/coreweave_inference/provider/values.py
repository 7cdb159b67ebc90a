"""Pulumi's values at the provider's edge: unknowns, hidden keys and failures, turned into plain data and back.

Nothing here decides; it only translates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi.dynamic import CheckFailure
from pulumi.output import UNKNOWN as PULUMI_UNKNOWN
from pulumi.output import Unknown

from coreweave_inference.errors import Fault
from coreweave_inference.model.engine_secrets import is_secret, secret
from coreweave_inference.model.nested import transform, whole_number
from coreweave_inference.model.normal_form import UNKNOWN, get_path
from coreweave_inference.version import __version__

FORMAT = 1
"""Number of the state format, in every resource's outputs."""
PACKAGE_VERSION = "packageVersion"
"""Output of the account: the version of this package that last created or read it."""

PROVIDER = "__provider"
IDENTITY = "__identity"
DERIVED_NAME = "__derivedName"
IGNORED = "__ignored"
RESOLVED_VERSION = "__resolvedVersion"
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


def newer_format(outputs: Mapping[str, Any]) -> str:
    """What is wrong with outputs in a state format that this version does not know; empty where nothing is."""
    found = outputs.get("format")
    if not isinstance(found, (int, float)) or found <= FORMAT:
        return ""
    version = outputs.get(PACKAGE_VERSION)
    needed = f"version {version} or later" if isinstance(version, str) else "a later version"
    return (
        f"this stack's state has format {found:g}, and version {__version__} of coreweave-inference knows formats up to "
        f"{FORMAT}; nothing was changed; install {needed} (`pip install --upgrade coreweave-inference`)"
    )


def plain(value: Any) -> Any:
    """Pulumi's unknowns become ours, whole floats ints, and our secrets their values, at any depth."""

    def replace(part: Any) -> Any:
        if isinstance(part, Unknown):
            return UNKNOWN
        return plain(part["value"]) if is_secret(part) else whole_number(part)

    return transform(value, replace)


def for_engine(value: Any) -> Any:
    """The inverse: our unknowns become Pulumi's."""
    return transform(value, lambda part: PULUMI_UNKNOWN if part is UNKNOWN else part)


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


def failures(subject: str, faults: Iterable[Fault]) -> list[CheckFailure]:
    """One failure per fault; the path stays in the reason, since a property name would print Go syntax."""
    return [CheckFailure("", f"{subject}: {fault}") for fault in faults]
