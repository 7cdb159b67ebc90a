"""Secrets in a declaration: only references to them, read before anything else looks at the values.

No secret is ever read here, and none that is in a file by mistake is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.errors import Fault
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.nested import Location, transform
from coreweave_inference.model.normal_form import get_path, with_path
from coreweave_inference.model.paths import entry as entry_path

from .origin import Report, dotted
from .result import SecretReference

SOURCES = ("fromEnv", "fromConfig")
HOW = "write {fromEnv: NAME} or {fromConfig: key}"
PLACEHOLDER = "a-secret"
"""Takes the place of a secret where a spec is judged."""

API_KEY = ("weightsAndBiasesAuth", "apiKey")
ENVIRONMENT = ("runtime", "engineEnv")


def with_references(
    kind: Kind, entry: Mapping[str, Any], location: Location, report: Report
) -> dict[str, Any]:
    """The entry with a `SecretReference` for every reference in it; a literal API key is reported and taken out."""
    if kind is Kind.GATEWAY:
        return _with_api_key(entry, location, report)
    if kind is Kind.DEPLOYMENT:
        return _with_environment(entry, location, report)
    return dict(entry)


def _with_api_key(entry: Mapping[str, Any], location: Location, report: Report) -> dict[str, Any]:
    path = ".".join(API_KEY)
    value = get_path(entry, path)
    if value is None:
        return dict(entry)
    if isinstance(value, Mapping):
        return with_path(
            entry, path, _reference(value, (*location, *API_KEY), dotted((*location, *API_KEY)), report)
        )
    what = "plaintext secret in the file"
    report.add((*location, *API_KEY), what, f"{HOW}, and replace the key, as it may have been read")
    return with_path(entry, path, SecretReference("fromEnv", PLACEHOLDER))


def _with_environment(entry: Mapping[str, Any], location: Location, report: Report) -> dict[str, Any]:
    path = ".".join(ENVIRONMENT)
    values = get_path(entry, path)
    if not isinstance(values, Mapping):
        return dict(entry)
    found = dict(entry)
    for name, value in values.items():
        if isinstance(value, Mapping):
            place = (*location, *ENVIRONMENT, name)
            reference = _reference(value, place, entry_path(dotted(place[:-1]), name), report)
            found = with_path(found, entry_path(path, name), reference)
    return found


def _reference(value: Mapping[str, Any], location: Location, path: str, report: Report) -> SecretReference:
    if len(value) == 1:
        source, name = next(iter(value.items()))
        if source in SOURCES and isinstance(name, str) and name:
            return SecretReference("fromEnv" if source == "fromEnv" else "fromConfig", name)
    report.place(location, Fault(what="is not a reference to a secret", path=path, do=HOW))
    return SecretReference("fromEnv", PLACEHOLDER)


def without_references(value: Any) -> Any:
    """`value` with a placeholder for every secret, fit to be judged by its limits."""
    return transform(value, lambda part: PLACEHOLDER if isinstance(part, SecretReference) else part)
