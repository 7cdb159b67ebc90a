"""Rules on what a change does to what runs, against the last state where it is known."""

from __future__ import annotations

from collections.abc import Iterator

from coreweave_inference.declaration import Origin
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import differences, has_unknown

from .finding import About, Problem, Severity
from .groups import Group, grouped, groups_of, named
from .objects import Deployment, Item, LastObject
from .rule import rule
from .view import View


@rule("gateway-replaced", Severity.WARNING, "A replaced gateway gets another endpoint")
def gateway_replaced(view: View) -> Iterator[Problem]:
    """Clients and DNS names point at the old one."""
    for item in view.gateways:
        last = view.last_of(item)
        if item.own and last is not None and view.is_replaced(item):
            yield Problem(
                item.about,
                item.path("name"),
                f'its name changes from "{last.spec.get("name")}", which makes a new gateway',
                "endpoints are the service's to give, and the new gateway's are others; clients point at the old ones",
                "keep the name; or add a second gateway, move clients, and remove this one afterwards",
            )


@rule("object-failed", Severity.WARNING, "An object of this stack has failed at the service")
def object_failed(view: View) -> Iterator[Problem]:
    """It served once, or never did; the status is the service's own. ERROR may pass, so that alone is no finding."""
    for item in (*view.gateways, *view.claims, *view.deployments):
        live = view.live_of(item) if item.own else None
        if live is not None and live.status == "FAILED":
            yield Problem(
                item.about,
                item.path(),
                f"the service reports {live.failure or live.status}",
                "the service does not try again by itself",
                "fix the cause and run `cw-inference up`, which reads the status, sends the spec again and waits",
            )


@rule("claim-given-up", Severity.WARNING, "Capacity is released before it is requested again")
def claim_released(view: View) -> Iterator[Problem]:
    """A claim is replaced and the old one goes first: it has a name of its own, or is declared to."""
    for item in view.own_claims:
        if view.is_replaced(item) and view.is_released_first(item):
            yield Problem(
                item.about,
                item.path("name"),
                "it is replaced, and the old claim is deleted before the new one is asked for",
                "what it held goes back to the pool, and somebody else may have it before you ask again",
                "leave its name out, so that the new claim exists before the old one goes, or claim under a second key first",
            )


@rule("last-member-disabled", Severity.WARNING, "The last member that serves a model name is disabled")
def last_member_disabled(view: View) -> Iterator[Problem]:
    """It served before, and nobody serves after."""
    for group in groups_of(view):
        if members := no_longer_serving(view, group):
            also = f"{named(members[1:])} too, " if members[1:] else ""
            yield Problem(
                members[0].about,
                members[0].path("disabled"),
                f'it is disabled, {also}and no other member serves the model name "{group.model_name}"',
                "requests for that name fail from then on",
                "bring up another member with a weight first, or tell its clients",
            )


def no_longer_serving(view: View, group: Group) -> tuple[Deployment, ...]:
    """The members that served before this run, where it disables all of the group."""
    former = None if group.shares is None or group.enabled else _group_before(view, group)
    shares = zip(former.members, former.shares or (), strict=False) if former else ()
    served = {was.key for was, share in shares if was.own and share.most}
    return tuple(member for member in group.own if member.key in served)


@rule("model-name-gone", Severity.WARNING, "A model name that was served disappears")
def model_name_gone(view: View) -> Iterator[Problem]:
    """No deployment has a name any more that one had in the last state."""
    if any(item.model_name is None for item in view.deployments):
        return
    served = {item.model_name for item in view.all_deployments}
    for last in view.last or ():
        was = view.last_deployment(last) if last.kind is Kind.DEPLOYMENT else None
        if was and was.model_name and was.model_name not in served and not was.disabled:
            served.add(was.model_name)
            yield Problem(
                was.about,
                was.path("model.name"),
                f'nobody serves the model name "{was.model_name}" any more',
                "it is what clients ask for, and their requests fail from then on",
                "keep a member under the old name until its clients have moved",
            )


@rule("min-lowered", Severity.WARNING, "min is lowered below what the member's traffic had")
def min_lowered(view: View) -> Iterator[Problem]:
    """Fewer replicas that always run for each part of the traffic than before."""
    for group in groups_of(view):
        before = _group_before(view, group)
        for member in group.own:
            was = next((m for m in before.members if m.own and m.key == member.key), None) if before else None
            if before is None or was is None or not was.min or not member.min or member.min >= was.min:
                continue
            old, new = before.share_of(was), group.share_of(member)
            if old is None or new is None or not old.most:
                continue
            need = -(-was.min * new.least // old.most)
            if member.min * old.most < was.min * new.least and new.least * 2 >= 1:
                yield Problem(
                    member.about,
                    member.path("autoscaling.min"),
                    f"min goes from {was.min} to {member.min}, and its share from {old} to {new}; "
                    f"in the same proportion that is {need}",
                    "replicas beyond min are added only after requests queue, and load their weights first",
                    f"keep {min(need, was.min)}, or lower it when the traffic has ended",
                )


def _group_before(view: View, group: Group) -> Group | None:
    """The members as they were before this run, where that is known of each."""
    was = [view.was(member) if member.own else member for member in group.members]
    same_name = [member for member in was if member and member.model_name == group.model_name]
    found = grouped(same_name)
    return found[0] if found else None


@rule("key-renamed", Severity.WARNING, "A renamed key replaces the object")
def key_renamed(view: View) -> Iterator[Problem]:
    """An object of the last state was removed, and a new one says the same."""
    for kind in Kind:
        items: dict[Kind, tuple[Item, ...]] = {
            Kind.GATEWAY: view.gateways,
            Kind.CAPACITY_CLAIM: view.claims,
            Kind.DEPLOYMENT: view.deployments,
        }
        removed = list(view.removed(kind))
        for item in items[kind]:
            new = item.own and item.key not in view.last_keys(kind) and not item.options.aliases
            if new and item.id in {last.id for last in removed}:
                continue  # Renamed back to a former key: its id tells that it is the same object.
            twin = next((last for last in removed if new and _says_the_same(item, last)), None)
            if twin:
                removed.remove(twin)
                yield Problem(
                    About(kind.noun, item.key),
                    item.path(),
                    f'it says what {kind.noun} "{twin.key}" said, which is not declared any more',
                    f"under another key it is another object: this one is made anew{_cost(kind)}, and the old one deleted",
                    f"if it is the same, add {_alias(twin.key, view.origin(item.path()))}",
                )


def _alias(key: str, origin: Origin | None) -> str:
    """What keeps an object whose key was `key`, as the file or the program says it that declares it now."""
    if origin is not None and origin.file.endswith(".yaml"):
        return f"options: {{aliases: [{key}]}}"
    name = key.partition(" (")[0]  # In a component the label has its types too.
    return f'opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="{name}")])'


def _cost(kind: Kind) -> str:
    return {
        Kind.GATEWAY: " with another endpoint",
        Kind.CAPACITY_CLAIM: ", on capacity that must be free",
        Kind.DEPLOYMENT: ", on GPUs that must be free",
    }[kind]


def _says_the_same(item: Item, last: LastObject) -> bool:
    """Equal but for the name, and for what is not known or was filled in."""
    found = differences(item.kind, last.spec, item.spec, write_only=False)
    ignored = ("name", "gatewayIds", "runtime.version")
    return all(one.path in ignored or has_unknown((one.left, one.right)) for one in found)
