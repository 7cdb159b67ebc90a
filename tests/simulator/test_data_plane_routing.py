from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulator.data_plane_fixtures import Caller, data_plane, error_of, gateway, member


@pytest.fixture
def caller() -> Iterator[Caller]:
    with data_plane() as running:
        yield running


def test_body_routing_goes_by_the_model_in_the_body(caller: Caller) -> None:
    caller.directory.put(gateway(), member("chat"), member("code", model_name="acme/code"))

    assert caller.chat(model="acme/code").headers["x-served-by"] == "code"
    assert error_of(caller.chat(model=None)) == (400, "missing_model")
    assert error_of(caller.chat_through_path("acme/code")) == (404, "not_found")


def test_header_routing_goes_by_the_named_header_and_not_by_the_body(caller: Caller) -> None:
    caller.directory.put(
        gateway(routing="header", header_name="X-Model"),
        member("chat"),
        member("code", model_name="acme/code"),
    )

    answer = caller.chat(model="acme/chat", **{"x-model": "acme/code"})

    assert (answer.headers["x-served-by"], answer.json()["model"]) == ("code", "acme/code")
    assert error_of(caller.chat()) == (400, "missing_model_header")
    assert error_of(caller.chat(**{"x-model": "acme/other"})) == (404, "model_not_found")


@pytest.mark.parametrize("model", ["chat", "acme/chat", "acme/ch at+ü%2F", "v1", "models"])
def test_path_routing_goes_by_the_encoded_first_segment(caller: Caller, model: str) -> None:
    caller.directory.put(gateway(routing="path"), member("chat", model_name=model), member("other"))

    answer = caller.chat_through_path(model)

    assert (answer.status_code, answer.json()["model"]) == (200, model)


def test_path_routing_does_not_look_into_the_body(caller: Caller) -> None:
    caller.directory.put(gateway(routing="path"), member("chat"), member("code", model_name="acme/code"))

    answer = caller.chat(path="g1/acme%2Fcode/v1", model="acme/chat")

    assert answer.headers["x-served-by"] == "code"
    assert error_of(caller.chat()) == (404, "not_found")


def test_a_slash_in_the_path_that_is_not_encoded_parts_segments(caller: Caller) -> None:
    caller.directory.put(gateway(routing="path"), member("chat"))

    assert error_of(caller.chat(path="g1/acme/chat/v1")) == (404, "not_found")


def test_path_routing_lists_one_model_below_its_name_and_all_without(caller: Caller) -> None:
    caller.directory.put(gateway(routing="path"), member("chat"), member("code", model_name="acme/code"))

    listed = [
        [entry["id"] for entry in caller.http.get(page).json()["data"]]
        for page in ("g1/v1/models", "g1/acme%2Fcode/v1/models", "g1/acme%2Fother/v1/models")
    ]

    assert listed == [["acme/chat", "acme/code"], ["acme/code"], []]
