"""Before the first deletion: what the stack recorded of its objects, and what of it must not be deleted.

The engine shows a provider no `protect` and one object at a time. So `Readiness`, which depends on everything and is
deleted first, records all objects in a hidden input. What follows from it is `deletions`'.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from fnmatch import fnmatchcase
from typing import Any

from coreweave_inference.api.client import ApiObject
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.fleet.deletions import (
    BUCKET,
    POLICY,
    USED,
    Account,
    Deletion,
    Owned,
    deletion_errors,
    evictions,
    plan_deletions,
)
from coreweave_inference.model import Kind, has_unknown
from coreweave_inference.model.normal_form import get_path

from .memory import ids_of_stack
from .session import Session
from .values import managed_id

OWNED = "__owned"
"""Hidden input of `Readiness`: every object that the program declared before it. States of 0.1.0 have none."""
FORMER = "__former"
"""Hidden output: ids of deployments that were recorded and removed; one may still be there if its deletion failed."""
STALE = "if a failed run of this stack made such a deployment, run again with --refresh"
"""The record does not have it then; a refresh in the same run shows that it is in the state."""
KEYS = {item.name for item in fields(Owned)}


Record = Iterable[Mapping[str, Any]]
"""Entries of objects, each with its kind and name."""


def targeted(record: Record | None, patterns: Iterable[str]) -> list[Mapping[str, Any]]:
    """The entries that a run with these targets can remove, by their names."""
    names = [pattern.partition("::")[2] for pattern in patterns]
    return [
        entry for entry in record or () if any(fnmatchcase(str(entry.get("name")), name) for name in names)
    ]


def merge_records(old: Record | None, new: Record | None) -> list[Mapping[str, Any]]:
    """`new`, and what `old` says of other objects."""
    declared = {(entry.get("kind"), entry.get("name")) for entry in new or ()}
    others = [entry for entry in old or () if (entry.get("kind"), entry.get("name")) not in declared]
    return [*others, *(new or ())]


def owned_in(record: Any) -> list[Owned]:
    """The objects of a record; none where there is no record, and without those that are not known yet, or were not made."""
    entries = record if isinstance(record, list) else []
    return [
        Owned(**{key: value for key, value in entry.items() if key in KEYS})
        for entry in entries
        if isinstance(entry, Mapping) and all(_is_known(entry, key) for key in ("kind", "id", "name"))
    ]


def _is_known(entry: Mapping[str, Any], key: str) -> bool:
    """An object whose creation failed in a run that went on (`--continue-on-error`) has no id."""
    return entry.get(key) is not None and not has_unknown(entry[key])


def same_record(old: Any, new: Any) -> bool:
    """Whether two records say the same in any order; without a former one there is nothing to compare."""
    if not isinstance(old, list):
        return True
    # What a policy that is about to change will show of its statement is not known in a preview.
    ignored = {"sid", "keep"} if has_unknown(new) else set()
    return _comparable(old, ignored) == _comparable(new or [], ignored)


def refuse_removals(run: Session, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise CoreWeaveError where something that the program no longer declares must not be deleted."""
    before, after = owned_in(old.get(OWNED)), owned_in(new.get(OWNED))
    remaining = {item.key for item in after}
    unknown = {(e.get("kind"), e.get("name")) for e in new.get(OWNED) or () if not _is_known(e, "id")}
    removed = [i for i in before if i.key not in remaining and (i.kind, i.name) not in unknown]
    if removed:
        own = {item.id for item in (*before, *after)} | set(old.get(FORMER) or ())
        _refuse(run, removed, own, after)


def refuse_undeclared(run: Session, found: Mapping[str, Any]) -> None:
    """Raise CoreWeaveError where something must not be deleted that a `Readiness` recorded which is no longer declared."""
    removed = owned_in(found.get("removed"))
    if removed:
        own = {str(id_) for id_ in found.get("own") or ()}
        _refuse(run, removed, own, owned_in(found.get("coming")))


def refuse_teardown(run: Session, old: Mapping[str, Any]) -> None:
    """Raise CoreWeaveError where something that this stack recorded must not be deleted.

    What this run still declares is not deleted: only `Readiness` itself was taken out of the program.
    """
    recorded = owned_in(old.get(OWNED))
    going = [item for item in recorded if not _is_declared(run, item)]
    if going:
        _refuse(run, going, {item.id for item in recorded} | set(old.get(FORMER) or ()), ())


