"""`existing`, on the real engine: what others own is found, used, and never changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import coreweave_inference as cw
import pytest

from tests.engine.declarations import BUCKET, DEPLOYMENT, GATEWAY, edited
from tests.engine.workbench import Service, Workbench, until

STACKS = Path(__file__).resolve().parents[2] / "stacks"
Bench = Callable[..., Workbench]


def test_platform_and_models_come_up_and_go_down_as_two_stacks(service: Service, bench_of: Bench) -> None:
    platform, models = laid_out("platform", bench_of), laid_out("models", bench_of)
    first = platform.up()
    service.put_weights("models/llama-3.1-8b", bucket="acme-weights-dev")

    previewed, up, again = models.preview(), models.up(), models.up("--refresh")
    shown, served = previewed.declared("chat"), models.outputs()["models"]
    given = platform.outputs()
    kept = platform.destroy()
    gone, down = models.destroy(), platform.destroy()

    assert first.ok, first.output
    assert previewed.ok, previewed.output
    assert up.ok, up.output
    gateway = given["gateways"]["public"]
    assert given["buckets"] == {"weights": {"name": "acme-weights-dev", "zone": "US-EAST-04A"}}
    assert shown["gatewayIds"] == [gateway["apiId"]]
    assert shown["model"]["bucket"] == "acme-weights-dev"
    assert served == {"acme/chat": {"baseUrls": [f"{gateway['endpoints'][0]}/v1"]}}
    assert up.writes == {"POST deployments": 1}
    assert (again.ok, again.changes, again.writes) == (True, {}, {})
    assert not kept.ok
    assert (gone.ok, down.ok) == (True, True), gone.output + down.output
    assert service.account() == {"buckets": ["acme-weights-dev"]}


@pytest.mark.thorough
def test_a_protected_gateway_of_prod_outlives_a_destroy(service: Service, bench_of: Bench) -> None:
    platform = laid_out("platform", bench_of, "prod")

    up, down = platform.up(), platform.destroy()

    assert up.ok, up.output
    assert not down.ok
    assert "protect" in down.output
    assert service.account()["gateways"] == ["public-platform-prod"]


def laid_out(project: str, bench_of: Bench, stack: str = "dev") -> Workbench:
    """One of the repository's stacks in a directory of its own."""
    bench = bench_of(project, stack)
    for file in (STACKS / project).glob("inference*.yaml"):
        shutil.copy(file, bench.directory)
    return bench


@pytest.fixture
def theirs(service: Service, bench_of: Bench) -> dict[str, str]:
    """Gateways that another stack made: their ids by key."""
    service.make_bucket()
    service.put_weights("models/chat")
    bench = bench_of("platform")
    by_path = {"coreWeaveAuth": {}, "pathBasedRouting": {}, "name": "by-path"}
    gateways = {"public": GATEWAY, "path": by_path}
    bench.bring_up({"version": 1, "buckets": {"weights": BUCKET}, "gateways": gateways})
    return {key: gateway["apiId"] for key, gateway in bench.outputs()["gateways"].items()}


def using(**gateways: object) -> dict[str, object]:
    """A declaration of one deployment on existing gateways, in a bucket that is named only."""
    chat = edited(
        DEPLOYMENT, {"gateways": list(gateways), "model": {"bucket": "shared"}, "traffic": {"weight": 100}}
    )
    return {
        "version": 1,
        "existing": {"gateways": gateways, "buckets": {"shared": "acme-weights"}},
        "deployments": {"chat": chat},
    }


@pytest.mark.thorough
def test_gateways_are_found_by_name_by_id_and_by_stack_with_one_list(
    service: Service, theirs: dict[str, str], bench_of: Bench
) -> None:
    bench = bench_of("models")
    bench.declare(
        using(a={"name": "public-platform-dev"}, b={"stack": "organization/platform/dev", "key": "path"})
    )

    by_name_and_stack = bench.preview()
    bench.declare(using(a={"id": theirs["public"]}, b=theirs["path"]))
    by_id = bench.preview()

    both = [theirs["public"], theirs["path"]]
    assert [found.declared("chat")["gatewayIds"] for found in (by_name_and_stack, by_id)] == [both, both]
    # One by the program and one by the providers.
    assert [found.lists["gateways"] for found in (by_name_and_stack, by_id)] == [2, 2]


