"""The running simulator: its port, its own paths, its key minting, its command."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import coreweave_inference
import httpx
import pytest
from botocore.exceptions import ClientError
from coreweave_inference.simulator import Behaviour, Simulator
from coreweave_inference.simulator.__main__ import main
from coreweave_inference.simulator.server import build_app

from tests.simulator.inference_fixtures import (
    BUCKET,
    CLAIM_ID,
    DEPLOYMENT_ID,
    GATEWAY_ID,
    READER,
    STRANGER,
    Api,
    claim,
    deployment,
    gateway,
    put_weights,
    s3_client,
    simulated,
)


def test_the_simulator_answers_inside_its_context_and_not_after() -> None:
    with Simulator() as simulator:
        inside = httpx.get(f"{simulator.url}/simulator/clock", trust_env=False).status_code

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{simulator.url}/simulator/clock", trust_env=False)
    assert inside == 200


def test_two_simulators_know_nothing_of_each_other() -> None:
    with simulated() as one, simulated() as other:
        one.create("gateways", gateway())

        assert other.call("GET", "/gateways").json() == {}


def test_a_port_in_use_is_an_error() -> None:
    with Simulator() as simulator, pytest.raises(OSError, match="in use"):
        Simulator(port=int(simulator.url.rpartition(":")[2])).__enter__()


def test_a_bucket_may_be_called_like_the_simulators_own_paths(api: Api) -> None:
    put_weights(api.simulator, bucket="simulator")

    assert api.simulator.storage.holds_objects("simulator", "models/chat")


def test_the_account_shows_all_objects_and_buckets_of_all_organisations(api: Api) -> None:
    made = api.create("gateways", gateway())
    with Api(api.simulator, STRANGER).http as stranger:
        stranger.post("/v1alpha1/inference/capacityclaims", json=claim())

    account = api.http.get("/simulator/account").json()

    assert account["gateways"] == [made]
    assert [found["spec"]["organizationId"] for found in account["capacityclaims"]] == ["cw12ab"]
    assert account["deployments"] == []
    assert "acme-weights" in [bucket["name"] for bucket in account["buckets"]]


def test_the_behaviour_is_seen_and_changed_over_http(api: Api) -> None:
    changed = api.http.put(
        "/simulator/behaviour", json={"gateway_create_seconds": 9, "quota": {"RNO2A": {"x": 1}}}
    )

    assert changed.json() == api.http.get("/simulator/behaviour").json()
    assert api.simulator.behaviour == Behaviour(gateway_create_seconds=9, quota={"RNO2A": {"x": 1}})


@pytest.mark.parametrize("knobs", [{"bogus": 1}, {"gzip": "sometimes"}, {"missing_policy": "ignored"}])
def test_a_knob_that_is_none_is_refused_and_nothing_changes(api: Api, knobs: dict[str, Any]) -> None:
    answer = api.http.put("/simulator/behaviour", json=knobs)

    assert answer.status_code == 400
    assert next(iter(knobs)) in answer.json()["error"]
    assert api.simulator.behaviour == Behaviour()


def test_the_clock_is_stepped_and_sped_up_over_http(api: Api) -> None:
    before = api.http.get("/simulator/clock").json()

    after = api.http.post("/simulator/clock", json={"advance": 60}).json()
    faster = api.http.post("/simulator/clock", json={"speed": 2}).json()["speed"]
    api.http.post("/simulator/clock", json={"speed": 0})
    backwards = api.http.post("/simulator/clock", json={"advance": -1})

    assert after == {"now": before["now"] + 60, "speed": 0}
    assert (faster, backwards.status_code) == (2, 400)


def test_changes_from_outside_are_made_over_http(api: Api) -> None:
    api.http.put("/simulator/behaviour", json={"claims_wait_for_hardware": True})
    api.create("gateways", gateway())
    api.create("capacityclaims", claim())
    condition = {"type": "Ready", "holds": False, "reason": "NodeLost", "message": "a node went away"}
    status = {"id": GATEWAY_ID, "status": "STATUS_ERROR", "conditions": [condition]}

    answers = [
        api.http.post("/simulator/edit", json={"id": GATEWAY_ID, "changes": {"zones": ["RNO2A"]}}),
        api.http.post("/simulator/status", json=status),
        api.http.post("/simulator/hardware", json={}),
    ]
    api.simulator.clock.advance(1)

    seen = api.get("gateways", GATEWAY_ID)
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert (seen["spec"]["zones"], seen["status"]["status"]) == (["RNO2A"], "STATUS_ERROR")
    assert seen["status"]["conditions"][0]["reason"] == "NodeLost"
    assert api.status("capacityclaims", CLAIM_ID) == "STATUS_READY"


def test_a_status_is_set_with_conditions_as_a_get_shows_them(api: Api) -> None:
    api.create("gateways", gateway())
    shown = {"type": "Ready", "status": "STATUS_FALSE", "reason": "NodeLost", "message": "a node went away"}

    def set_to(condition: dict[str, str]) -> Any:
        status = {"id": GATEWAY_ID, "status": "STATUS_ERROR", "conditions": [condition]}
        return api.http.post("/simulator/status", json=status)

    taken = set_to({**shown, "zone": "US-EAST-04A", "lastUpdateTime": "2026-11-27T12:00:00Z"})
    (seen,) = api.get("gateways", GATEWAY_ID)["status"]["conditions"]
    refused = [set_to({**shown, **fault}) for fault in ({"color": "red"}, {"status": "FALSE"}, {"type": ""})]

    assert taken.status_code == 200
    assert shown.items() <= seen.items()
    assert [answer.status_code for answer in refused] == [400, 400, 400]
    assert "color" in refused[0].json()["error"]
    nobody = api.http.post("/simulator/revive", json={"id": "nobody"})
    assert nobody.json()["error"] == "no object with id 'nobody'"


def test_a_change_from_outside_that_no_deployment_can_have_is_refused(api: Api) -> None:
    api.create("gateways", gateway())
    made = api.create("deployments", deployment())

    answers = [
        api.http.post("/simulator/edit", json={"id": DEPLOYMENT_ID, "changes": changes})
        for changes in ({"gatewayIds": []}, {"gatewayIds": None}, {"traffic": None}, {"model": None})
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 400, 400]
    assert "gateway_ids" in answers[0].json()["message"]
    assert api.call("GET", "/deployments").json() == {"items": [made]}


@pytest.mark.parametrize("changes", [{"zones": "RNO2A"}, {"bogus": 1}])
def test_a_change_from_outside_that_fits_no_spec_is_refused(api: Api, changes: dict[str, Any]) -> None:
    made = api.create("gateways", gateway())

    answer = api.http.post("/simulator/edit", json={"id": GATEWAY_ID, "changes": changes})

    assert answer.status_code == 400
    assert api.get("gateways", GATEWAY_ID) == made


@pytest.mark.parametrize(("caller", "status"), [("127.0.0.1", 200), ("192.0.2.7", 403)])
def test_the_simulators_own_paths_are_for_callers_on_the_same_machine(caller: str, status: int) -> None:
    parts = build_app()
    transport = httpx.ASGITransport(parts.application, client=(caller, 1234))

    async def ask() -> int:
        async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
            return (await client.get("/simulator/clock")).status_code

    try:
        assert asyncio.run(ask()) == status
    finally:
        parts.storage.close()


def test_a_body_that_is_no_json_is_noted_without_it(api: Api) -> None:
    api.call("POST", "/gateways", "{")

    (entry,) = api.simulator.journal.entries()
    assert (entry.body, entry.status) == (None, 400)


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 300 + "1" + "}" * 300])
def test_a_body_that_is_nested_without_end_is_an_answer_and_no_error_of_the_server(
    api: Api, body: str
) -> None:
    put_weights(api.simulator)
    paths = (
        "/v1alpha1/inference/gateways",
        "/simulator/faults",
        "/simulator/edit",
        "/v1/cwobject/access-key",
    )
    answers = [api.http.post(path, content=body) for path in paths]
    with closing(s3_client(api.simulator)) as client:
        with pytest.raises(ClientError, match="MalformedPolicy"):
            client.put_bucket_policy(Bucket=BUCKET, Policy=body)
        client.put_object(Bucket=BUCKET, Key="models/chat/config.json", Body=body.encode())

    assert [answer.status_code for answer in answers[:3]] == [400, 400, 400]
    assert answers[3].status_code in (200, 400)


def test_s3_keys_are_minted_for_the_tokens_organisation(api: Api) -> None:
    minted = api.http.post("/v1/cwobject/access-key", json={"durationSeconds": 900})
    temporary = api.http.get("/v1/cwobject/temporary-credentials/api-token")

    key = api.simulator.storage.credentials.find(minted.json()["accessKeyId"])
    assert set(minted.json()) == {"accessKeyId", "secretKey", "principalName", "expiry"}
    assert key is not None
    assert key.organisation_id == "ab1cd2"
    assert set(temporary.json()) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}


@pytest.mark.parametrize(
    ("method", "path", "token", "body", "status"),
    [
        ("POST", "access-key", "nobody", {}, 401),
        ("POST", "access-key", READER, {}, 403),
        ("POST", "access-key", None, {"durationSeconds": -1}, 400),
        ("POST", "access-key", None, {"durationSeconds": "long"}, 400),
        ("POST", "access-key", None, [], 400),
        ("POST", "access-key", None, "{", 400),
        ("GET", "access-key", None, None, 405),
        ("GET", "nothing", None, None, 404),
        ("GET", "temporary-credentials/api-token", "nobody", None, 401),
    ],
)
def test_a_key_is_refused_without_the_right_token_and_body(
    api: Api, method: str, path: str, token: str | None, body: Any, status: int
) -> None:
    headers = {"authorization": f"Bearer {token or api.simulator.token}"}

    content = body if isinstance(body, str) or body is None else json.dumps(body)
    answer = api.http.request(method, f"/v1/cwobject/{path}", content=content, headers=headers)

    assert answer.status_code == status


def test_the_delay_of_fresh_keys_can_be_turned_on_later(api: Api) -> None:
    api.http.put("/simulator/behaviour", json={"key_delay_seconds": 4})

    access_key_id = api.http.post("/v1/cwobject/access-key", json={}).json()["accessKeyId"]

    key = api.simulator.storage.credentials.find(access_key_id)
    assert key is not None
    assert key.usable_from == api.simulator.clock.now() + 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_where_it_is_and_ends_on_a_signal(number: signal.Signals) -> None:
    source = Path(coreweave_inference.__file__).parents[1]
    arguments = ["--speed", "50", "--gateway-create-seconds", "7", "--missing-policy", "failed"]
    process = subprocess.Popen(
        [sys.executable, "-m", "coreweave_inference.simulator", *arguments],
        env={**os.environ, "PYTHONPATH": str(source)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        behaviour = httpx.get(f"{said['url']}/simulator/behaviour", trust_env=False).json()
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()

    assert (process.returncode, errors) == (0, "")
    assert said["s3Endpoint"] == said["url"]
    assert said["token"] == said["organisations"][0]["tokens"][0]["token"]
    assert (behaviour["gateway_create_seconds"], behaviour["missing_policy"]) == (7, "failed")


def test_the_command_prints_one_line_and_ends_on_a_signal(capsys: pytest.CaptureFixture[str]) -> None:
    stop = threading.Event()
    stop.set()

    status = main(["--parameters-fail", "true"], stop)

    (line,) = capsys.readouterr().out.splitlines()
    assert status == 0
    assert set(json.loads(line)) == {"url", "s3Endpoint", "token", "organisations"}


@pytest.mark.parametrize(
    ("arguments", "named"), [(["--gzip", "sometimes"], "gzip"), (["--speed", "-1"], "speed")]
)
def test_the_command_names_an_option_that_is_wrong(
    capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)

    assert named in capsys.readouterr().err
