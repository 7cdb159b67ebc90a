"""`Declaration.origin`: where the value at a path was written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from coreweave_inference.declaration import Declaration
from hypothesis import given
from hypothesis import strategies as st

Declare = Callable[[str], Declaration]

TEXT = """\
version: 1
buckets:
  weights: {name: acme-weights, zone: US-EAST-04A}
gateways:
  public:
    coreWeaveAuth: {}
    bodyBasedRouting: {}
  inside:
    coreWeaveAuth: {}
    bodyBasedRouting: {}
capacityClaims:
  h200:
    instanceId: gd-8xh200ib-i128
    instanceCount: 1
    capacityType: CAPACITY_TYPE_SERVERLESS
    zones:
      - US-EAST-04A
deployments:
  chat:
    gateways:
      - public
      - inside
    model: {name: acme/chat, path: models/a}
    runtime:
      engine: vllm
      engineConfig:
        max-model-len: 16384
    resources: {instanceType: gd-8xh200ib-i128, gpuCount: 1}
    autoscaling:
      min: 1
      max: 4
      concurrency: 32
    traffic:
      weight: 900
  canary:
    extends: chat
    model:
      path: models/b
    gateways: [public]
    autoscaling:
      max: 2
      concurrency: null
    traffic: {weight: 1}
  eu:
    extends: canary
    model: {name: acme/eu}
accept:
  - {code: some-code, object: deployment chat, reason: known}
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 1),
        ("deployments", 18),
        ("deployments.chat", 19),
        ("deployments.chat.autoscaling.max", 31),
        ("deployments.chat.gateways[1]", 22),
        ("deployments.chat.gateways[7]", 20),
        ('deployments.chat.runtime.engineConfig["max-model-len"]', 27),
        ('deployments.chat.runtime.engineConfig["absent"]', 26),
        ("deployments.chat.runtime.version", 24),
        ("deployments.chat.disabled", 19),
        ("deployments.gone.disabled", 18),
        ("nowhere.at.all", 1),
        ("accept[0].reason", 48),
    ],
)
def test_a_value_is_on_its_line_and_a_missing_one_where_it_would_be(
    declare: Declare, path: str, line: int
) -> None:
    assert declare(TEXT).origin(path).line == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("deployments.canary.autoscaling.max", 41),
        ("deployments.canary.autoscaling.min", 30),
        ("deployments.canary.autoscaling.concurrency", 42),
        ("deployments.canary.gateways[1]", 39),
        ("deployments.canary.model", 37),
        ("deployments.canary.model.name", 23),
        ("deployments.canary.traffic.weight", 43),
        ("deployments.eu.autoscaling.max", 41),
        ("deployments.eu.autoscaling.min", 30),
        ("deployments.eu.model.path", 38),
        ("deployments.eu.traffic.weight", 44),
        ("deployments.eu.runtime.version", 24),
    ],
)
def test_what_is_inherited_is_where_it_was_written(declare: Declare, path: str, line: int) -> None:
    assert declare(TEXT).origin(path).line == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("capacityClaims.h200.resources.zones[0]", 17),
        ("capacityClaims.h200.zones[0]", 17),
        ("capacityClaims.h200.resources", 12),
        ("deployments.chat.gatewayIds", 20),
    ],
)
def test_the_apis_own_paths_are_understood(declare: Declare, path: str, line: int) -> None:
    assert declare(TEXT).origin(path).line == line


def test_the_fields_of_a_claim_in_the_apis_form_have_their_places(declare: Declare) -> None:
    text = """version: 1
capacityClaims:
  h200:
    resources:
      instanceId: gd-8xh200ib-i128
      instanceCount: 1
      capacityType: CAPACITY_TYPE_SERVERLESS
      zones:
      - US-EAST-04A
"""
    paths = ("instanceCount", "resources.instanceCount", "zones[0]")

    assert [declare(text).origin(f"capacityClaims.h200.{path}").line for path in paths] == [6, 6, 9]


@given(path=st.text())
def test_no_path_is_without_a_place(path: str) -> None:
    empty = Declaration({}, {}, {}, {})

    assert empty.origin(path).line == 1
