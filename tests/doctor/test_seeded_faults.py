"""Each fault is doctor's first verdict; without one there is no finding."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from coreweave_inference.api.completions import DataPlane
from coreweave_inference.cli.doctor import LiveReads
from coreweave_inference.doctor.check import Outcome, first_verdict
from coreweave_inference.fleet.routes import Route
from coreweave_inference.model.kinds import Kind
from coreweave_inference.simulator.records import Condition

from tests.doctor.conftest import CANARY_ID, CLAIM_ID, DEPLOYMENT_ID, Bench
from tests.doctor.faults import COMPLETIONS, FAULTS, delete, edit, fault, never_loaded, policy, status
from tests.simulator.inference_fixtures import (
    BUCKET,
    MISSING_ID,
    READER,
    deployment,
    emptied,
    gateway,
)


class Answering(httpx.BaseTransport):
    """A gateway that lists the model and answers for it, whatever its weight is."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body: dict[str, Any] = {"data": [{"id": "acme/chat"}]}
        if request.method == "POST":
            body = {"choices": [{"message": {"role": "assistant", "content": "hello"}}], "model": "acme/chat"}
        return httpx.Response(200, json=body)


class AnsweringReads(LiveReads):
    """Reads of such a gateway."""

    def client(self, route: Route) -> DataPlane:
        return DataPlane(self._settings.token, transport=lambda url: Answering())


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_the_first_verdict_with_what_fixes_it(bench: Bench, name: str) -> None:
    seed, code, words = FAULTS[name]
    seed(bench)

    first = bench.first()

    assert (first.code, words in f"{first.what} {first.why}") == (code, True), first
    assert first.do
    waits = name.endswith("on its way")
    assert first.outcome is (Outcome.IN_PROGRESS if waits else Outcome.FAILED)


def test_the_520_itself_is_a_finding_too_after_its_cause(bench: Bench) -> None:
    never_loaded(bench)

    codes = [result.code for result in bench.results() if result.outcome is Outcome.FAILED]

    assert codes[0] == "weights-policy"
    assert set(codes[1:]) == {"completion"}


@pytest.mark.parametrize("name", ["520 with a policy that is right", "requests time out"])
def test_520_and_timeouts_lead_to_the_bucket_policy(bench: Bench, name: str) -> None:
    FAULTS[name][0](bench)

    first = bench.first()

    assert "bucket policy" in first.why
    assert f"cw-inference policy {BUCKET} --prefix models/chat" in first.do


DRIFT: dict[str, tuple[dict[str, Any], str, str]] = {
    "all weights are set to 0 outside": (
        {"traffic": {"weight": 0}},
        "traffic-group",
        "traffic.weight: 300 -> 0",
    ),
    "all are disabled outside": ({"disabled": True}, "traffic-group", "disabled: false -> true"),
    "another folder of weights": (
        {"model": {"path": "models/x"}},
        "weights-exist",
        '"models/chat" -> "models/x"',
    ),
    "another gateway": ({"gatewayIds": [MISSING_ID]}, "gateway-exists", "gatewayIds"),
    "more replicas, which harms nobody": (
        {"autoscaling": {"max": 9}},
        "as-declared",
        "autoscaling.max: 3 -> 9",
    ),
}


@pytest.mark.parametrize("name", DRIFT)
def test_what_somebody_changed_outside_is_the_cause_and_up_fixes_it(bench: Bench, name: str) -> None:
    changes, code, words = DRIFT[name]
    bench.remember(declared=True)
    edit(changes)(bench)

    first = bench.first()

    assert (first.code, words in f"{first.what} {first.why}") == (code, True), first
    assert first.outcome is (Outcome.WARNING if code == "as-declared" else Outcome.FAILED)
    assert "`cw-inference up` writes the declared values again" in first.do


def test_a_change_outside_is_no_cause_of_what_it_is_not_about(bench: Bench) -> None:
    bench.remember(declared=True)
    edit({"autoscaling": {"max": 9}})(bench)
    policy(None)(bench)

    assert "cw-inference policy" in bench.first().do


