"""Traffic groups before and after: who shares a model name on a gateway, and who gets how much of its requests.

A share is a weight over the sum of the group's weights (documentation). Deployments that no reviewed stack declares
are not seen, and a disabled one serves nothing, so it has no part in the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from coreweave_inference.model.shares import percent

from .fleet import Deployment, Fleet

Key = tuple[str, str]
"""Gateway and model name."""

ABSENT = "-"
UNKNOWN_SHARE = "not known"
DISABLED = "disabled"
LONE_ZERO = "0 % or 100 %"
"""One member alone with weight 0: the documentation says both."""


@dataclass(frozen=True)
class Share:
    """A member's part of the requests; `part` is `None` where it is not a member, or not known."""

    text: str
    weight: int | None = None
    part: Fraction | None = None

    @property
    def there(self) -> bool:
        """Whether the deployment is a member at all."""
        return self.text != ABSENT


@dataclass(frozen=True)
class Member:
    """One deployment of a group, on both sides."""

    label: str
    before: Share
    after: Share


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
        return any(member.before.part != 0 and member.before.text != DISABLED for member in self.before)

    @property
    def serves_after(self) -> bool:
        """Whether anybody will get requests, as far as is known."""
        return any(member.after.part != 0 and member.after.text != DISABLED for member in self.after)

    @property
    def becomes_uncertain(self) -> bool:
        """Whether one member alone with weight 0 is left, of which the documentation says both: none, and all."""
        was, will_be = ({share.text for share in side} for side in self._sides)
        return LONE_ZERO in will_be and LONE_ZERO not in was

    @property
    def _sides(self) -> tuple[tuple[Share, ...], tuple[Share, ...]]:
        return tuple(m.before for m in self.members), tuple(m.after for m in self.members)

    @property
    def moved(self) -> Fraction | None:
        """The part of the requests that goes to another member; `None` where a share is not known."""
        parts = [(_part(member.before), _part(member.after)) for member in self.members]
        if any(before is None or after is None for before, after in parts):
            return None
        gains = (Fraction(after or 0) - Fraction(before or 0) for before, after in parts)
        return sum((max(Fraction(0), gain) for gain in gains), Fraction(0))


def groups(before: Fleet, after: Fleet) -> tuple[Group, ...]:
    """All groups of both sides, by gateway and model name."""
    old, new = _shares(before), _shares(after)
    return tuple(
        Group(gateway, model, _members(old.get((gateway, model), {}), new.get((gateway, model), {})))
        for gateway, model in sorted({*old, *new})
    )


def _members(old: Mapping[str, Share], new: Mapping[str, Share]) -> tuple[Member, ...]:
    nobody = Share(ABSENT)
    return tuple(
        Member(label, old.get(label, nobody), new.get(label, nobody)) for label in sorted({*old, *new})
    )


def _shares(landscape: Fleet) -> dict[Key, dict[str, Share]]:
    by_group: dict[Key, list[Deployment]] = {}
    for deployment in landscape.deployments.values():
        for gateway in deployment.gateways if deployment.model else ():
            by_group.setdefault((gateway, deployment.model or ""), []).append(deployment)
    return {key: _shares_of(members) for key, members in by_group.items()}


def _shares_of(members: list[Deployment]) -> dict[str, Share]:
    weights = [member.weight for member in members if not member.disabled]
    total = None if None in weights else sum(weight or 0 for weight in weights)
    return {member.label: _share(member, total, alone=len(weights) == 1) for member in members}


def _share(member: Deployment, total: int | None, *, alone: bool) -> Share:
    if member.disabled:
        return Share(DISABLED, member.weight)
    if total is None or member.weight is None:
        return Share(UNKNOWN_SHARE, member.weight)
    if total == 0:
        return Share(LONE_ZERO, 0) if alone else Share("0 %", 0, Fraction(0))
    part = Fraction(member.weight, total)
    return Share(percent(part), member.weight, part)


def _part(share: Share) -> Fraction | None:
    return Fraction(0) if share.text in (ABSENT, DISABLED) else share.part
