"""Two runs on one account at the same time, and two stacks that want the same thing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.engine.declarations import edited, stack
from tests.engine.workbench import Service, Workbench

pytestmark = pytest.mark.thorough

POLICY = r"^/acme-weights$"


def test_two_stacks_that_go_up_at_once_lose_none_of_their_statements_in_the_policy_of_their_bucket(
    stocked: Service, workbench_of: Callable[..., Workbench]
) -> None:
    dev, prod = workbench_of(stocked, "dev"), workbench_of(stocked, "prod")
    dev.declare(stack())
    # Each put is answered late, so that the other run reads, and puts, a document without this statement.
    stocked.misbehave("delay", "PUT", POLICY, count=2, when="before", seconds=0.4)

    with ThreadPoolExecutor(2) as both:
        runs = list(both.map(lambda bench: bench.up(), (dev, prod)))
    quiet = [bench.up("--refresh") for bench in (dev, prod)]

    assert [run.errors for run in runs] == [(), ()]
    owners = [sid for sid in stocked.sids() if sid.startswith("AllowOwnOrganization")]
    assert sorted(stocked.sids()) == sorted([_sid(dev), _sid(prod), *owners])
    assert len(owners) == 1
    assert len({_sid(dev), _sid(prod)}) == 2
    assert [(run.drift, run.changes, run.writes) for run in quiet] == [({}, {}, {})] * 2
    assert stocked.account() == {
        "deployments": ["chat-serving-dev", "chat-serving-prod"],
        "gateways": ["public-serving-dev", "public-serving-prod"],
        "buckets": ["acme-weights"],
    }


def test_an_object_that_another_stack_made_is_refused_by_its_name_and_left_as_it_is(
    stocked: Service, workbench_of: Callable[..., Workbench]
) -> None:
    dev, prod = workbench_of(stocked, "dev"), workbench_of(stocked, "prod")
    dev.bring_up(stack(gateways={"public": {"name": "front-door"}}))
    before = stocked.live("gateways")

    refused = prod.up()

    assert not refused.ok
    assert (
        f'the name "front-door" is in use by gateway {before["front-door"]["spec"]["id"]}' in refused.output
    )
    assert stocked.live("gateways") == before
    assert refused.writes.get("PATCH gateways", 0) == 0


def test_a_key_whose_object_lives_on_under_an_alias_cannot_be_used_for_a_second_object_of_the_same_name(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.bring_up(stack())
    moved = edited(stack(), {"deployments": {"chat": None}})
    moved["deployments"]["talk"] = {**stack()["deployments"]["chat"], "options": {"aliases": ["chat"]}}
    workbench.declare(moved)
    workbench.up()
    before = service.live("deployments")

    moved["deployments"]["talk"].pop("options")
    moved["deployments"]["talk"]["traffic"] = {"weight": 60}
    moved["deployments"]["chat"] = {**stack()["deployments"]["chat"], "traffic": {"weight": 40}}
    workbench.declare(moved)
    second = workbench.up()

    assert list(before) == ["chat-serving-dev"]
    assert not second.ok
    assert before["chat-serving-dev"]["spec"]["id"] in second.output or "chat-serving-dev" in second.output
    assert 'deployment "chat"' in second.output
    ids = [
        item["id"]
        for item in workbench.state().values()
        if item["id"] == before["chat-serving-dev"]["spec"]["id"]
    ]
    assert len(ids) == 1


def _sid(bench: Workbench) -> str:
    return str(bench.state()["weights-policy"]["outputs"]["sid"])
