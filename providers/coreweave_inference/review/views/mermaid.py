"""Traffic groups as Mermaid graphs: gateway, models, members with their shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coreweave_inference.review.groups import Group, Member

from .escaping import label

MOST_GROUPS = 20
"""Groups in one graph; more would be no picture any more."""


def graphs(groups: Sequence[Group]) -> Iterator[str]:
    """One Markdown block or more for each gateway."""
    for gateway in sorted({group.gateway for group in groups}):
        own = [group for group in groups if group.gateway == gateway]
        for start in range(0, len(own), MOST_GROUPS):
            yield "\n".join(_graph(gateway, own[start : start + MOST_GROUPS]))


def _graph(gateway: str, groups: Sequence[Group]) -> Iterator[str]:
    """Node names are ours; everything else is quoted and escaped."""
    yield "```mermaid"
    yield "flowchart LR"
    yield f'  g["{label(gateway)}"]'
    for number, group in enumerate(groups, start=1):
        yield f'  g --> m{number}(["{label(group.model)}"])'
        for place, member in enumerate(group.members, start=1):
            yield f'  m{number} -->|"{_shares(member)}"| d{number}x{place}["{label(member.label)}"]'
    yield "```"


def _shares(member: Member) -> str:
    if member.before == member.after:
        return label(member.after.text)
    return label(f"{member.before.text} → {member.after.text}")
