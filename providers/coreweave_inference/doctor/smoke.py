"""The smoke test: real completions of each deployment, of the revision that is declared, or the reason why that is not proven.

What is read before and after the requests has to be the same: an answer of a revision that was replaced meanwhile proves
nothing of the new one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from coreweave_inference.api.completions import DataPlane, Exchange
from coreweave_inference.api.objects import ApiObject
from coreweave_inference.errors import SettingsError, one_line, plural
from coreweave_inference.fleet.routes import Route
from coreweave_inference.model.identity import canonical
from coreweave_inference.model.kinds import Kind
from coreweave_inference.status.computed import State
from coreweave_inference.status.recorded import Recorded
from coreweave_inference.status.report import drift_of

from .answers import Answer, takes_traffic
from .proof import GroupProof, MemberProof, may_pass, prove
from .running import Group, Running, nonce

LONGEST_TEXT = 160
MOVED = "it changed while it was asked; run the test again"


@dataclass(frozen=True)
class SmokeTest:
    """What is asked, and what counts: a text that has to be in the completion, seconds, completions of each deployment."""

    prompt: str
    expect: str | None = None
    max_latency: float = 60.0
    count: int = 1


class Proof(str, Enum):
    """How it ended for one deployment."""

    PASSED = "passed"
    FAILED = "failed"
    UNPROVEN = "unproven"


@dataclass(frozen=True)
class SmokeResult:
    """One deployment on one gateway, or a model on it where no deployment can be named; `evidence` are requests.

    `in_progress`: it is unproven since it is still being made or changed. `takes_traffic`: whether requests reach it at all.
    """

    subject: str
    model: str
    gateway: str
    proof: Proof
    why: str = ""
    evidence: tuple[str, ...] = ()
    in_progress: bool = False
    takes_traffic: bool = True

    def __str__(self) -> str:
        why = f": {self.why}" if self.why else ""
        return f"{self.subject} ({self.model} on {self.gateway}): {self.proof.value}{why}"


def smoke(
    running: Running, test: SmokeTest, again: Callable[[], Mapping[Kind, Sequence[ApiObject]]]
) -> list[SmokeResult]:
    """Ask each looked-at deployment through each gateway; `again` lists the account once more, after the requests."""
    asked = [(group, _proof_of(running, group, test)) for group in running.groups]
    after = {found.id: found for items in again().values() for found in items} if asked else {}
    results: list[SmokeResult] = []
    for group, proof in asked:
        moved = any(latch(found) != latch(after.get(found.id)) for found in group.members)
        results.extend(_results(group, proof, test, moved=moved))
    known = {item.id for group in running.groups for item in group.own}
    missing = "it is not in the account, or has no gateway"
    results.extend(
        SmokeResult(item.label, "", "", Proof.FAILED, missing)
        for item in running.of(Kind.DEPLOYMENT)
        if item.id not in known
    )
    return results


def latch(live: ApiObject | None) -> str:
    """What tells a revision from another one: spec, status, and when the conditions changed; `updatedAt` moves by itself."""
    if live is None:
        return ""
    conditions = sorted((c.type, c.zone, str(c.status), c.last_update_time) for c in live.conditions)
    return canonical({"spec": live.spec, "status": live.status, "conditions": conditions})


def _proof_of(running: Running, group: Group, test: SmokeTest) -> GroupProof | str:
    """What requests show, or why there were none."""
    if not group.routes:
        return "its gateway has no endpoint"
    try:
        client = running.reads.client(group.routes[0])
    except SettingsError as error:
        return str(error)
    routes = itertools.cycle(group.routes)
    enough = max(test.count, len(group.routes))
    return prove(
        lambda: _ask(client, next(routes), test),
        group.model,
        group.members,
        enough,
        lambda a: _judge(a, test),
    )


def _ask(client: DataPlane, route: Route, test: SmokeTest) -> Exchange:
    """Sent with a user of its own, so that no cache has seen it; twice the latency tells a slow answer from none."""
    return client.complete(route, test.prompt, seconds=2 * test.max_latency + 1, user=nonce())


def _judge(answer: Answer, test: SmokeTest) -> str:
    """What is wrong with a completion, beside what makes it none."""
    exchange = answer.exchange
    if test.expect is not None and test.expect.casefold() not in exchange.content.casefold():
        return f'"{test.expect}" is not in the completion "{one_line(exchange.content, LONGEST_TEXT)}"'
    if exchange.seconds > test.max_latency:
        return f"it took {exchange.seconds:.1f} s, more than {test.max_latency:g} s"
    return ""


def _results(group: Group, proof: GroupProof | str, test: SmokeTest, *, moved: bool) -> Iterable[SmokeResult]:
    running = group.running
    by_id = {item.id: item for item in group.own}
    gateway = running.label(Kind.GATEWAY, group.gateway_id)
    if isinstance(proof, str):
        for item in group.own:
            yield SmokeResult(item.label, group.model, gateway, Proof.UNPROVEN, proof)
        return
    evidence = tuple(_evidence(group, answer) for answer in proof.answers if answer.wrong) + proof.lost
    attributed = {answer.wrong for found in proof.members for answer in found.wrong}
    states = [running.state_of(found).state for found in group.members if takes_traffic(found)]
    waits = State.IN_PROGRESS in states
    for why in proof.wrong:
        if why not in attributed:
            result = SmokeResult(f'model "{group.model}"', group.model, gateway, Proof.FAILED, why, evidence)
            # Who gave the answer is not known, and one of those that may have does not have to serve yet.
            later = waits and may_pass(proof.status_of(why))
            yield replace(result, proof=Proof.UNPROVEN, in_progress=True) if later else result
    for found in proof.members:
        if found.member.id in by_id:
            yield _of_member(group, by_id[found.member.id], found, test, moved=moved, gateway=gateway)
    if not proof.wrong and any(a.ok and not a.member for a in proof.answers):
        good = sum(answer.ok for answer in proof.answers)
        yield SmokeResult(
            f'model "{group.model}"',
            group.model,
            gateway,
            Proof.UNPROVEN if moved else Proof.PASSED,
            MOVED if moved else f"{plural(good, 'completion')}, of which deployment is not known",
        )


def _of_member(
    group: Group, item: Recorded, found: MemberProof, test: SmokeTest, *, moved: bool, gateway: str
) -> SmokeResult:
    def result(proof: Proof, why: str, evidence: tuple[str, ...] = ()) -> SmokeResult:
        reached = takes_traffic(found.member)
        return SmokeResult(item.label, group.model, gateway, proof, why, evidence, takes_traffic=reached)

    evidence = tuple(_evidence(group, answer) for answer in found.wrong)
    running = group.running
    state = running.state_of(found.member)
    reason = f": {state.reason}" if state.reason not in ("", found.member.status) else ""
    why = f"it is {found.member.status}{reason}"
    if state.state is State.IN_PROGRESS:
        return replace(result(Proof.UNPROVEN, why, evidence), in_progress=True)
    if found.wrong:
        return result(Proof.FAILED, found.wrong[0].wrong, evidence)
    if state.state is not State.CURRENT:
        return result(Proof.FAILED if state.state is State.FAILED else Proof.UNPROVEN, why)
    if drift := drift_of(item, found.member):
        return result(Proof.UNPROVEN, f"it is not as declared ({'; '.join(map(str, drift))})")
    if moved:
        return result(Proof.UNPROVEN, MOVED)
    if len(found.good) < test.count:
        short = f"{len(found.good)} of {test.count} completions" if found.good else found.unproven
        return result(Proof.UNPROVEN, short)
    slowest = max(answer.exchange.seconds for answer in found.good)
    return result(Proof.PASSED, _timed(len(found.good), slowest))


def _timed(count: int, slowest: float) -> str:
    return f"{plural(count, 'completion')}, {'the slowest ' if count > 1 else ''}in {slowest:.2f} s"


def _evidence(group: Group, answer: Answer) -> str:
    """One request as a line: what was asked, what came, who answered, the id that support asks for."""
    exchange = answer.exchange
    who = (
        group.running.label(Kind.DEPLOYMENT, answer.member) if answer.member else "who answered is not known"
    )
    request_id = exchange.headers.get("x-request-id", "")
    parts = [
        f"POST {exchange.url} -> {exchange.status} in {exchange.seconds:.2f} s",
        who,
        *([f"request id {request_id}"] if request_id else []),
        exchange.text[:LONGEST_TEXT],
    ]
    return "; ".join(parts)


def document(results: Sequence[SmokeResult]) -> list[dict[str, Any]]:
    """As JSON data."""
    return [
        {
            "subject": found.subject,
            "model": found.model,
            "gateway": found.gateway,
            "proof": found.proof.value,
            "why": found.why,
            "inProgress": found.in_progress,
            "takesTraffic": found.takes_traffic,
            "evidence": list(found.evidence),
        }
        for found in results
    ]