def refuse_after_failure(run: Session, what: str) -> None:
    """Raise CoreWeaveError where an update goes on after a failure (`--continue-on-error`): then the engine leaves out
    `Readiness`, which would have refused what must not be deleted, and waited.
    """
    if run.memory.failed:
        raise CoreWeaveError(
            f"{what}: not deleted, because something of this run failed before; fix that and run again"
        )


def former_deployments(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Ids of deployments to remember although they are no longer declared."""
    deployments = Kind.DEPLOYMENT.noun
    declared = {item.id for item in owned_in(new.get(OWNED))}
    known = {item.id for item in owned_in(old.get(OWNED)) if item.kind == deployments} | set(
        old.get(FORMER) or ()
    )
    return sorted(known - declared)


def review(
    run: Session, items: Sequence[Owned], own: Collection[str], coming: Iterable[Owned] = ()
) -> tuple[Deletion, ...]:
    """What deleting `items` would meet now. Raises CoreWeaveError where the account cannot be listed."""
    own = {*own, *ids_of_stack(), *run.memory.managed_ids, *run.memory.read, *run.memory.deleted}
    return plan_deletions(items, own, _account(run, items, own, coming))


def _refuse(run: Session, items: Sequence[Owned], own: Collection[str], coming: Sequence[Owned]) -> None:
    plan = review(run, items, own, coming)
    settings = run.settings
    found = deletion_errors(plan, destroy_used=settings.destroy_used, keep_protected=settings.keep_protected)
    if found:
        used = any(deletion.action == USED for deletion in plan) and not settings.destroy_used
        raise CoreWeaveError("; ".join(["nothing was deleted", *found, *([STALE] if used else [])]))
    for text in evictions(plan):
        run.log.warning("", text)


def _is_declared(run: Session, item: Owned) -> bool:
    return (managed_id(item.id, item.sid) if item.kind == POLICY else item.id) in run.memory.managed_ids


def _account(run: Session, items: Sequence[Owned], own: Collection[str], coming: Iterable[Owned]) -> Account:
    """What the decision needs, read once; nothing is read for what is kept or protected."""
    going = [item for item in items if not (item.protect or item.keep)]
    kinds = {item.kind for item in going}
    deployments = run.lists.look(Kind.DEPLOYMENT, 10.0) if kinds - {Kind.DEPLOYMENT.noun} else {}
    claims: dict[str, ApiObject] = {}
    gateways: dict[str, ApiObject] = {}
    if Kind.CAPACITY_CLAIM.noun in kinds:
        gateways = run.lists.look(Kind.GATEWAY, 10.0)
        claims = {item.id: _as_live(item) for item in coming if item.resources}
        claims.update(run.lists.look(Kind.CAPACITY_CLAIM, 10.0))
    outside = {get_path(d.spec, "model.bucket") for d in deployments.values() if d.id not in own}
    policies = {item.id: item for item in going if item.kind == POLICY and item.id in outside}
    buckets = {item.id: item for item in going if item.kind == BUCKET and not item.force}
    return Account(
        deployments,
        gateways,
        claims,
        {name: document for name in policies if (document := _policy(run, policies[name])) is not None},
        frozenset(name for name, item in buckets.items() if _holds_objects(run, item)),
    )


def _as_live(item: Owned) -> ApiObject:
    """A claim that is declared and perhaps not made yet."""
    spec = {"resources": dict(item.resources)}
    return ApiObject(Kind.CAPACITY_CLAIM, item.id, item.name, spec, "CREATING")


def _policy(run: Session, item: Owned) -> dict[str, Any] | None:
    try:
        return run.storage().policy(item.id)
    except CoreWeaveError as error:
        run.log.note("", f"{item.label}: who reads through it could not be determined: {error}")
        return None


def _holds_objects(run: Session, item: Owned) -> bool:
    try:
        storage = run.storage(item.zone)
        return storage.bucket(item.id) is not None and not storage.is_empty(item.id)
    except CoreWeaveError as error:
        run.log.note("", f"{item.label}: whether it is empty could not be determined: {error}")
        return False


def _comparable(record: Iterable[Mapping[str, Any]], ignored: Collection[str]) -> list[dict[str, Any]]:
    """The entries in one order; the keys of a value come from the engine in any order."""
    entries = [{key: value for key, value in entry.items() if key not in ignored} for entry in record]
    return sorted(entries, key=lambda entry: [str(entry.get(key)) for key in ("kind", "id", "name")])
