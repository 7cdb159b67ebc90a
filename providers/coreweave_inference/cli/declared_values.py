"""Every value of a declaration, overlay and `extends` applied, with the file and line where it was written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coreweave_inference.declaration import BucketDeclaration, Declaration, SecretReference
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.paths import below, entry

WIDEST = 100


@dataclass(frozen=True)
class DeclaredValue:
    """One value of the declaration, and where it was written."""

    path: str
    value: Any
    file: str
    line: int


def values_of(declaration: Declaration) -> Iterator[DeclaredValue]:
    """Every value that is declared, overlay and `extends` applied; secrets as their references."""
    for key, bucket in declaration.buckets.items():
        yield from _below(declaration, f"buckets.{key}", _of_bucket(bucket))
    for item in declaration.objects():
        claim = item.kind is Kind.CAPACITY_CLAIM
        spec = {**item.spec, **item.spec["resources"]} if claim else dict(item.spec)
        if claim:
            del spec["resources"]
        if item.gateways:
            spec = {"gateways": list(item.gateways), **spec}
        yield from _below(declaration, f"{item.kind.section}.{item.key}", spec)
    for used in declaration.existing.objects():
        values = {"name": used.name, "id": used.id, "stack": used.stack}
        yield from _below(declaration, f"existing.{used.kind.section}.{used.key}", _given(values))
    for store in declaration.existing.buckets.values():
        values = {"name": store.name, "zone": store.zone, "stack": store.stack}
        yield from _below(declaration, f"existing.buckets.{store.key}", _given(values))
    if declaration.smoke is not None:
        smoke = declaration.smoke
        said_of_smoke = {
            "prompt": smoke.prompt,
            "expect": smoke.expect,
            "maxLatency": smoke.max_latency,
            "count": smoke.count,
            "deployments": list(smoke.deployments),
        }
        asked = {name: value for name, value in said_of_smoke.items() if value not in (None, [])}
        yield from _below(declaration, "smoke", asked)


def _given(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _of_bucket(bucket: BucketDeclaration) -> dict[str, Any]:
    values: dict[str, Any] = {"name": bucket.name, "zone": bucket.zone}
    if bucket.tags:
        values["tags"] = bucket.tags
    if bucket.policy is not None:
        policy = {"prefixes": list(bucket.policy.prefixes), "ownerAccess": bucket.policy.owner_access}
        values["policy"] = {name: value for name, value in policy.items() if value}
    return values


def _below(declaration: Declaration, path: str, value: Any) -> Iterator[DeclaredValue]:
    if isinstance(value, Mapping) and value:
        is_map = path.endswith((".engineConfig", ".engineEnv", ".tags"))
        for name, item in value.items():
            yield from _below(declaration, entry(path, name) if is_map else below(path, name), item)
        return
    origin = declaration.origin(path)
    yield DeclaredValue(path, _shown(value), origin.file, origin.line)


def _shown(value: Any) -> Any:
    """A value as JSON data; a secret as the reference to it, and what is not known as a word."""
    if isinstance(value, SecretReference):
        return {value.source: value.name}
    if isinstance(value, (list, tuple)):
        return [_shown(item) for item in value]
    return (
        value if isinstance(value, (str, int, float, bool, Mapping)) or value is None else "(not known yet)"
    )


def document(values: Sequence[DeclaredValue]) -> dict[str, Any]:
    """As JSON."""
    return {"ok": True, "errors": [], "findings": [], "values": [vars(value) for value in values]}


def text(values: Sequence[DeclaredValue]) -> Iterator[str]:
    """As lines, the places in one column."""
    texts = [f"{value.path}: {json.dumps(value.value)}" for value in values]
    width = min(max(map(len, texts), default=0), WIDEST)
    return (
        f"{line:<{width}}  # {value.file}:{value.line}" for line, value in zip(texts, values, strict=True)
    )
