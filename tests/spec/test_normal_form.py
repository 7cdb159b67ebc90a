"""One sparse normal form, the complete body made from it, and what differs between two specs."""

from __future__ import annotations

import copy
import pickle
from typing import Annotated, Any

from coreweave_inference.model.deployment import DeploymentSpec
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.message import FieldMeta
from coreweave_inference.model.normal_form import (
    UNKNOWN,
    Difference,
    complete,
    differences,
    get_path,
    has_unknown,
    patch_body,
    sparse,
    sparse_message,
    unknown_fields,
    with_path,
    with_unknown_fields,
)
from pydantic import Field

GATEWAY_ID = "11111111-1111-4111-8111-111111111111"

DEPLOYMENT: dict[str, Any] = {
    "name": "chat",
    "gatewayIds": [GATEWAY_ID],
    "runtime": {"engine": "vllm", "version": "0.22.0", "engineConfig": {"enable-auto-tool-choice": ""}},
    "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
    "model": {"name": "acme/chat", "bucket": "acme-weights", "path": "models/chat"},
    "autoscaling": {"min": 1, "max": 4},
    "traffic": {"weight": 7},
}

LIVE_WITH_ZEROS = {
    **DEPLOYMENT,
    "id": GATEWAY_ID,
    "organizationId": "ab1cd2",
    "disabled": False,
    "runtime": {**DEPLOYMENT["runtime"], "engineEnv": {}},
    "autoscaling": {"min": 1.0, "max": 4.0, "priority": 0, "capacityClasses": [], "concurrency": 0},
}


def test_the_mark_of_the_unknown_stays_itself_through_copies_and_pickles() -> None:
    assert copy.deepcopy(UNKNOWN) is UNKNOWN
    assert pickle.loads(pickle.dumps(UNKNOWN)) is UNKNOWN


def test_an_unknown_value_is_found_at_any_depth() -> None:
    assert has_unknown({"a": [{"b": UNKNOWN}]})
    assert not has_unknown({"a": [{"b": "unknown"}]})


def test_a_service_that_writes_zeros_and_one_that_leaves_them_out_have_one_normal_form() -> None:
    assert sparse(Kind.DEPLOYMENT, LIVE_WITH_ZEROS) == DEPLOYMENT
    assert sparse(Kind.DEPLOYMENT, DEPLOYMENT) == DEPLOYMENT


def test_no_traffic_an_empty_block_and_weight_zero_are_one() -> None:
    specs: list[dict[str, Any]] = [{}, {"traffic": {}}, {"traffic": {"weight": 0.0}}]

    assert [sparse(Kind.DEPLOYMENT, spec) for spec in specs] == [{}, {}, {}]


def test_chosen_empty_messages_are_values_and_unset_ones_are_not() -> None:
    live: dict[str, Any] = {
        "coreWeaveAuth": {},
        "weightsAndBiasesAuth": None,
        "pathBasedRouting": {},
        "endpointConfiguration": {"additionalDns": []},
        "zones": [],
    }

    assert sparse(Kind.GATEWAY, live) == {"coreWeaveAuth": {}, "pathBasedRouting": {}}


def test_zones_are_written_in_upper_case_and_keep_the_users_order() -> None:
    assert sparse(Kind.GATEWAY, {"zones": ["us-west-04a", "RNO2A"]}) == {"zones": ["US-WEST-04A", "RNO2A"]}


def test_map_values_become_text() -> None:
    config = {"max-model-len": 16384.0, "flag": True, "off": False, "share": 0.9, "empty": "", "unset": None}

    normal = sparse(Kind.DEPLOYMENT, {"runtime": {"engineConfig": config}})

    assert normal["runtime"]["engineConfig"] == {
        "max-model-len": "16384",
        "flag": "true",
        "off": "false",
        "share": "0.9",
        "empty": "",
    }


def test_unknown_values_stay_where_they_are() -> None:
    spec: dict[str, Any] = {"gatewayIds": [UNKNOWN], "runtime": UNKNOWN, "model": {"path": UNKNOWN}}

    assert sparse(Kind.DEPLOYMENT, spec) == spec
    assert complete(Kind.DEPLOYMENT, spec)["runtime"] is UNKNOWN


