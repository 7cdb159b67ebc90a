"""A traffic group as a Mermaid graph: gateway, model, members with their shares."""

from __future__ import annotations

from coreweave_inference.review.groups import Group, Member

from .escaping import label


def graph(group: Group) -> list[str]:
    """The lines of a Markdown block; node names are ours, everything else is quoted and escaped."""
    lines = [
        "```mermaid",
        "flowchart LR",
        f'  g["{label(group.gateway)}"] --> m(["{label(group.model)}"])',
    ]
    for number, member in enumerate(group.members, start=1):
        lines.append(f'  m -->|"{_shares(member)}"| d{number}["{label(member.label)}"]')
    return [*lines, "```"]


def _shares(member: Member) -> str:
    if member.before == member.after:
        return label(member.after.text)
    return label(f"{member.before.text} → {member.after.text}")
