"""What happens to a capacity claim: what bills, and who loses GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coreweave_inference.errors import plural
from coreweave_inference.fleet.objects import CUSTOMER, runs_in
from coreweave_inference.review.capacity import covers
from coreweave_inference.review.context import ReviewContext
from coreweave_inference.review.fleet import Claim, Deployment
from coreweave_inference.review.phrases import say
from coreweave_inference.review.properties import PropertyChange
from coreweave_inference.review.reading import Resource
from coreweave_inference.review.verdicts import Consequence, caution, dangerous, plain

COUNT = "resources.instanceCount"


def consequences(
    resource: Resource, changes: Sequence[PropertyChange], context: ReviewContext
) -> Iterator[Consequence]:
    """Everything worth saying about one claim."""
    label = resource.label
    if resource.operation == "import":
        yield plain(say("adopts the capacity claim {name} as it is", name=label))
    elif resource.operation == "create":
        yield _created(context.after.claims[label])
    elif resource.kept:
        yield caution(
            say("leaves claim {name} alone: it stays in the account and goes on billing", name=label)
        )
    elif resource.operation == "delete":
        yield from _evicted(label, context, "deletes claim {name}")
    elif resource.operation == "replace":
        yield from _replaced(resource, changes, context)
    else:
        for change in changes:
            yield from _changed(label, change, context)


def _created(claim: Claim) -> Consequence:
    many = "" if claim.count is None else f"{plural(claim.count, 'instance')} of "
    billed = (
        "from your own quota" if claim.capacity_type == CUSTOMER else "billed from the start, used or not"
    )
    words = f"claim {{name}} reserves {many}{{type}} in {{zone}}, {billed}"
    return plain(say(words, name=claim.label, type=claim.instance_type, zone=claim.zone))


def _replaced(
    resource: Resource, changes: Sequence[PropertyChange], context: ReviewContext
) -> Iterator[Consequence]:
    fields = ", ".join(sorted(change.path.rsplit(".", 1)[-1] for change in changes if change.path != "name"))
    same_name = (resource.before or {}).get("name") == (resource.after or {}).get("name")
    order = (
        "the old one is released before the new one is requested" if same_name else "the new one comes first"
    )
    words = f"replaces claim {{name}} ({fields or 'name'}): {order}"
    yield (dangerous if same_name else caution)(say(words, name=resource.label))
    yield from _evicted(resource.label, context, "")


def _evicted(label: str, context: ReviewContext, else_: str) -> Iterator[Consequence]:
    """Deleting a claim evicts what runs on it; where else it may run decides how bad that is."""
    claim = context.before.claims[label]
    users = [
        deployment
        for deployment in context.before.deployments.values()
        if covers(claim, deployment) and not deployment.disabled
    ]
    then = context.after.deployments
    staying = sorted(u.label for u in users if u.label in then and _stays_on(claim, then[u.label]))
    stranded = [name for name in staying if _stranded(context.after.deployments[name], context)]
    if stranded:
        words = "evicts {users} from claim {name}: allowed on claims only, and no claim is left for them"
        yield dangerous(say(words, users=stranded, name=label))
    others = [name for name in staying if name not in stranded]
    if others:
        words = "evicts {users} from claim {name}: the service moves them to other capacity, if there is any"
        yield dangerous(say(words, users=others, name=label))
    if not staying and else_:
        yield caution(say(f"{else_}; no deployment that stays can run on it", name=label))


def _stays_on(claim: Claim, deployment: Deployment) -> bool:
    """Whether it is for the claim's instance type and zone still: deletions wait until what changes has moved."""
    return deployment.is_of_type(claim.instance_type) and runs_in(deployment.zones, claim.zone)


def _stranded(deployment: Deployment, context: ReviewContext) -> bool:
    return deployment.reserved_only and not any(
        covers(claim, deployment) for claim in context.after.claims.values()
    )


def _changed(label: str, change: PropertyChange, context: ReviewContext) -> Iterator[Consequence]:
    before, after = change.before, change.after
    if change.path != COUNT or not (isinstance(before, int) and isinstance(after, int)):
        yield plain(say("{path} {before} → {after}", path=change.path, before=before, after=after))
    elif after > before:
        words = f"claim {{name}} grows from {before} to {plural(after, 'instance')}, billed as they come"
        yield plain(say(words, name=label))
    else:
        words = (
            f"claim {{name}} shrinks from {before} to {plural(after, 'instance')}; the service may keep the old count, "
            "and its bill, for a while"
        )
        yield caution(say(words, name=label))
        users = sorted(
            d.label
            for d in context.after.deployments.values()
            if d.label in context.before.deployments
            and not d.disabled
            and covers(context.after.claims[label], d)
        )
        if users:
            yield caution(say("{users} may lose replicas that run on {name}", users=users, name=label))