def test_a_complete_deployment_writes_out_every_optional_field() -> None:
    assert complete(Kind.DEPLOYMENT, {**DEPLOYMENT, "traffic": {}}) == {
        "name": "chat",
        "gatewayIds": [GATEWAY_ID],
        "runtime": {
            "engine": "vllm",
            "version": "0.22.0",
            "engineConfig": {"enable-auto-tool-choice": ""},
            "engineEnv": {},
        },
        "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
        "model": {"name": "acme/chat", "bucket": "acme-weights", "path": "models/chat"},
        "autoscaling": {"min": 1, "max": 4, "priority": 0, "capacityClasses": [], "concurrency": 0},
        "traffic": {"weight": 0},
        "disabled": False,
    }


def test_a_complete_gateway_has_only_the_chosen_messages_and_no_field_the_schema_lacks() -> None:
    assert complete(Kind.GATEWAY, {"name": "gw", "coreWeaveAuth": {}, "bodyBasedRouting": {}}) == {
        "name": "gw",
        "zones": [],
        "coreWeaveAuth": {},
        "endpointConfiguration": {"additionalDns": []},
        "bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"},
    }


def test_a_field_newer_than_the_schema_is_sent_when_it_is_set() -> None:
    ranges = {"allowedSourceIpRanges": ["203.0.113.0/24"]}

    body = complete(Kind.GATEWAY, {"endpointConfiguration": ranges})

    assert body["endpointConfiguration"] == {"additionalDns": [], **ranges}


def test_changing_one_body_does_not_change_the_next() -> None:
    complete(Kind.GATEWAY, {})["zones"].append("RNO2A")

    assert complete(Kind.GATEWAY, {})["zones"] == []


def test_a_claims_patch_carries_its_resources_and_no_name() -> None:
    assert patch_body(Kind.CAPACITY_CLAIM, {"name": "h200", "resources": {"instanceCount": 2}}) == {
        "resources": {"instanceCount": 2}
    }
    assert patch_body(Kind.DEPLOYMENT, {"id": "1", "name": "chat"}) == {"name": "chat"}


def test_fields_of_a_newer_api_go_back_as_they_came() -> None:
    live: dict[str, Any] = {
        **LIVE_WITH_ZEROS,
        "tier": {"name": "gold"},
        "traffic": {"weight": 7, "mirror": 0.5},
        "later": None,
    }

    unknown = unknown_fields(Kind.DEPLOYMENT, live)
    body = with_unknown_fields({"traffic": {"weight": 9}}, unknown)

    assert unknown == {"tier": {"name": "gold"}, "traffic.mirror": 0.5}
    assert body == {"traffic": {"weight": 9, "mirror": 0.5}, "tier": {"name": "gold"}}


def test_a_fields_own_value_wins_over_the_one_that_came_back() -> None:
    merged = with_unknown_fields({"tier": {"name": "ours"}}, {"tier": {"name": "theirs", "size": 1}})

    assert merged == {"tier": {"name": "ours", "size": 1}}


def test_a_message_that_was_not_chosen_is_not_brought_back_by_its_unknown_field() -> None:
    unknown = unknown_fields(Kind.GATEWAY, {"weightsAndBiasesAuth": {"realm": "x"}})

    assert with_unknown_fields({"coreWeaveAuth": {}}, unknown) == {"coreWeaveAuth": {}}


def test_a_model_with_one_more_optional_field_leaves_old_normal_forms_unchanged() -> None:
    class Later(DeploymentSpec):
        mirror_to: Annotated[str, Field(description="New."), FieldMeta()] = ""
        surge: Annotated[int, Field(description="New."), FieldMeta()] = 3

    assert sparse_message(Later, DEPLOYMENT) == sparse(Kind.DEPLOYMENT, DEPLOYMENT)
    assert sparse_message(Later, {**LIVE_WITH_ZEROS, "mirrorTo": "", "surge": 3}) == DEPLOYMENT


def test_each_changed_field_is_one_difference_with_defaults_written_out() -> None:
    other = {**DEPLOYMENT, "traffic": {}, "disabled": True, "autoscaling": {"min": 1, "max": 9}}

    found = differences(Kind.DEPLOYMENT, DEPLOYMENT, other)

    assert found == (
        Difference("autoscaling.max", 4, 9),
        Difference("traffic.weight", 7, 0),
        Difference("disabled", False, True),
    )
    assert str(found[1]) == "traffic.weight: 7 -> 0"


def test_each_entry_of_a_map_is_its_own_difference() -> None:
    left = {"runtime": {"engineConfig": {"max-model-len": "1", "a": ""}}}
    right = {"runtime": {"engineConfig": {"max-model-len": 2}}}

    assert [str(difference) for difference in differences(Kind.DEPLOYMENT, left, right)] == [
        'runtime.engineConfig["a"]: "" -> (none)',
        'runtime.engineConfig["max-model-len"]: "1" -> "2"',
    ]


