"""Rules on traffic groups: who gets which share of a model name's requests, and who gets none by mistake."""

from __future__ import annotations

from collections.abc import Iterator

from coreweave_inference.fleet.values import mapping

from .change_risk import no_longer_serving
from .finding import Problem, Severity
from .groups import Group, groups_of, named
from .objects import Deployment
from .rule import rule
from .view import View

WEIGHT = "traffic.weight"


@rule("traffic-sum-zero", Severity.ERROR, "No member of a traffic group takes traffic")
def sum_zero(view: View) -> Iterator[Problem]:
    """All weights of a group with several enabled members are 0."""
    for group in groups_of(view):
        if group.serves is False and len(group.enabled) > 1:
            first = next((member for member in group.enabled if member.own), group.own[0])
            yield Problem(
                first.about,
                first.path(WEIGHT),
                f"the weights of {named(group.enabled)}, which share {_where(group)}, sum to 0",
                "a member's share is its weight divided by the sum, so nobody would get a request",
                "give one of them a weight",
            )


@rule("traffic-lone-zero", Severity.WARNING, "The only enabled member of a group has weight 0")
def lone_zero(view: View) -> Iterator[Problem]:
    """A deployment that serves its model name alone takes nothing, or everything."""
    for group in groups_of(view):
        if group.serves is False and len(group.enabled) == 1:
            (lone,) = group.enabled
            member = lone if lone.own else group.own[0]
            others = "" if len(group.members) == 1 else " (the other members are disabled)"
            yield Problem(
                member.about,
                member.path(WEIGHT),
                f"{lone.label} has weight 0 and is alone on {_where(group)}{others}",
                'the documentation says both "0 stops traffic" and that weights are normalised, which would give it all',
                "give it a weight, or set disabled: true to be sure that it serves nothing",
            )


@rule("traffic-disabled-member", Severity.WARNING, "A disabled member of a group has a weight")
def disabled_member(view: View) -> Iterator[Problem]:
    """A disabled member keeps its part of the sum, and it is not documented who answers it."""
    for group in groups_of(view):
        if len(group.members) < 2 or all(member.disabled for member in group.members):
            continue
        for member in group.own:
            if member.disabled and member.weight:
                yield Problem(
                    member.about,
                    member.path(WEIGHT),
                    f"it is disabled and has weight {member.weight} on {_where(group)}",
                    "whether requests of its share go to the other members is not documented",
                    "set its weight to 0 before, or together with, disabled: true",
                )


@rule("traffic-all-disabled", Severity.WARNING, "Every member of a group is disabled")
def all_disabled(view: View) -> Iterator[Problem]:
    """Nobody answers for the model name; where this run does that, `last-member-disabled` says it."""
    for group in groups_of(view):
        if group.shares is not None and not group.enabled and not no_longer_serving(view, group):
            first = group.own[0]
            yield Problem(
                first.about,
                first.path("disabled"),
                f"{_where(group)} has no member that is not disabled",
                "a disabled deployment keeps its configuration and serves nothing, so requests for the name fail",
                "enable one member, or remove them all",
            )


@rule("traffic-gateways-differ", Severity.WARNING, "Members of one model name are on different gateways")
def gateways_differ(view: View) -> Iterator[Problem]:
    """Shares are per gateway, so members on different gateways have other shares than the weights suggest."""
    by_name: dict[str, list[Deployment]] = {}
    for item in view.deployments:
        if item.model_name is not None and item.gateways is not None:
            by_name.setdefault(item.model_name, []).append(item)
    for name, members in by_name.items():
        first = members[0]
        for other in members[1:]:
            shared = set(first.gateways or ()) & set(other.gateways or ())
            if shared and set(first.gateways or ()) != set(other.gateways or ()):
                yield Problem(
                    other.about,
                    other.path("gateways"),
                    f'it shares the model name "{name}" with {first.label} on some gateways and not on others',
                    "shares are counted on each gateway by itself, so they differ from one gateway to the next",
                    "put the members on the same gateways, or give them two model names",
                )


@rule("traffic-members-differ", Severity.NOTE, "Members of a group run on other hardware or another engine")
def members_differ(view: View) -> Iterator[Problem]:
    """Requests of one model name are answered by unlike deployments."""
    for group in groups_of(view):
        first = group.members[0]
        for other in group.members[1:]:
            member = other if other.own else first
            if differing := _differences(first, other):
                yield Problem(
                    member.about,
                    member.path("runtime" if differing[0].startswith(("engine", "version")) else "resources"),
                    f"{first.label} and {other.label} share {_where(group)} and differ in {', '.join(differing)}",
                    "clients see whichever member answers, so latency and answers vary by request",
                    "keep it that way only as long as a comparison needs it",
                )


def _differences(one: Deployment, other: Deployment) -> list[str]:
    pairs = (
        ("engine", one.engine, other.engine),
        ("version", one.version, other.version),
        ("instance type", (one.instance_type or "").lower(), (other.instance_type or "").lower()),
    )
    return [f"{name} ({left} and {right})" for name, left, right in pairs if left and right and left != right]


@rule("traffic-new-member", Severity.WARNING, "A new member takes traffic before it is ready")
def new_member(view: View) -> Iterator[Problem]:
    """A member is added to a serving group with a weight above 0."""
    for group in groups_of(view):
        serving = [m for m in group.members if not m.own or view.is_new(m) is False]
        if not any(member.weight and not member.disabled for member in serving):
            continue
        for member in group.own:
            if view.is_new(member) and member.weight and not member.disabled:
                share = group.share_of(member)
                part = f" ({share})" if share is not None else ""
                yield Problem(
                    member.about,
                    member.path(WEIGHT),
                    f"it is new on {_where(group)} and has weight {member.weight}{part} from the start",
                    "it has to load its weights first, and nothing documented keeps its share away from it until then",
                    "add it with weight 0, and give it its weight once it is ready",
                )


@rule("traffic-foreign-group", Severity.ERROR, "A deployment enters the traffic group of somebody else")
def foreign_group(view: View) -> Iterator[Problem]:
    """The account has deployments of other stacks under the same model name on the same gateway."""
    for group in groups_of(view):
        for member in group.own if group.foreign else ():
            share = group.share_of(member)
            part = f"; it would take {share} of the requests" if share is not None else ""
            yield Problem(
                member.about,
                member.path("model.name"),
                f"{_where(group)} is that of {named(group.foreign)} too, not of this stack{part}",
                "a share is counted over all members, so a weight here changes the traffic of somebody else",
                "choose another model name or gateway, or agree with its owner and accept the finding",
                None if _takes_from_others(group, member) and not _was_in(view, member) else Severity.WARNING,
            )


def _takes_from_others(group: Group, member: Deployment) -> bool:
    """Whether others may get another share by it.

    One with weight 0 beside others that serve changes nothing, and disabled ones have no share.
    """
    if all(other.disabled for other in group.foreign):
        return False
    theirs = [share for other, share in zip(group.members, group.shares or (), strict=False) if not other.own]
    return member.weight != 0 or not any(share.least for share in theirs)


def _was_in(view: View, member: Deployment) -> bool:
    """Whether it had this model name before, so that it enters nothing."""
    model = mapping(view.before(member)).get("model")
    return mapping(model).get("name") == member.model_name


def _where(group: Group) -> str:
    gateways = ", ".join(f'"{name}"' for name in group.gateways)
    return (
        f'the model name "{group.model_name}" on gateway{"s" if len(group.gateways) > 1 else ""} {gateways}'
    )
