"""Checks of deployments, of their weights, and of models as clients see them."""

from __future__ import annotations

from coreweave_inference.api.objects import ApiObject
from coreweave_inference.errors import Unreachable, plural
from coreweave_inference.fleet.objects import RESERVED
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import get_path
from coreweave_inference.status.computed import Computed, State
from coreweave_inference.status.report import weight_of

from .answers import judge_answer, takes_traffic
from .check import Check, Outcome, Problem, Skip
from .observed_checks import with_log
from .running import Group, Subject, ask


def member_state(subject: Subject) -> str:
    """The deployment is Current."""
    live = _live(subject)
    found = subject.running.state_of(live)
    if found.state is State.CURRENT:
        return found.reason or live.status
    problem = _not_current(live.status, found, "wait: `cw-inference status --watch` shows when it serves")
    raise problem if found.state in (State.IN_PROGRESS, State.TERMINATING) else with_log(problem, subject)


def claim_state(subject: Subject) -> str:
    """A claim has its instances."""
    live = _live(subject)
    found = subject.running.state_of(live)
    if found.state is State.CURRENT:
        return f"{live.allocated_instances} allocated, {live.pending_instances} pending"
    wait = "wait: `cw-inference status --watch` shows when it is done; more capacity is a matter of quota and zone (`cw-inference catalog`)"
    raise _not_current(live.status, found, wait)


def _not_current(status: str, found: Computed, wait: str) -> Problem:
    """What is wrong with an object that is not Current. `wait`: what to do where it is in progress."""
    if found.state is State.IN_PROGRESS:
        return Problem(f"is {status}: {found.reason}", wait, outcome=Outcome.IN_PROGRESS)
    if found.state is State.TERMINATING:
        return Problem(
            "is being deleted", "see who deletes it; `cw-inference up` creates it again once it is deleted"
        )
    return Problem(
        f"has failed: {found.reason}",
        "fix what the reason names, and run `cw-inference up`: it sends the spec again",
    )


def serves(subject: Subject) -> bool:
    """Whether the deployment is Current."""
    return subject.live is not None and subject.running.state_of(subject.live).state is State.CURRENT


def claim_covers(subject: Subject) -> str:
    """Its replicas have somewhere to run."""
    live, running = _live(subject), subject.running
    classes = get_path(live.spec, "autoscaling.capacityClasses") or ()
    if set(classes) != {RESERVED}:
        raise Skip("may run on unclaimed capacity")
    ids = [
        claim.id
        for claim in running.lists[Kind.CAPACITY_CLAIM]
        if live.id in running.costs.may_run_on(claim.id)
    ]
    claims = [running.by_id[id_] for id_ in ids if running.by_id[id_].status != "DELETING"]
    kind, zones = get_path(live.spec, "resources.instanceType"), _zones(subject)
    if not claims and not live.spec.get("disabled"):
        raise Problem(
            f"runs on capacity claims alone, and no claim is for {kind} in {zones}",
            "declare a claim of that instance type and zone, or add CAPACITY_CLASS_ON_DEMAND to autoscaling.capacityClasses",
        )
    allocated, pending = sum(c.allocated_instances for c in claims), sum(c.pending_instances for c in claims)
    names = ", ".join(running.label(Kind.CAPACITY_CLAIM, claim.id) for claim in claims)
    if pending and not serves(subject):
        raise Problem(
            f"waits for {names}: {plural(allocated, 'instance')} allocated, {pending} pending",
            "wait for the hardware, or ask for quota; with CAPACITY_CLASS_ON_DEMAND it may run elsewhere meanwhile",
            why="; ".join(dict.fromkeys(_unmet(claim) for claim in claims)),
        )
    return f"{names}: {allocated} allocated, {pending} pending"


def traffic_group(group: Group) -> str:
    """Somebody in the group takes traffic."""
    members = group.members
    enabled = [found for found in members if not found.spec.get("disabled")]
    keys = ", ".join(group.running.label(Kind.DEPLOYMENT, found.id) for found in members)
    if not enabled:
        raise Problem(
            f"every deployment of the model is disabled ({keys}), so nobody answers",
            "set `disabled: false` of one and run `cw-inference up`",
        )
    if not any(map(weight_of, enabled)):
        answered = _answers_without_weight(group) if len(enabled) == 1 else False
        raise Problem(
            f"the weights of all enabled deployments add up to 0 ({keys}), so no request has to be answered",
            "give one of them a weight (traffic.weight, 1 to 1000) and run `cw-inference up`",
            why="it did answer one now, which is not documented" if answered else "",
            outcome=Outcome.WARNING if answered else Outcome.FAILED,
        )
    return ", ".join(
        f"{group.running.label(Kind.DEPLOYMENT, found.id)} weight {weight_of(found)}" for found in enabled
    )


def _answers_without_weight(group: Group) -> bool:
    """Whether the only enabled deployment answers with weight 0: the documentation says both that it does and that it does not."""
    running = group.running
    if not running.completions or group.gateway_id not in running.reachable or not group.routes:
        return False
    route = group.routes[0]
    try:
        exchange = ask(group, running.reads.client(route), route)
    except Unreachable:
        return False
    return judge_answer(exchange, group.model, group.members).ok


def model_listed(group: Group) -> str:
    """The gateway lists the model, once somebody serves it."""
    running = group.running
    _require_route(group)
    if not any(_serves(group, found) for found in group.members):
        raise Skip("nobody serves it yet")
    route = group.routes[0]
    try:
        exchange = running.reads.client(route).models(route)
    except Unreachable as error:
        raise Problem(f"{route.models_url} gives no answer", "check the network", why=str(error)) from None
    data = (exchange.document or {}).get("data")
    names = (
        [str(entry.get("id")) for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []
    )
    if group.model not in names:
        raise Problem(
            f'the gateway does not list the model "{group.model}" (it lists {", ".join(names) or "none"})',
            "ask for one of the listed names, or correct model.name and run `cw-inference up`",
        )
    return f"listed among {len(names)}"


def _require_route(group: Group) -> None:
    if group.gateway_id not in group.running.reachable or not group.routes:
        raise Skip("unproven: the gateway's route is not proven")


def _serves(group: Group, member: ApiObject) -> bool:
    return takes_traffic(member) and group.running.state_of(member).state is State.CURRENT


def _live(subject: Subject) -> ApiObject:
    if subject.live is None:
        raise Skip("it is not in the account")
    return subject.live


def _zones(subject: Subject) -> str:
    found = {
        str(zone)
        for id_ in subject.running.gateway_ids(subject.item)
        if (gateway := subject.running.by_id.get(id_)) is not None
        for zone in gateway.spec.get("zones") or ()
    }
    return " or ".join(sorted(found)) or "any zone"


def _unmet(claim: ApiObject) -> str:
    return "; ".join(
        " ".join(part for part in (c.reason, c.message) if part) for c in claim.conditions if not c.status
    )


CLAIM_CHECKS: tuple[Check[Subject], ...] = (Check("claim-state", "the claim has its instances", claim_state),)
MEMBER_CHECKS: tuple[Check[Subject], ...] = (
    Check("deployment-state", "the deployment serves", member_state),
    Check("claim-covers", "its replicas have somewhere to run", claim_covers),
)


def group_checks(retry_seconds: float) -> tuple[Check[Group], ...]:
    """Of a model on a gateway, before anything is asked of it."""
    return (
        Check("traffic-group", "somebody takes its traffic", traffic_group),
        Check("model-listed", "the gateway lists the model", model_listed, retry_seconds=retry_seconds),
    )
