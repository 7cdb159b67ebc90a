"""What crosses the boundary between engine and provider process: values, errors, lines, and the process itself."""

from __future__ import annotations

import base64
import pickletools
import threading
from collections.abc import Callable

import pytest
from coreweave_inference.resources.account import AccountProvider
from coreweave_inference.resources.capacity_claim import CapacityClaimProvider
from coreweave_inference.resources.deployment import DeploymentProvider
from coreweave_inference.resources.gateway import GatewayProvider
from coreweave_inference.resources.inference_bucket_policy import InferenceBucketPolicyProvider
from coreweave_inference.resources.readiness import ReadinessProvider
from coreweave_inference.resources.weights_bucket import WeightsBucketProvider
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import provider_pb2

from tests.provider_process.client import UNKNOWN, Host, Refused, Resource
from tests.resources.service import claim, deployment, gateway, urn

PROVIDERS = {
    AccountProvider: "coreweave_inference.resources.account",
    CapacityClaimProvider: "coreweave_inference.resources.capacity_claim",
    DeploymentProvider: "coreweave_inference.resources.deployment",
    GatewayProvider: "coreweave_inference.resources.gateway",
    InferenceBucketPolicyProvider: "coreweave_inference.resources.inference_bucket_policy",
    ReadinessProvider: "coreweave_inference.resources.readiness",
    WeightsBucketProvider: "coreweave_inference.resources.weights_bucket",
}


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.__name__)
def test_a_pickled_provider_is_a_reference_to_its_module_and_class_and_nothing_else(provider: type) -> None:
    pickled = base64.b64decode(serialize_provider(provider()))

    texts = [argument for code, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)]
    assert texts == [PROVIDERS[provider], provider.__name__]
    assert len(pickled) < 120
    assert vars(provider()) == {}
    assert pickled == base64.b64decode(serialize_provider(provider()))


def test_a_pickled_provider_does_not_become_a_secret_as_a_whole() -> None:
    assert {provider.serialize_as_secret_always for provider in PROVIDERS} == {False}


def resource(host: Host, provider: object, type_name: str, name: str) -> Resource:
    return host.resource(provider, urn(type_name, name))


@pytest.fixture
def host(simulator: Simulator, shared_host: Host) -> Host:
    return shared_host


def test_check_failures_name_the_path_in_the_reason_and_no_property(host: Host) -> None:
    chat = resource(host, DeploymentProvider(), "Deployment", "checked")

    _, failures = chat.check(
        deployment("checked", traffic={"weight": 1001}, autoscaling={"min": 4, "max": 2})
    )

    assert failures == [
        (
            "",
            (
                'deployment "checked": traffic.weight: 1001 is above 1000; use a number from 0 to 1000; only the ratio between '
                "members counts"
            ),
        ),
        (
            "",
            (
                'deployment "checked": autoscaling.min: autoscaling.min (4) exceeds max (2); lower min or raise max; equal '
                "values switch autoscaling off"
            ),
        ),
    ]


def test_numbers_arrive_as_floats_and_leave_as_whole_numbers(host: Host, simulator: Simulator) -> None:
    one = resource(host, CapacityClaimProvider(), "CapacityClaim", "counted")

    one.up(claim("counted", instanceCount=2))

    (post,) = simulator.journal.entries("POST", "/capacityclaims")
    assert repr(post.body["resources"]["instanceCount"]) == "2"
    assert one.outputs["resources"]["instanceCount"] == 2.0
    assert (
        one.diff(one.check(claim("counted", instanceCount=2))[0]).changes
        == provider_pb2.DiffResponse.DIFF_NONE
    )


def test_values_that_are_nothing_are_dropped_and_empty_ones_survive(host: Host) -> None:
    chat = resource(host, DeploymentProvider(), "Deployment", "empty")
    news = deployment("empty", runtime={"engineConfig": {"enable-auto-tool-choice": ""}}, disabled=False)

    inputs, failures = chat.check({**news, "revision": None, "organizationId": None})

    assert failures == []
    assert inputs["runtime"]["engineConfig"] == {"enable-auto-tool-choice": ""}
    assert {"revision", "organizationId", "disabled"}.isdisjoint(inputs)


@pytest.mark.parametrize("field", ["gatewayIds", "model", "traffic", "runtime", "name", "__identity"])
def test_unknowns_of_a_preview_give_no_errors_and_stay_unknown(host: Host, field: str) -> None:
    chat = resource(host, DeploymentProvider(), "Deployment", "previewed")

    inputs, failures = chat.check({**deployment("previewed"), field: UNKNOWN})

    assert failures == []
    assert inputs[field] == UNKNOWN


