"""A review of stack directories: the real engine previews them, and the checks look at them."""

from __future__ import annotations

import json

import pytest

from tests.running.command_line import Stack, claims, gateways

pytestmark = pytest.mark.thorough

LONE_WITHOUT_TRAFFIC = """\
deployments:
  chat:
    gateways: [public]
    model: {name: acme/chat, bucket: acme-weights, path: models/chat}
    runtime: {engine: vllm, version: 0.22.0+crwv.2}
    resources: {instanceType: gd-8xh200ib-i128, gpuCount: 1}
    autoscaling: {min: 1, max: 1}
    traffic: {weight: 0}
"""


def test_a_directory_is_previewed_as_a_whole_and_what_was_changed_outside_shows(stack: Stack) -> None:
    stack.declare(gateways("public"), claims("small"))
    first = stack.run("review", "--view", "json")
    up = stack.run("up", "--yes")
    stack.declare(gateways("public"), claims("small", "large"))
    second = stack.run("review")

    assert up.returncode == 0, up.stderr
    created = json.loads(first.stdout)
    assert (first.returncode, created["outcome"], created["counts"]["create"]) == (2, "changes", 2), (
        first.stderr
    )
    assert second.returncode == 2
    assert "**1 to create; 2 unchanged" in second.stdout
    assert "+$50.48" in second.stdout
    assert "--refresh" not in second.stdout


def test_a_directory_whose_declaration_is_at_fault_is_reviewed_as_failed(stack: Stack) -> None:
    stack.declare(claims("small").replace("instanceCount: 1", "instanceCount: 0"))

    found = stack.run("review")

    assert found.returncode == 1
    assert found.stdout.splitlines()[1].startswith("**⛔ 1 preview failed")
    assert "instanceCount" in found.stdout


def test_the_checks_findings_of_a_directory_are_in_its_review(stack: Stack) -> None:
    stack.declare(gateways("public"), LONE_WITHOUT_TRAFFIC)

    checked = json.loads(stack.run("check", "--json").stdout)["findings"]
    found = json.loads(stack.run("review", "--view", "json").stdout)["findings"]

    assert [item["code"] for item in found["old"]] == [item["code"] for item in checked]
    assert "traffic-lone-zero" in [item["code"] for item in found["old"]]


@pytest.mark.parametrize("place", ["nowhere", "."])
def test_a_place_that_is_no_stack_directory_is_one_line(stack: Stack, place: str) -> None:
    (stack.path / "Pulumi.yaml").unlink()

    found = stack.run("review", place, stack=None)

    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr.startswith("error: ")
