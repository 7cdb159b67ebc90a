from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.simulator.data_plane_fixtures import (
    FOREIGN_TOKEN,
    Caller,
    Gate,
    data_plane,
    error_of,
    events_of,
    gateway,
    member,
)


@pytest.fixture
def caller() -> Iterator[Caller]:
    with data_plane() as running:
        yield running


def test_a_completion_echoes_the_last_user_message_and_says_who_served_it(caller: Caller) -> None:
    caller.directory.put(gateway(), member("chat"))
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": [{"type": "text", "text": "hello there"}]},
    ]

    answer = caller.http.post("g1/v1/chat/completions", json={"model": "acme/chat", "messages": messages})

    assert (answer.status_code, answer.headers["x-served-by"]) == (200, "chat")
    found, again = answer.json(), caller.chat().json()
    assert found["id"].startswith("chatcmpl-")
    assert found.pop("id") != again["id"]
    assert abs(found.pop("created") - time.time()) < 5
    assert found == {
        "object": "chat.completion",
        "model": "acme/chat",
        "system_fingerprint": "id-chat",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "acme/chat: hello there"},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 6, "completion_tokens": 3, "total_tokens": 9},
    }


def test_a_streamed_completion_comes_word_by_word_and_ends_in_done(caller: Caller) -> None:
    caller.directory.put(gateway(), member("chat"))
    body = {"model": "acme/chat", "stream": True, "messages": [{"role": "user", "content": "hello  there"}]}

    answer = caller.http.post("g1/v1/chat/completions", json=body)

    *chunks, end = events_of(answer)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-served-by"] == "chat"
    assert {(chunk["object"], chunk["system_fingerprint"]) for chunk in chunks} == {
        ("chat.completion.chunk", "id-chat")
    }
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == (
        "acme/chat: hello  there"
    )
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert len(chunks) > 3
    assert end == "[DONE]"


def test_models_are_listed_with_the_deployments_that_serve_them(caller: Caller) -> None:
    caller.directory.put(
        gateway(),
        member("chat"),
        member("chat-canary"),
        member("code", model_name="acme/code"),
        member("off", model_name="acme/off", serving=False),
    )

    answer = caller.http.get("g1/v1/models")

    entry = {"object": "model", "created": 1_760_000_000, "owned_by": "ab1cd2"}
    assert answer.json() == {
        "object": "list",
        "data": [
            {"id": "acme/chat", **entry, "deployments": ["chat", "chat-canary"]},
            {"id": "acme/code", **entry, "deployments": ["code"]},
        ],
    }


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer CW-SECRET-unknown", "Basic eDp5"])
def test_without_a_known_token_nobody_gets_in(caller: Caller, authorization: str) -> None:
    caller.directory.put(gateway(), member("chat"))

    answers = [
        caller.chat(Authorization=authorization),
        caller.http.get("g1/v1/models", headers={"Authorization": authorization}),
    ]

    assert [error_of(answer) for answer in answers] == [(401, "invalid_api_key")] * 2
    assert answers[0].json()["error"]["message"] == (
        "missing or unknown API key: send a CoreWeave API access token as a bearer token"
    )


def test_a_weights_and_biases_gateway_asks_for_its_own_kind_of_key(caller: Caller) -> None:
    caller.directory.put(gateway(auth="weights-and-biases"), member("chat"))

    answer = caller.chat(Authorization="Bearer unknown")

    assert answer.json()["error"]["message"] == (
        "missing or unknown API key: send a W&B API key as a bearer token"
    )


def test_another_organisations_token_is_forbidden(caller: Caller) -> None:
    caller.directory.put(gateway(), member("chat"))

    assert error_of(caller.chat(Authorization=f"Bearer {FOREIGN_TOKEN}")) == (403, "forbidden")


def test_a_gateway_that_is_not_there_or_not_ready_answers_so(caller: Caller) -> None:
    caller.directory.put(gateway(ready=False), member("chat"))

    assert error_of(caller.chat(path="g2/v1")) == (404, "gateway_not_found")
    assert error_of(caller.chat()) == (503, "gateway_not_ready")


def test_weights_that_cannot_be_read_end_in_520_with_text(caller: Caller) -> None:
    caller.directory.put(gateway(), member("chat", weights_readable=False))

    answer = caller.chat()

    assert (answer.status_code, answer.headers["content-type"], answer.headers["x-served-by"]) == (
        520,
        "text/plain; charset=utf-8",
        "chat",
    )
    assert answer.text == (
        '520: deployment "chat" has no model loaded: its weights could not be read from the bucket\n'
    )


def test_a_model_without_a_serving_deployment_is_unavailable_and_an_unknown_one_not_found(
    caller: Caller,
) -> None:
    caller.directory.put(gateway(), member("chat", serving=False))

    assert error_of(caller.chat()) == (503, "no_serving_deployment")
    unknown = caller.chat(model="acme/other")
    assert unknown.status_code == 404
    assert unknown.json() == {
        "error": {
            "message": "The model `acme/other` does not exist.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the request body is not valid JSON"),
        (b"\xff", "the request body is not valid JSON"),
        (b"[]", "the request body must be a JSON object"),
        (b'{"model": "acme/chat"}', "messages must be a list of at least one message"),
        (b'{"model": "acme/chat", "messages": []}', "messages must be a list of at least one message"),
        (b'{"model": "acme/chat", "messages": ["x"]}', "messages must be a list of at least one message"),
    ],
)
def test_what_is_no_chat_request_is_refused_with_the_reason(
    caller: Caller, body: bytes, message: str
) -> None:
    caller.directory.put(gateway(), member("chat"))

    answer = caller.http.post("g1/v1/chat/completions", content=body)

    assert (answer.status_code, answer.json()["error"]["message"]) == (400, message)


def test_other_pages_and_methods_do_not_exist(caller: Caller) -> None:
    caller.directory.put(gateway(), member("chat"))

    assert error_of(caller.http.get("g1/v1/chat/completions")) == (405, "method_not_allowed")
    assert error_of(caller.http.delete("g1/v1/models")) == (405, "method_not_allowed")
    assert error_of(caller.http.get("g1/v1/embeddings")) == (404, "not_found")
    assert error_of(caller.http.get("g1/")) == (404, "not_found")
    assert error_of(caller.http.get("g1")) == (404, "gateway_not_found")


@pytest.mark.parametrize("seconds", ["soon", "-1", "31", "nan"])
def test_a_simulated_duration_is_a_number_up_to_thirty(caller: Caller, seconds: str) -> None:
    caller.directory.put(gateway(), member("chat"))

    assert error_of(caller.chat(**{"x-simulate-seconds": seconds})) == (400, "invalid_header")


def test_a_request_in_flight_is_served_although_its_deployment_goes_meanwhile() -> None:
    gate = Gate()
    with data_plane(sleep=gate) as caller, ThreadPoolExecutor() as threads:
        caller.directory.put(gateway(), member("chat"))
        in_flight = threads.submit(caller.chat, **{"x-simulate-seconds": "12.5"})
        assert gate.entered.wait(10)

        caller.directory.put(gateway(), member("chat", serving=False))
        meanwhile = caller.chat()
        gate.leave.set()

        answer = in_flight.result(10)
        assert error_of(meanwhile) == (503, "no_serving_deployment")
        assert (answer.status_code, answer.headers["x-served-by"], gate.seconds) == (200, "chat", [12.5])