@pytest.mark.parametrize(
    ("reads", "outcome", "why"),
    [(LiveReads, Outcome.FAILED, ""), (AnsweringReads, Outcome.WARNING, "it did answer one now")],
    ids=["it does not answer", "it answers"],
)
def test_a_single_deployment_without_weight_is_asked_whether_it_answers(
    bench: Bench, reads: type[LiveReads], outcome: Outcome, why: str
) -> None:
    delete("deployments", CANARY_ID)(bench)
    bench.remember()
    edit({"traffic": {"weight": 0}}, DEPLOYMENT_ID)(bench)

    first = first_verdict(bench.results(reads))

    assert first is not None
    assert (first.code, first.outcome, why in first.why) == ("traffic-group", outcome, True)
    assert "add up to 0" in first.what


@pytest.mark.parametrize("value", ["STATUS_CREATING", "STATUS_UPDATING"])
def test_a_model_whose_deployments_are_all_on_their_way_has_to_answer_later(bench: Bench, value: str) -> None:
    for id_ in (DEPLOYMENT_ID, CANARY_ID):
        status(id_, value, Condition("Ready", False, "Reconciling", "is being reconciled"))(bench)

    results = bench.results()

    assert {found.code for found in results if found.is_finding} == {"deployment-state", "completion"}
    assert {found.outcome for found in results if found.is_finding} == {Outcome.IN_PROGRESS}


def test_a_proxy_s_page_is_a_failure_also_while_deployments_are_on_their_way(bench: Bench) -> None:
    for id_ in (DEPLOYMENT_ID, CANARY_ID):
        status(id_, "STATUS_CREATING", Condition("Ready", False, "Reconciling", "is being reconciled"))(bench)
    fault("status", "POST", COMPLETIONS, status=200, body="html")(bench)

    assert (bench.first().code, bench.first().outcome) == ("completion", Outcome.FAILED)


@pytest.mark.parametrize("knobs", [{}, {"emit_zero_values": True}], ids=["sparse", "zero values"])
def test_a_healthy_stack_has_no_finding_and_every_deployment_answered(
    bench: Bench, knobs: dict[str, Any]
) -> None:
    bench.api.simulator.behaviour = bench.api.simulator.behaviour.changed(knobs)

    results = bench.results()

    assert [result for result in results if result.is_finding] == []
    answered = [result for result in results if result.code == "completion"]
    assert {result.subject for result in answered} == {'deployment "chat"', 'deployment "canary"'}
    assert all(result.detail.startswith("200 in ") for result in answered)


def test_nothing_is_written_and_each_kind_is_listed_once(bench: Bench) -> None:
    bench.api.simulator.journal.clear()

    bench.results()

    asked = [(entry.method, entry.path) for entry in bench.api.simulator.journal.entries()]
    control = [path for method, path in asked if path.startswith("/v1alpha1/")]
    assert sorted(path.rpartition("/")[2] for path in control) == [
        "capacityclaims",
        "deployments",
        "gateways",
    ]
    assert {method for method, path in asked if not path.endswith(("/completions", "/access-key"))} == {"GET"}


@pytest.mark.parametrize(
    "changes", [{"disabled": True}, {"traffic": {"weight": 0}}], ids=["disabled", "weight 0"]
)
def test_what_no_request_reaches_is_unproven_and_not_passed(bench: Bench, changes: dict[str, Any]) -> None:
    edit(changes, CANARY_ID)(bench)

    results = bench.results()

    (canary,) = (r for r in results if r.code == "completion" and r.subject == 'deployment "canary"')
    assert (canary.outcome, canary.detail.startswith("unproven: ")) == (Outcome.SKIPPED, True)
    assert [result for result in results if result.is_finding] == []