@pytest.mark.thorough
def test_the_base_urls_of_existing_gateways_follow_their_routing(
    service: Service, theirs: dict[str, str], bench_of: Bench
) -> None:
    bench = bench_of("models")
    bench.declare(using(a="public-platform-dev", b=theirs["path"]))

    up = bench.up()

    assert up.ok, up.output
    assert bench.outputs()["models"] == {
        "acme/chat": {
            "baseUrls": [
                f"{service.url}/gateways/{theirs['public']}/v1",
                f"{service.url}/gateways/{theirs['path']}/acme%2Fchat/v1",
            ]
        }
    }


@pytest.mark.thorough
def test_all_that_does_not_exist_is_one_report_and_nothing_is_written(
    theirs: dict[str, str], bench_of: Bench
) -> None:
    bench = bench_of("models")
    absent = "5b1f5a8e-5f5f-5d55-9a3e-0f1d2c3b4a59"
    declared = using(a="public-platform-dvv", b="zzz", c=absent)
    bench.declare(edited(declared, {"existing": {"capacityClaims": {"h200": "none-here"}}}))

    found = bench.up()

    printed = [
        line.split("inference.yaml:", 1)[1] for line in found.output.splitlines() if ": existing." in line
    ]
    assert list(dict.fromkeys(printed)) == [
        '4: existing.gateways.a: there is no gateway called "public-platform-dvv" in this account; did you mean "public-platform-dev"?',
        '5: existing.gateways.b: there is no gateway called "zzz" in this account; of gateways it has: by-path, public-platform-dev',
        f"6: existing.gateways.c: there is no gateway of id {absent} in this account; of gateways it has: by-path, public-platform-dev",
        (
            '10: existing.capacityClaims.h200: there is no capacity claim called "none-here" in this account; '
            "of capacity claims it has: none"
        ),
    ]
    assert (found.ok, found.writes, "Traceback" in found.output) == (False, {}, False)


@pytest.mark.thorough
def test_pulumi_itself_finds_what_exists_and_says_without_noise_what_does_not(
    theirs: dict[str, str], bench_of: Bench
) -> None:
    bench = under_the_language_host(bench_of("models"))
    bench.declare(using(a="public-platform-dev", b={"stack": "organization/platform/dev", "key": "path"}))

    previewed, up = pulumi(bench, "preview"), pulumi(bench, "up", "--yes", "--skip-preview")
    bench.declare(using(a={"stack": "organization/platform/dev", "key": "pulic"}))
    refused = pulumi(bench, "preview")

    assert (previewed.returncode, up.returncode) == (0, 0), previewed.stdout + up.stdout
    assert list(bench.outputs()["models"]["acme/chat"]["baseUrls"][1:]) == [
        f"{bench.service.url}/gateways/{theirs['path']}/acme%2Fchat/v1"
    ]
    printed = refused.stdout + refused.stderr
    assert "has no gateways.pulic among its outputs" in printed
    assert "Traceback" not in printed


def under_the_language_host(bench: Workbench) -> Workbench:
    """The stack's directory as a user has it, with the Python of these tests."""
    if shutil.which("pulumi-language-python") is None:
        # Where it must be there, its absence is a failure, and never a test less.
        (pytest.fail if os.environ.get("REQUIRE_LANGUAGE_HOST") == "1" else pytest.skip)(
            "pulumi-language-python is not beside the Pulumi CLI"
        )
    settings = (STACKS / "models" / "Pulumi.yaml").read_text().replace("../../.venv", sys.prefix)
    (bench.directory / "Pulumi.yaml").write_text(settings)
    shutil.copy(STACKS / "models" / "__main__.py", bench.directory)
    return bench


