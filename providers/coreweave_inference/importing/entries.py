"""Entries of a declaration for live objects: names kept, defaults left out, references by key, secrets by reference."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from coreweave_inference.declaration import Declaration
from coreweave_inference.model.deployment import WEIGHT_ALONE
from coreweave_inference.model.fields import HOST_LABEL
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import sparse, unknown_fields
from coreweave_inference.model.shape import fields_of

from .bucket_entries import (
    bucket_entry,
    comments_of_policy,
    declarable_policy,
    existing_entry,
    why_existing,
)
from .engine_settings import is_secret
from .matching import BUCKET, Stack, declared_buckets, match, match_existing
from .snapshot import LiveBucket, LiveObject, Snapshot
from .values import count_leaves, environment_name, overlay, references_in, scalar

EXISTING_GATEWAYS, EXISTING_BUCKETS = ("existing", Kind.GATEWAY.section), ("existing", "buckets")
BUCKETS = ("buckets",)
MOST_DIFFERENCES = 2
"""Fields in which a member of a traffic group may differ from another one that it extends."""
NOT_INHERITED = ("name", "traffic")
LONGEST_KEY = 63
IN_TRANSIT = ("CREATING", "UPDATING")


@dataclass(frozen=True)
class Entry:
    """One entry of a file: the sections around it, its key, what it says, and the comments above it. `id` is the live one's."""

    section: tuple[str, ...]
    key: str
    values: Mapping[str, Any]
    comments: tuple[str, ...] = ()
    id: str = ""


@dataclass
class Entries:
    """The entries to add to a file, and the variables in them for secrets that the service never returns."""

    entries: list[Entry] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def entries_for(
    snapshot: Snapshot, objects: Iterable[LiveObject], declaration: Declaration, stack: Stack
) -> Entries:
    """Entries for `objects`, none of which the declaration has, and for what they refer to and it does not have either."""
    return _Writer(snapshot, tuple(objects), declaration, stack).write()


