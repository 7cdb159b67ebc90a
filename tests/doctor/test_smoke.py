"""The smoke test against the simulator: what it proves, and what it calls unproven."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import pytest
from coreweave_inference.api.client import InferenceApi
from coreweave_inference.api.completions import DataPlane
from coreweave_inference.api.objects import ApiObject
from coreweave_inference.api.transport import http_transport
from coreweave_inference.cli.doctor import LiveReads
from coreweave_inference.cli.models import key_for
from coreweave_inference.cli.smoke import code_of
from coreweave_inference.doctor.running import Running
from coreweave_inference.doctor.smoke import Proof, SmokeResult, SmokeTest, smoke
from coreweave_inference.fleet.routes import Route
from coreweave_inference.model.kinds import Kind
from coreweave_inference.status.recorded import Recorded

from tests.doctor.conftest import CANARY_ID, DEPLOYMENT_ID, Bench
from tests.doctor.faults import COMPLETIONS, EMPTY, delete, edit, fault, never_loaded, status

CHAT_NAME = "chat"
CHAT, CANARY = 'deployment "chat"', 'deployment "canary"'
PASSED, FAILED, UNPROVEN = Proof.PASSED, Proof.FAILED, Proof.UNPROVEN
Seed = Callable[[Bench], None]


class Saying(httpx.BaseTransport):
    """The gateway, whose answers all name the same deployment, or none."""

    def __init__(self, name: str, url: str) -> None:
        self._name, self._transport = name, http_transport(url)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._transport.handle_request(request)
        answer.read()
        document = {**json.loads(answer.content), "system_fingerprint": "fp_44"}
        headers = {"content-type": "application/json", "x-served-by": self._name}
        return httpx.Response(answer.status_code, headers=headers, json=document)

    def close(self) -> None:
        self._transport.close()


class SayingReads(LiveReads):
    """Reads whose gateways' answers name `said`."""

    said = ""

    def client(self, route: Route) -> DataPlane:
        key = key_for(route, self._settings.token)
        client = DataPlane(key, transport=lambda url: Saying(self.said, url))
        return self._closes.enter_context(client)


def smoke_of(
    bench: Bench,
    test: SmokeTest | None = None,
    meanwhile: Seed = lambda bench: None,
    said: str | None = None,
) -> dict[str, SmokeResult]:
    """The results by subject; `meanwhile` happens between the requests and the second look."""
    kind = LiveReads if said is None else SayingReads
    SayingReads.said = said or ""
    with InferenceApi.of(bench.settings) as client, kind.of(bench.settings, client) as reads:

        def again() -> Mapping[Kind, Sequence[ApiObject]]:
            meanwhile(bench)
            return reads.lists()

        running = Running(bench.settings, bench.recorded, reads, environ={})
        return {found.subject: found for found in smoke(running, test or SmokeTest("Say hello"), again)}


def proofs(found: Mapping[str, SmokeResult]) -> dict[str, Proof]:
    return {subject: result.proof for subject, result in found.items()}


def test_every_deployment_with_a_weight_is_proven_by_its_own_completions(bench: Bench) -> None:
    bench.api.simulator.journal.clear()

    found = smoke_of(bench, SmokeTest("Say hello", expect="HELLO", count=2))

    assert proofs(found) == {CHAT: PASSED, CANARY: PASSED}
    assert found[CANARY].why.startswith("2 completions")
    bodies = [e.body for e in bench.api.simulator.journal.entries() if e.path.endswith("/completions")]
    assert len({body["user"] for body in bodies}) == len(bodies) >= 5
    assert {body["messages"][0]["content"] for body in bodies} == {"Say hello"}


