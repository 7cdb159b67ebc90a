"""The state of one object in one word, with the reason, as kstatus computes it for Kubernetes. Pure.

It is the judgement of the waits (`waiting.judge`), for somebody who looks once: what a wait needs several looks for is reported
from the times of the conditions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from coreweave_inference.model.kinds import Kind
from coreweave_inference.waiting import (
    Failed,
    History,
    Live,
    Ready,
    Revision,
    Streak,
    Target,
    describe_unmet_conditions,
    judge,
)
from coreweave_inference.waiting.observations import LASTING_LOOKS

NO_ENDPOINT = "READY without an endpoint"
NOT_LISTED = "not in the account's list: it was deleted outside, or is being deleted"


class State(str, Enum):
    """What an object is doing; the words are kstatus's."""

    CURRENT = "Current"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    TERMINATING = "Terminating"
    NOT_FOUND = "NotFound"
    UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Computed:
    """A state, and why; a reason may be empty for Current alone."""

    state: State
    reason: str = ""


def compute(kind: Kind, live: Live | None, now: float, settle_seconds: float) -> Computed:
    """The state of `live` (None: it is not listed) at `now`, in epoch seconds by the service's clock.

    ERROR is Failed once its conditions are older than `settle_seconds`, or have no time: before that it may pass, and a wait
    goes on through it.
    """
    if live is None:
        return Computed(State.NOT_FOUND, NOT_LISTED)
    if live.status == "DELETING":
        return Computed(State.TERMINATING, describe_unmet_conditions(live) or "is being deleted")
    seen = Streak(LASTING_LOOKS, -_seconds_since_conditions(live, now))
    target = Target(kind, live.id, live.name, Revision("", 0.0, ""), timeout_seconds=0.0)
    verdict, _ = judge(target, live, History(latched=True, errors=seen), 0.0, settle_seconds)
    if isinstance(verdict, Failed):
        return Computed(State.FAILED, verdict.why)
    if not isinstance(verdict, Ready):
        return Computed(State.IN_PROGRESS, verdict.why)
    if kind is Kind.GATEWAY and not getattr(live, "endpoints", ()):
        return Computed(State.IN_PROGRESS, NO_ENDPOINT)
    return Computed(State.CURRENT, verdict.note)


def _seconds_since_conditions(live: Live, now: float) -> float:
    """How long ago the last condition changed; for ever where none has a time."""
    times = [condition.updated.timestamp() for condition in live.conditions if condition.updated is not None]
    return max(0.0, now - max(times)) if times else float("inf")
