"""What happens to a member of a traffic group: joins, leaves, and shares."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ..groups import DISABLED, Group, Member
from ..phrases import say
from ..scene import Scene
from ..verdicts import Consequence, caution, dangerous, plain

SMALL = Fraction(1, 2)
"""A newcomer with less than this beside an older member is a canary."""


def of_member(label: str, scene: Scene) -> Iterator[Consequence]:
    """What changes for one deployment in each of its groups."""
    for group, member in scene.groups_of(label):
        if member.before != member.after:
            yield from _changed(group, member)


def _changed(group: Group, member: Member) -> Iterator[Consequence]:
    names = {"name": member.label, "model": group.model, "gateway": group.gateway}
    before, after = member.before, member.after
    if not before.there:
        kind = "canary " if _is_canary(group, member) else ""
        words = f"{kind}{{name}} takes {{share}} of {{model}} on {{gateway}}"
        yield plain(say(words, share=after.text, **names))
    elif not after.there:
        words = "{name} leaves {model} on {gateway}, where it had {share}"
        yield _by_service(group)(say(words, share=before.text, **names))
    elif after.text == DISABLED or before.text == after.text:
        return
    elif not group.serves_after:
        yield dangerous(say("{name} gets {share} of {model} on {gateway}, and nobody else serves it", share=after.text, **names))
    else:
        words = "{name} takes {after} of {model} on {gateway} instead of {before}"
        yield plain(say(words, before=before.text, after=after.text, **names))


def _is_canary(group: Group, member: Member) -> bool:
    others = any(other.before.there and other.label != member.label for other in group.members)
    part = member.after.part
    return others and part is not None and part < SMALL


def _by_service(group: Group):  # type: ignore[no-untyped-def]
    return caution if group.serves_after else dangerous
