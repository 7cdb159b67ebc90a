"""Traffic groups before and after: who shares a model name on a gateway, and who gets how much of its requests.

Deployments that no reviewed stack declares are not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from coreweave_inference.fleet.objects import by_group
from coreweave_inference.fleet.shares import NO_SHARE, NONE_OR_ALL, Share, shares_of

from .fleet import Deployment, Fleet

Key = tuple[str, str]
"""Gateway and model name."""

ABSENT = "-"
UNKNOWN_SHARE = "not known"
DISABLED = "disabled"


@dataclass(frozen=True)
class Membership:
    """What a deployment is in a group at one time; `share` is `None` where it is not known, nothing for no member."""

    text: str
    weight: int | None = None
    share: Share | None = None

    @property
    def there(self) -> bool:
        """Whether the deployment is a member at all."""
        return self.text != ABSENT

    @property
    def serves(self) -> bool:
        """Whether it gets requests, as far as is known."""
        return self.share is None or self.share.most > 0


NO_MEMBER = Membership(ABSENT, None, NO_SHARE)


@dataclass(frozen=True)
class Member:
    """One deployment of a group, on both sides."""

    label: str
    before: Membership
    after: Membership


@dataclass(frozen=True)
class Group:
    """A traffic group that exists before or after."""

    gateway: str
    model: str
    members: tuple[Member, ...]

    @property
    def changed(self) -> bool:
        """Whether anybody's share changes, or somebody joins or leaves."""
        return any(member.before != member.after for member in self.members)

    @property
    def before(self) -> tuple[Member, ...]:
        """Those that are members now."""
        return tuple(member for member in self.members if member.before.there)

    @property
    def after(self) -> tuple[Member, ...]:
        """Those that will be members."""
        return tuple(member for member in self.members if member.after.there)

    @property
    def serves_before(self) -> bool:
        """Whether anybody gets requests now, as far as is known."""
        return any(member.before.serves for member in self.before)

    @property
    def serves_after(self) -> bool:
        """Whether anybody will get requests, as far as is known."""
        return any(member.after.serves for member in self.after)

    @property
    def becomes_uncertain(self) -> bool:
        """Whether one member alone with weight 0 is left, of which the documentation says both: none, and all."""
        was = {member.before.share for member in self.members}
        will_be = {member.after.share for member in self.members}
        return NONE_OR_ALL in will_be and NONE_OR_ALL not in was

    @property
    def moved(self) -> Fraction | None:
        """The part of the requests that goes to another member; `None` where a share is not known for certain."""
        moved = Fraction(0)
        for member in self.members:
            before, after = member.before.share, member.after.share
            if before is None or after is None or not (before.certain and after.certain):
                return None
            moved += max(Fraction(0), after.least - before.least)
        return moved


def groups(before: Fleet, after: Fleet) -> tuple[Group, ...]:
    """All groups of both sides, by gateway and model name."""
    old, new = _shares(before), _shares(after)
    return tuple(
        Group(gateway, model, _members(old.get((gateway, model), {}), new.get((gateway, model), {})))
        for gateway, model in sorted({*old, *new})
    )


def _members(old: Mapping[str, Membership], new: Mapping[str, Membership]) -> tuple[Member, ...]:
    return tuple(
        Member(label, old.get(label, NO_MEMBER), new.get(label, NO_MEMBER)) for label in sorted({*old, *new})
    )


def _shares(fleet: Fleet) -> dict[Key, dict[str, Membership]]:
    return {key: _shares_of(members) for key, members in by_group(fleet.deployments.values()).items()}


def _shares_of(members: list[Deployment]) -> dict[str, Membership]:
    shares = shares_of([(member.weight, member.disabled) for member in members]) or (None,) * len(members)
    return {member.label: _membership(member, share) for member, share in zip(members, shares, strict=True)}


def _membership(member: Deployment, share: Share | None) -> Membership:
    if member.disabled:
        return Membership(DISABLED, member.weight, NO_SHARE)
    return Membership(UNKNOWN_SHARE if share is None else str(share), member.weight, share)
