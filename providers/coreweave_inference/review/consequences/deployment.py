"""What happens to a deployment: its clients, its replicas, its place in a traffic group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coreweave_inference.review.context import ReviewContext
from coreweave_inference.review.phrases import say
from coreweave_inference.review.properties import PropertyChange
from coreweave_inference.review.reading import Resource
from coreweave_inference.review.verdicts import Consequence, caution, dangerous, plain

from . import replicas, traffic

LONG = "it loads its weights first, which takes minutes"


def consequences(
    resource: Resource, changes: Sequence[PropertyChange], context: ReviewContext
) -> Iterator[Consequence]:
    """Everything worth saying about one deployment."""
    if resource.operation == "create":
        yield from _created(resource, context)
    elif resource.operation == "delete":
        yield from _deleted(resource, context)
    elif resource.operation == "import":
        yield plain(say("adopts the deployment {name} as it is", name=resource.label))
    elif resource.operation == "replace":
        yield from _replaced(resource, changes, context)
    else:
        yield from traffic.of_member(resource.label, context)
        yield from _model_name(changes)
        yield from _disabled(resource.label, changes, context)
        yield from replicas.consequences(resource.label, changes)


def _created(resource: Resource, context: ReviewContext) -> Iterator[Consequence]:
    made = context.after.deployments[resource.label]
    recreated = resource.recorded is not None
    words = "creates the deployment {name} again, which was deleted" if recreated else "new deployment {name}"
    yield plain(
        say(
            f"{words}: serves {{model}} from {{path}}",
            name=made.label,
            model=made.model_name,
            path=made.model_path,
        )
    )
    yield from traffic.of_member(resource.label, context)


def _deleted(resource: Resource, context: ReviewContext) -> Iterator[Consequence]:
    if resource.kept:
        yield plain(
            say("leaves {name} alone: it stays in the account and goes on billing", name=resource.label)
        )
        return
    unserved = context.reaches_none_after(resource.label)
    for group in unserved:
        words = "deletes {name}: nobody serves {model} on {gateway} any more"
        yield dangerous(say(words, name=resource.label, model=group.model, gateway=group.gateway))
    if not unserved:
        level = caution if context.serves_now(resource.label) else plain
        yield level(say("deletes {name}; requests in flight get a grace period", name=resource.label))
    yield from traffic.of_member(resource.label, context)


def _replaced(
    resource: Resource, changes: Sequence[PropertyChange], context: ReviewContext
) -> Iterator[Consequence]:
    paths = sorted(change.path for change in changes) or ["asked for"]
    same_name = (resource.before or {}).get("name") == (resource.after or {}).get("name")
    if same_name:
        words = f"replaces {{name}} ({{paths}}): the old one goes before the new one is asked for, and {LONG}"
        yield dangerous(say(words, name=resource.label, paths=paths))
    else:
        words = f"replaces {{name}} ({{paths}}): the new one comes first; {LONG}"
        yield caution(say(words, name=resource.label, paths=paths))
    yield from traffic.of_member(resource.label, context)
    yield from _model_name(changes)


def _model_name(changes: Sequence[PropertyChange]) -> Iterator[Consequence]:
    for change in changes:
        if change.path == "model.name":
            words = "clients that ask for {before} get no answer from it any more; they must ask for {after}"
            yield dangerous(say(words, before=change.before, after=change.after))


def _disabled(label: str, changes: Sequence[PropertyChange], context: ReviewContext) -> Iterator[Consequence]:
    change = next((change for change in changes if change.path == "disabled"), None)
    if change is None:
        return
    if not change.known:
        yield caution(say("disabled {before} → {after}", before=change.before, after=change.after))
        return
    if not change.after:
        words = "switches {name} on again; whether it loads its weights first is not documented"
        yield caution(say(words, name=label))
        return
    unserved = context.reaches_none_after(label)
    for group in unserved:
        words = "switches {name} off: nobody serves {model} on {gateway} any more"
        yield dangerous(say(words, name=label, model=group.model, gateway=group.gateway))
    if not unserved:
        yield caution(say("switches {name} off: it keeps its configuration and serves nothing", name=label))
