"""Deleting an object, and waiting until it, or what still uses it, is gone. Requests in flight keep what serves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from coreweave_inference.api import ApiObject
from coreweave_inference.errors import CoreWeaveError, NotFound, ServiceUnavailable, Throttled, Unreachable
from coreweave_inference.spec import Kind
from coreweave_inference.waiting import pauses

from .session import Session
from .values import URN
from .wording import resource_name, speaking_of, subject

Users = Callable[[ApiObject], bool]
"""Whether a deployment uses the thing that is to go."""


def delete(run: Session, kind: Kind, id_: str, old: Mapping[str, Any]) -> None:
    """DELETE it; then, unless the whole stack goes (Account waits for all), wait until it answers 404."""
    name, what = resource_name(old), subject(kind, old)
    try:
        with speaking_of(what):
            run.api.delete(kind, id_)
    except CoreWeaveError as error:
        if not isinstance(error.__cause__, NotFound):
            raise
        run.prove_gone(what, id_, old.get("organizationId", ""))
        return
    run.memory.deleted[id_] = (kind, name)
    if not run.memory.tearing_down:
        wait_until_gone(run, {id_: (kind, name)}, old.get(URN, ""))


def wait_until_gone(run: Session, objects: Mapping[str, tuple[Kind, str]], urn: str = "") -> None:
    """Wait until no list shows any of `objects` (id to kind and name). Raises CoreWeaveError at the deadline."""

    def left() -> list[str]:
        kinds = {kind for kind, _ in objects.values()}
        seen = {kind: run.lists.look(kind, max_age_seconds=0.2) for kind in kinds}
        return sorted(f'{kind.noun} "{name}"' for id_, (kind, name) in objects.items() if id_ in seen[kind])

    _wait_for_none(run, urn, left, "deleted but not gone")


def wait_for_users(run: Session, what: str, urn: str, uses: Users, *, refuse_live: bool) -> None:
    """Wait until no deployment that is being deleted uses `what` any more (one shared LIST).

    With `refuse_live`, a user that nobody deletes is an error that names it.
    """

    def left() -> list[str]:
        users = [live for live in run.lists.look(Kind.DEPLOYMENT, max_age_seconds=0.2).values() if uses(live)]
        going = [live for live in users if live.status == "DELETING" or live.id in run.memory.deleted]
        staying = sorted(live.name for live in users if live not in going)
        if staying and refuse_live:
            raise CoreWeaveError(
                f"{what} is still used by deployment {', '.join(staying)}, which this run does not delete; "
                "delete that first, or move it away"
            )
        return sorted(f'deployment "{live.name}"' for live in going)

    _wait_for_none(run, urn, left, f"deleted but not gone, and {what} waits for that")


def _wait_for_none(run: Session, urn: str, left: Callable[[], list[str]], state: str) -> None:
    start, deadline = run.clock.monotonic(), run.settings.gone_deadline_seconds
    rests = pauses(lambda: run.clock.monotonic() - start, run.settings.poll_seconds)
    seen = "nothing could be seen yet"
    while True:
        try:
            names = left()
        except (Unreachable, ServiceUnavailable, Throttled):
            pass  # A blip does not end a wait.
        else:
            if not names:
                return
            seen = f"{', '.join(names)} {'are' if len(names) > 1 else 'is'} {state}"
            run.log.progress(urn, f"waiting for {', '.join(names)} to go")
        remaining = deadline - (run.clock.monotonic() - start)
        if run.stopped():
            raise CoreWeaveError(f"stopped waiting: {seen}; run again to go on")
        if remaining <= 0:
            raise CoreWeaveError(f"{seen} after {deadline:.0f} s; run again to wait on")
        run.waits.sleep(min(next(rests), remaining))


def references(live: ApiObject, *path: str) -> Any:
    """A value of a live spec by its path, None where it is left out."""
    value: Any = live.spec
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
