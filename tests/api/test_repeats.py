"""What the client sends again, and what it does not: lost answers, errors, trouble that lasts."""

from __future__ import annotations

import httpx
import pytest
from coreweave_inference.errors import (
    AlreadyExists,
    ApiError,
    NotFound,
    QuotaExceeded,
    Refused,
    ServiceUnavailable,
    Throttled,
    Unreachable,
)
from coreweave_inference.model.kinds import Kind

from tests.api.script import GATEWAY, ID, TROUBLE, Script, ok


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


def test_a_refused_quota_is_sent_once_and_shows_its_violations(connect, clock):
    detail = {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"subject": "zones/A", "description": "9 of 8"}],
    }
    script = Script(httpx.Response(429, json={"code": 8, "message": "quota", "details": [detail]}))

    with pytest.raises(QuotaExceeded, match="zones/A: 9 of 8"):
        connect(script).create(Kind.CAPACITY_CLAIM, {"id": ID})

    assert (len(script.requests), clock.slept) == (1, [])


@pytest.mark.parametrize(
    ("before", "unsure"),
    [
        ([], False),
        ([httpx.Response(429, json={"code": 8, "message": "slow down"})], False),
        ([httpx.ReadTimeout("lost")], True),
        ([TROUBLE], True),
        ([httpx.Response(200, content=b'{"gateway": {"sp')], True),
    ],
)
def test_an_error_after_an_attempt_without_a_clear_answer_proves_nothing(connect, before, unsure):
    detail = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []}
    error = httpx.Response(429, json={"code": 8, "message": "quota", "details": [detail]})

    with pytest.raises(QuotaExceeded) as caught:
        connect(Script(*before, error)).create(Kind.GATEWAY, {"id": ID})

    assert caught.value.unsure is unsure


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


def test_trouble_that_lasts_is_not_repeated_after_the_budget(connect, clock):
    script = Script(TROUBLE)

    with pytest.raises(ServiceUnavailable, match="busy; the service returned a server error"):
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


def test_repeats_are_reported_to_whoever_listens(connect):
    said = []

    connect(Script(TROUBLE, ok(GATEWAY)), on_retry=said.append).get(Kind.GATEWAY, ID)

    assert said == [f"GET /v1alpha1/inference/gateways/{ID}: answered 503; retrying in 0.2 s"]
