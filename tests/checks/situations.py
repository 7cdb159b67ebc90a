"""Situations in the YAML of the reference page, as views: a declaration, the last run, the account, the buckets."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import yaml
from coreweave_inference.checks import (
    BucketFacts,
    Folder,
    Identity,
    Known,
    LastObject,
    LiveObject,
    Report,
    View,
    WeightsFile,
    run,
    view_of,
)
from coreweave_inference.checks.pages import base
from coreweave_inference.declaration import Declaration, read
from coreweave_inference.fleet.catalogue import Catalogue
from coreweave_inference.model.identity import Place, default_name, object_id, replace_identity
from coreweave_inference.model.kinds import Kind

WE = Identity("us", "serving", "dev")
THEY = Identity("they", "serving", "theirs")
WRITTEN = datetime(2027, 1, 1, tzinfo=timezone.utc)
TODAY = date(2027, 1, 15)
GB = 10**9
BESIDE = ("config.json", "tokenizer.json")
"""What each model has beside its weights, unless a situation says otherwise."""

Parts = Mapping[str, str]


def laid(low: Any, high: Any) -> Any:
    """`high` over `low`, as an overlay is laid over a file."""
    if not isinstance(high, Mapping):
        return high
    found = dict(low) if isinstance(low, Mapping) else {}
    for name, value in high.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = laid(found.get(name), value)
    return found


def declared(*overlays: str, start: str | None = None) -> Declaration:
    """What a file says with overlays laid over it."""
    data = yaml.safe_load(base() if start is None else start)
    for overlay in overlays:
        data = laid(data, yaml.safe_load(overlay) or {})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inference.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False))
        return read(path)


def objects(declaration: Declaration, identity: Identity) -> Iterator[LastObject]:
    """The declaration's objects as a run of that stack leaves them."""
    ids = {
        key: _identified(Kind.GATEWAY, key, item.spec, identity)[0]
        for key, item in declaration.gateways.items()
    }
    for item in declaration.objects():
        id_, name = _identified(item.kind, item.key, item.spec, identity)
        gateways = {"gatewayIds": [ids[key] for key in item.gateways]} if item.kind is Kind.DEPLOYMENT else {}
        yield LastObject(item.kind, item.key, {**item.spec, **gateways, "name": name}, id_)


def _identified(kind: Kind, key: str, spec: Mapping[str, Any], identity: Identity) -> tuple[str, str]:
    replaces = replace_identity(kind, spec)
    name = spec.get("name") or default_name(kind, Place(key), identity.project, identity.stack, replaces)
    return object_id(identity.stack_identity, kind, key, replaces), name


def live(found: LastObject, failed: Collection[str] = ()) -> LiveObject:
    """The object as the service shows it."""
    status = "FAILED" if found.key in failed else "READY"
    return LiveObject(found.kind, found.id, found.spec["name"], found.spec, status, WRITTEN)


def foreign(text: str, ours: Declaration) -> Iterator[LiveObject]:
    """What an overlay adds to ours, as another stack's; its deployments use our gateways."""
    gateways = {key: _identified(Kind.GATEWAY, key, item.spec, WE)[0] for key, item in ours.gateways.items()}
    mine = {(item.kind, item.key) for item in (*ours.objects(), *declared().objects())}
    both = declared(text)
    for found in objects(both, THEY):
        if (found.kind, found.key) in mine:
            continue
        spec = dict(found.spec)
        if found.kind is Kind.DEPLOYMENT:
            spec["gatewayIds"] = [gateways[key] for key in both.deployments[found.key].gateways]
        yield LiveObject(found.kind, found.id, found.key, spec, "READY", WRITTEN)


def catalogue(text: str) -> Catalogue:
    """What the service offers, as its answers tell."""
    data = yaml.safe_load(text) or {}

    def inner(part: str, name: str) -> dict[str, Any]:
        return {key: {name: listed} for key, listed in (data.get(part) or {}).items()}

    answers = {
        Kind.GATEWAY: {"zones": data.get("zones")},
        Kind.CAPACITY_CLAIM: {"zoneInstanceTypes": inner("claimTypes", "instanceIds")},
        Kind.DEPLOYMENT: {
            "runtimeParameters": {
                "runtimeVersions": inner("versions", "versions"),
                "runtimeConfigOptions": inner("configKeys", "allowedKeys"),
                "engineEnvOptions": inner("environmentNames", "allowedNames"),
            },
            "resourceParameters": {"instanceTypes": data.get("instanceTypes")},
        },
    }
    return Catalogue.of_answers(answers, tuple(data.get("unread") or ()))


def buckets(text: str) -> dict[str, BucketFacts]:
    """What lies in the buckets."""
    found = yaml.safe_load(text) or {}
    return {
        name: BucketFacts(
            policy=entry.get("policy"),
            policy_known="policy" in entry,
            folders={path: _folder(path, said) for path, said in (entry.get("folders") or {}).items()},
            exists=entry.get("exists", True),
        )
        for name, entry in found.items()
    }


def _folder(path: str, said: Mapping[str, Any]) -> Folder:
    files = (
        WeightsFile(f"{path}/{name}", int(file["gb"] * GB), _time(file.get("modified")))
        for name, file in said["files"].items()
    )
    weights = [WeightsFile(f"{path}/{name}", 1, _time(None)) for name in said.get("beside", BESIDE)]
    indexed = frozenset(said.get("index") or ())
    broken = tuple(said.get("broken") or ())
    found = (*files, *weights) if said["files"] else ()
    return Folder(found, said.get("complete", True), said.get("config"), indexed, broken=broken)


def _time(text: str | None) -> datetime:
    return (
        datetime.fromisoformat(text.replace("Z", "+00:00"))
        if text
        else datetime(2026, 12, 1, tzinfo=timezone.utc)
    )


def view(*situations: Parts) -> View:
    """The view of situations laid over each other: declarations one by one, everything else by the last that says it."""
    said: dict[str, str] = {}
    for parts in situations:
        said.update(parts)
    ours = declared(*[parts["declaration"] for parts in situations if "declaration" in parts])
    last = tuple(objects(declared(said["before"]), WE)) if "before" in said else None
    account = "live" in said or last is not None
    failed = yaml.safe_load(said.get("failed", "[]"))
    return view_of(
        ours,
        Known(
            identity=WE,
            catalogue=catalogue(said.get("catalogue", "")),
            live=(*(live(one, failed) for one in last or ()), *foreign(said.get("live", ""), ours))
            if account
            else None,
            last=last,
            stores=buckets(said.get("buckets", "")),
            today=date.fromisoformat(said["today"].strip()) if "today" in said else TODAY,
        ),
    )


def checked(*situations: Parts) -> Report:
    """The report on situations laid over each other."""
    return run(view(*situations))


def codes(*situations: Parts) -> list[str]:
    """The codes of what is found."""
    return [finding.code for finding in checked(*situations).findings]


def configured(**config: Any) -> Parts:
    """One deployment with these options of its engine."""
    lone = {"deployments": {"canary": None, "chat": {"runtime": {"engineConfig": config}}}}
    return {"declaration": json.dumps(lone)}
