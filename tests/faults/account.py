"""What a declaration means for the account, written down a second time, and what is wrong with a live account.

Pure: a program, what is live and what the state records go in, violations come out. Nothing of the product is used
here: a mistake in it must not be repeated by what it is judged by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.programs import (
    BUCKET,
    MODEL,
    PREFIXES,
    ZONE,
    Bucket,
    Claim,
    Declared,
    Deployment,
    Gateway,
    Program,
)

STACK = "dev"
KINDS = {"gateways": "gateways", "claims": "capacityclaims", "deployments": "deployments"}
"""Sections of the campaign's programs to the service's kinds."""
INFERENCE = "arn:aws:iam::cw4637:coreweave/uvAGGQSxxXeeQBJzcGsD9"
Name = tuple[str, str]
"""Section and key of a declared object."""


@dataclass(frozen=True)
class LiveObject:
    """An object as the service has it; `serves` and `idle` tell why it does not serve its spec, or nothing."""

    kind: str
    id: str
    created_at: float
    spec: Mapping[str, Any]
    not_serving: str = ""

    @property
    def name(self) -> str:
        """Its name in the service."""
        return str(self.spec["name"])


@dataclass(frozen=True)
class Recorded:
    """What the state says: ids by section and key, and what is still to be done."""

    ids: Mapping[Name, tuple[str, ...]]
    unfinished: tuple[str, ...] = ()


@dataclass(frozen=True)
class Violation:
    """One promise that was broken; `what` is orphan, duplicate, lost, leftover, other spec, false ready or not done."""

    what: str
    text: str


@dataclass(frozen=True)
class Settled:
    """What the last clean run left: of each object its declaration, id, creation and name."""

    objects: Mapping[Name, tuple[Declared, str, float, str]] = field(default_factory=dict)


def judged(
    program: Program,
    live: list[LiveObject],
    statements: list[Mapping[str, Any]],
    recorded: Recorded,
    before: Settled,
    between: Program,
    strangers: list[Mapping[str, Any]],
) -> list[Violation]:
    """What is wrong with an account that a clean run of `program` left.

    `between` is what the run before declared, `before` what the clean run before that had left; `strangers` are the
    statements of others in the bucket's policy.
    """
    by_id = {item.id: item for item in live}
    found: list[Violation] = []
    for name, item in program.objects().items():
        found += _object_wrong(program, name, item, by_id, recorded)
    found += _extra(program, live, recorded)
    found += _lost(program, recorded, before, between, by_id)
    found += _statements_wrong(program, statements, strangers)
    found += [Violation("not done", text) for text in recorded.unfinished]
    return found


def settled(program: Program, live: list[LiveObject], recorded: Recorded) -> Settled:
    """What a clean run left, to be compared with what the next one leaves."""
    by_id = {item.id: item for item in live}
    objects = {}
    for name, item in program.objects().items():
        found = by_id[recorded.ids[name][0]]
        objects[name] = (item, found.id, found.created_at, found.name)
    return Settled(objects)


def not_serving(live: list[LiveObject], recorded: Recorded, program: Program) -> list[Violation]:
    """Declared objects of which a run said that they serve, and that do not. A bucket serves nobody by itself."""
    by_id = {item.id: item for item in live}
    found = []
    for name in (name for name in program.objects() if name[0] in KINDS):
        for id_ in recorded.ids.get(name, ()):
            item = by_id.get(id_)
            why = "does not exist" if item is None else item.not_serving
            if why:
                found.append(Violation("false ready", f"{name[0]} {name[1]}: {why}"))
    return found


def _object_wrong(
    program: Program, name: Name, item: Declared, by_id: Mapping[str, LiveObject], recorded: Recorded
) -> list[Violation]:
    ids = recorded.ids.get(name, ())
    if len(ids) != 1:
        return [
            Violation("lost" if not ids else "duplicate", f"{name}: the state has {len(ids)} objects for it")
        ]
    found = by_id.get(ids[0])
    if found is None:
        return [Violation("lost", f"{name}: {ids[0]} is declared and in the state, and does not exist")]
    gateways = {key: recorded.ids.get(("gateways", key), ("?",))[0] for key in program.gateways}
    wanted = _spec(item, gateways)
    spec = _comparable(found.spec)
    wrong = [] if spec == wanted else [Violation("other spec", f"{name}: {spec} is not {wanted}")]
    if not _may_be_named(name, item, found.name):
        wrong.append(Violation("other spec", f"{name}: it is called {found.name}"))
    return wrong


def _spec(item: Declared, gateways: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(item, Gateway):
        routing = {"bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"}}
        return {"zones": list(item.zones), "coreWeaveAuth": {}, **routing}
    if isinstance(item, Claim):
        resources = {
            "instanceId": item.instance,
            "instanceCount": item.count,
            "capacityType": "CAPACITY_TYPE_MANAGED",
            "zones": [ZONE],
        }
        return {"resources": resources}
    if isinstance(item, Bucket):
        tags = {"team": item.team} if item.team else {}
        served = [_served(item.name, PREFIXES[0])] if item.served else []
        return {"zone": ZONE, "tags": tags, "served": served}
    return _deployment_spec(item, gateways)


def _deployment_spec(item: Deployment, gateways: Mapping[str, str]) -> dict[str, Any]:
    engine_config = {"engineConfig": {"max-model-len": str(item.length)}} if item.length else {}
    return {
        "gatewayIds": sorted(gateways[key] for key in item.gateways),
        "model": {"name": MODEL, "bucket": BUCKET, "path": item.path},
        "runtime": {"engine": "vllm", **engine_config},
        "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
        "autoscaling": {"min": 1, "max": item.most},
        "traffic": {"weight": item.weight},
        **({"disabled": True} if item.disabled else {}),
    }


def _comparable(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A live spec without what the service adds, and without what it shows for nothing."""
    found = {key: value for key, value in spec.items() if key not in ("id", "name", "organizationId")}
    if found.get("endpointConfiguration") == {}:
        del found["endpointConfiguration"]
    if "runtime" in found:
        found["runtime"] = {key: value for key, value in found["runtime"].items() if key != "version"}
        found["gatewayIds"] = sorted(found["gatewayIds"])
    return found


