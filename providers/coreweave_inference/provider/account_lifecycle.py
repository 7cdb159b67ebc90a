"""The account's lifecycle: what all other resources depend on.

It checks token and endpoint before anything else is read, records where the stack lives, and is the last to go:
its deletion waits until everything that the run deleted is confirmed deleted. It owns nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.errors import CannotProveGone, CoreWeaveError, single_line
from coreweave_inference.model import Kind
from coreweave_inference.model.kinds import BY_NOUN
from coreweave_inference.network.marks import note_error
from coreweave_inference.version import __version__

from . import confirmation, in_use
from .deletion_guard import refuse_undeclared
from .lifecycle import SAME, Checked, Created, Difference, Entry, Observed
from .memory import ids_of_stack
from .messages import resource_name
from .session import Session
from .stores import hold_plan
from .values import DELETED, FORMAT, NOTED, PACKAGE_VERSION, URN

OBJECTS = "__objects"
"""Hidden input: kind and name by id of the objects that the last program declared. It changes without a difference."""
UNDECLARED, KNOWN = "undeclared", "known"
PLANNED = "__planned"
"""Input that is read and not recorded: what the program declares."""


class AccountLifecycle:
    """Looks, and waits at the end."""

    def check(self, run: Session, before: Mapping[str, Any], declared: dict[str, Any]) -> Checked:
        """One call with the token: whoever cannot list cannot do anything else either."""
        for conflict in run.settings.conflicts:
            run.log.warning(str(declared.get(URN, "")), conflict)
        try:
            run.organizations_seen()
        except CoreWeaveError as error:
            note_error(error)
            return Checked(declared, (f"the account cannot be used: {error}",))
        hold_plan(run)
        planned = declared.pop(PLANNED, None) or {}
        inputs = {**declared, OBJECTS: _without_others(run, declared.get(OBJECTS) or {}, planned.get(KNOWN))}
        # All at once: the engine stops at the first resource that is refused.
        found = in_use.faults_of_plan(run, planned) if not before or in_use.RECORDED in planned else []
        try:
            refuse_undeclared(run, planned.get(UNDECLARED) or {})
        except CoreWeaveError as error:
            found.append(str(error))
        return Checked(inputs, tuple(single_line(text) for text in found))

    def diff(self, run: Session, id_: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
        """Never changes; another endpoint or organization than the recorded one is an error."""
        run.memory.earlier_run = True
        _guard(run, old)
        return SAME

    def create(self, run: Session, declared: dict[str, Any]) -> Created:
        """Record where the stack lives."""
        return Created("account", _outputs(run, declared))

    def update(
        self, run: Session, id_: str, old: Mapping[str, Any], declared: dict[str, Any]
    ) -> dict[str, Any]:
        """Record it again."""
        return _outputs(run, {**old, **declared})

    def read(self, run: Session, entry: Entry) -> Observed | None:
        """The organization may have become known since."""
        old = entry.outputs
        run.memory.earlier_run = True
        _guard(run, old)
        hold_plan(run)
        known = {**old, **entry.inputs}
        return Observed(_outputs(run, old), {k: known[k] for k in (URN, OBJECTS) if k in known})

    def delete(self, run: Session, entry: Entry) -> None:
        """Wait until everything that the stack had answers 404, and report it.

        An earlier destroy may have been stopped after its deletions: what those deleted is in no entry of the state, so the
        last program's objects are recorded here, and what is noted of accepted deletions.
        """
        old = entry.outputs
        urn, deleted = str(old.get(URN, "")), dict(run.memory.deleted)
        notes = old.get(DELETED) or {}
        run.memory.accepted.update({id_: notes[id_] for id_ in notes.keys() - deleted.keys()})
        from_notes = {
            id_: (BY_NOUN[note["kind"]], resource_name(note["inputs"])) for id_, note in notes.items()
        }
        objects = {**_recorded(entry.inputs.get(OBJECTS)), **from_notes, **deleted}
        if not objects:
            return
        _guard(run, old)
        confirmed = confirmation.wait_until_deleted(run, deleted, urn)
        late = confirmation.confirm_deleted(
            run, {id_: objects[id_] for id_ in objects.keys() - confirmed}, urn
        )
        names = sorted({*late, *(f'{kind.noun} "{name}"' for kind, name in deleted.values())})
        if names:
            run.log.note(urn, f"confirmed deleted: {', '.join(names)}")


def _without_others(run: Session, objects: Mapping[str, str], known: Any) -> dict[str, str]:
    """Without what exists and the state does not have: its creation will be refused, and then a destroy would wait for it."""
    if not isinstance(known, list):
        return dict(objects)
    own = {*known, *ids_of_stack()}
    live = {id_ for kind in Kind for id_ in run.lists.look(kind, max_age_seconds=60.0)}
    return {id_: label for id_, label in objects.items() if id_ in own or id_ not in live}


def _recorded(objects: Any) -> dict[str, tuple[Kind, str]]:
    found = objects if isinstance(objects, Mapping) else {}
    parts = {id_: str(label).rpartition(" ") for id_, label in found.items()}
    return {id_: (BY_NOUN[noun], name) for id_, (noun, _, name) in parts.items() if noun in BY_NOUN}


def _guard(run: Session, old: Mapping[str, Any]) -> None:
    run.guard_endpoint(str(old.get("apiEndpoint", "")))
    recorded, seen = str(old.get("organizationId", "")), run.organizations_seen()
    if recorded and seen and recorded not in seen:
        raise CannotProveGone(
            f"this stack belongs to organization {recorded}, but the token of {run.settings.token_source} sees "
            f"{', '.join(sorted(seen))}; nothing was changed; use the token of {recorded}"
        )


def _outputs(run: Session, props: Mapping[str, Any]) -> dict[str, Any]:
    known = run.organization(str(props.get("organizationId") or ""))
    kept = {key: props[key] for key in (URN, NOTED, DELETED) if key in props}
    return {
        **kept,
        "apiEndpoint": run.endpoint,
        "organizationId": known,
        "format": FORMAT,
        PACKAGE_VERSION: __version__,
    }
