"""`--state`: what a simulator has survives it, killed or ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import coreweave_inference
import httpx
import pytest
from coreweave_inference.simulator import Behaviour, Simulator
from coreweave_inference.simulator.clock import Clock
from coreweave_inference.simulator.state_file import StateFile

from tests.simulator.inference_fixtures import Api, claim, deployment, gateway, put_weights


def simulator(file: Path, behaviour: Behaviour | None = None) -> Simulator:
    state = StateFile(file)
    return Simulator(
        behaviour or state.behaviour(), state.kept.port, clock=Clock(start=state.now), state=state
    )


def account(running: Simulator) -> dict[str, Any]:
    return running.control.account()


def test_a_simulator_goes_on_with_what_another_one_had(tmp_path: Path) -> None:
    file = tmp_path / "simulator.json"
    behaviour = Behaviour(deployment_create_seconds=0, gateway_create_seconds=0, claim_create_seconds=3600)
    with simulator(file, behaviour) as first:
        api = Api(first)
        put_weights(first)
        api.create("gateways", gateway())
        api.create("capacityclaims", claim())
        api.create("deployments", deployment())
        api.http.close()
        first.clock.advance(60)
        url, before, now = first.url, account(first), first.clock.now()
        bucket = before["buckets"][0]["name"]
        contents = first.storage.contents()
        key = first.storage.contents()[0].objects[0].key
        bytes_before = first.storage.read(bucket, key)
        time.sleep(1.1)  # HTTP tells times in whole seconds.

    with simulator(file) as second:
        after, later = account(second), second.clock.now()
        assert (second.url, second.behaviour) == (url, behaviour)
        assert after == before
        assert {found["status"]["status"] for found in after["deployments"]} == {"STATUS_READY"}
        assert {found["status"]["status"] for found in after["capacityclaims"]} == {"STATUS_CREATING"}
        assert later >= now
        assert second.storage.read(bucket, key) == bytes_before
        assert second.storage.contents() == contents, "when each object was put included"
        assert second.storage.inference_may_read(bucket, key)


@contextmanager
def process(file: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    package = str(Path(coreweave_inference.__file__).parent.parent)
    started = subprocess.Popen(
        [sys.executable, "-m", "coreweave_inference.cli", "simulate", "--json", "--state", str(file)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": package},
        stdout=subprocess.PIPE,
        text=True,
    )
    with started:
        try:
            assert started.stdout is not None
            yield started, json.loads(started.stdout.readline())
        finally:
            started.kill()


def test_what_was_made_a_moment_before_a_simulator_was_killed_is_there_afterwards(tmp_path: Path) -> None:
    file = tmp_path / "simulator.json"
    with process(file) as (running, announced):
        made = httpx.post(
            f"{announced['url']}/v1alpha1/inference/gateways",
            json=gateway(),
            headers={"Authorization": f"Bearer {announced['token']}"},
            trust_env=False,
        )
        deadline = time.monotonic() + 20
        while gateway()["name"] not in file.read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
        running.wait()

    state = StateFile(file)
    assert made.status_code == 200
    assert f"http://127.0.0.1:{state.kept.port}" == announced["url"]
    assert [record.name for record in state.kept.records] == [gateway()["name"]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["simulator.json", "simulator.json.objects"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}x", '{"records": [{}]}', '{"behaviour": {"gzip": 7}}', '{"version": 2}', '"a"']
)
def test_a_file_that_is_no_state_is_one_error_and_stays_as_it_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "simulator.json"
    file.write_text(text)

    with pytest.raises(ValueError, match=r"simulator\.json: is (no state|of version 2)") as caught:
        StateFile(file)

    assert "\n" not in str(caught.value)
    assert file.read_text() == text


def test_a_state_without_the_contents_of_its_objects_is_damaged(tmp_path: Path) -> None:
    file = tmp_path / "simulator.json"
    with simulator(file) as first:
        put_weights(first)
    for content in (tmp_path / "simulator.json.objects").iterdir():
        content.unlink()

    with pytest.raises(ValueError, match="is damaged"), simulator(file):
        pass
