"""Whose an object is: what shows that a stack made it is in its state, and never in a file that others may have too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import coreweave_inference as cw
import pulumi
import pytest

from tests.engine.declarations import CLAIM, edited, stack
from tests.engine.workbench import Service, Workbench

IDENTITY = {"coreweave:identity": "5f1c0f6a4d"}
OWN_BUCKET = {"buckets": {"weights": {"adopt": False}}}


def everything(service: Service) -> str:
    """All that is in the account, and the policy of its bucket."""
    return json.dumps([service.simulator.control.account(), service.sids()], sort_keys=True, default=str)


def person(service: Service, place: Path, identity: bool, stack_name: str = "dev") -> Workbench:
    """Somebody with a checkout and a backend of their own."""
    place.mkdir()
    bench = Workbench(service, place, stack_name)
    if identity:
        bench.pulumi("config", "set", *next(iter(IDENTITY.items())), "--stack", stack_name)
    return bench


@pytest.mark.parametrize(
    "identity",
    [
        pytest.param(True, id="one committed identity"),
        pytest.param(False, id="no identity", marks=pytest.mark.thorough),
    ],
)
def test_two_people_with_backends_of_their_own_do_not_get_each_other_s_objects(
    stocked: Service, tmp_path: Path, identity: bool
) -> None:
    first, second = (person(stocked, tmp_path / name, identity) for name in ("first", "second"))
    for bench in (first, second):
        bench.declare(stack())
    first.up()
    before = everything(stocked)

    shown, refused, down = second.preview(), second.up(), second.destroy()

    for run in (shown, refused):
        assert not run.ok
        assert "COREWEAVE_TAKE_OVER=" in run.output
        for named in ('gateway "public"', 'deployment "chat"', 'inference bucket policy "weights-policy"'):
            assert named in run.output
    assert second.state() == {}
    assert [run.writes for run in (shown, refused, down)] == [{}, {}, {}]
    assert everything(stocked) == before
    assert first.up("--refresh").changes == {}


def test_a_destroy_does_not_wait_for_what_somebody_else_has_under_an_id_that_was_refused(
    stocked: Service, tmp_path: Path
) -> None:
    first, second = (person(stocked, tmp_path / name, True) for name in ("first", "second"))
    second.bring_up({"version": 1, "capacityClaims": {"spare": CLAIM}})
    first.declare({"version": 1, "capacityClaims": {"h200": CLAIM}})
    assert first.up().ok
    second.declare({"version": 1, "capacityClaims": {"spare": CLAIM, "h200": {**CLAIM, "instanceCount": 1}}})

    refused, down = second.up(), second.destroy()

    assert not refused.ok
    assert (down.ok, down.writes) == (True, {"DELETE capacityclaims": 1}), down.errors
    assert len(stocked.live("capacityclaims")) == 1


def test_a_stack_that_was_renamed_keeps_its_objects_and_a_new_one_of_its_old_name_gets_none_of_them(
    stocked: Service, workbench_of: Callable[..., Workbench]
) -> None:
    prod = workbench_of(stocked)
    prod.bring_up(stack())
    prod.pulumi("stack", "rename", "prod", "--stack", "dev")
    prod.stack = "prod"
    renamed = prod.up("--refresh")
    before = everything(stocked)
    dev = workbench_of(stocked)

    refused, down = dev.up(), dev.destroy()

    assert (renamed.ok, renamed.writes) == (True, {})
    assert not refused.ok
    assert (dev.state(), refused.writes, down.writes) == ({}, {}, {})
    assert everything(stocked) == before


def test_a_state_that_was_forced_on_another_stack_deletes_nothing(
    service: Service, workbench_of: Callable[..., Workbench], tmp_path: Path
) -> None:
    dev = workbench_of(service)
    dev.bring_up({"version": 1, "capacityClaims": {"h200": CLAIM}})
    prod = workbench_of(service, "prod")
    (tmp_path / "dev.json").write_text(dev.pulumi("stack", "export", "--stack", "dev"))
    prod.pulumi("stack", "import", "--force", "--stack", "prod", "--file", str(tmp_path / "dev.json"))
    before = everything(service)

    refused = prod.up()

    assert not refused.ok
    assert "its state is the one of stack serving/dev" in refused.output
    assert refused.writes == {}
    assert everything(service) == before


def test_a_configuration_that_was_copied_to_another_stack_makes_objects_of_its_own_and_takes_no_bucket(
    service: Service, workbench_of: Callable[..., Workbench], tmp_path: Path
) -> None:
    dev = workbench_of(service)
    dev.pulumi("config", "set", *next(iter(IDENTITY.items())), "--stack", "dev")
    dev.bring_up(edited(stack(deployments=None), OWN_BUCKET))
    made = dev.state()
    prod = workbench_of(service, "prod")
    shutil.copy(tmp_path / "Pulumi.dev.yaml", tmp_path / "Pulumi.prod.yaml")
    before = everything(service)

    refused, down = prod.up(), prod.destroy()
    prod.declare(stack(deployments=None))
    adopting = prod.up()
    ids = {name: found["id"] for name, found in prod.state().items()}
    prod_down = prod.destroy()

    assert (
        'a bucket "acme-weights" exists already and nothing shows that this stack created it'
        in refused.output
    )
    assert (refused.writes, down.writes) == ({}, {})
    assert adopting.ok, adopting.errors
    assert ids["public"] != made["public"]["id"]
    assert prod_down.ok, prod_down.errors
    assert everything(service) == before


def test_two_projects_with_the_same_keys_live_side_by_side(stocked: Service, tmp_path: Path) -> None:
    for project in ("quickstart", "platform"):
        place = tmp_path / project
        place.mkdir()
        bench = Workbench(stocked, place, project=project)
        bench.declare(stack())
        assert bench.up().ok

    assert stocked.account()["deployments"] == ["chat-platform-dev", "chat-quickstart-dev"]


def test_a_name_in_use_is_reported_by_the_preview_of_a_later_run_before_anything_is_made(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.bring_up(stack())
    other = Workbench(service, _folder(workbench, "other"), project="other")
    other.declare(edited(stack(), {"gateways": {"public": {"name": "front"}}}))
    other.up()
    more = {"gateways": {"second": {**stack()["gateways"]["public"], "name": "front"}}}
    workbench.declare(edited(stack(), more))

    shown = workbench.preview()

    front = service.live("gateways")["front"]["spec"]["id"]
    assert not shown.ok
    assert f'gateway "second": the name "front" is in use by gateway {front}' in shown.output


def _folder(workbench: Workbench, name: str) -> Path:
    place = workbench.directory / name
    place.mkdir()
    return place


class Chat(pulumi.ComponentResource):
    """A component with a gateway and a deployment that are called as those of every other one."""

    def __init__(self, kind: str, name: str, parent: pulumi.Resource | None = None) -> None:
        super().__init__(kind, name, opts=pulumi.ResourceOptions(parent=parent))
        inside = pulumi.ResourceOptions(parent=self)
        gateway = cw.Gateway(
            "public",
            zones=["US-EAST-04A"],
            auth=cw.CoreWeaveAuth(),
            routing=cw.BodyBasedRouting(api_type="API_TYPE_OPENAI"),
            opts=inside,
        )
        cw.Deployment(
            "chat",
            gateways=[gateway],
            model=cw.Model(name="acme/chat", path="models/chat", bucket="acme-weights"),
            runtime=cw.Runtime(engine="vllm"),
            resources=cw.Resources(instance_type="gd-8xh200ib-i128", gpu_count=1),
            autoscaling=cw.Autoscaling(min=1, max=2, concurrency=8),
            opts=inside,
        )


class Outer(pulumi.ComponentResource):
    """A component in a component."""

    def __init__(self) -> None:
        super().__init__("acme:o:Outer", "outer")
        Chat("acme:a:Chat", "inner", self)


def test_equal_names_in_components_are_objects_of_their_own(workbench: Workbench) -> None:
    def program() -> None:
        cw.InferenceBucketPolicy("weights-policy", bucket="acme-weights", owner_access="none")
        Chat("acme:a:Chat", "a")
        Chat("acme:b:Search", "b")
        Outer()
        cw.Readiness()
        cw.export()

    workbench.program = program

    shown, first, quiet = workbench.preview(), workbench.up(), workbench.up("--refresh")
    live = workbench.service.live("deployments")
    outputs = workbench.outputs()
    down = workbench.destroy()

    assert shown.ok, shown.errors
    assert first.ok, first.errors
    assert {key: n for key, n in first.writes.items() if "POST" in key} == {
        "POST gateways": 3,
        "POST deployments": 3,
    }
    assert len(live) == 3
    assert all(name.startswith("chat-serving-dev-") for name in live)
    assert len({tuple(found["spec"]["gatewayIds"]) for found in live.values()}) == 3
    assert sorted(outputs["deployments"]) == [
        "chat (acme:a:Chat)",
        "chat (acme:b:Search)",
        "chat (acme:o:Outer$acme:a:Chat)",
    ]
    assert (quiet.ok, quiet.changes, quiet.writes) == (True, {}, {})
    assert down.ok, down.errors
    assert workbench.service.live("deployments") == {}


def test_what_would_be_one_object_of_two_resources_is_refused_before_any_write(workbench: Workbench) -> None:
    def gateway(key: str, name: pulumi.Input[str]) -> None:
        cw.Gateway(
            key,
            auth=cw.CoreWeaveAuth(),
            routing=cw.BodyBasedRouting(api_type="API_TYPE_OPENAI"),
            zones=["US-EAST-04A"],
            api_name=name,
        )

    def twice(name: Callable[[], pulumi.Input[str]]) -> None:
        gateway("one", "edge")
        gateway("two", name())
        for key in ("first", "second"):
            cw.WeightsBucket(key, bucket_name="acme-new", zone="US-EAST-04A")
            cw.InferenceBucketPolicy(f"{key}-policy", bucket="acme-weights", owner_access="none")

    workbench.program = lambda: twice(lambda: "edge")
    plain = [workbench.preview(), workbench.up()]
    workbench.program = lambda: (gateway("one", "edge"), gateway("two", pulumi.Output.from_input("edge")))
    later = workbench.preview()

    for run in plain:
        assert not run.ok
        for text in (
            'the gateway name "edge"',
            'the bucket "acme-new"',
            'the policy of bucket "acme-weights"',
        ):
            assert text in run.output
    assert 'has the name "edge" too' in later.output
    assert [run.writes for run in (*plain, later)] == [{}, {}, {}]