def test_an_unknown_in_a_diff_is_a_change_in_place(host: Host) -> None:
    edge = resource(host, GatewayProvider(), "Gateway", "half-known")
    edge.up(gateway("half-known"))

    inputs, failures = edge.check({**gateway("half-known"), "zones": [UNKNOWN]})
    answer = edge.diff(inputs)

    assert failures == []
    assert (answer.changes, list(answer.replaces)) == (provider_pb2.DiffResponse.DIFF_UNKNOWN, [])


def test_an_error_is_one_line_without_a_traceback(host: Host, simulator: Simulator) -> None:
    edge = resource(host, GatewayProvider(), "Gateway", "refused")
    inputs, _ = edge.check(gateway("refused", zones=["US-EAST-02A"]))

    with pytest.raises(Refused) as caught:
        edge.create(inputs)

    (entry,) = simulator.journal.entries("POST")
    assert str(caught.value) == (
        'CoreWeave: gateway "refused": validation error: zones[0]: zone "US-EAST-02A" is not available for gateways '
        f"[POST /v1alpha1/inference/gateways -> 400, request id {entry.request_id}]; fix the declaration and run "
        "again\n"
    )


def test_a_mistake_of_ours_is_one_line_too_and_says_how_to_see_more(host: Host) -> None:
    edge = resource(host, GatewayProvider(), "Gateway", "odd")
    inputs, _ = edge.check(gateway("odd"))
    del inputs["apiId"]

    with pytest.raises(Refused) as caught:
        edge.create(inputs)

    assert str(caught.value) == (
        "CoreWeave: unexpected KeyError in GatewayProvider.create: 'apiId'; run again with COREWEAVE_TRACEBACK=1 to see "
        "where, and report it\n"
    )


def test_progress_and_warnings_reach_the_engine_on_the_right_row(host: Host, simulator: Simulator) -> None:
    edge = resource(host, GatewayProvider(), "Gateway", "told")
    simulator.behaviour = simulator.behaviour.changed({"gateway_create_seconds": 10})

    edge.up(gateway("told"))
    edge.delete()

    rows = [(line.severity, line.ephemeral) for line in host.lines(urn("Gateway", "told"))]
    assert rows[0] == ("INFO", True)
    assert rows[-1] == ("WARNING", False)
    assert host.lines(urn("Gateway", "told"))[-1].text == (
        f'gateway "told" ({edge.id}) kept: still declared; only its old state entry is removed'
    )


def test_configuration_is_read_where_the_environment_says_nothing(
    start: Callable[..., Host], simulator: Simulator
) -> None:
    config = {"coreweave:token": simulator.token, "coreweave:endpoint": simulator.url}
    host = start(config, COREWEAVE_API_TOKEN="", COREWEAVE_API_ENDPOINT="")
    account = resource(host, AccountProvider(), "Account", "account")

    account.up({"__urn": account.urn})

    assert account.outputs["apiEndpoint"] == simulator.url


def test_a_missing_token_is_one_line(start: Callable[..., Host]) -> None:
    host = start(COREWEAVE_API_TOKEN="")
    account = resource(host, AccountProvider(), "Account", "account")

    _, failures = account.check({})

    assert failures == [
        (
            "",
            (
                "the account cannot be used: no CoreWeave API token: set one of COREWEAVE_API_TOKEN, CW_API_TOKEN or the "
                "secret configuration key coreweave:token"
            ),
        )
    ]


def test_the_token_shows_nowhere(start: Callable[..., Host], simulator: Simulator) -> None:
    host = start(COREWEAVE_API_TOKEN="CW-SECRET-leak-me")
    account = resource(host, AccountProvider(), "Account", "account")
    edge = resource(host, GatewayProvider(), "Gateway", "edge")

    _, failures = account.check({})
    inputs, _ = edge.check(gateway("edge"))
    with pytest.raises(Refused) as caught:
        edge.create(inputs)
    host.__exit__(None, None, None)

    everything = f"{failures} {caught.value} {host.lines()} {host.output}"
    assert "COREWEAVE_API_TOKEN" in everything
    assert "leak-me" not in everything


def test_the_process_ends_when_the_engine_has_ended(start: Callable[..., Host]) -> None:
    host = start()
    resource(host, AccountProvider(), "Account", "account").check({})
    assert host.process.poll() is None

    host.stop_engine()

    assert host.process.wait(timeout=10) == 1


