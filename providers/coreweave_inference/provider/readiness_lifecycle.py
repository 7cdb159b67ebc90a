"""The lifecycle of `Readiness`: one resource that waits until everything it covers serves the revision that was written.

Its inputs name the objects and their revisions; a revision is new for each accepted write, so a run that failed
stays a difference until it is fixed. What a run does with them is `judging_readiness`'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.model import UNKNOWN
from coreweave_inference.model.normal_form import has_unknown

from .deletion_guard import (
    FORMER,
    OWNED,
    former_deployments,
    refuse_removals,
    refuse_teardown,
    same_record,
    targeted,
)
from .health import health_of
from .judging_readiness import HEALTH, judge, not_judged, not_made, objects_of, without_health
from .lifecycle import Checked, Created, Difference, Entry, Observed
from .memory import ids_of_stack
from .session import Session
from .stores import hold_plan
from .values import PARTIAL, URN


class ReadinessLifecycle:
    """Judges objects; owns none."""

    def check(self, run: Session, before: Mapping[str, Any], declared: dict[str, Any]) -> Checked:
        """Inputs are made by the program; there is nothing to refuse."""
        return Checked(declared)

    def diff(self, run: Session, id_: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
        """A difference while a covered object has a revision that was not seen to serve."""
        if new.get(OWNED) is not UNKNOWN:
            going = targeted(old.get(OWNED), new[PARTIAL]) if new.get(PARTIAL) else old.get(OWNED)
            refuse_removals(run, {**old, OWNED: going}, new)
        if has_unknown(new.get("objects")) or not_judged(old, new) or not_made(new):
            return Difference()
        removed = set(objects_of(old)) - set(objects_of(new))
        same = bool(new.get(PARTIAL)) or (not removed and same_record(old.get(OWNED), new.get(OWNED)))
        return Difference(same)

    def create(self, run: Session, declared: dict[str, Any]) -> Created:
        """Wait for everything covered."""
        return Created("readiness", judge(run, {}, declared))

    def update(
        self, run: Session, id_: str, old: Mapping[str, Any], declared: dict[str, Any]
    ) -> dict[str, Any]:
        """Wait for what was written since the last time that all served."""
        former = former_deployments(old, declared)
        return {**judge(run, old, declared), **({FORMER: former} if former else {})}

    def read(self, run: Session, entry: Entry) -> Observed | None:
        """With the reason at each covered object that served and broke since: the next `up` waits for those again."""
        old = entry.outputs
        hold_plan(run)
        objects = {label: without_health(item) for label, item in (old.get("objects") or {}).items()}
        for label, why in health_of(run, objects).items():
            objects[label] = {**objects[label], HEALTH: why}
        inputs = {"objects": objects, **{key: old[key] for key in (URN, OWNED) if key in old}}
        return Observed({**old, **inputs}, inputs)

    def delete(self, run: Session, entry: Entry) -> None:
        """It goes before everything else: whatever must not be deleted refuses here, before the first deletion."""
        old = entry.outputs
        if old.get("objects") and not _are_out_of_the_state(run, old["objects"]):
            run.guard_organization("what this stack made", str(old.get("organizationId") or ""))
        refuse_teardown(run, old)


def _are_out_of_the_state(run: Session, objects: Any) -> bool:
    """Whether `cw-inference`, which knows the state, has deleted all of these one by one: nothing is left to be mistaken about."""
    entries = objects.values() if isinstance(objects, Mapping) else ()
    ids = {str(entry.get("id")) for entry in entries if isinstance(entry, Mapping)}
    return run.notes_creations and bool(ids) and ids.isdisjoint(ids_of_stack())
