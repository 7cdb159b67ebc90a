"""Rules on claims and those who run on them, as inequalities in GPUs that a person can follow."""

from __future__ import annotations

from collections.abc import Iterator

from coreweave_inference.fleet.instances import hardware_of
from coreweave_inference.fleet.objects import runs_in
from coreweave_inference.model.kinds import Kind

from .capacity import (
    Pool,
    claims_are_known,
    instances,
    may_use,
    pools_of,
)
from .finding import Problem, Severity
from .objects import Claim, Deployment
from .rule import rule
from .view import View

CLASSES = "autoscaling.capacityClasses"
RESERVED_WHY = "CAPACITY_CLASS_RESERVED alone lets replicas run on claims and nowhere else"


def _certain(view: View, severity: Severity) -> Severity:
    """What is an error when the account's other claims are known is a warning when they are not."""
    return severity if view.knows_all_claims else Severity.WARNING


@rule("claim-missing", Severity.ERROR, "A RESERVED-only deployment has no claim of its instance type")
def missing(view: View) -> Iterator[Problem]:
    """There is no claim of its type in any zone; one in another zone is another rule's."""
    if not claims_are_known(view) or (view.live is None and not view.claims):
        return
    types = {item.instance_type for item in view.all_claims}
    for item in view.deployments:
        if not item.reserved_only or item.disabled is not False or not item.instance_type:
            continue
        if item.instance_type.lower() not in types:
            yield Problem(
                item.about,
                item.path(CLASSES),
                f"no capacity claim reserves {item.instance_type}",
                RESERVED_WHY,
                "claim that instance type, or allow CAPACITY_CLASS_ON_DEMAND too",
                _certain(view, Severity.ERROR),
            )


@rule("claim-short-of-min", Severity.ERROR, "Claims hold fewer GPUs than the min replicas on them need")
def short_of_min(view: View) -> Iterator[Problem]:
    """The replicas that always run do not fit."""
    for pool in pools_of(view):
        if pool.claims and pool.least > pool.supply:
            yield _short(view, pool, of_min=True)
        elif pool.claims and pool.least + pool.held > pool.supply:
            yield _short_if_held(pool)


def _short_if_held(pool: Pool) -> Problem:
    first = next(item for item in pool.users if item.own)
    names = ", ".join(
        f'"{item.key}" ({"disabled" if item.disabled else "FAILED, not of this stack"})'
        for item in pool.resting[:5]
    )
    return Problem(
        first.about,
        first.path("autoscaling.min"),
        f"min: {pool.left_side(of_min=True)}, which fit into {pool.right_side} claimed of {pool.place} only if {names} "
        f"{'does' if len(pool.resting) == 1 else 'do'} not hold {pool.held} more",
        "whether a deployment that is disabled or FAILED gives its GPUs back is not documented; the service's own client "
        "says that a deployment holds them until it is deleted",
        "have them removed, or claim more",
        Severity.WARNING,
    )


@rule("claim-short-of-max", Severity.WARNING, "Claims hold fewer GPUs than the max replicas on them need")
def short_of_max(view: View) -> Iterator[Problem]:
    """What always runs fits, and what autoscaling may ask for does not."""
    for pool in pools_of(view):
        if pool.claims and pool.least <= pool.supply < pool.most:
            yield _short(view, pool, of_min=False)


def _short(view: View, pool: Pool, *, of_min: bool) -> Problem:
    first = next(item for item in pool.users if item.own)
    field = "min" if of_min else "max"
    return Problem(
        first.about,
        first.path(f"autoscaling.{field}"),
        f"{field}: {pool.left_side(of_min=of_min)} > {pool.right_side} claimed of {pool.place}",
        RESERVED_WHY,
        f"claim {instances(pool.least if of_min else pool.most, pool.gpus_each)} instances, lower {field}, or allow "
        "CAPACITY_CLASS_ON_DEMAND too",
        _certain(view, Severity.ERROR) if of_min else None,
    )


@rule("claim-larger-than-max", Severity.WARNING, "A claim is larger than everything that can run on it")
def larger_than_max(view: View) -> Iterator[Problem]:
    """Instances that are billed and that no replica can ever need."""
    for item, users, gpus_each in _claims_with_users(view):
        most = sum(user.max_gpus for user in users)
        others = [c for c in view.all_claims if (c.instance_type, c.zone) == (item.instance_type, item.zone)]
        count = sum(c.count or 0 for c in others)
        if users and count > instances(most, gpus_each):
            yield Problem(
                item.about,
                item.path("instanceCount"),
                f"{count} instances x {gpus_each} = {count * gpus_each} GPUs are claimed of {item.instance_type} in "
                f"{item.zone}, and the max replicas of everyone known who may run there need {most}",
                "a claim is billed for as long as it exists, whether it is used or not",
                f"claim {instances(most, gpus_each)}, or raise a max",
            )


