"""The last check: one real completion of each deployment of a model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from coreweave_inference.api.objects import ApiObject
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import get_path
from coreweave_inference.status.computed import State

from .answers import Answer, takes_traffic
from .check import Check, Note, Outcome, Problem, Problems, Skip
from .proof import GroupProof, MemberProof, may_pass, prove
from .running import Group, ask

GATEWAY_ERRORS = range(520, 531)
WAIT = "wait: `cw-inference status --watch` shows when it serves"


def completes(group: Group) -> list[Note]:
    """One completion of each member that can be reached."""
    if group.gateway_id not in group.running.reachable or not group.routes:
        raise Skip("unproven: the gateway's route is not proven")
    if not group.members:
        raise Skip("it has no deployment")
    proof = proven(group)
    notes = [_note(group, found) for found in proof.members if not found.wrong]
    problems = [
        _problem(
            group,
            found.wrong[0].wrong,
            found.wrong[0].exchange.status,
            [found.member],
            group.running.label(Kind.DEPLOYMENT, found.member.id),
        )
        for found in proof.members
        if found.wrong
    ]
    known = {answer.wrong for found in proof.members for answer in found.wrong}
    lost = [why for why in proof.wrong if why not in known]
    able = [found for found in group.members if takes_traffic(found)]
    problems += [_problem(group, why, proof.status_of(why), able) for why in lost]
    if problems:
        raise Problems(problems, notes)
    missed = [found for found in proof.members if found.unproven.startswith("it gave none")]
    if missed:
        raise Problems((_silent(group, found) for found in missed), (n for n in notes if n.known))
    return notes


def proven(group: Group) -> GroupProof:
    """What requests to the group show."""
    client = group.running.reads.client(group.routes[0])
    routes = itertools.cycle(group.routes)

    return prove(lambda: ask(group, client, next(routes)), group.model, group.members, len(group.routes))


def _note(group: Group, found: MemberProof) -> Note:
    label = group.running.label(Kind.DEPLOYMENT, found.member.id)
    if not found.good:
        return Note(label, f"unproven: {found.unproven}", known=False)
    return Note(label, described(found.good[0]))


def described(answer: Answer) -> str:
    """`200 in 0.31 s`."""
    return f"{answer.exchange.status} in {answer.exchange.seconds:.2f} s"


def _silent(group: Group, found: MemberProof) -> Problem:
    waits = _on_their_way(group, [found.member])
    return Problem(
        f"{found.unproven}, though it has a weight",
        WAIT if waits else "see whether its replicas run: `cw-inference status`, and its logs",
        subject=group.running.label(Kind.DEPLOYMENT, found.member.id),
        outcome=Outcome.IN_PROGRESS if waits else Outcome.WARNING,
    )


def _problem(group: Group, why: str, status: int, asked: Sequence[ApiObject], subject: str = "") -> Problem:
    what = f"a request got no completion: {why}"
    if may_pass(status) and _on_their_way(group, asked):
        return Problem(what, WAIT, subject=subject, outcome=Outcome.IN_PROGRESS)
    return Problem(what, _fix(group, status), why=_cause(status), subject=subject)


def _on_their_way(group: Group, members: Sequence[ApiObject]) -> bool:
    """Whether nobody has to answer yet: each of them is still being made or changed."""
    return {group.running.state_of(found).state for found in members} == {State.IN_PROGRESS}


def _cause(status: int) -> str:
    if status in GATEWAY_ERRORS or status in (0, 502, 504):
        return "READY with 520 or timeouts is most often a bucket policy that keeps the inference service out"
    return ""


def _fix(group: Group, status: int) -> str:
    if _cause(status):
        places = dict.fromkeys(
            f"`cw-inference policy {get_path(found.spec, 'model.bucket')} --prefix {get_path(found.spec, 'model.path')}`"
            for found in group.members
        )
        return (
            f"compare the bucket's policy with {', '.join(places)} first; where it is right, replicas may have started before it "
            "was: change something that restarts them (docs/resources.md), and see the engine's logs"
        )
    if status in (401, 403):
        return "use a key of the organization that owns the gateway, from an address that it lets in"
    if status == 404:
        return "ask for a model that `cw-inference status` shows on this gateway, by the gateway's routing"
    if status == 429:
        return "the deployment is at its limit: raise autoscaling.max or concurrency"
    if status == 503:
        return "no deployment takes traffic at present: see states and weights in `cw-inference status`"
    if 200 <= status < 400:
        return "something between this machine and the engine answers: look at proxies (HTTPS_PROXY) and at what the gateway's host is"
    return "see the engine's logs for the request, and the deployment's conditions in `cw-inference status`"


COMPLETION = Check("completion", "every deployment gives a completion", completes)
