"""What the consequences of one change are judged by: everything before, everything after, and the traffic groups.

Only looking up belongs here.
"""

from __future__ import annotations

from dataclasses import dataclass

from .fleet import Deployment, Fleet
from .groups import Group, Member


@dataclass(frozen=True)
class ReviewContext:
    """Both sides of all reviewed stacks."""

    before: Fleet
    after: Fleet
    groups: tuple[Group, ...]

    def groups_of(self, deployment: str) -> tuple[tuple[Group, Member], ...]:
        """The groups that a deployment is, was or will be a member of, and what it is there."""
        return tuple(
            (group, member) for group in self.groups for member in group.members if member.label == deployment
        )

    def models_on(self, gateway: str) -> tuple[str, ...]:
        """The model names that clients ask for on a gateway now."""
        return tuple(group.model for group in self.groups if group.gateway == gateway and group.before)

    def users_of(self, gateway_id: str, stack: str) -> tuple[tuple[Deployment, bool], ...]:
        """The deployments of other stacks that use a gateway now, each with whether it does so afterwards too."""
        then = self.after.deployments
        return tuple(
            (item, item.label in then and gateway_id in then[item.label].gateway_ids)
            for item in self.before.deployments.values()
            if gateway_id in item.gateway_ids and item.stack != stack
        )

    def serves_now(self, deployment: str) -> bool:
        """Whether clients get answers from it now, as far as is known."""
        return any(_serves(member) for _, member in self.groups_of(deployment))

    def reaches_none_after(self, deployment: str) -> tuple[Group, ...]:
        """The groups it serves now in which nobody answers afterwards."""
        return tuple(
            group
            for group, member in self.groups_of(deployment)
            if _serves(member) and not group.serves_after
        )


def _serves(member: Member) -> bool:
    return member.before.there and member.before.serves