@rule("claim-unused", Severity.WARNING, "No deployment can run on a claim")
def unused(view: View) -> Iterator[Problem]:
    """Type, zone or capacity classes keep every deployment away from it."""
    for item, users, gpus_each in _claims_with_users(view):
        if not users and not list(_on_demand_beside(view, item, (item.count or 0) * gpus_each)):
            yield Problem(
                item.about,
                item.path(),
                f"no known deployment may run on {item.instance_type} in {item.zone}",
                "a claim is billed for as long as it exists, whether it is used or not",
                "check instance type, the zones of the gateways and capacityClasses, or remove the claim",
            )


def _claims_with_users(view: View) -> Iterator[tuple[Claim, list[Deployment], int]]:
    """Our claims with who may run on them; a stack that has claims alone offers them to others."""
    if not view.deployments or not claims_are_known(view):
        return
    for item in view.own_claims:
        hardware = hardware_of(item.instance_type)
        everyone = [*view.deployments, *view.foreign_deployments]
        unknown = any(
            view.zones_of(d) is None
            or not d.instance_type
            or d.classes is None
            or d.max is None
            or d.gpus is None
            for d in everyone
        )
        if not unknown and hardware is not None:
            yield item, may_use(view, item), hardware.gpus


@rule("claim-idle-beside-on-demand", Severity.WARNING, "A deployment runs on demand beside an idle claim")
def idle_beside_on_demand(view: View) -> Iterator[Problem]:
    """Capacity is paid for twice."""
    for claim, users, gpus_each in _claims_with_users(view):
        idle = (claim.count or 0) * gpus_each - sum(user.max_gpus for user in users)
        for item in _on_demand_beside(view, claim, idle):
            yield Problem(
                item.about,
                item.path(CLASSES),
                f"it runs on unclaimed capacity only, while {idle} GPUs of {claim.label} can never be used",
                "both are billed",
                f"allow CAPACITY_CLASS_RESERVED too, or {'make the claim smaller' if users else 'remove the claim'}",
            )


def _on_demand_beside(view: View, claim: Claim, idle: int) -> Iterator[Deployment]:
    """The deployments that run on demand although so many idle GPUs of a claim would do."""
    for item in view.deployments:
        here = item.is_of_type(claim.instance_type) and runs_in(view.zones_of(item), claim.zone)
        if item.on_demand_only and here and item.gpus and idle >= item.gpus:
            yield item


@rule("claim-full-for-replacement", Severity.WARNING, "A replacement needs more GPUs than its claim has free")
def full_for_replacement(view: View) -> Iterator[Problem]:
    """Old and new exist at the same time, and the claim does not hold both."""
    for pool in pools_of(view):
        for item in pool.users:
            before = view.last_of(item) if item.own and not item.options.delete_before_replace else None
            both = pool.least + (view.last_deployment(before).min_gpus if before else 0)
            if pool.least <= pool.supply < both and view.is_replaced(item):
                yield Problem(
                    item.about,
                    item.path("name"),
                    f"it is replaced, and until the old one is deleted both need {both} GPUs of the {pool.supply} that "
                    f"are claimed of {pool.place}",
                    "the new one is made and waited for before the old one is deleted",
                    "set options.deleteBeforeReplace: true and live with the gap, or claim more for the change",
                )


@rule("claim-full-for-new-member", Severity.WARNING, "A new deployment fits only while others are scaled in")
def full_for_new_member(view: View) -> Iterator[Problem]:
    """A canary finds no free GPUs while the others run at their max."""
    for pool in pools_of(view):
        for item in pool.users:
            others = pool.most - item.max_gpus
            if item.own and view.is_new(item) and pool.least <= pool.supply < others + item.min_gpus:
                yield Problem(
                    item.about,
                    item.path("autoscaling.min"),
                    f"it is new and needs {item.min_gpus} GPU{'' if item.min_gpus == 1 else 's'} at once; with the others at their max {others} of the "
                    f"{pool.supply} GPUs claimed of {pool.place} are taken",
                    "it then waits until others scale in",
                    "claim one instance more, lower the others' max, or raise its priority",
                )