@pytest.mark.parametrize(
    ("seed", "test", "why"),
    [
        (fault("add-fields", "POST", COMPLETIONS, fields=EMPTY), SmokeTest("a"), "an empty completion"),
        (
            fault("add-fields", "POST", COMPLETIONS, fields={"id": "same"}),
            SmokeTest("a", count=2),
            "a cached answer",
        ),
        (fault("add-fields", "POST", COMPLETIONS, fields={"created": 1}), SmokeTest("a"), "a cached answer"),
        (fault("add-fields", "POST", COMPLETIONS, fields={"model": "b"}), SmokeTest("a"), 'of model "b"'),
        (fault("status", "POST", COMPLETIONS, status=200, body="html"), SmokeTest("a"), "a page of a proxy"),
        (fault("status", "POST", COMPLETIONS, status=503), SmokeTest("a"), "HTTP 503"),
        (never_loaded, SmokeTest("a"), "HTTP 520"),
        (lambda bench: None, SmokeTest("a", expect="pineapple"), '"pineapple" is not in the completion'),
        (lambda bench: None, SmokeTest("a", max_latency=0.000001), "more than 1e-06 s"),
        (
            fault("delay", "POST", COMPLETIONS, seconds=2.0),
            SmokeTest("a", max_latency=0.05),
            "no whole answer",
        ),
        (status(DEPLOYMENT_ID, "STATUS_FAILED"), SmokeTest("a"), "it is FAILED"),
        (delete("deployments", DEPLOYMENT_ID), SmokeTest("a"), "not in the account"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_proof_fails_with_the_request_s_evidence(
    bench: Bench, seed: Seed, test: SmokeTest, why: str
) -> None:
    seed(bench)

    found = smoke_of(bench, test)

    wrong = [result for result in found.values() if result.proof is FAILED]
    assert any(why in result.why for result in wrong), found
    if not why.startswith(("it is", "not in")):
        assert all("POST http" in " ".join(result.evidence) for result in wrong)
    assert bench.api.simulator.token not in repr(found)


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"traffic": {"weight": 0}}, "its weight is 0"), ({"disabled": True}, "it is disabled")],
    ids=["weight 0", "disabled"],
)
def test_what_no_request_reaches_is_unproven_and_does_not_fail(
    bench: Bench, changes: dict[str, Any], why: str
) -> None:
    edit(changes, CANARY_ID)(bench)

    found = smoke_of(bench)

    assert proofs(found) == {CHAT: PASSED, CANARY: UNPROVEN}
    assert found[CANARY].why.startswith(why)


def test_an_answer_of_another_deployment_proves_nothing(bench: Bench) -> None:
    found = smoke_of(bench, said=CHAT_NAME)

    assert proofs(found) == {CHAT: PASSED, CANARY: UNPROVEN}
    assert "none of the answers" in found[CANARY].why


def test_where_answers_do_not_show_who_gave_them_the_model_is_proven_and_no_deployment(bench: Bench) -> None:
    found = smoke_of(bench, said="")

    assert proofs(found) == {CHAT: UNPROVEN, CANARY: UNPROVEN, 'model "acme/chat"': PASSED}
    assert found[CHAT].why == "the answers do not tell which deployment gave them"


@pytest.mark.parametrize(
    "meanwhile",
    [
        edit({"autoscaling": {"max": 9}}, DEPLOYMENT_ID),
        edit({"traffic": {"weight": 1}}, CANARY_ID),
        delete("deployments", CANARY_ID),
    ],
    ids=["a new revision", "another weight", "a deletion"],
)
def test_a_revision_that_changed_meanwhile_is_not_proven(bench: Bench, meanwhile: Seed) -> None:
    found = smoke_of(bench, meanwhile=meanwhile)

    assert proofs(found) == {CHAT: UNPROVEN, CANARY: UNPROVEN}
    assert "changed while it was asked" in found[CHAT].why


def test_a_sign_of_life_is_no_new_revision(bench: Bench) -> None:
    bench.api.simulator.behaviour = bench.api.simulator.behaviour.changed({"heartbeat_seconds": 1.0})

    found = smoke_of(bench, meanwhile=lambda bench: bench.api.simulator.clock.advance(5))

    assert proofs(found) == {CHAT: PASSED, CANARY: PASSED}


