"""Traffic weights that are left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from coreweave_inference.declaration import Declaration

Declare = Callable[[str], Declaration]
Faults = Callable[[str], list[str]]
Change = Callable[..., str]


@pytest.mark.parametrize("traffic", [None, {}])
def test_a_deployment_alone_under_its_model_name_has_weight_100(
    declare: Declare, traffic: object, with_deployment: Change
) -> None:
    assert declare(with_deployment(traffic=traffic)).deployments["chat"].spec["traffic"] == {"weight": 100}


def test_weight_zero_is_declared_and_stays_zero(declare: Declare, with_deployment: Change) -> None:
    chat = declare(with_deployment(traffic={"weight": 0})).deployments["chat"]

    assert chat.spec["traffic"] == {"weight": 0}


def test_members_of_a_group_that_do_not_say_their_weight_are_named_with_the_others(
    faults: Faults, full: str
) -> None:
    found = faults(full.replace(", traffic: {weight: 100}", "").replace("    traffic: {weight: 900}\n", ""))

    assert [fault.split(": ", 1)[1] for fault in found] == [
        f'deployments.{key}.traffic: shares its model name and a gateway with "{other}" and does not say its weight; '
        "add traffic: {weight: 100}, or the share you want"
        for key, other in (("chat", "chat-canary"), ("chat-canary", "chat"))
    ]


def test_deployments_with_one_model_name_on_different_gateways_share_nothing(
    declare: Declare, changed: Change, full: str
) -> None:
    gateway: dict[str, Any] = {"coreWeaveAuth": {}, "pathBasedRouting": {}}
    chat = yaml.safe_load(full)["deployments"]["chat"]
    del chat["traffic"]
    deployments = {"a": {**chat, "gateways": ["one"]}, "b": {**chat, "gateways": ["two"]}}

    declared = declare(changed(gateways={"one": gateway, "two": gateway}, deployments=deployments))

    assert [declared.deployments[key].spec["traffic"] for key in "ab"] == [{"weight": 100}] * 2
