"""`outputs`: what a script needs of a stack, from its state; no request is made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from coreweave_inference.engine.stack_state import exported_by
from coreweave_inference.errors import StartupError, did_you_mean
from coreweave_inference.fleet.values import model_name
from coreweave_inference.model.normal_form import get_path
from coreweave_inference.status.recorded import Recorded

from .exits import report_errors, usage_error
from .live_account import Scope, scope_of
from .output import print_document, print_lines, say

PART = re.compile(r'\.?(?P<name>[^.\[\]"]+)|\["(?P<key>[^"]+)"\]|\[(?P<at>\d+)\]')
NO_RUN = "no run has ended yet; `cw-inference up` makes the stack"


def outputs(directory: Path, stack: str | None, *, get: str, url: str, as_json: bool) -> None:
    """Print all outputs, the one at a path, or the base URL of a model."""
    if get and url:
        raise usage_error("--get and --url are mutually exclusive; give one of them", as_json=as_json)
    with report_errors(as_json=as_json):
        scope = scope_of(directory, stack, require_token=False)
        if scope.recorded is None:
            raise StartupError(f"{directory} is no stack directory, so it has no outputs; name one")
        found = exported_by(scope.state)
        notes = list(reductions(scope.recorded))
        value = base_url(scope, found, url) if url else value_at(found, get) if get else found
        if as_json:
            print_document(
                {
                    "ok": True,
                    "errors": [],
                    "findings": [],
                    "project": scope.project,
                    "stack": scope.stack,
                    "outputs": value,
                    "notes": notes,
                }
            )
        elif url or get:
            say(value if isinstance(value, str) else json.dumps(value))
        else:
            print_lines(list(lines(found)) or [NO_RUN])
            for note in notes:
                say(f"note: {note}", error=True)


def reductions(recorded: Iterable[Recorded]) -> Iterator[str]:
    """A sentence on each claim that the stack reduced, while the service had not done it at the last run."""
    for item in recorded:
        if item.reduced_from is not None:
            count = get_path(item.spec or {}, "resources.instanceCount")
            yield (
                f"{item.label}: reduced from {item.reduced_from} to {count}, pending at the last run; "
                "`cw-inference status` shows what is still billed"
            )


def base_url(scope: Scope, found: Mapping[str, Any], key: str) -> str:
    """The first base URL of deployment `key`'s model, or of the model of that name. Raises StartupError."""
    models = found.get("models") or {}
    by_key = {item.key: model_name(item.spec) for item in scope.recorded or () if item.spec is not None}
    name = by_key.get(key, key)
    urls = (models.get(name) or {}).get("baseUrls") or ()
    if not urls:
        known = sorted({*models, *(item for item, model in by_key.items() if model)})
        raise StartupError(
            f'"{key}": no model has a base URL under that name; {did_you_mean(key, known)}'
            f"known: {', '.join(known) or 'none'}"
        )
    return str(urls[0])


def value_at(found: Mapping[str, Any], path: str) -> Any:
    """The value at a path such as `models["acme/chat"].baseUrls[0]`. Raises StartupError where there is none."""
    value: Any = found
    for part in _parts(path):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            there = ", ".join(map(str, value)) if isinstance(value, Mapping) else ""
            raise StartupError(
                f'output "{path}": there is no "{part}"{f"; there is: {there}" if there else ""}'
            )
    return value


def _parts(path: str) -> list[str]:
    parts, position = [], 0
    while position < len(path):
        match = PART.match(path, position)
        if match is None:
            raise StartupError(
                f'"{path}": is no path; write it as deployments.chat.apiId or models["acme/chat"].baseUrls[0]'
            )
        parts.append(match["name"] or match["key"] or match["at"])
        position = match.end()
    return parts


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """One line for each value."""
    for name, value in found.items():
        yield from _lines(name, value)


def _lines(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            plain = str(key).replace("-", "").replace("_", "").isalnum()
            yield from _lines(f"{path}.{key}" if plain else f'{path}["{key}"]', item)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _lines(f"{path}[{at}]", item)
    else:
        yield f"{path}: {value if isinstance(value, str) else json.dumps(value)}"
