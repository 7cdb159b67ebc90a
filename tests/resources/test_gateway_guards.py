"""What a gateway is kept from: wrong tokens, others' objects, leaked keys, and what the schema refuses."""

from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.host.dynamic import CoreWeave
from coreweave_inference.resources.gateway import GatewayProvider
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault
from pulumi.output import Unknown

from tests.resources.engine_steps import Resource
from tests.resources.service import Run, gateway, patches, run_against
from tests.simulator.inference_fixtures import MISSING_ID, STRANGER, Api
from tests.simulator.inference_fixtures import deployment as deployment_body


@pytest.fixture
def public() -> Resource:
    return Resource(GatewayProvider())


def test_an_imported_gateway_keeps_its_id_and_its_first_preview_is_empty(
    run: Run, simulator: Simulator
) -> None:
    first = Resource(GatewayProvider())
    first.up(gateway(name="edge"))
    spec = {key: value for key, value in first.outputs.items() if not key.startswith("__")}
    imported = Resource(GatewayProvider(), first.id, {**spec}, {**spec})

    with run_against(simulator):
        assert imported.up(gateway("other-resource", name="edge")) == "same"
    assert imported.inputs["apiId"] == first.id


def test_a_deleted_gateway_leaves_the_state_after_a_refresh_when_the_organization_is_seen(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    public.up(gateway())
    other = Resource(GatewayProvider())
    other.up(gateway("internal"))
    with Api(simulator).http as http:
        http.delete(f"/v1alpha1/inference/gateways/{public.id}")
    run.time.sleep(60)

    result = public.provider.read(public.id, public.outputs)

    assert (result.id, result.outs) == ("", {})


def test_a_wrong_token_never_looks_like_a_deleted_gateway(simulator: Simulator, public: Resource) -> None:
    with run_against(simulator):
        public.up(gateway())

    with run_against(simulator, token=STRANGER), pytest.raises(CoreWeave, match="not taken as a proof"):
        public.refresh()


def test_a_gateway_that_is_declared_in_this_run_is_not_deleted(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    """`--replace`, a move without alias, a reverted rename: the old entry goes, the object stays."""
    public.up(gateway())

    public.provider.delete(public.id, public.outputs)

    assert simulator.journal.entries("DELETE") == []
    assert run.log.warnings == [
        f'gateway "public" ({public.id}) kept: still declared; only its old state entry is removed'
    ]


def test_a_gateway_in_use_by_others_is_not_deleted_and_they_are_named(
    simulator: Simulator, public: Resource
) -> None:
    with run_against(simulator):
        public.up(gateway())
    api = Api(simulator)
    with api.http:
        api.create("deployments", deployment_body(name="theirs", gatewayIds=[public.id]))

    with run_against(simulator), pytest.raises(CoreWeave) as caught:
        public.destroy()

    assert str(caught.value) == (
        'gateway "public" is still used by deployment theirs, which this run does not delete; delete that first, or '
        "move it away"
    )
    assert simulator.journal.entries("DELETE") == []


@pytest.mark.parametrize("status", ["FAILED", "ERROR", "CREATING", "UPDATING"])
def test_a_gateway_in_any_state_is_deleted(simulator: Simulator, public: Resource, status: str) -> None:
    with run_against(simulator):
        public.up(gateway())
    simulator.world.set_status(public.id, f"STATUS_{status}")

    with run_against(simulator):
        public.destroy()

    assert simulator.world.records("gateways") == []


def test_a_rotated_key_is_one_patch_and_a_key_that_is_never_returned_is_no_difference(
    simulator: Simulator, public: Resource
) -> None:
    simulator.behaviour = simulator.behaviour.changed({"weights_and_biases_instances": True})

    def keyed(key: str) -> dict[str, Any]:
        auth = {"apiKey": key, "serverUrl": "https://wandb.example.com"}
        return gateway(coreWeaveAuth=None, weightsAndBiasesAuth=auth)

    with run_against(simulator) as run:
        public.up(keyed("first-key"))
        assert public.up(keyed("first-key")) == "same"
        run.time.sleep(60)
        assert public.refresh()
        assert public.up(keyed("first-key")) == "same"
        assert patches(simulator) == []

        assert public.up(keyed("second-key")) == "update"

        assert len(patches(simulator)) == 1
        assert public.outputs["weightsAndBiasesAuth"]["apiKey"] == "second-key"
        assert public.up(keyed("second-key")) == "same"
        assert "key" not in " ".join([*run.log.warnings, *run.log.notes, *(text for _, text in run.log.rows)])


def test_an_update_of_what_was_deleted_says_what_to_do(run: Run, public: Resource) -> None:
    public.up(gateway())
    public.id = MISSING_ID

    with pytest.raises(
        CoreWeave, match=f'gateway "public" \\({MISSING_ID}\\) is not there any more; refresh, and'
    ):
        public.up(gateway(zones=None))


def test_a_state_of_another_endpoint_is_not_spoken_for(run: Run, public: Resource) -> None:
    public.up(gateway())
    public.outputs["apiEndpoint"] = "https://api.coreweave.com"

    for act in (public.refresh, public.destroy, lambda: public.up(gateway(zones=None))):
        with pytest.raises(CoreWeave, match=r"this stack lives at https://api\.coreweave\.com, but "):
            act()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"headerBasedRouting": {"headerName": "x"}},
            (
                'gateway "public": headerBasedRouting: bodyBasedRouting and headerBasedRouting are mutually exclusive; keep '
                "exactly one of them"
            ),
        ),
        (
            {"coreWeaveAuth": None},
            (
                'gateway "public": coreWeaveAuth: none of coreWeaveAuth, weightsAndBiasesAuth is given; give exactly one, '
                "such as coreWeaveAuth: {}"
            ),
        ),
        (
            {"hidden": {"__ignored": ["traffic.weight"]}},
            (
                'gateway "public": ignoreChanges: "traffic.weight" is not a field of a gateway; write it as in '
                "traffic.weight"
            ),
        ),
    ],
)
def test_what_the_schema_refuses_is_refused_before_any_call(
    run: Run, simulator: Simulator, public: Resource, changes: dict[str, Any], reason: str
) -> None:
    assert public.check_faults(gateway(**changes)) == [reason]
    assert simulator.journal.entries() == []


def test_unknowns_of_a_preview_skip_their_checks_and_give_no_false_errors(run: Run, public: Resource) -> None:
    unknown = Unknown()
    news = {**gateway(), "zones": [unknown], "coreWeaveAuth": unknown, "bodyBasedRouting": unknown}

    inputs = public.checked(news)

    assert isinstance(inputs["coreWeaveAuth"], Unknown)
    assert isinstance(inputs["zones"][0], Unknown)
    assert inputs["apiId"] == gateway()["apiId"]


def test_fields_of_a_newer_api_go_back_with_every_patch(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    simulator.faults.add(Fault("add-fields", path="/gateways", count=None, fields={"sparkle": {"on": True}}))
    public.up(gateway())

    public.up(gateway(bodyBasedRouting=None, pathBasedRouting={}))

    assert patches(simulator)[-1]["sparkle"] == {"on": True}
