"""Deleting an object: the request, the note of its acceptance, and who waits until it is confirmed deleted."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

from coreweave_inference.errors import NotFound, Refused
from coreweave_inference.model import Kind

from .confirmation import wait_for_none, wait_until_deleted
from .messages import resource_name, subject, translate_service_errors
from .session import Session
from .users import references
from .values import URN, what_finds

FAILED_PRECONDITION = 9
WHOLE_STACK = "COREWEAVE_DESTROYS_WHOLE_STACK"
"""Environment variable of a `cw-inference destroy` of everything: the account is deleted last, and waits for the rest."""
WAITING_AT_ONCE = 2
"""Deletions of a destroy that wait; there are four threads, and the others must be able to send theirs."""
TURN_SECONDS = 0.02
OTHERS_SECONDS = 0.2


def delete(run: Session, kind: Kind, id_: str, old: Mapping[str, Any], entry_urn: str = "") -> None:
    """DELETE it, and wait until it answers 404. `entry_urn` is that of its entry in the state, if it is known.

    In a destroy only the last deletions wait, and for all of the run: so whatever is destroyed, the whole stack or a part
    of it, the last of it leaves the state when everything is confirmed deleted. Where the account is known to go last
    (`WHOLE_STACK`), the settle time of "not there" is waited for once, by the account.
    """
    run.memory.deletions += 1
    turn, name, what, urn = run.memory.deletions, resource_name(old), subject(kind, old), old.get(URN, "")
    with translate_service_errors(what):
        if not _accepted(run, kind, id_, what, urn):
            run.prove_deleted(what, id_, old.get("organizationId", ""))
            return
    run.memory.deleted[id_] = (kind, name)
    note = {
        "urn": entry_urn or str(old.get(URN, "")),
        "kind": kind.noun,
        "createdAt": str(old.get("createdAt") or ""),
        "inputs": {"apiId": id_, **what_finds(old)},
    }
    if not _note(run, id_, note) or not run.memory.destroying:
        wait_until_deleted(run, {id_: (kind, name)}, urn)
    elif not _others_follow(run, turn):
        released, confirm = (lambda: _is_passed(run, turn)), not os.environ.get(WHOLE_STACK)
        wait_until_deleted(run, dict(run.memory.deleted), urn, released, confirm=confirm)


def _note(run: Session, id_: str, note: Mapping[str, Any]) -> bool:
    """Note an accepted deletion, so that a later run finds the object should the service bring it back. False where it
    cannot be noted: its entry stays in the state until it is confirmed.
    """
    run.memory.accepted[id_] = note
    with contextlib.suppress(OSError):
        run.note_deletion(id_, note)
        return True
    return False


def _accepted(run: Session, kind: Kind, id_: str, what: str, urn: str) -> bool:
    """Ask for the deletion; False where the object does not exist. Asked for again are what only objects use that no list
    shows any more, and what is shown and nevertheless answered 404.
    """
    why = ""

    def ask() -> list[str]:
        nonlocal why
        try:
            run.api.delete(kind, id_)
        except NotFound:
            live = run.live_or_missing_for_long(kind, id_)
            if live is None:
                raise
            why = "still there, although the service answers its deletion with 404"
            return [] if live.status == "DELETING" else [what]
        except Refused as error:
            if error.code != FAILED_PRECONDITION or kind is Kind.DEPLOYMENT or _has_live_users(run, id_):
                raise
            why = f"still in use ({error.message})"
            return [what]
        return []

    try:
        if ask():
            wait_for_none(run, urn, ask, why)
    except NotFound:
        return False
    return True


def _has_live_users(run: Session, id_: str) -> bool:
    found = run.lists.look(Kind.DEPLOYMENT, max_age_seconds=0.2).values()
    users = [live for live in found if id_ in (references(live, "gatewayIds") or ())]
    return any(live.status != "DELETING" and live.id not in run.memory.deleted for live in users)


def _others_follow(run: Session, turn: int) -> bool:
    """Whether further deletions begin soon, so that those can wait: soon is less than what a look would take, which would hold
    them up.
    """
    soon = max(OTHERS_SECONDS, min(run.lists.longest_seconds, run.settings.poll_seconds))
    until = run.clock.monotonic() + soon
    while not _is_passed(run, turn):
        if run.clock.monotonic() >= until or run.stopped():
            return False
        run.waits.sleep(TURN_SECONDS)
    return True


def _is_passed(run: Session, turn: int) -> bool:
    return run.memory.deletions - turn >= WAITING_AT_ONCE