class _Writer:
    def __init__(
        self,
        snapshot: Snapshot,
        objects: tuple[LiveObject, ...],
        declaration: Declaration,
        stack: Stack,
    ) -> None:
        self._snapshot = snapshot
        self._objects = objects
        self._declaration = declaration
        self._stack = stack
        declared = match(declaration, snapshot, stack)
        self._here = {*declared, *(live.id for live in objects)}
        self._gateways = {
            **match_existing(declaration, snapshot),
            **{id_: item.key for id_, item in declared.items() if item.kind is Kind.GATEWAY},
        }
        self._buckets = declared_buckets(declaration)
        existing = declaration.existing
        self._keys: dict[str, set[str]] = {
            Kind.GATEWAY.noun: {*declaration.gateways, *existing.gateways},
            Kind.CAPACITY_CLAIM.noun: {*declaration.capacity_claims, *existing.capacity_claims},
            Kind.DEPLOYMENT.noun: {*declaration.deployments},
            BUCKET: {*declaration.buckets, *existing.buckets},
        }
        for kind, key in stack.recorded:
            self._keys.setdefault(kind, set()).add(key)
        self._variables = set(variables_of(declaration))
        self._references: dict[tuple[str, str], str] = {}
        self._result = Entries()

    def write(self) -> Entries:
        """All entries, in the order of a file."""
        self._write_buckets()
        for live in self._of(Kind.GATEWAY):
            self._add((Kind.GATEWAY.section,), live, self._gateway(live), self._comments_of_gateway(live))
        self._write_existing_gateways()
        for live in self._of(Kind.CAPACITY_CLAIM):
            spec = sparse(live.kind, live.spec)
            self._add((live.kind.section,), live, {"name": live.name, **spec["resources"]})
        self._write_deployments()
        return self._result

    def _of(self, kind: Kind) -> list[LiveObject]:
        return [live for live in self._objects if live.kind is kind]

    def _add(
        self, section: tuple[str, ...], live: LiveObject, values: Mapping[str, Any], more: Iterable[str] = ()
    ) -> str:
        key = self._key(live.kind.noun, live.name, live.id)
        if live.kind is Kind.GATEWAY:
            self._gateways[live.id] = key
        comments = (*_comments(live), *more)
        self._result.entries.append(Entry(section, key, values, comments, live.id))
        return key

    def _key(self, kind: str, name: str, id_: str) -> str:
        recorded = self._stack.recorded_key(kind, id_)
        if recorded:
            return recorded
        taken = self._keys[kind]
        start = name[:LONGEST_KEY].rstrip("-")
        found, number = start, 2
        while found in taken or not re.match(HOST_LABEL, found):
            found, number = f"{start[: LONGEST_KEY - 4]}-{number}", number + 1
        taken.add(found)
        return found

    def _write_buckets(self) -> None:
        for name in dict.fromkeys(live.bucket for live in self._of(Kind.DEPLOYMENT)):
            bucket = self._snapshot.buckets.get(name, LiveBucket(name, unread="it was not read"))
            if name in self._buckets:
                continue
            readers = self._snapshot.readers(name)
            outside = [live.name for live in readers if live.id not in self._here]
            paths = sorted({str(live.spec["model"].get("path", "")) for live in readers})
            why = why_existing(bucket, outside, self._stack)
            self._buckets[name] = key = self._key(BUCKET, name, name)
            if why:
                entry = Entry(EXISTING_BUCKETS, key, existing_entry(bucket), (why,), name)
            else:
                policy = declarable_policy(bucket, paths)
                comments = tuple(comments_of_policy(bucket, policy, paths))
                entry = Entry(BUCKETS, key, bucket_entry(bucket, policy), comments, name)
            self._result.entries.append(entry)

    def _write_existing_gateways(self) -> None:
        for live in self._of(Kind.DEPLOYMENT):
            for id_ in live.gateway_ids:
                gateway = self._snapshot.by_id(id_)
                if id_ in self._gateways or gateway is None:
                    continue
                self._add(EXISTING_GATEWAYS, gateway, {"name": gateway.name})

    def _gateway(self, live: LiveObject) -> dict[str, Any]:
        spec = sparse(live.kind, live.spec)
        order = ["name", *(name for name in fields_of(live.kind.model) if name != "name")]
        values = {name: spec[name] for name in order if name in spec}
        auth = values.get("weightsAndBiasesAuth") or {}
        if auth.get("serverUrl"):
            variable = environment_name(live.name, "WANDB_API_KEY", self._variables)
            self._variables.add(variable)
            self._result.unreadable.append(variable)
            values["weightsAndBiasesAuth"] = {**auth, "apiKey": {"fromEnv": variable}}
        return values

    def _comments_of_gateway(self, live: LiveObject) -> list[str]:
        if not (live.spec.get("weightsAndBiasesAuth") or {}).get("serverUrl"):
            return []
        return ["The service never returns apiKey: export its value, or remove it if the gateway has none."]

    def _write_deployments(self) -> None:
        for group in self._groups():
            base_key: str = ""
            base: dict[str, Any] = {}
            alone = len(group) == 1 and not self._has_members(group[0])
            for live in group:
                whole = self._deployment(live)
                difference = overlay(_inherited(base), _inherited(whole)) if base_key else {}
                values = {"name": live.name, **whole}
                if base_key and sum(map(count_leaves, difference.values())) <= MOST_DIFFERENCES:
                    values = {"name": live.name, "extends": base_key, **difference}
                weight = (live.spec.get("traffic") or {}).get("weight") or 0
                if not (alone and weight == WEIGHT_ALONE):
                    values["traffic"] = {"weight": int(weight)}
                key = self._add((live.kind.section,), live, values)
                if not base_key:
                    base_key, base = key, whole

    def _groups(self) -> list[list[LiveObject]]:
        """Deployments with a model name in common on a gateway in common, the one with the greatest weight first."""
        groups: list[list[LiveObject]] = []
        for live in self._of(Kind.DEPLOYMENT):
            found = next((group for group in groups if any(_share(live, other) for other in group)), None)
            if found is None:
                groups.append([live])
            else:
                found.append(live)
        return [sorted(group, key=lambda live: (-_weight(live), live.name)) for group in groups]

    def _has_members(self, live: LiveObject) -> bool:
        """Whether the declaration has another member of its traffic group."""
        kept = (self._snapshot.by_id(id_) for id_ in self._here - {live.id})
        return any(other is not None and _share(live, other) for other in kept)

    def _deployment(self, live: LiveObject) -> dict[str, Any]:
        spec = sparse(live.kind, live.spec)
        runtime = dict(spec["runtime"])
        if config := runtime.get("engineConfig"):
            runtime["engineConfig"] = {name: scalar(value) for name, value in config.items()}
        if environment := runtime.get("engineEnv"):
            runtime["engineEnv"] = self._environment(live, environment)
        model = spec["model"]
        return {
            "gateways": sorted(self._gateways[id_] for id_ in live.gateway_ids),
            "model": {**model, "bucket": self._buckets.get(model["bucket"], model["bucket"])},
            "runtime": runtime,
            "resources": spec["resources"],
            "autoscaling": spec["autoscaling"],
            **({"disabled": True} if spec.get("disabled") else {}),
        }

    def _environment(self, live: LiveObject, values: Mapping[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in values.items():
            if not is_secret(name, value):
                found[name] = scalar(value)
                continue
            # One secret that several deployments have is one variable.
            variable = self._references.get((name, value))
            if variable is None:
                variable = environment_name(live.name, name, self._variables)
                self._variables.add(variable)
                self._references[name, value] = variable
            found[name] = {"fromEnv": variable}
        return found


def variables_of(declaration: Declaration) -> set[str]:
    """The environment variables that a declaration takes secrets from."""
    return {
        reference.name
        for item in declaration.objects()
        for reference in references_in(item.spec).values()
        if reference.source == "fromEnv"
    }


def _inherited(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in NOT_INHERITED}


def _weight(live: LiveObject) -> int:
    return int((live.spec.get("traffic") or {}).get("weight") or 0)


def _share(one: LiveObject, other: LiveObject) -> bool:
    if one.kind is not Kind.DEPLOYMENT or other.kind is not Kind.DEPLOYMENT:
        return False
    same_model = one.spec["model"].get("name") == other.spec["model"].get("name")
    return same_model and not set(one.gateway_ids).isdisjoint(other.gateway_ids)


def _comments(live: LiveObject) -> list[str]:
    """What a reader should know of the object as it was when it was imported."""
    found = []
    if live.spec.get("disabled"):
        pass  # It may never become READY.
    elif live.status in IN_TRANSIT:
        found.append(f"{live.status} when it was imported.")
    elif live.status != "READY":
        found.append(f"When it was imported: {live.why or live.status}.")
    unknown = unknown_fields(live.kind, live.spec)
    if unknown:
        found.append(
            f"It has fields that this version does not know and keeps as they are: {', '.join(sorted(unknown))}."
        )
    return found