def test_a_waiting_readiness_blocks_none_of_the_other_three_threads(
    start: Callable[..., Host], simulator: Simulator
) -> None:
    simulator.behaviour = simulator.behaviour.changed({"deployment_create_seconds": 30})
    host = start()
    edge = resource(host, GatewayProvider(), "Gateway", "public")
    edge.up(gateway("public"))
    chat = resource(host, DeploymentProvider(), "Deployment", "slow")
    chat.up(deployment("slow"))
    ready = resource(host, ReadinessProvider(), "Readiness", "ready")
    covered = {"kind": "deployment", "id": chat.id, "name": "slow", "revision": chat.outputs["revision"]}
    waiting = threading.Thread(
        target=ready.up, args=({"objects": {"deployment slow": covered}, "__urn": ready.urn},)
    )
    waiting.start()
    try:
        host.wait_for_line("0/1 ready")
        threads = [
            threading.Thread(
                target=resource(host, GatewayProvider(), "Gateway", name).up, args=(gateway(name),)
            )
            for name in ("one", "two", "three")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)

        assert waiting.is_alive()
        assert len(simulator.world.records("gateways")) == 4
    finally:
        waiting.join(10)
    assert ready.id == "readiness"


def test_a_read_of_what_was_deleted_is_an_empty_answer_and_only_with_proof(
    start: Callable[..., Host], simulator: Simulator
) -> None:
    first, second = start(), start()
    edge = resource(first, GatewayProvider(), "Gateway", "edge")
    other = resource(first, GatewayProvider(), "Gateway", "other")
    edge.up(gateway("edge"))
    other.up(gateway("other"))
    state = edge.outputs

    for _ in range(2):
        simulator.world.delete(simulator.world.records("gateways")[0])
        simulator.clock.advance(10)
        edge = Resource(second, edge.pickled, edge.urn, edge.id, {}, state)
        if simulator.world.records("gateways"):
            answer = edge.read()
            assert (answer.id, [key for key in answer.properties if key != "__provider"]) == ("", [])

    third = start()
    with pytest.raises(Refused, match="sees an empty account"):
        Resource(third, edge.pickled, edge.urn, edge.id, {}, state).read()


def test_a_lost_answer_a_409_and_a_name_in_use_elsewhere(host: Host, simulator: Simulator) -> None:
    lost = resource(host, GatewayProvider(), "Gateway", "lost")
    simulator.faults.add(Fault("lose-answer", "POST", "/gateways$"))
    lost.up(gateway("lost"))
    again = resource(host, GatewayProvider(), "Gateway", "lost")
    again.up(gateway("lost"))
    stranger = resource(host, GatewayProvider(), "Gateway", "stranger")
    inputs, failures = stranger.check(gateway("stranger", name="lost-acme-dev"))

    with pytest.raises(Refused, match='belongs to "lost" of this stack'):
        stranger.create(inputs)

    assert [
        '"lost" of this program has the name "lost-acme-dev" too' in reason for _, reason in failures
    ] == [True]
    assert again.id == lost.id
    assert [record.id for record in simulator.world.records("gateways")] == [lost.id]
    assert simulator.journal.entries("PATCH") == []


def test_a_failed_object_is_deleted_by_a_later_run(start: Callable[..., Host], simulator: Simulator) -> None:
    edge = resource(start(), GatewayProvider(), "Gateway", "edge")
    edge.up(gateway("edge"))
    simulator.world.set_status(edge.id, "STATUS_FAILED")

    Resource(start(), edge.pickled, edge.urn, edge.id, {}, edge.outputs).delete()

    assert simulator.world.records("gateways") == []


def test_an_update_is_one_patch_none_when_it_is_there_already_and_refused_over_others_changes(
    host: Host, simulator: Simulator
) -> None:
    edge = resource(host, GatewayProvider(), "Gateway", "changed")
    edge.up(gateway("changed"))
    wanted = gateway("changed", bodyBasedRouting=None, pathBasedRouting={})

    edge.update(edge.check(wanted)[0])
    simulator.world.edit(edge.id, {"zones": ["RNO2A"]})
    edge.update(edge.check({**wanted, "zones": ["RNO2A"]})[0])
    simulator.world.edit(edge.id, {"zones": ["US-WEST-04A"]})
    with pytest.raises(Refused) as caught:
        edge.update(edge.check(gateway("changed", zones=["RNO2A"]))[0])

    assert [entry.body["pathBasedRouting"] for entry in simulator.journal.entries("PATCH")] == [{}]
    assert edge.outputs["zones"] == ["RNO2A"]
    assert str(caught.value) == (
        'CoreWeave: gateway "changed" was changed outside since the last refresh: zones: ["RNO2A"] -> ["US-WEST-04A"] '
        "(last seen -> live); nothing was written, because it would undo that; run again with --refresh to see it in the "
        "preview first\n"
    )
