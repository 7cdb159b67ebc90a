"""What happens to a member of a traffic group: joins, leaves, and shares."""

from __future__ import annotations

from collections.abc import Iterator

from coreweave_inference.review.context import ReviewContext
from coreweave_inference.review.groups import DISABLED, UNKNOWN_SHARE, Group, Member, Membership
from coreweave_inference.review.phrases import say
from coreweave_inference.review.verdicts import Consequence, caution, dangerous, plain


def of_member(label: str, context: ReviewContext) -> Iterator[Consequence]:
    """What changes for one deployment in each of its groups."""
    then = context.after.deployments.get(label)
    is_open = then is not None and (then.gateways is None or then.model_name is None)
    for group, member in context.groups_of(label):
        if is_open and not member.after.there:
            words = "whether {name} goes on to serve {model} on {gateway} is known later"
            yield caution(say(words, name=label, model=group.model, gateway=group.gateway))
        elif member.before != member.after:
            yield from _changed(group, member)
            if group.becomes_uncertain:
                words = "whether anybody answers for {model} on {gateway} is not certain: a member alone with weight 0 is left"
                yield dangerous(say(words, model=group.model, gateway=group.gateway))


def _changed(group: Group, member: Member) -> Iterator[Consequence]:
    names = {"name": member.label, "model": group.model, "gateway": group.gateway}
    before, after = member.before, member.after
    if not before.there:
        kind = "canary " if _is_canary(group, member) else ""
        words = f"{kind}{{name}} takes {_share_text(after)} of {{model}} on {{gateway}}"
        yield plain(say(words, **names))
    elif not after.there:
        words = f"{{name}} leaves {{model}} on {{gateway}}, where it had {_share_text(before)}"
        level = plain if not before.serves else caution if group.serves_after else dangerous
        yield level(say(words, **names))
    elif after.text == DISABLED or before.text == after.text:
        return
    elif not group.serves_after:
        words = f"{{name}} gets {_share_text(after)} of {{model}} on {{gateway}}, and nobody else serves it"
        yield dangerous(say(words, **names))
    else:
        words = f"{{name}} takes {_share_text(after)} of {{model}} on {{gateway}} instead of {_share_text(before)}"
        yield plain(say(words, **names))


def _share_text(membership: Membership) -> str:
    texts = {DISABLED: "no share (disabled)", UNKNOWN_SHARE: "a share that is not known"}
    return texts.get(membership.text, membership.text)


def _is_canary(group: Group, member: Member) -> bool:
    """A newcomer beside a member with a larger share."""
    share = member.after.share
    return share is not None and any(
        other.after.share is not None and other.after.share.least > share.most for other in group.members
    )
