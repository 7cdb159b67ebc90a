"""Deployments that use what is to be deleted: those that are being deleted are waited for, so that requests in flight are
served to their end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coreweave_inference.api.client import ApiObject
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.model import Kind
from coreweave_inference.model.paths import value_at

from .confirmation import shown_by_get, wait_for_none
from .memory import ids_of_stack
from .session import Session

Users = Callable[[ApiObject], bool]
"""Whether a deployment uses the thing that is to be deleted."""


def wait_for_users(run: Session, what: str, urn: str, uses: Users, *, refuse_live: bool) -> None:
    """Wait until no deployment that is being deleted uses `what` any more.

    With `refuse_live`, a user that nobody deletes is an error that names it. One of this stack that the run does not declare
    is given the settle time: its deletion may be about to begin, since the state of a run that was cut short does not tell
    that it uses `what`, so the engine does not know an order.
    """
    began = run.clock.monotonic()

    def left() -> list[str]:
        users = [live for live in _deployments(run) if uses(live)]
        going = [live for live in users if live.status == "DELETING" or live.id in run.memory.deleted]
        staying = [live for live in users if live not in going] if refuse_live else []
        in_time = run.clock.monotonic() - began <= run.settings.settle_seconds
        next_ = [live for live in staying if in_time and _may_be_deleted(run, live.id)]
        refused = sorted(live.name for live in staying if live not in next_)
        if refused:
            raise CoreWeaveError(
                f"{what} is still used by deployment {', '.join(refused)}, which this run does not delete; "
                "delete that first, or move it away"
            )
        return sorted(f'deployment "{live.name}"' for live in (*going, *next_))

    wait_for_none(run, urn, left, f"deleted but not confirmed, and {what} waits for that")


def _deployments(run: Session) -> list[ApiObject]:
    """Those that a list shows, and those that this process deleted and that a GET alone shows."""
    listed = run.lists.look(Kind.DEPLOYMENT, max_age_seconds=0.2)
    deleted = {id_: found for id_, found in run.memory.deleted.items() if found[0] is Kind.DEPLOYMENT}
    hidden = [id_ for id_ in deleted if id_ not in listed and id_ not in run.memory.not_found]
    return [*listed.values(), *shown_by_get(run, deleted, hidden).values()]


def _may_be_deleted(run: Session, id_: str) -> bool:
    """Whether this stack has a deployment that its program does not declare."""
    return id_ in ids_of_stack() | run.memory.read and id_ not in run.memory.managed_ids


def references(live: ApiObject, *path: str) -> Any:
    """A value of a live spec by its path, None where it is left out."""
    return value_at(live.spec, path)
