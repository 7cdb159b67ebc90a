"""A gateway's life against the simulated service: created, changed, drifted, replaced, deleted."""

from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.resources.gateway import GatewayProvider
from coreweave_inference.resources.host import CoreWeave
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault
from pulumi.output import Unknown

from tests.resources.engine_steps import Resource
from tests.resources.service import ORGANISATION, ZONE, Run, gateway, run_against, urn
from tests.simulator.inference_fixtures import MISSING_ID, STRANGER, Api

BOTH_NAMES = {"additionalDns": ["a.example.com", "b.example.com"]}
ONE_NAME = {"additionalDns": ["a.example.com"]}


@pytest.fixture
def public() -> Resource:
    return Resource(GatewayProvider())


def patches(simulator: Simulator) -> list[Any]:
    return [entry.body for entry in simulator.journal.entries("PATCH")]


def test_a_creation_waits_for_its_endpoint_and_records_what_is_needed(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    news = gateway()

    assert public.up(news) == "create"

    assert public.id == news["apiId"]
    assert public.outputs == {
        "name": "public-dev",
        "zones": [ZONE],
        "coreWeaveAuth": {},
        "bodyBasedRouting": {},
        "__identity": '{"name":null}',
        "__derivedName": "public-dev",
        "__urn": urn("Gateway", "public"),
        "apiId": public.id,
        "apiEndpoint": simulator.url,
        "organizationId": ORGANISATION,
        "createdAt": public.outputs["createdAt"],
        "revision": public.outputs["revision"],
        "format": 1.0,
        "endpoints": [f"{simulator.url}/gateways/{public.id}"],
    }
    assert 0.5 <= sum(run.time.slept) < 1


def test_the_same_program_twice_changes_nothing_and_sends_nothing(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    public.up(gateway())
    simulator.journal.clear()

    assert public.up(gateway()) == "same"
    assert public.up(gateway(zones=[ZONE.lower()])) == "same"
    assert public.up(gateway(bodyBasedRouting={})) == "same"
    assert simulator.journal.entries("PATCH") == []


def test_a_change_is_one_complete_patch(run: Run, simulator: Simulator, public: Resource) -> None:
    public.up(gateway())

    assert public.up(gateway(bodyBasedRouting=None, headerBasedRouting={"headerName": "x-model"})) == "update"

    assert patches(simulator) == [
        {
            "name": "public-dev",
            "zones": [ZONE],
            "coreWeaveAuth": {},
            "endpointConfiguration": {"additionalDns": []},
            "headerBasedRouting": {"headerName": "x-model"},
        }
    ]
    assert public.up(gateway(bodyBasedRouting=None, headerBasedRouting={"headerName": "x-model"})) == "same"


def test_a_creation_that_gets_no_endpoint_in_time_keeps_its_id_and_warns(
    simulator: Simulator, public: Resource
) -> None:
    simulator.behaviour = simulator.behaviour.changed({"gateway_create_seconds": 3600})

    with run_against(simulator, COREWEAVE_GATEWAY_DEADLINE_SECONDS="60") as run:
        public.up(gateway())

        assert run.log.warnings == [
            'gateway "public" was accepted, but: not READY after 60 s: Ready=False Reconciling: Gateway is being '
            f"reconciled ({ZONE})"
        ]
    assert public.id == gateway()["apiId"]
    assert public.outputs["endpoints"] == []


def test_a_name_that_is_taken_out_is_told_once_and_not_tried_again(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    public.up(gateway(endpointConfiguration=BOTH_NAMES))

    assert public.up(gateway(endpointConfiguration=ONE_NAME)) == "update"

    assert len(patches(simulator)) == 1
    assert run.log.warnings == [
        'gateway "public": the service keeps the DNS names b.example.com although they were taken out, because it '
        "merges them; only a new gateway is without them"
    ]
    assert public.outputs["keptDns"] == ["b.example.com"]
    assert public.outputs["endpointConfiguration"] == ONE_NAME
    assert public.up(gateway(endpointConfiguration=ONE_NAME)) == "same"
    assert public.refresh()
    assert public.up(gateway(endpointConfiguration=ONE_NAME)) == "same"
    assert public.up(gateway(endpointConfiguration=BOTH_NAMES)) == "update"
    assert "keptDns" not in public.outputs


def test_a_zone_taken_away_outside_shows_after_a_refresh_and_is_put_back(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    public.up(gateway())
    simulator.world.edit(public.id, {"zones": ["RNO2A"]})

    run.time.sleep(60)
    assert public.refresh()

    assert public.inputs["zones"] == public.outputs["zones"] == ["RNO2A"]
    assert public.planned(gateway()).changes is None
    assert public.up(gateway()) == "update"
    assert patches(simulator)[-1]["zones"] == [ZONE]


def test_without_a_refresh_what_others_changed_is_not_overwritten(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    public.up(gateway(zones=None))
    simulator.world.edit(public.id, {"endpointConfiguration": {"additionalDns": ["theirs.example.com"]}})

    with pytest.raises(CoreWeave) as caught:
        public.up(gateway(zones=None, endpointConfiguration={"additionalDns": ["ours.example.com"]}))

    assert str(caught.value) == (
        'gateway "public" was changed outside since the last refresh: endpointConfiguration.additionalDns: [] -> '
        '["theirs.example.com"] (last seen -> live); nothing was written, because it would undo that; run again with '
        "--refresh to see it in the preview first"
    )
    assert patches(simulator) == []


def test_another_name_gives_the_old_one_up_only_after_the_new_one_is_there(
    simulator: Simulator, public: Resource
) -> None:
    with run_against(simulator):
        public.up(gateway(name="edge"))
    first = public.id

    with run_against(simulator):
        plan = public.planned(gateway(name="edge-2"))
        assert public.up(gateway(name="edge-2")) == "replace"

    assert (plan.replaces, plan.delete_before_replace) == (["name"], False)
    assert public.id != first
    writes = [entry.method for entry in simulator.journal.entries(path="/gateways") if entry.method != "GET"]
    assert writes == ["POST", "POST", "DELETE"]
    assert [record.spec["name"] for record in simulator.world.records("gateways")] == ["edge-2"]


def test_declaring_the_name_that_it_has_already_replaces_nothing(run: Run, public: Resource) -> None:
    public.up(gateway())
    first = public.id

    assert public.up(gateway(name="public-dev")) == "same"

    assert public.id == first == public.inputs["apiId"]


def test_a_rename_made_outside_is_drift_and_no_replacement(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    public.up(gateway())
    simulator.world.edit(public.id, {"name": "renamed"})
    run.time.sleep(60)
    public.refresh()

    assert public.outputs["name"] == "renamed"
    plan = public.planned(gateway())
    assert (plan.changes, plan.replaces) == (None, None)
    assert public.up(gateway()) == "update"
    assert patches(simulator)[-1]["name"] == "public-dev"


def test_an_imported_gateway_keeps_its_id_and_its_first_preview_is_empty(
    run: Run, simulator: Simulator
) -> None:
    first = Resource(GatewayProvider())
    first.up(gateway(name="edge"))
    spec = {key: value for key, value in first.outputs.items() if not key.startswith("__")}
    imported = Resource(GatewayProvider(), first.id, {**spec}, {**spec})

    assert imported.up(gateway("other-resource", name="edge")) == "same"
    assert imported.inputs["apiId"] == first.id


def test_a_deleted_gateway_is_gone_after_a_refresh_when_the_organisation_is_seen(
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


def test_a_gateway_that_stands_in_this_run_is_not_deleted(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    """`--replace`, a move without alias, a reverted rename: the old entry goes, the object stays."""
    public.up(gateway())

    public.provider.delete(public.id, public.outputs)

    assert simulator.journal.entries("DELETE") == []
    assert run.log.warnings == [
        f'gateway "public" ({public.id}) stays: this run still declares it; only its former entry in the state goes'
    ]


def test_a_gateway_in_use_by_others_is_not_deleted_and_they_are_named(
    simulator: Simulator, public: Resource
) -> None:
    from tests.simulator.inference_fixtures import deployment as deployment_body

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


def test_an_update_of_what_is_gone_says_what_to_do(run: Run, public: Resource) -> None:
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
            'gateway "public": headerBasedRouting: bodyBasedRouting and headerBasedRouting exclude each other; keep '
            "exactly one of them",
        ),
        (
            {"coreWeaveAuth": None},
            'gateway "public": coreWeaveAuth: none of coreWeaveAuth, weightsAndBiasesAuth is given; give exactly one, '
            "such as coreWeaveAuth: {}",
        ),
        (
            {"hidden": {"__ignored": ["traffic.weight"]}},
            'gateway "public": ignoreChanges: "traffic.weight" is not a field of a gateway; write it as in '
            "traffic.weight",
        ),
    ],
)
def test_what_the_schema_refuses_is_refused_before_any_call(
    run: Run, simulator: Simulator, public: Resource, changes: dict[str, Any], reason: str
) -> None:
    assert public.refusals(gateway(**changes)) == [reason]
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