def test_a_gateway_for_weights_and_biases_is_unproven_without_a_key_of_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    emptied(bench.api.simulator)
    bench.api.create("gateways", gateway(coreWeaveAuth=None, weightsAndBiasesAuth={}))
    bench.api.create("deployments", deployment(traffic={"weight": 1}))
    bench.api.simulator.clock.advance(60)
    bench.remember()
    monkeypatch.delenv("WANDB_API_KEY", raising=False)

    without = {result.code: result for result in bench.results()}
    monkeypatch.setenv("WANDB_API_KEY", bench.api.simulator.token)
    with_one = {result.code: result for result in bench.results()}

    assert not any(result.is_finding for result in (*without.values(), *with_one.values()))
    assert "set WANDB_API_KEY" in without["gateway-auth"].detail
    assert (without["completion"].outcome, with_one["completion"].outcome) == (
        Outcome.SKIPPED,
        Outcome.PASSED,
    )


def test_a_target_narrows_it_to_one_deployment_and_its_gateway(bench: Bench) -> None:
    status(CANARY_ID, "STATUS_FAILED")(bench)

    subjects = {result.subject for result in bench.results(only="chat") if result.code == "deployment-state"}

    assert subjects == {'deployment "chat"'}


def test_a_reader_s_token_says_what_it_could_not_read(bench: Bench) -> None:
    bench.use_token(READER)

    results = bench.results()

    unknown = {result.code for result in results if result.outcome is Outcome.UNKNOWN}
    assert unknown <= {"weights-exist", "weights-policy"}
    assert not any(result.outcome is Outcome.FAILED for result in results)


def test_no_result_shows_the_token_even_where_others_repeat_it(bench: Bench) -> None:
    token = bench.api.simulator.token
    status(DEPLOYMENT_ID, "STATUS_FAILED", Condition("Ready", False, "Leak", f"the key {token} was sent"))(
        bench
    )
    fault(
        "add-fields", "POST", COMPLETIONS, fields={"choices": [], "error": {"message": f"bad key {token}"}}
    )(bench)

    results = bench.results()

    assert any("bad key" in result.what for result in results)
    assert token not in repr(results)
    assert Kind.DEPLOYMENT.noun in repr(results)


def test_what_is_wrong_with_a_bucket_is_one_finding_however_many_deployments_read_from_it(
    bench: Bench,
) -> None:
    for number in range(7):
        id_ = f"55555555-5555-4555-8555-55555555555{number}"
        bench.api.create(
            "deployments",
            deployment(
                id=id_, name=f"more-{number}", model__path=f"models/more-{number}", traffic={"weight": 1}
            ),
        )
    bench.api.simulator.clock.advance(60)
    bench.remember()
    reads = fault("status", "GET", f"^/{BUCKET}", status=403)

    policy(None)(bench)
    without = [found for found in bench.results(completions=False) if found.code == "weights-policy"]
    reads(bench)
    findings = [found for found in bench.results(completions=False) if found.is_finding]
    unread = [found for found in findings if found.code.startswith("weights-")]

    assert [(found.subject, found.outcome) for found in without] == [(f'bucket "{BUCKET}"', Outcome.FAILED)]
    assert '"models/more-3" and 3 more in bucket' in without[0].what
    assert 'deployment "chat", deployment "canary", deployment "more-0"' in without[0].what
    assert "--prefix models/chat --prefix models/more-0" in without[0].do
    assert [(found.code, found.outcome) for found in unread] == [("weights-policy", Outcome.UNKNOWN)]
    assert "could not be read: " in unread[0].why
    assert "403" in unread[0].why


def test_a_claim_that_waits_is_in_progress_also_where_every_deployment_serves(bench: Bench) -> None:
    waits = Condition("Ready", False, "WaitingForHardware", "1 instance is pending")
    status(CLAIM_ID, "STATUS_CREATING", waits)(bench)

    first = bench.first()

    assert (first.code, first.outcome) == ("claim-state", Outcome.IN_PROGRESS)
    assert "WaitingForHardware" in first.what
