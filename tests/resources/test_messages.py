"""How an object is named to a user, and what is advised beside the service's own words."""

from __future__ import annotations

import pytest
from coreweave_inference.errors import (
    AlreadyExists,
    ApiError,
    CoreWeaveError,
    Forbidden,
    QuotaExceeded,
    Refused,
    ServiceUnavailable,
    StorageError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from coreweave_inference.model import UNKNOWN, Kind
from coreweave_inference.provider.messages import resource_name, subject, translate_service_errors
from coreweave_inference.provider.values import URN


@pytest.mark.parametrize(
    ("props", "name"),
    [
        ({URN: "urn:pulumi:dev::acme::pulumi-python:dynamic/x:Y::chat", "name": "chat-dev"}, "chat"),
        ({"name": "chat-dev"}, "chat-dev"),
        ({URN: "", "name": "chat-dev"}, "chat-dev"),
        ({URN: UNKNOWN, "name": "chat-dev"}, "chat-dev"),
        ({}, "?"),
    ],
)
def test_an_object_is_called_as_the_program_calls_it(props: dict[str, object], name: str) -> None:
    assert resource_name(props) == name
    assert subject(Kind.CAPACITY_CLAIM, props) == f'capacity claim "{name}"'


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (Unauthorized("no"), "nothing was changed"),
        (Forbidden("no"), "nothing was changed"),
        (
            QuotaExceeded("no"),
            "free some of the quota or have it raised, then run again; repeating alone does not help",
        ),
        (Throttled("no"), "run again in a while"),
        (Refused("no"), "fix the declaration and run again"),
        (ServiceUnavailable("no"), "run again"),
        (ApiError("no"), "run again"),
        (Unreachable("no"), "run again: what the service may have accepted is found by its id"),
    ],
)
def test_an_answer_of_the_service_becomes_one_line_with_advice(error: CoreWeaveError, advice: str) -> None:
    with pytest.raises(type(error)) as caught, translate_service_errors('gateway "public"'):
        raise error

    assert str(caught.value) == f'gateway "public": {error}; {advice}'
    assert (type(caught.value), caught.value.failed) == (type(error), error.failed)


def test_a_translated_error_keeps_what_the_service_reported_and_is_translated_once() -> None:
    error = AlreadyExists("taken", method="POST", path="/v1", status=409, violations=[("id", "in use")])

    with (
        pytest.raises(AlreadyExists) as caught,
        translate_service_errors("the stack"),
        translate_service_errors('gateway "public"'),
    ):
        raise error

    assert (caught.value.status, caught.value.violations) == (409, (("id", "in use"),))
    assert str(caught.value).startswith('gateway "public": taken')
    assert str(error).startswith("taken")


def test_object_storage_is_quoted_without_advice() -> None:
    with pytest.raises(CoreWeaveError) as caught, translate_service_errors("weights bucket"):
        raise StorageError("refused", code="Odd")

    assert str(caught.value) == "weights bucket: refused [Odd]"


def test_errors_that_name_their_object_already_pass_as_they_are() -> None:
    own = CoreWeaveError("gateway is in use")

    with pytest.raises(CoreWeaveError) as caught, translate_service_errors("something"):
        raise own

    assert caught.value is own
