"""The client against the simulated service, over a real connection."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from coreweave_inference.api.client import InferenceApi
from coreweave_inference.errors import AlreadyExists, NotFound, Refused, Unauthorized
from coreweave_inference.model.kinds import Kind
from coreweave_inference.settings.secret import Secret
from coreweave_inference.simulator import Behaviour, Simulator
from coreweave_inference.simulator.faults import Fault


@pytest.fixture(params=[False, True], ids=["sparse", "zero-values"])
def simulator(request) -> Iterator[Simulator]:
    with Simulator(Behaviour(emit_zero_values=request.param)) as running:
        yield running


@pytest.fixture
def api(simulator, clock) -> Iterator[InferenceApi]:
    with InferenceApi(simulator.url, Secret(simulator.token), clock=clock, retry_seconds=5) as client:
        yield client


class Proxy(ThreadingHTTPServer):
    """Answers every request with an empty list and notes what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ProxyAnswer)
        self.asked_for: list[str] = []


class ProxyAnswer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked_for.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def gateway(name="public"):
    return {
        "id": str(uuid.uuid4()),
        "name": name,
        "zones": ["US-EAST-04A"],
        "coreWeaveAuth": {},
        "bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"},
    }


def test_a_gateway_lives_and_goes(simulator, api):
    body = gateway()

    made = api.create(Kind.GATEWAY, body)
    simulator.clock.advance(10)
    ready = api.get(Kind.GATEWAY, body["id"])
    listed = api.list(Kind.GATEWAY)
    deleted = api.delete(Kind.GATEWAY, body["id"])
    simulator.clock.advance(10)

    assert (made.id, made.status, made.created is not None) == (body["id"], "CREATING", True)
    assert (ready.status, ready.name, len(ready.endpoints)) == ("READY", "public", 1)
    assert ready.organization_id
    assert listed == [ready]
    assert deleted is not None
    assert deleted.status == "DELETING"
    with pytest.raises(NotFound):
        api.get(Kind.GATEWAY, body["id"])


@pytest.mark.parametrize("kind", list(Kind))
def test_an_account_without_objects_lists_none(api, kind):
    assert api.list(kind) == []


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_its_parameters(api, kind):
    assert api.parameters(kind)


def test_parameters_of_deployments_may_be_narrowed_to_gateways(api):
    body = gateway()
    api.create(Kind.GATEWAY, body)

    assert api.parameters(Kind.DEPLOYMENT, [body["id"]])["gatewayIds"] == [body["id"]]


@pytest.mark.parametrize("action", ["lose-answer", "truncate"])
def test_a_create_whose_answer_is_lost_is_found_by_its_id(simulator, api, action):
    body = gateway()
    simulator.faults.add(Fault(action, method="POST"))

    with pytest.raises(AlreadyExists):
        api.create(Kind.GATEWAY, body)

    assert api.get(Kind.GATEWAY, body["id"]).name == "public"
    assert len(api.list(Kind.GATEWAY)) == 1


@pytest.mark.parametrize("action", ["reset", "status", "truncate"])
def test_a_blip_does_not_end_a_look(simulator, api, action):
    body = gateway()
    api.create(Kind.GATEWAY, body)
    simulator.faults.add(Fault(action, method="GET", count=2))

    assert api.get(Kind.GATEWAY, body["id"]).id == body["id"]


def test_a_wrong_token_names_its_source(simulator, clock):
    with (
        InferenceApi(simulator.url, Secret("wrong-token"), token_source="CW_API_TOKEN", clock=clock) as api,
        pytest.raises(Unauthorized, match="the token from CW_API_TOKEN"),
    ):
        api.list(Kind.GATEWAY)


def test_an_error_carries_a_violation_for_each_missing_block(api):
    with pytest.raises(Refused) as caught:
        api.create(Kind.DEPLOYMENT, {"id": str(uuid.uuid4())})

    fields = {field for field, _ in caught.value.violations}
    assert {"runtime", "resources", "model", "autoscaling", "traffic"} <= fields
    assert caught.value.request_id


def test_netrc_adds_nothing_to_a_request(simulator, clock, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))

    with InferenceApi(simulator.url, Secret(simulator.token), clock=clock) as api:
        assert api.list(Kind.GATEWAY) == []


def test_a_proxy_of_the_environment_is_used(clock, proxy, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")

    with InferenceApi("http://nowhere.invalid", Secret("t"), clock=clock) as api:
        assert api.list(Kind.GATEWAY) == []

    assert proxy.asked_for == ["http://nowhere.invalid/v1alpha1/inference/gateways"]


def test_four_threads_share_one_client(api):
    bodies = [gateway(f"gateway-{number}") for number in range(12)]

    def create(share):
        for body in share:
            api.create(Kind.GATEWAY, body)

    threads = [threading.Thread(target=create, args=(bodies[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found.id for found in api.list(Kind.GATEWAY)) == sorted(body["id"] for body in bodies)
