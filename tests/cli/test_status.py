"""`status` and `call` of an account, against the simulator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import coreweave_inference
import pytest
from coreweave_inference.api.client import InferenceApi
from coreweave_inference.cli.account_lists import listed
from coreweave_inference.settings.secret import Secret
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault
from typer.testing import Result

from tests.simulator.inference_fixtures import (
    Api,
    claim,
    deployment,
    emptied,
    environment_of,
    gateway,
    put_weights,
    simulated,
)

Command = Callable[..., Result]
OTHER = "44444444-4444-4444-8444-444444444444"


@pytest.fixture(scope="module")
def running() -> Iterator[Api]:
    with simulated() as api:
        put_weights(api.simulator)
        yield api


@pytest.fixture
def api(running: Api) -> Api:
    emptied(running.simulator)
    running.create("gateways", gateway())
    running.create("deployments", deployment(traffic={"weight": 300}))
    running.simulator.clock.advance(10)
    return running


def settings(simulator: Simulator) -> dict[str, str]:
    return environment_of(simulator, COREWEAVE_RETRY_SECONDS="0")


def document(done: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_an_account_has_its_objects_with_state_traffic_and_endpoints(
    cw_inference: Command, api: Api, tmp_path: Path
) -> None:
    api.create("deployments", deployment(id=OTHER, name="canary", traffic={"weight": 100}))
    api.create("capacityclaims", claim(instanceCount=2))

    done = cw_inference("status", str(tmp_path), "--json", "--exit-code", **settings(api.simulator))

    found = document(done)
    objects = {item["name"]: item for item in found["objects"]}
    assert (done.exit_code, found["ok"], found["drift"]) == (5, True, None)
    assert found["counts"] == {"Current": 2, "InProgress": 2}
    assert objects["canary"]["state"] == "InProgress"
    assert "being applied" in objects["canary"]["reason"]
    assert [entry["share"] for entry in objects["chat"]["traffic"]] == [{"min": 0.75, "max": 0.75}]
    assert objects["gw1"]["endpoints"] == [f"{api.simulator.url}/gateways/{gateway()['id']}"]
    assert objects["claim1"]["claim"]["pending"] == 2
    assert objects["chat"]["replicas"] == {"min": 1, "max": 3}


def test_a_failed_deployment_shows_the_service_s_reason_and_code_1(
    cw_inference: Command, api: Api, tmp_path: Path
) -> None:
    api.simulator.world.set_status(deployment()["id"], "STATUS_FAILED", [], 1e9)

    done = cw_inference("status", str(tmp_path), "--exit-code", **settings(api.simulator))

    assert done.exit_code == 1
    assert any(line.split()[2:4] == ["Failed", "FAILED"] for line in done.stdout.splitlines())


def test_a_kind_that_cannot_be_listed_is_a_note_and_the_rest_is_shown(
    cw_inference: Command, api: Api, tmp_path: Path
) -> None:
    api.simulator.faults.add(Fault("status", "GET", "/capacityclaims$", count=None))

    done = cw_inference("status", str(tmp_path), "--json", **settings(api.simulator))

    assert len(document(done)["objects"]) == 2
    assert document(done)["notes"][0].startswith("capacity claims could not be listed: ")


def test_two_hundred_deployments_are_one_list_of_each_kind(
    cw_inference: Command, api: Api, tmp_path: Path
) -> None:
    for at in range(199):
        api.create("deployments", deployment(id=f"55555555-5555-4555-8555-{at:012d}", name=f"d{at}"))
    api.simulator.journal.clear()

    done = cw_inference("status", str(tmp_path), "--json", **settings(api.simulator))

    assert len(document(done)["objects"]) == 201
    paths = sorted(entry.path.rsplit("/", 1)[-1] for entry in api.simulator.journal.entries())
    assert paths == ["capacityclaims", "deployments", "gateways"]


def test_a_call_prints_the_completion_and_who_gave_it(
    cw_inference: Command, api: Api, tmp_path: Path
) -> None:
    at = ("--dir", str(tmp_path))
    by_name = cw_inference("call", "chat", "Hello", *at, **settings(api.simulator))
    by_model = cw_inference("call", "acme/chat", "Hello", *at, "--json", **settings(api.simulator))

    assert (by_name.exit_code, by_name.stdout) == (0, "acme/chat: Hello\n")
    assert by_name.stderr.endswith("answered by chat\n")
    assert (document(by_model)["member"], document(by_model)["status"]) == ("chat", 200)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault("status", "POST", "/completions", status=200, body="html"), "a page of a proxy or gateway"),
        (Fault("status", "POST", "/completions", status=520, body="html"), "HTTP 520"),
        (Fault("status", "POST", "/completions", status=200, body="empty"), "with an empty answer"),
        (Fault("reset", "POST", "/completions"), "no whole answer"),
    ],
)
def test_what_is_no_completion_is_an_error_that_leads_to_doctor(
    cw_inference: Command, api: Api, tmp_path: Path, fault: Fault, why: str
) -> None:
    api.simulator.faults.add(fault)

    done = cw_inference("call", "chat", "Hello", "--dir", str(tmp_path), **settings(api.simulator))

    assert (done.exit_code, done.stdout) == (1, "")
    assert why in done.stderr
    assert "cw-inference doctor" in done.stderr


@pytest.mark.parametrize(
    "routing",
    [{"pathBasedRouting": {}}, {"headerBasedRouting": {"headerName": "X-Model"}}],
    ids=["path", "header"],
)
def test_a_call_and_its_curl_command_follow_the_gateway_s_routing(
    cw_inference: Command, api: Api, tmp_path: Path, routing: dict[str, Any]
) -> None:
    emptied(api.simulator)
    api.create("gateways", gateway(bodyBasedRouting=None, **routing))
    api.create("deployments", deployment(traffic={"weight": 1}))
    api.simulator.clock.advance(10)
    variables = settings(api.simulator)

    done = cw_inference("call", "chat", "it's $HOME", "--dir", str(tmp_path), **variables)
    curl = cw_inference("call", "chat", "it's $HOME", "--dir", str(tmp_path), "--curl", **variables)
    sent = subprocess.run(
        ["bash", "-c", curl.stdout], env={**os.environ, **variables}, capture_output=True, text=True
    )

    assert done.stdout == "acme/chat: it's $HOME\n"
    assert json.loads(sent.stdout)["choices"][0]["message"]["content"] == "acme/chat: it's $HOME"
    assert api.simulator.token not in curl.stdout


@pytest.mark.parametrize("kind", ["deployments", "gateways"])
def test_a_call_says_that_a_kind_could_not_be_listed_and_not_that_nobody_has_the_name(
    cw_inference: Command, api: Api, tmp_path: Path, kind: str
) -> None:
    api.simulator.faults.add(Fault("status", "GET", f"/{kind}$", count=None))

    done = cw_inference("call", "acme/chat", "Hello", "--dir", str(tmp_path), **settings(api.simulator))

    assert done.exit_code == 1
    assert f"{kind}: could not be listed" in done.stderr


def test_a_name_that_nobody_has_gets_the_nearest(cw_inference: Command, api: Api, tmp_path: Path) -> None:
    done = cw_inference("call", "chta", "Hello", "--dir", str(tmp_path), **settings(api.simulator))

    assert done.exit_code == 2
    assert 'did you mean "chat"?' in done.stderr


def test_a_smoke_test_needs_a_stack(cw_inference: Command, api: Api, tmp_path: Path) -> None:
    done = cw_inference("smoke", str(tmp_path), **settings(api.simulator))

    assert (done.exit_code, done.stdout) == (2, "")
    assert "is no stack directory" in done.stderr


def test_one_output_is_asked_for_at_a_time(cw_inference: Command, tmp_path: Path) -> None:
    done = cw_inference("outputs", str(tmp_path), "--get", "a", "--url", "b")

    assert (done.exit_code, done.stderr) == (
        2,
        "error: --get and --url are mutually exclusive; give one of them\n",
    )


def test_a_watch_prints_what_changed_until_it_is_stopped(api: Api, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(coreweave_inference.__file__).parent.parent),
        **settings(api.simulator),
    }
    command = [
        "-m",
        "coreweave_inference.cli",
        "status",
        str(tmp_path),
        "--watch",
        "--json",
        "--interval",
        "0.1",
    ]
    with subprocess.Popen(
        [sys.executable, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            first = json.loads(process.stdout.readline())
            api.simulator.faults.add(Fault("status", "GET", "", count=3))
            api.delete("deployments", deployment()["id"])
            lines = iter(process.stdout.readline, "")
            last = next(found for found in map(json.loads, lines) if "Terminating" in found["counts"])
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=10)
        finally:
            process.kill()

    assert first["counts"] == {"Current": 2}
    assert last["objects"][1]["reason"]
    assert process.returncode == 130


def test_the_lists_are_asked_for_side_by_side(api: Api) -> None:
    with InferenceApi(api.simulator.url, Secret(api.simulator.token)) as client:
        api.simulator.faults.add(Fault("delay", "GET", "", seconds=0.3, count=3))

        found = listed(client)

    assert {kind.noun: len(items) for kind, items in found.lists.items()} == {
        "gateway": 1,
        "capacity claim": 0,
        "deployment": 1,
    }