def test_a_spec_that_is_not_the_declared_one_is_not_proven(bench: Bench) -> None:
    live = bench.api.get("deployments", DEPLOYMENT_ID)["spec"]
    declared = {**live, "autoscaling": {**live["autoscaling"], "max": 2}}
    others = [item for item in bench.recorded or () if item.id != DEPLOYMENT_ID]
    bench.recorded = (*others, Recorded(Kind.DEPLOYMENT, "chat", DEPLOYMENT_ID, "chat", declared))

    found = smoke_of(bench)

    assert (found[CHAT].proof, "autoscaling.max: 2 -> 3" in found[CHAT].why) == (UNPROVEN, True)
    assert found[CANARY].proof is PASSED


def test_a_deployment_on_its_way_is_not_proven_by_the_revision_that_still_answers(bench: Bench) -> None:
    status(DEPLOYMENT_ID, "STATUS_UPDATING")(bench)

    found = smoke_of(bench)

    assert (found[CHAT].proof, found[CHAT].why) == (UNPROVEN, "it is UPDATING")


@pytest.mark.parametrize("value", ["STATUS_CREATING", "STATUS_UPDATING"])
@pytest.mark.parametrize(
    ("seed", "proof"),
    [
        (lambda bench: None, UNPROVEN),
        (fault("status", "POST", COMPLETIONS, status=503), UNPROVEN),
        (fault("reset", "POST", COMPLETIONS), UNPROVEN),
        (fault("status", "POST", COMPLETIONS, status=200, body="html"), FAILED),
    ],
    ids=["what the service answers", "503", "no answer", "a proxy's page"],
)
def test_what_does_not_have_to_serve_yet_is_unproven_and_does_not_fail(
    bench: Bench, value: str, seed: Seed, proof: Proof
) -> None:
    for id_ in (DEPLOYMENT_ID, CANARY_ID):
        status(id_, value)(bench)
    seed(bench)

    found = smoke_of(bench)

    assert all(found[name].in_progress and found[name].proof is UNPROVEN for name in (CHAT, CANARY))
    assert {result.proof for result in found.values()} == {UNPROVEN, proof}


def test_an_answer_of_somebody_unknown_proves_the_model_and_no_deployment_also_of_a_single_one(
    bench: Bench,
) -> None:
    delete("deployments", CANARY_ID)(bench)
    bench.remember()

    found = smoke_of(bench, said="cache-fra-1")

    assert proofs(found) == {CHAT: UNPROVEN, 'model "acme/chat"': PASSED}
    assert "x-served-by: cache-fra-1, which is none of them" in found[CHAT].why


def test_a_gateway_without_an_endpoint_is_no_proof(bench: Bench) -> None:
    fault("hide", "GET", "gateways$", seconds=1e12)(bench)

    found = smoke_of(bench)

    assert {result.proof for result in found.values()} == {UNPROVEN}


def nothing(bench: Bench) -> None:
    """Leave it as it is."""


@pytest.mark.parametrize(
    ("seed", "said", "named", "code"),
    [
        (nothing, None, False, 0),
        (nothing, "", False, 4),
        (nothing, CHAT_NAME, False, 4),
        (edit({"traffic": {"weight": 0}}, CANARY_ID), None, False, 0),
        (edit({"traffic": {"weight": 0}}, CANARY_ID), None, True, 4),
        (edit({"disabled": True}), None, False, 4),
        (status(CANARY_ID, "STATUS_UPDATING"), None, False, 5),
        (fault("status", "POST", COMPLETIONS, status=503), None, False, 1),
    ],
    ids=[
        "all are proven",
        "nobody tells who answered",
        "one gave none of the answers",
        "weight 0",
        "weight 0 and named",
        "all are disabled",
        "one is in progress",
        "one fails",
    ],
)
def test_only_a_proof_of_every_deployment_that_requests_reach_or_that_is_named_is_good(
    bench: Bench, seed: Seed, said: str | None, named: bool, code: int
) -> None:
    seed(bench)

    found = smoke_of(bench, said=said)

    assert code_of(list(found.values()), named=named) == code
