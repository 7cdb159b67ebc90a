"""What happens to a gateway: the address of every client behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coreweave_inference.model.gateway import AUTH, ROUTING
from coreweave_inference.review.context import ReviewContext
from coreweave_inference.review.phrases import say
from coreweave_inference.review.properties import PropertyChange
from coreweave_inference.review.reading import Resource
from coreweave_inference.review.verdicts import Consequence, caution, dangerous, plain

DNS = "endpointConfiguration.additionalDns"
ADDRESSES = "endpointConfiguration.allowedSourceIpRanges"


def consequences(
    resource: Resource, changes: Sequence[PropertyChange], context: ReviewContext
) -> Iterator[Consequence]:
    """Everything worth saying about one gateway."""
    label = resource.label
    if resource.operation == "create":
        again = resource.recorded is not None
        words = "creates the gateway {name} again, which was deleted: its endpoint is a new one"
        if again:
            yield dangerous(say(words, name=label))
        else:
            yield plain(say("new gateway {name}; its endpoint is known when it is made", name=label))
    elif resource.operation == "import":
        yield plain(say("adopts the gateway {name} as it is", name=label))
    elif resource.operation == "delete":
        yield _deleted(resource, context)
        if not resource.kept:
            yield from _other_stacks(resource, context)
    elif resource.operation == "replace":
        yield from _replaced(resource, context)
        yield from _other_stacks(resource, context)
    else:
        for change in changes:
            yield _changed(label, change)


def _deleted(resource: Resource, context: ReviewContext) -> Consequence:
    if resource.kept:
        return plain(say("leaves the gateway {name} alone: it stays in the account", name=resource.label))
    models = context.models_on(resource.label)
    if not models:
        return caution(
            say("deletes gateway {name}; no model of these stacks is behind it", name=resource.label)
        )
    return dangerous(
        say(
            "deletes gateway {name}: clients of {models} lose their endpoint",
            name=resource.label,
            models=models,
        )
    )


def _replaced(resource: Resource, context: ReviewContext) -> Iterator[Consequence]:
    yield dangerous(
        say("replaces gateway {name}: its endpoint changes for every client", name=resource.label)
    )
    models, endpoints = context.models_on(resource.label), resource.outputs.get("endpoints")
    if models:
        yield caution(say("clients of {models} must use the new endpoint", models=models))
    if isinstance(endpoints, list) and endpoints:
        yield plain(say("the endpoint that goes: {endpoints}", endpoints=endpoints))


def _other_stacks(resource: Resource, context: ReviewContext) -> Iterator[Consequence]:
    """Which other stacks have to run, and in which order: the service deletes no gateway that deployments use."""
    users = context.users_of(str((resource.before or {}).get("apiId") or ""), resource.stack)
    for stays in (True, False):
        found = [item for item, also_then in users if also_then is stays]
        if not found:
            continue
        stacks = sorted({item.stack for item in found})
        gaps = {
            "users": sorted(item.label for item in found),
            "stacks": stacks,
            "own": resource.stack,
            "name": resource.label,
        }
        if not stays:
            words = (
                "{users} leave gateway {name}, which cannot be deleted before: run {stacks} first, then {own}"
            )
            yield caution(say(words, **gaps))
        elif resource.operation == "delete":
            words = "{users} stay on gateway {name}, which cannot be deleted while they use it: first run {stacks} without it, then {own}"
            yield dangerous(say(words, **gaps))
        else:
            words = (
                "{users} stay on the former gateway {name}, which cannot be deleted while they use it: first run {own} with the new "
                "gateway under a key of its own, then {stacks} with its deployments on that one, then {own} without the former"
            )
            yield dangerous(say(words, **gaps))


def _changed(label: str, change: PropertyChange) -> Consequence:
    top = change.path.split(".")[0]
    if top in AUTH:
        return dangerous(
            say("changes how clients of {name} authenticate ({path})", name=label, path=change.path)
        )
    if top in ROUTING:
        return dangerous(
            say("changes how {name} finds the model of a request ({path})", name=label, path=change.path)
        )
    if change.path == ADDRESSES:
        words = "clients of {name} may call from {after} instead of {before}"
        return dangerous(
            say(words, name=label, before=change.before or "anywhere", after=change.after or "anywhere")
        )
    if change.path == DNS and change.known and _goes(change):
        words = (
            "takes the DNS names {names} out of {name}; the service keeps them until the gateway is replaced"
        )
        return caution(say(words, name=label, names=_goes(change)))
    if change.path == "name":
        return plain(say("renames it from {before} to {after}", before=change.before, after=change.after))
    if change.path == "zones" and change.known and change.before and _comes(change) and not _goes(change):
        return caution(say("gateway {name} runs in {zones} too", name=label, zones=_comes(change)))
    if change.path == "zones":
        words = "moves gateway {name} from {before} to {after}"
        return dangerous(
            say(words, name=label, before=change.before or "all zones", after=change.after or "all zones")
        )
    return plain(say("{path} {before} → {after}", path=change.path, before=change.before, after=change.after))


def _comes(change: PropertyChange) -> list[str]:
    return sorted(set(change.after or ()) - set(change.before or ()))


def _goes(change: PropertyChange) -> list[str]:
    return sorted(set(change.before or ()) - set(change.after or ()))
