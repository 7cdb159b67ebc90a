"""The client against servers that are functions."""

from __future__ import annotations

import json
import logging
import traceback

import httpx
import pytest
from coreweave_inference import __version__
from coreweave_inference.api import InferenceApi
from coreweave_inference.errors import (
    AlreadyExists,
    ApiError,
    NotFound,
    QuotaExceeded,
    Refused,
    ServiceUnavailable,
    SettingsError,
    Throttled,
    Unreachable,
)
from coreweave_inference.secret import Secret
from coreweave_inference.spec.kinds import Kind

ID = "11111111-1111-4111-8111-111111111111"
TOKEN = "CW-SECRET-abcdef"
GATEWAY = {"gateway": {"spec": {"id": ID, "name": "public"}, "status": {"status": "STATUS_READY"}}}
TROUBLE = httpx.Response(503, json={"code": 14, "message": "busy"})


class Script:
    """Answers in turn; the last one for ever. An exception is raised. Keeps the requests."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    @property
    def lines(self):
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]


def ok(document):
    return httpx.Response(200, json=document)


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


@pytest.mark.parametrize(
    "blip",
    [
        TROUBLE,
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        httpx.DecodingError("gzip"),
        httpx.Response(200, content=b'{"gateway": {"sp'),
        httpx.Response(200, content=b""),
        httpx.Response(200, json=[]),
    ],
)
@pytest.mark.parametrize("act", ["get", "create", "update"])
def test_a_lost_answer_is_asked_for_again(connect, clock, blip, act):
    script = Script(blip, ok(GATEWAY))
    api = connect(script)
    calls = {
        "get": lambda: api.get(Kind.GATEWAY, ID),
        "create": lambda: api.create(Kind.GATEWAY, {"id": ID}),
        "update": lambda: api.update(Kind.GATEWAY, ID, {}),
    }

    assert calls[act]().name == "public"
    assert len(script.requests) == 2
    assert clock.slept == [0.25]


def test_a_create_whose_answer_was_lost_ends_in_already_exists(connect):
    script = Script(httpx.ReadTimeout("lost"), httpx.Response(409, json={"code": 6, "message": "id in use"}))

    with pytest.raises(AlreadyExists, match="id in use"):
        connect(script).create(Kind.GATEWAY, {"id": ID})


def test_a_delete_whose_answer_was_lost_ends_in_not_found(connect):
    script = Script(httpx.ReadTimeout("lost"), httpx.Response(404, json={"code": 5, "message": "gone"}))

    with pytest.raises(NotFound):
        connect(script).delete(Kind.GATEWAY, ID)


@pytest.mark.parametrize("failure", [TROUBLE, httpx.ReadTimeout("lost"), httpx.Response(429)])
def test_a_create_without_an_id_is_sent_once(connect, failure):
    script = Script(failure)

    with pytest.raises((ApiError, Unreachable)):
        connect(script).create(Kind.GATEWAY, {"name": "public"})

    assert len(script.requests) == 1


@pytest.mark.parametrize(("seconds", "requests"), [(60, 2), (0, 1)])
def test_a_key_that_expires_may_be_minted_twice_but_one_for_ever_may_not(connect, seconds, requests):
    script = Script(TROUBLE, httpx.Response(400, json={"message": "no"}))

    with pytest.raises(ApiError):
        connect(script).mint_access_key(seconds)

    assert len(script.requests) == requests


def test_a_quota_refusal_is_sent_once_and_shows_its_violations(connect, clock):
    detail = {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"subject": "zones/A", "description": "9 of 8"}],
    }
    script = Script(httpx.Response(429, json={"code": 8, "message": "quota", "details": [detail]}))

    with pytest.raises(QuotaExceeded, match="zones/A: 9 of 8"):
        connect(script).create(Kind.CAPACITY_CLAIM, {"id": ID})

    assert (len(script.requests), clock.slept) == (1, [])


def test_a_request_that_cannot_be_parsed_is_sent_once(connect):
    script = Script(httpx.Response(500, json={"code": 2, "message": 'proto: unknown field "foo"'}))

    with pytest.raises(Refused):
        connect(script).update(Kind.GATEWAY, ID, {"foo": 1})

    assert len(script.requests) == 1


def test_retry_after_is_obeyed(connect, clock):
    script = Script(httpx.Response(429, headers={"Retry-After": "7"}), ok(GATEWAY))

    connect(script).get(Kind.GATEWAY, ID)

    assert clock.slept == [7.0]


def test_a_retry_after_beyond_the_budget_ends_the_attempts(connect, clock):
    script = Script(httpx.Response(429, headers={"Retry-After": "600"}))

    with pytest.raises(Throttled):
        connect(script).get(Kind.GATEWAY, ID)

    assert clock.slept == []


def test_trouble_that_lasts_is_given_up_after_the_budget(connect, clock):
    script = Script(TROUBLE)

    with pytest.raises(ServiceUnavailable, match="busy; the service is in trouble"):
        connect(script, retry_seconds=10).get(Kind.GATEWAY, ID)

    assert clock.slept == [0.25, 0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(("act", "unsure"), [("get", False), ("delete", True)])
def test_no_answer_at_all_is_unreachable_and_says_whether_a_write_is_unsure(connect, act, unsure):
    api = connect(Script(httpx.ConnectError("refused")), retry_seconds=1)

    with pytest.raises(Unreachable) as caught:
        getattr(api, act)(Kind.GATEWAY, ID)

    assert "after 3 attempts in 1 s (ConnectError: refused)" in str(caught.value)
    assert ("whether the service did it is not known" in str(caught.value)) is unsure


def test_an_answer_that_is_never_json_is_unreachable_in_clear_words(connect):
    api = connect(Script(httpx.Response(200, html="<html>sign in</html>")), retry_seconds=0)

    with pytest.raises(Unreachable, match="the answer is cut short or not JSON"):
        api.list(Kind.GATEWAY)


def test_a_certificate_that_does_not_hold_is_not_asked_again(connect, clock):
    script = Script(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"))

    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        connect(script).get(Kind.GATEWAY, ID)

    assert len(script.requests) == 1


def test_a_redirect_is_not_followed(connect):
    script = Script(httpx.Response(307, headers={"Location": "https://elsewhere.example/"}))

    with pytest.raises(ApiError, match=r"redirects to https://elsewhere\.example/"):
        connect(script).get(Kind.GATEWAY, ID)

    assert len(script.requests) == 1


def test_repeats_are_told_to_whoever_listens(connect):
    said = []

    connect(Script(TROUBLE, ok(GATEWAY)), on_retry=said.append).get(Kind.GATEWAY, ID)

    assert said == [f"GET /v1alpha1/inference/gateways/{ID}: answered 503; trying again in 0.2 s"]


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
