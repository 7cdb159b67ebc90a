"""Traffic groups: the deployments that share one model name on a gateway, and what share each of them has.

What is right or wrong about a group is the rules' matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from coreweave_inference.fleet.objects import by_group
from coreweave_inference.fleet.shares import Share, shares_of

from .objects import Deployment
from .view import View


@dataclass(frozen=True)
class Group:
    """Members of one model name on some gateways, foreign ones too; the same members on two gateways are one group."""

    model_name: str
    gateways: tuple[str, ...]
    members: tuple[Deployment, ...]

    @property
    def own(self) -> tuple[Deployment, ...]:
        """The members that this declaration makes."""
        return tuple(member for member in self.members if member.own)

    @property
    def foreign(self) -> tuple[Deployment, ...]:
        """The members that are somebody else's."""
        return tuple(member for member in self.members if not member.own)

    @property
    def enabled(self) -> tuple[Deployment, ...]:
        """The members that are not disabled, as far as is known."""
        return tuple(member for member in self.members if not member.disabled)

    @cached_property
    def shares(self) -> tuple[Share, ...] | None:
        """Each member's share; `None` where one is not known."""
        return shares_of([(member.weight, member.disabled) for member in self.members])

    @property
    def serves(self) -> bool | None:
        """Whether a member gets requests for certain; `None` where no share is known."""
        return None if self.shares is None else any(share.least for share in self.shares)

    def share_of(self, member: Deployment) -> Share | None:
        """One member's share."""
        return None if self.shares is None else self.shares[self.members.index(member)]


def groups_of(view: View) -> tuple[Group, ...]:
    """Every group that this declaration has a member of."""
    names = {item.handle: item.key for item in view.by_handle.values()}
    return view.once("groups", lambda: _groups(view.all_deployments, names))


def grouped(deployments: Iterable[Deployment], names: Mapping[str, str] | None = None) -> tuple[Group, ...]:
    """The groups of some deployments that one of our own is in; `names` are the gateways' by their handles."""
    return _groups(tuple(deployments), names or {})


def _groups(deployments: tuple[Deployment, ...], names: Mapping[str, str]) -> tuple[Group, ...]:
    members = by_group(deployments)
    merged: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for (handle, name), found in members.items():
        if any(member.own for member in found):
            merged.setdefault((name, tuple(map(id, found))), []).append(handle)
    return tuple(
        Group(name, tuple(names.get(handle, handle) for handle in handles), tuple(members[handles[0], name]))
        for (name, _), handles in merged.items()
    )


def named(members: tuple[Deployment, ...]) -> str:
    """The keys of some deployments in a sentence."""
    listed = [f'"{member.key}"' for member in members[:5]]
    return ", ".join(listed) + (f" and {len(members) - 5} more" if len(members) > 5 else "")
