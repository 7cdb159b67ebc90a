"""What the lifecycles of gateways, capacity claims and deployments have in common.

A subclass names its kind and adds what is special about it by overriding the methods in the middle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.api.client import ApiObject
from coreweave_inference.errors import ApiError, CoreWeaveError, Incomplete, Unreachable
from coreweave_inference.model.normal_form import complete, faults, has_unknown, sparse
from coreweave_inference.model.resource_types import IGNORED

from . import adopting, creation, deletion, in_use, writing
from .creation import may_adopt
from .deletion_guard import refuse_after_failure
from .lifecycle import SAME, Checked, Created, Difference, Entry, Observed
from .messages import subject, translate_service_errors
from .object_forms import ObjectForms, ignored_faults, with_ignored
from .session import Session
from .stores import hold_plan
from .values import ADOPTS, FORMAT, URN, hidden, with_secret_environment


class ObjectLifecycle(ObjectForms):
    """One object of the Inference API."""

    def check(self, run: Session, before: Mapping[str, Any], declared: dict[str, Any]) -> Checked:
        """Refuse what the schema refuses, and fill in everything that can be known before anything runs."""
        spec = {key: value for key, value in declared.items() if key in self.spec_keys()}
        wrong = [*faults(self.kind, spec), *ignored_faults(self.kind, declared)]
        if wrong:
            return Checked.of(subject(self.kind, declared), declared, wrong)
        run.memory.checked.add(str(declared.get(URN, "")))
        inputs = self.carried_over(before, declared)
        live, wrong = (None, []) if before else adopting.requested(self, run, inputs, self.filled_in)
        if wrong:
            return Checked.of(subject(self.kind, declared), declared, wrong)
        if live is not None:
            inputs["apiId"] = live.id
        inputs = self.filled_in(run, before or (sparse(self.kind, live.spec) if live else {}), inputs)
        inputs = with_ignored(before, inputs)
        run.agreement.declared(self.kind.noun, inputs)
        if not before and (run.agreement.records or live is not None):
            adopting.show(self, run, inputs)
        return Checked.of(
            subject(self.kind, declared), inputs, in_use.faults_of_object(run, self.kind, before, inputs)
        )

    def diff(self, run: Session, id_: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
        """Equal, changed in place, or replaced; in place also claims the id for this run."""
        run.guard_endpoint(old.get("apiEndpoint", ""))
        run.guard_organization(subject(self.kind, old), old.get("organizationId", ""))
        if self.is_replaced(old, new):
            run.memory.replaced.add(str(new.get(URN, "")))
            return self._replacement(run, old, new)
        run.memory.claim_id(str(new.get(URN, "")), id_)
        if not has_unknown(new):
            self._remember(run, id_, new)
        return Difference() if self.changes_between(old, new) else SAME

    def create(self, run: Session, declared: dict[str, Any]) -> Created:
        """Send the declared spec under our own id, or adopt what an earlier run sent."""
        run.require_going_on(subject(self.kind, declared))
        declared = self.filled_in(run, {}, declared)
        with translate_service_errors(subject(self.kind, declared)):
            self.before_create(run, declared)
            made = creation.create(
                run,
                self.kind,
                declared,
                complete(self.kind, declared),
                lambda body: self.post(run, declared, body),
                lambda live: self._adopted(run, declared, live),
            )
        return self._created(run, declared, made)

    def update(
        self, run: Session, id_: str, old: Mapping[str, Any], declared: dict[str, Any]
    ) -> dict[str, Any]:
        """Send the complete declared spec in one PATCH, if the live one is not that already."""
        run.guard_endpoint(old.get("apiEndpoint", ""))
        what = subject(self.kind, declared)
        run.require_going_on(what)
        with translate_service_errors(what):
            live = run.live(self.kind, id_)
            if live is None:
                raise CoreWeaveError(
                    f"{what} ({id_}) is not there any more; refresh, and the next run creates it again"
                )
            run.agreement.require(self.kind, live)
            desired = self.desired_spec(old, declared, live)
            now = self.observed_spec(old, live)
            writing.refuse_foreign_changes(
                self.kind, what, sparse(self.kind, old), sparse(self.kind, desired), now
            )
            try:
                written = self._put(run, old, desired, live)
            except writing.NotTaken as error:
                outputs = self._outputs(run, desired, error.written.live, str(error.written.revision))
                raise Incomplete(str(error), id_, outputs) from error
        self.warn_of_remaining(run, desired, written.live)
        return self._outputs(run, desired, written.live, str(written.revision))

    def read(self, run: Session, entry: Entry) -> Observed | None:
        """The live object in normal form, so that whatever was changed outside shows."""
        id_, old = entry.id, entry.outputs
        run.memory.read.add(id_)
        run.guard_endpoint(old.get("apiEndpoint", ""))
        hold_plan(run)
        with translate_service_errors(subject(self.kind, old)):
            listed = run.lists.look(self.kind, max_age_seconds=30.0).get(id_.lower())
            live = listed or run.live_or_missing_for_long(self.kind, id_)
            if live is None:
                run.prove_deleted(subject(self.kind, old), id_, old.get("organizationId", ""))
                return None
        self.report_live(run, old, live)
        inputs = {**self.recorded_spec(old, live), **hidden(old), "apiId": id_}
        outputs = self._outputs(run, {**old, **inputs}, live, old.get("revision", ""))
        return Observed(outputs, with_secret_environment(inputs))

    def delete(self, run: Session, entry: Entry) -> None:
        """Delete unless this run manages the id; missing is success only when the deletion is confirmed."""
        id_, old = entry.id, entry.outputs
        run.guard_endpoint(old.get("apiEndpoint", ""))
        if id_ in run.memory.managed_ids:
            self._keep(run, entry)
            return
        refuse_after_failure(run, subject(self.kind, old))
        run.require_going_on(subject(self.kind, old))
        if run.agreement.deletes_first:
            hold_plan(run)
        if run.agreement.holds_a_plan and (live := run.live(self.kind, id_)) is not None:
            run.agreement.require(self.kind, live)
        self.before_delete(run, id_, old)
        deletion.delete(run, self.kind, id_, old, entry.urn)

    def _keep(self, run: Session, entry: Entry) -> None:
        """Leave what this run declares; raise where the user asked for a new object and there is none.

        A replacement that was cut short leaves an old entry of the same id too, and so does a key that was renamed and is
        renamed back; taking that out is no failure.
        """
        id_, old = entry.id, entry.outputs
        # Not the recorded URN first: that is the one of the last write, under the key that the resource had then.
        urn, what = entry.urn or str(old.get(URN, "")), f"{subject(self.kind, old)} ({id_})"
        if run.memory.adopted.get(id_) == urn and urn not in run.memory.replaced and id_ not in may_adopt():
            raise CoreWeaveError(
                f"{what}: nothing was replaced, the object is as it was; its id and name follow from what is declared; to "
                "force a new object, declare another `name`, or delete this one with "
                f"`cw-inference destroy --target {urn.rsplit('::', 1)[-1]}` and run up"
            )
        run.log.warning(urn, f"{what} kept: still declared; only its old state entry is removed")

    # What is special about a kind: each has the plain answer here.

    def filled_in(self, run: Session, olds: Mapping[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
        """Values that can be computed before anything runs (a version); called by check, and by create once more."""
        return inputs

    def before_create(self, run: Session, declared: Mapping[str, Any]) -> None:
        """What must hold before the POST; may raise."""

    def post(self, run: Session, declared: Mapping[str, Any], body: dict[str, Any]) -> ApiObject:
        """Send a creation."""
        return run.api.create(self.kind, body)

    def patch(self, run: Session, declared: Mapping[str, Any], id_: str, body: dict[str, Any]) -> ApiObject:
        """Send a complete spec."""
        return run.api.update(self.kind, id_, body)

    def after_create(self, run: Session, declared: Mapping[str, Any], live: ApiObject) -> ApiObject:
        """The object to record; may wait, bounded."""
        return live

    def before_delete(self, run: Session, id_: str, old: Mapping[str, Any]) -> None:
        """What must hold before the DELETE; may wait, and raise."""

    def warn_of_remaining(self, run: Session, desired: Mapping[str, Any], live: ApiObject) -> None:
        """Tell of what the service keeps although it was taken out."""

    def report_live(self, run: Session, old: Mapping[str, Any], live: ApiObject) -> None:
        """Tell of what is live and is no difference."""

    def observed(self, state: Mapping[str, Any], live: ApiObject) -> dict[str, Any]:
        """Outputs that are no inputs, beside those of every kind."""
        return {}

    # The parts.

    def _replacement(self, run: Session, old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
        deletes_first = bool(old.get("name") == new.get("name"))
        if deletes_first:
            run.log.warning(
                new.get(URN, ""),
                f"{subject(self.kind, new)} is replaced under the same name: the old one is released before the new "
                "one is asked for; without an explicit name the new one would come first",
            )
        keys = {difference.path.split(".")[0] for difference in self.changes_between(old, new)} or {"name"}
        return Difference(replaces=tuple(sorted(keys)), delete_first=deletes_first)

    def _remember(self, run: Session, id_: str, declared: Mapping[str, Any]) -> None:
        """What `Readiness` compares the live object with."""
        run.api.hide(declared)
        run.memory.declared[id_] = sparse(self.kind, declared)
        run.memory.ignored[id_] = tuple(declared.get(IGNORED) or ())

    def _put(
        self, run: Session, old: Mapping[str, Any], desired: Mapping[str, Any], live: ApiObject
    ) -> writing.WriteResult:
        self._remember(run, live.id, desired)
        return writing.put(
            run,
            self.kind,
            subject(self.kind, desired),
            sparse(self.kind, desired),
            live,
            # What the service does not return is as `old` has it; fields left to others are as they are.
            self.observed_spec({**old, IGNORED: ()}, live),
            lambda answer: self.observed_spec(desired, answer),
            lambda body: self.patch(run, desired, live.id, body),
        )

    def _adopted(self, run: Session, declared: Mapping[str, Any], live: ApiObject) -> creation.CreateOutcome:
        """Bring what is adopted to the declared spec. What this stack made is recorded even where that fails: nothing else
        would know of it. What the declaration or the caller names was there before, and stays as it was.
        """
        run.agreement.require(self.kind, live)
        desired = self.desired_spec({}, dict(declared), live)
        try:
            written = self._put(run, {}, desired, live)
        except (ApiError, Unreachable, writing.NotTaken) as error:
            if declared.get(ADOPTS) or live.id in may_adopt():
                raise
            last = (
                error.written
                if isinstance(error, writing.NotTaken)
                else writing.WriteResult(live, run.wrote(live, live.updated_at))
            )
            run.memory.managed_ids.add(live.id)
            outputs = self._outputs(run, desired, last.live, str(last.revision))
            text = f"{subject(self.kind, declared)} exists ({live.id}), but: {error}"
            raise Incomplete(text, live.id, outputs) from error
        return creation.CreateOutcome(live.id, written.live, written.revision)

    def _created(self, run: Session, declared: dict[str, Any], made: creation.CreateOutcome) -> Created:
        """What to record of an accepted creation. Raises Incomplete alone, or the id would be lost."""
        live = made.live
        run.memory.managed_ids.add(made.id)
        run.lists.organizations |= {live.organization_id} - {""}
        self._remember(run, made.id, declared)
        try:
            live = self.after_create(run, declared, live)
        except Exception as error:
            outputs = self._outputs(run, declared, live, str(made.revision))
            text = f"{subject(self.kind, declared)} was accepted, but: {error}"
            raise Incomplete(text, made.id, outputs) from error
        return Created(made.id, self._outputs(run, declared, live, str(made.revision)))

    def _outputs(
        self, run: Session, state: Mapping[str, Any], live: ApiObject, revision: str
    ) -> dict[str, Any]:
        """State: the spec in normal form, the hidden inputs, and what was observed."""
        outputs = {
            **self.recorded_spec(state, live),
            **hidden(state),
            "apiId": live.id,
            "apiEndpoint": run.endpoint,
            "organizationId": live.organization_id,
            "createdAt": live.created_at,
            "revision": revision,
            "format": FORMAT,
            **self.observed(state, live),
        }
        return with_secret_environment(outputs)