@rule("claim-full-for-update", Severity.NOTE, "A deployment is changed in place on a full claim")
def full_for_update(view: View) -> Iterator[Problem]:
    """There is no room for one more replica while runtime, hardware or model change."""
    for pool in pools_of(view):
        free = pool.supply - pool.least
        for item in pool.users:
            before = view.before(item) if item.own else None
            if before is None or not pool.claims or not 0 <= free < (item.gpus or 0):
                continue
            changed = [
                name
                for name in ("runtime", "resources", "model")
                if view.declares_otherwise(item, before, name)
            ]
            if changed:
                yield Problem(
                    item.about,
                    item.path(changed[0]),
                    f"its {', '.join(changed)} changes, one replica needs {item.gpus} GPUs, and {free} of the "
                    f"{pool.supply} claimed of {pool.place} are free beside what always runs",
                    "how the service moves replicas to a new revision is not documented; it may want room for one more",
                    "claim one instance more for the change, or watch that it comes through",
                )


@rule("claim-taken-away", Severity.WARNING, "A claim that is removed or replaced evicts deployments")
def taken_away(view: View) -> Iterator[Problem]:
    """Who runs there, and where they may go."""
    removed = list(view.removed(Kind.CAPACITY_CLAIM))
    replaced = [(view.last_of(item), item) for item in view.own_claims if view.is_replaced(item)]
    for last, new in [*((last, None) for last in removed), *replaced]:
        if last is None:
            continue
        claim = view.last_claim(last)
        first = new is not None and not view.is_released_first(new)
        users = [user for user in may_use(view, claim) if _runs(view, user)]
        for text in _evicted(view, claim, users, new if first else None):
            order = ", the new one comes first" if first else ""
            yield Problem(
                claim.about,
                claim.path(),
                f"it is {'removed' if new is None else 'replaced'}{order}, and {text}",
                "deleting a claim evicts what runs on its instances and moves it to other capacity if there is any",
                "have the other capacity ready first, or keep the claim until its deployments are deleted",
            )


@rule("claim-reduced", Severity.WARNING, "A claim is reduced below what may run on it")
def reduced(view: View) -> Iterator[Problem]:
    """Fewer instances than before, and than the min replicas of those who may run there need."""
    for item in view.own_claims:
        last = view.last_of(item)
        before = view.last_claim(last).count if last else None
        if before is None or item.count is None or item.count >= before or view.is_replaced(item):
            continue
        hardware = hardware_of(item.instance_type)
        users = may_use(view, item)
        least = sum(user.min_gpus for user in users)
        if hardware and least > item.count * hardware.gpus:
            for text in _evicted(view, item, users):
                yield Problem(
                    item.about,
                    item.path("instanceCount"),
                    f"it goes from {before} to {item.count} instances, which hold {item.count * hardware.gpus} of the "
                    f"{least} GPUs that the min replicas need, and {text}",
                    "a managed claim may shrink with a delay, and its instances are billed until then",
                    f"keep {instances(least, hardware.gpus)}, or have other capacity ready",
                )


def _runs(view: View, item: Deployment) -> bool:
    """Whether it may have replicas now that are lost."""
    return not item.disabled and not (item.own and view.is_new(item))


def _evicted(
    view: View, claim: Claim, users: list[Deployment], successor: Claim | None = None
) -> Iterator[str]:
    """One sentence on all who may run on a claim, and where they may go; `successor` exists before the claim is deleted."""
    if not users:
        return
    others = [other for other in view.all_claims if (other.kind, other.key) != (claim.kind, claim.key)]
    parts = [f'"{user.key}" may run {_where_else(view, user, others, successor)}' for user in users[:5]]
    more = f" and {len(users) - 5} more" if len(users) > 5 else ""
    yield f"of those who run there {', '.join(parts)}{more}"


def _where_else(view: View, user: Deployment, claims: list[Claim], successor: Claim | None) -> str:
    new = ["the new claim"] if successor and view.may_run_on(user, successor) else []
    unclaimed = [] if user.reserved_only else ["unclaimed capacity if there is any"]
    places = [*new, *(f'claim "{claim.key}"' for claim in claims if view.may_run_on(user, claim)), *unclaimed]
    return f"on {' and '.join(places)}" if places else "nowhere"
