"""The client against servers that are functions."""

from __future__ import annotations

import json
import logging
import traceback

import httpx
import pytest
from coreweave_inference import __version__
from coreweave_inference.api.client import InferenceApi
from coreweave_inference.errors import Refused, SettingsError, Unreachable
from coreweave_inference.model.kinds import Kind
from coreweave_inference.settings.secret import Secret

from tests.api.script import GATEWAY, ID, TOKEN, Script, ok


def test_each_method_is_one_call_of_the_service(connect):
    script = Script(ok(GATEWAY))
    lists = Script(ok({"items": [GATEWAY["gateway"]]}))
    api, listing = connect(script), connect(lists)

    api.get(Kind.GATEWAY, ID)
    api.create(Kind.GATEWAY, {"id": ID})
    api.update(Kind.GATEWAY, ID, {"name": "public"})
    api.delete(Kind.GATEWAY, ID)
    api.parameters(Kind.GATEWAY, ["ignored"])
    api.parameters(Kind.DEPLOYMENT, {"b", "a"})
    found = listing.list(Kind.GATEWAY)

    assert [one.name for one in found] == ["public"]
    assert script.lines == [
        f"GET /v1alpha1/inference/gateways/{ID}",
        "POST /v1alpha1/inference/gateways",
        f"PATCH /v1alpha1/inference/gateways/{ID}",
        f"DELETE /v1alpha1/inference/gateways/{ID}",
        "GET /v1alpha1/inference/gateways/parameters",
        "GET /v1alpha1/inference/deployments/parameters?gatewayIds=a&gatewayIds=b",
    ]
    assert [request.content for request in script.requests] == [
        b"",
        b'{"id":"%s"}' % ID.encode(),
        b'{"name":"public"}',
    ] + [b""] * 3


def test_a_request_carries_the_token_verbatim_one_user_agent_and_a_plain_content_type(connect):
    script = Script(ok(GATEWAY))

    connect(script).create(Kind.GATEWAY, {"id": ID})

    headers = script.requests[0].headers
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers.get_list("user-agent") == [f"coreweave-inference/{__version__}"]
    assert headers["content-type"] == "application/json"


def test_get_and_delete_carry_no_body_and_no_content_type(connect):
    script = Script(ok(GATEWAY))
    api = connect(script)

    api.get(Kind.GATEWAY, ID)
    api.delete(Kind.GATEWAY, ID)

    assert all(r.content == b"" and "content-type" not in r.headers for r in script.requests)


def test_an_access_key_is_minted_with_its_duration(connect):
    key = {"accessKeyId": "a", "secretKey": "s", "principalName": "p", "expiry": "2026-11-21T20:47:14Z"}
    script = Script(ok(key))

    assert connect(script).mint_access_key(900) == key
    assert script.lines == ["POST /v1/cwobject/access-key"]
    assert json.loads(script.requests[0].content) == {"durationSeconds": 900}


@pytest.mark.parametrize("answer", [{}, [], {"accessKeyId": "a"}])
def test_an_answer_without_a_key_is_no_key(connect, answer):
    with pytest.raises(Unreachable, match="the answer"):
        connect(Script(ok(answer)), retry_seconds=0).mint_access_key(900)


@pytest.mark.parametrize(("id_", "path"), [("a/b", "a%2Fb"), ("a?b", "a%3Fb"), ("a b", "a%20b")])
def test_an_id_cannot_leave_its_place_in_the_path(connect, id_, path):
    script = Script(ok(GATEWAY))

    connect(script).get(Kind.GATEWAY, id_)

    assert script.lines == [f"GET /v1alpha1/inference/gateways/{path}"]


@pytest.mark.parametrize("id_", ["", ".", ".."])
def test_an_id_that_would_name_another_path_is_refused(connect, id_):
    with pytest.raises(ValueError, match="a gateway needs an id"):
        connect(Script(ok(GATEWAY))).get(Kind.GATEWAY, id_)


@pytest.mark.parametrize("answer", [httpx.Response(200), ok({}), ok({"gateway": None})])
def test_a_delete_whose_answer_holds_no_object_is_done(connect, answer):
    script = Script(answer)

    assert connect(script).delete(Kind.GATEWAY, ID) is None
    assert len(script.requests) == 1


def test_no_secret_of_the_request_is_in_an_error_even_when_the_service_repeats_it(connect):
    body = {
        "id": ID,
        "weightsAndBiasesAuth": {"apiKey": 'wandb-"key"'},
        "runtime": {"engineEnv": {"HF_TOKEN": "hf_verysecret", "X": "1"}},
    }

    def echo(request):
        words = f"bad {request.headers['authorization']} in {request.content.decode()}"
        detail = {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "runtime.engine_env", "description": "hf_verysecret is wrong"}],
        }
        headers = {"x-request-id": TOKEN}
        return httpx.Response(400, headers=headers, json={"code": 3, "message": words, "details": [detail]})

    with pytest.raises(Refused) as caught:
        connect(echo).create(Kind.GATEWAY, body)

    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    for secret in (TOKEN, "wandb-", "hf_verysecret"):
        assert secret not in shown
    assert "bad Bearer *** in" in str(caught.value)


def test_no_secret_is_in_the_words_of_a_lost_connection(connect):
    api = connect(Script(httpx.ProxyError(f"proxy said {TOKEN}")), retry_seconds=0)

    with pytest.raises(Unreachable, match=r"proxy said \*\*\*") as caught:
        api.get(Kind.GATEWAY, ID)

    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_the_log_names_method_path_status_and_time_and_nothing_else(connect, caplog):
    caplog.set_level(logging.DEBUG)

    connect(Script(ok(GATEWAY))).create(
        Kind.GATEWAY, {"id": ID, "weightsAndBiasesAuth": {"apiKey": "wandb-key"}}
    )

    ours = [record.getMessage() for record in caplog.records if record.name == "coreweave_inference.api"]
    assert ours == ["POST /v1alpha1/inference/gateways -> 200 in 0 ms"]
    assert TOKEN not in caplog.text
    assert "wandb-key" not in caplog.text


def test_a_token_that_no_header_can_carry_is_refused_before_any_request():
    with pytest.raises(SettingsError, match="the API token from here contains a line break") as caught:
        InferenceApi("https://api.example", Secret("CW-SECRET\n"), token_source="here")

    assert "CW-SECRET" not in str(caught.value)


def test_a_closed_client_sends_nothing(connect):
    script = Script(ok(GATEWAY))
    with connect(script) as api:
        pass

    with pytest.raises(RuntimeError, match="closed"):
        api.get(Kind.GATEWAY, ID)

    assert script.requests == []
