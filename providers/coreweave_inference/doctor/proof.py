"""Which deployments of a model are proven to answer: requests until every one that can answer has, or enough were sent.

Sending is an argument; what an answer proves is `answers`'.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from coreweave_inference.api.completions import Exchange
from coreweave_inference.api.objects import ApiObject
from coreweave_inference.errors import Unreachable
from coreweave_inference.status.report import weight_of

from .answers import SERVED_BY, Answer, completion_id, judge_answer, served_by, takes_traffic

MOST_REQUESTS = 60
MOST_WRONG = 3
MOST_LOST = 2
"""Each may take the whole time that a completion has."""
MISSED = 0.01
"""How likely a member may be missed by chance, where requests are shared out at random."""

Ask = Callable[[], Exchange]


@dataclass(frozen=True)
class MemberProof:
    """What is known of one deployment. Without answers, `unproven` says why."""

    member: ApiObject
    answers: tuple[Answer, ...] = ()
    unproven: str = ""

    @property
    def good(self) -> tuple[Answer, ...]:
        """Its completions."""
        return tuple(answer for answer in self.answers if answer.ok)

    @property
    def wrong(self) -> tuple[Answer, ...]:
        """What it answered and is none."""
        return tuple(answer for answer in self.answers if not answer.ok)


@dataclass(frozen=True)
class GroupProof:
    """All answers in order, requests without a whole answer, and what follows of each member."""

    answers: tuple[Answer, ...]
    lost: tuple[str, ...]
    members: tuple[MemberProof, ...]

    @property
    def wrong(self) -> tuple[str, ...]:
        """What went wrong, whoever answered; each reason once."""
        return tuple(dict.fromkeys((*self.lost, *(answer.wrong for answer in self.answers if answer.wrong))))

    def status_of(self, why: str) -> int:
        """The HTTP status of the answer with that fault; 0 where no whole answer came."""
        return next((answer.exchange.status for answer in self.answers if answer.wrong == why), 0)


def may_pass(status: int) -> bool:
    """Whether an answer of that status (0: none) may be another one once a deployment is done with its work."""
    return status in (0, 404) or status >= 500


def prove(
    ask: Ask,
    model: str,
    members: Sequence[ApiObject],
    enough: int = 1,
    fault: Callable[[Answer], str] = lambda answer: "",
) -> GroupProof:
    """Ask until each member that takes traffic has given `enough` completions, a few answers were wrong, or it is hopeless.

    `fault` says what else is wrong with a completion.
    """
    able = [found for found in members if takes_traffic(found)]
    answers: list[Answer] = []
    lost: list[str] = []
    limit = most_requests(able, enough) if able else 0
    while len(answers) + len(lost) < limit:
        try:
            exchange = ask()
        except Unreachable as error:
            lost.append(str(error))
        else:
            seen = [completion_id(answer.exchange) for answer in answers]
            answer = judge_answer(exchange, model, members, filter(None, seen))
            answers.append(replace(answer, wrong=answer.wrong or fault(answer)))
        if len(lost) >= MOST_LOST or len(lost) + sum(not answer.ok for answer in answers) >= MOST_WRONG:
            break
        good = [answer for answer in answers if answer.ok]
        anonymous = len(good) >= enough and not any(answer.member for answer in good)
        if anonymous or all(sum(a.member == found.id for a in good) >= enough for found in able):
            break
    return GroupProof(
        tuple(answers), tuple(lost), tuple(_of(found, answers, len(answers) + len(lost)) for found in members)
    )


def most_requests(able: Sequence[ApiObject], enough: int) -> int:
    """Requests after which the member with the smallest share has answered, but for one time in a hundred."""
    total = sum(map(weight_of, able))
    least = min((weight_of(found) / total for found in able), default=1.0)
    if least >= 1.0:
        return enough
    return min(MOST_REQUESTS, max(enough, math.ceil(enough * math.log(MISSED) / math.log(1.0 - least))))


def _of(member: ApiObject, answers: Sequence[Answer], asked: int) -> MemberProof:
    own = tuple(answer for answer in answers if answer.member == member.id)
    if own:
        return MemberProof(member, own)
    if member.spec.get("disabled"):
        return MemberProof(member, unproven="it is disabled, so no request reaches it")
    if not weight_of(member):
        return MemberProof(member, unproven="its weight is 0, so no request reaches it")
    unknown = [answer for answer in answers if answer.ok and not answer.member]
    if unknown:
        names = ", ".join(dict.fromkeys(filter(None, (served_by(a.exchange) for a in unknown))))
        which = f" ({SERVED_BY}: {names}, which is none of them)" if names else ""
        return MemberProof(member, unproven=f"the answers do not tell which deployment gave them{which}")
    return MemberProof(member, unproven=f"it gave none of the answers to {asked} requests")