def test_two_names_of_a_capacity_type_and_any_case_of_an_instance_type_are_no_difference() -> None:
    left = {
        "resources": {"instanceId": "GD-1", "capacityType": "CAPACITY_TYPE_SERVERLESS", "zones": ["rno2a"]}
    }
    right = {"resources": {"instanceId": "gd-1", "capacityType": "CAPACITY_TYPE_MANAGED", "zones": ["RNO2A"]}}

    assert differences(Kind.CAPACITY_CLAIM, left, right) == ()


def test_an_instance_type_of_a_deployment_in_another_case_is_a_difference() -> None:
    left, right = ({"resources": {"instanceType": name}} for name in ("GD-1", "gd-1"))

    assert differences(Kind.DEPLOYMENT, left, right) == (
        Difference("resources.instanceType", "GD-1", "gd-1"),
    )


def test_order_matters_for_capacity_classes_and_for_nothing_else() -> None:
    classes = ["CAPACITY_CLASS_RESERVED", "CAPACITY_CLASS_ON_DEMAND"]
    ids = ["a", "b"]
    left = {"gatewayIds": ids, "autoscaling": {"capacityClasses": classes}}
    right = {"gatewayIds": ids[::-1], "autoscaling": {"capacityClasses": classes[::-1]}}

    assert differences(Kind.DEPLOYMENT, left, right) == (
        Difference("autoscaling.capacityClasses", classes, classes[::-1]),
    )


def test_another_auth_is_a_difference_of_both_messages() -> None:
    left: dict[str, Any] = {"coreWeaveAuth": {}}
    right = {"weightsAndBiasesAuth": {"apiKey": "hunter2"}}

    found = differences(Kind.GATEWAY, left, right)

    assert [str(difference) for difference in found] == [
        "coreWeaveAuth: {} -> (none)",
        'weightsAndBiasesAuth: (none) -> {"apiKey": "(hidden)"}',
    ]


def test_a_secret_is_compared_and_never_shown() -> None:
    left = {"runtime": {"engineEnv": {"TOKEN": "hunter2"}}}
    right = {"runtime": {"engineEnv": {"TOKEN": "hunter3"}}}

    (found,) = differences(Kind.DEPLOYMENT, left, right)

    assert (found.left, found.right) == ("hunter2", "hunter3")
    assert str(found) == 'runtime.engineEnv["TOKEN"]: (hidden) -> (hidden)'
    assert "hunter" not in repr(found)
    assert "hunter" not in str(Difference("runtime", left["runtime"], None))


def test_a_key_the_service_never_returns_is_left_out_on_request() -> None:
    declared = {"weightsAndBiasesAuth": {"apiKey": "hunter2"}}
    live: dict[str, Any] = {"weightsAndBiasesAuth": {}}

    assert differences(Kind.GATEWAY, declared, live, write_only=False) == ()
    assert [found.path for found in differences(Kind.GATEWAY, declared, live)] == [
        "weightsAndBiasesAuth.apiKey"
    ]


def test_a_value_not_known_yet_differs_from_every_known_one() -> None:
    found = differences(Kind.DEPLOYMENT, {"gatewayIds": [GATEWAY_ID]}, {"gatewayIds": UNKNOWN})

    assert [str(difference) for difference in found] == [f'gatewayIds: ["{GATEWAY_ID}"] -> (not known yet)']


def test_a_path_reads_and_writes_fields_and_entries_of_maps() -> None:
    path = 'runtime.engineConfig["a.b \\"c\\""]'

    changed = with_path(DEPLOYMENT, path, "x")

    assert get_path(changed, path) == "x"
    assert changed["runtime"]["engineConfig"] == {"enable-auto-tool-choice": "", 'a.b "c"': "x"}
    assert with_path(changed, path, None) == DEPLOYMENT


def test_a_path_to_nothing_is_none_and_removing_it_changes_nothing() -> None:
    assert get_path(DEPLOYMENT, "endpointConfiguration.additionalDns") is None
    assert with_path(DEPLOYMENT, "endpointConfiguration.additionalDns", None) == DEPLOYMENT
    assert with_path({}, "traffic.weight", 0) == {"traffic": {"weight": 0}}


def test_what_lies_below_an_unknown_value_is_unknown_and_cannot_be_written() -> None:
    spec: dict[str, Any] = {"traffic": UNKNOWN}

    assert get_path(spec, "traffic.weight") is UNKNOWN
    assert with_path(spec, "traffic.weight", 3) == spec
