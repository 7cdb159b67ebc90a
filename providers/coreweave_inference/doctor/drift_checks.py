"""What was changed outside: a finding of its own, and the cause of others' where they are about a field that was changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from coreweave_inference.errors import plural
from coreweave_inference.model.kinds import Kind
from coreweave_inference.status.recorded import Recorded
from coreweave_inference.status.report import drift_of

from .check import Check, Outcome, Problem, Problems, Skip
from .running import Running

PUT_BACK = (
    "`cw-inference up` writes the declared values again; to keep the change, write it into the declaration"
)
MEMBERSHIP = ("gatewayIds", "model.name", "traffic.weight", "disabled")
CAUSES: Mapping[str, Mapping[Kind, tuple[str, ...]]] = {
    "gateway-exists": {Kind.DEPLOYMENT: ("gatewayIds",)},
    "gateway-ready": {Kind.GATEWAY: ("",)},
    "gateway-auth": {Kind.GATEWAY: ("coreWeaveAuth", "weightsAndBiasesAuth", "endpointConfiguration")},
    "gateway-route": {Kind.GATEWAY: ("bodyBasedRouting", "headerBasedRouting", "pathBasedRouting")},
    "traffic-group": {Kind.DEPLOYMENT: MEMBERSHIP},
    "model-listed": {Kind.DEPLOYMENT: MEMBERSHIP},
    "deployment-state": {Kind.DEPLOYMENT: ("",)},
    "claim-state": {Kind.CAPACITY_CLAIM: ("",)},
    "claim-covers": {
        Kind.DEPLOYMENT: ("autoscaling.capacityClasses", "resources", "gatewayIds"),
        Kind.CAPACITY_CLAIM: ("resources",),
    },
    "weights-exist": {Kind.DEPLOYMENT: ("model.bucket", "model.path")},
    "weights-policy": {Kind.DEPLOYMENT: ("model.bucket", "model.path")},
    "completion": {Kind.DEPLOYMENT: (*MEMBERSHIP, "model", "runtime", "resources")},
}
"""The fields of each kind that may be the cause of a check's finding; the empty one is any."""


def as_declared(running: Running) -> str:
    """Nothing that the last run declared was changed outside."""
    known = [item for item in running.shown if item.spec is not None and item.id in running.by_id]
    if not known:
        raise Skip("no object was declared by a run of this stack")
    changed = [(item, tuple(changes_in(running, item))) for item in known]
    found = [
        Problem(f"was changed outside: {'; '.join(changes)}", PUT_BACK, subject=item.label)
        for item, changes in changed
        if changes
    ]
    if found:
        raise Problems(found)
    return plural(len(known), "object")


def changes_in(running: Running, item: Recorded, fields: tuple[str, ...] = ("",)) -> Iterator[str]:
    """`traffic.weight: 300 -> 0` of each field at or below `fields` that is not as the last run declared it."""
    live = running.by_id.get(item.id)
    for difference in (drift_of(item, live) if live is not None else None) or ():
        if any(not field or f"{difference.path}.".startswith(f"{field}.") for field in fields):
            yield str(difference)


def explained_by_drift(running: Running, items: Iterable[Recorded]) -> Callable[[str, Problem], Problem]:
    """Gives a failure its cause and fix where one of the objects was changed outside in a field that it is about."""
    items = tuple(items)

    def explain(code: str, problem: Problem) -> Problem:
        causes = CAUSES.get(code, {})
        changes = [
            f"{item.label} was changed outside ({change})"
            for item in items
            if problem.outcome is Outcome.FAILED
            for change in changes_in(running, item, causes.get(item.kind, ()))
        ]
        if changes:
            problem.why = "; ".join(filter(None, (*changes, problem.why)))
            problem.do = PUT_BACK
        return problem

    return explain


AS_DECLARED: Check[Running] = Check(
    "as-declared", "nothing was changed outside since the last run", as_declared, warning=True
)
