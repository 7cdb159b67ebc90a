"""Deletions that the service accepted and that nothing has confirmed yet: the destroy was stopped or killed before that.

The state has no entry for such an object any more. The account keeps a note of its id and of when it was created, until it is
confirmed deleted; one that exists again goes back into the state, so that the next run deletes it, or keeps it where it is
declared again. Pure: lines and a state go in, a state comes out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from coreweave_inference.json_text import whole_lines
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.program.recorded import resources_of
from coreweave_inference.provider.values import DELETED

from .attempts import account_in, resource_of
from .events import label_of, type_of
from .repair import GROUND, Found, Repaired, State, Unresolved, record

Note = Mapping[str, Any]
"""What a provider noted of an accepted deletion: `urn`, `kind`, `createdAt`, and `inputs` that find the object again."""
ORDER = (*GROUND, "Deployment")
"""What is restored is recorded after what it depends on."""
Look = Callable[[Mapping[str, Note]], Mapping[str, Found | Unresolved]]


def unconfirmed(lines: Iterable[str]) -> dict[str, Note]:
    """Notes by id, without those that were confirmed. A line that is not whole was followed by nothing."""
    found: dict[str, Note] = {}
    for entry in whole_lines(lines):
        found.pop(entry["id"], None)
        if entry["note"] is not None and entry["note"]["createdAt"]:
            found[entry["id"]] = entry["note"]
    return found


def persist_deletions(state: State, notes: Mapping[str, Note]) -> State:
    """The state with these notes beside those that it has; the same state where it has no account or nothing is new."""
    ids = _ids(state)
    new = {id_: note for id_, note in notes.items() if id_ not in ids}
    if not new or account_in(state) is None:
        return state
    return _with_notes(state, {**noted_deletions(state), **new})


def noted_deletions(state: State) -> dict[str, Note]:
    """The notes that the account of a state keeps."""
    account = account_in(state) or {}
    return dict((account.get("outputs") or {}).get(DELETED) or {})


def restored(state: State, look: Look) -> Repaired:
    """The state with what exists again, and with notes of what is not confirmed yet alone."""
    notes, ids = noted_deletions(state), _ids(state)
    open_notes = {id_: note for id_, note in notes.items() if id_ not in ids}
    found = look(open_notes) if open_notes else {}
    kept = {id_: open_notes[id_] for id_, what in found.items() if isinstance(what, Unresolved) and what.keep}
    result = _with_notes(state, kept)
    account, lines = account_in(result), []
    for id_ in sorted(found, key=lambda one: ORDER.index(type_of(notes[one]["urn"]).removeprefix(TYPES))):
        what, urn = found[id_], str(notes[id_]["urn"])
        if isinstance(what, Found) and account is not None:
            made = resource_of(urn, dict(notes[id_]["inputs"]), account)
            record(result["deployment"], {**made, "id": what.id, "outputs": dict(what.outputs)})
            lines.append(f"{label_of(urn)} ({id_}): exists again after its deletion; added to the state")
        elif isinstance(what, Unresolved) and not what.keep:
            lines.append(f"{label_of(urn)} ({id_}): deleted by an interrupted run; {what.why}")
    return Repaired(result, tuple(lines), changed=result != state)


def not_confirmed(notes: Mapping[str, Note]) -> str:
    """The warning where nothing can be noted."""
    names = ", ".join(f"{label_of(str(note['urn']))} ({id_})" for id_, note in notes.items())
    return f"deleted, not confirmed, and not in the state: {names}"


def _with_notes(state: State, notes: Mapping[str, Note]) -> State:
    result = copy.deepcopy(state)
    account = account_in(result)
    if account is not None:
        outputs = {key: value for key, value in (account.get("outputs") or {}).items() if key != DELETED}
        account["outputs"] = {**outputs, **({DELETED: dict(notes)} if notes else {})}
    return result


def _ids(state: State) -> set[str]:
    return {str(found["id"]) for found in resources_of(state) if found.get("id")}