def pulumi(bench: Workbench, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a user types it."""
    return subprocess.run(
        ["pulumi", *arguments, "--non-interactive", "--stack", bench.stack],
        cwd=bench.directory,
        env={key: value for key, value in bench.environment.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        (
            {"gateways": {"a": {"stack": "organization/platform/dev", "key": "pulic"}}},
            "stack organization/platform/dev has no gateways.pulic among its outputs (of gateways it has path, public)",
        ),
        (
            {"capacityClaims": {"h200": {"stack": "organization/platform/dev"}}},
            "stack organization/platform/dev has no capacityClaims.h200 among its outputs (of capacityClaims it has none)",
        ),
        (
            {"buckets": {"shared": {"name": None, "stack": "organization/platform/dev"}}},
            "stack organization/platform/dev has no buckets.shared among its outputs (of buckets it has weights)",
        ),
        (
            {"gateways": {"a": {"stack": "organization/platform/nowhere"}}},
            'unknown stack "organization/platform/nowhere"',
        ),
    ],
)
@pytest.mark.thorough
def test_what_another_stack_does_not_have_is_one_clear_error_and_nothing_is_written(
    theirs: dict[str, str], bench_of: Bench, existing: dict[str, object], expected: str
) -> None:
    bench = bench_of("models")
    bench.declare(edited(using(a=theirs["public"]), {"existing": existing}))

    found = bench.preview()

    assert expected in found.output
    assert (found.ok, found.writes, "Traceback" in found.output) == (False, {}, False), found.output


@pytest.mark.thorough
def test_a_gateway_that_another_stack_remembers_and_the_account_has_not_is_an_error(
    service: Service, theirs: dict[str, str], bench_of: Bench
) -> None:
    bench = bench_of("models")
    bench.declare(using(a={"stack": "organization/platform/dev", "key": "path"}))
    delete(service, theirs["path"])

    found = bench.preview()

    assert f"existing.gateways.a: there is no gateway of id {theirs['path']} in this account" in found.output
    assert (found.ok, "Traceback" in found.output) == (False, False)


def delete(service: Service, gateway_id: str) -> None:
    """Delete a gateway as somebody would in the console, and see it go."""
    world = service.simulator.world
    record = world.find("gateways", gateway_id)
    assert record
    world.delete(record)
    until(lambda: "by-path" not in service.live("gateways"), "the deletion")


@pytest.mark.thorough
def test_the_python_twin_has_the_same_urns_and_previews_empty(
    theirs: dict[str, str], bench_of: Bench
) -> None:
    bench = bench_of("models")
    bench.declare(using(a="public-platform-dev", b={"stack": "organization/platform/dev", "key": "path"}))
    assert bench.up().ok
    outputs = bench.outputs()

    bench.program = twin
    found = bench.up()

    assert (found.ok, found.changes, found.writes) == (True, {}, {}), found.output
    assert bench.outputs() == outputs


def twin() -> None:
    """The declaration of `using` in Python."""
    by_name = cw.existing_gateway("a", name="public-platform-dev")
    by_stack = cw.existing_gateway("b", stack="organization/platform/dev", stack_key="path")
    cw.Deployment(
        "chat",
        gateways=[by_name, by_stack],
        weights=cw.existing_bucket("shared", name="acme-weights"),
        model=cw.Model(name="acme/chat", path="models/chat"),
        runtime=cw.Runtime(
            engine="vllm",
            engine_config={
                "max-model-len": 16384,
                "enable-auto-tool-choice": "",
                "tool-call-parser": "llama3_json",
            },
        ),
        resources=cw.Resources(instance_type="gd-8xh200ib-i128", gpu_count=1),
        autoscaling=cw.Autoscaling(min=1, max=4, concurrency=32),
    )
    cw.Readiness("ready")
    cw.export()