def _may_be_named(name: Name, item: Declared, live: str) -> bool:
    """As declared; else after the key; after a rename with an alias, still after any former key."""
    if item.name:
        return live == item.name
    return live.endswith(f"-{STACK}") or (isinstance(item, Claim) and f"-{STACK}-" in live)


def _extra(program: Program, live: list[LiveObject], recorded: Recorded) -> list[Violation]:
    declared = {id_ for name in program.objects() for id_ in recorded.ids.get(name, ())}
    in_state = {id_ for ids in recorded.ids.values() for id_ in ids}
    found = [
        Violation(
            "orphan" if item.id not in in_state else "leftover",
            f"{item.kind} {item.name} ({item.id}) is not declared",
        )
        for item in live
        if item.id not in declared
    ]
    names = [(item.kind, item.name) for item in live]
    twice = sorted({name for name in names if names.count(name) > 1})
    more = [name for name in recorded.ids if name not in program.objects()]
    return [
        *found,
        *(Violation("duplicate", f"{kind} {name} exists twice") for kind, name in twice),
        *(Violation("leftover", f"the state still has {name}") for name in more),
    ]


def _lost(
    program: Program,
    recorded: Recorded,
    before: Settled,
    between: Program,
    by_id: Mapping[str, LiveObject],
) -> list[Violation]:
    """Objects that stayed declared, under their key or an alias, and are others now."""
    found = []
    for name, (declaration, id_, created_at, _) in before.objects.items():
        now = _declared_as(program, name)
        meanwhile = _declared_as(between, name)
        if now is None or meanwhile is None:
            continue
        items = (getattr(program, now[0])[now[1]], getattr(between, meanwhile[0])[meanwhile[1]])
        if any(_replaces(declaration) != _replaces(item) for item in items):
            continue
        live = by_id.get(recorded.ids.get(now, ("",))[0])
        if live is None or (live.id, live.created_at) != (id_, created_at):
            found.append(Violation("lost", f"{name} stayed declared and is another object now: {id_} went"))
    return found


def _declared_as(program: Program, name: Name) -> Name | None:
    """Under which key a program declares what was declared as `name`."""
    kind, key = name
    section: Mapping[str, Declared] = getattr(program, kind)
    if key in section:
        return name
    return next(((kind, other) for other, item in section.items() if key in item.aliases), None)


def _replaces(item: Declared) -> tuple[str, str]:
    return (item.name, item.instance if isinstance(item, Claim) else "")


def _statements_wrong(
    program: Program, statements: list[Mapping[str, Any]], strangers: list[Mapping[str, Any]]
) -> list[Violation]:
    """Exactly one statement of ours, as declared, and none without a declaration; strangers' are as they were."""
    ours = _ours(statements)
    others = [found for found in statements if found not in ours]
    wanted = [_served(BUCKET, program.prefixes)] if program.deployments else []
    found = []
    if served(statements) != wanted:
        what = "leftover" if len(ours) > len(wanted) else "other spec"
        found.append(Violation(what, f"policy statements {ours} instead of {wanted}"))
    if others != strangers:
        found.append(Violation("foreign changed", f"statements of others are now {others}"))
    return found


def served(statements: list[Mapping[str, Any]]) -> list[set[str]]:
    """What each statement for the inference service opens to it."""
    return [set(statement["Resource"]) for statement in _ours(statements)]


def _ours(statements: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [found for found in statements if found.get("Principal") == {"CW": [INFERENCE]}]


def _served(bucket: str, prefixes: tuple[str, ...]) -> set[str]:
    arn = f"arn:aws:s3:::{bucket}"
    return {arn, *([f"{arn}/{prefix}/*" for prefix in prefixes] or [f"{arn}/*"])}
