"""Which error an answer becomes, and what it says."""

from __future__ import annotations

import json

import pytest
from coreweave_inference.api.errors import error_of, read_error
from coreweave_inference.errors import (
    AlreadyExists,
    ApiError,
    Forbidden,
    NotFound,
    QuotaExceeded,
    Refused,
    ServiceUnavailable,
    Throttled,
    Unauthorized,
)

TYPE = "type.googleapis.com/google.rpc."


def raised(status, body=b"", headers=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = read_error(status, headers or {}, body)
    return error_of(answer, "POST", "/v1", token_source="CW_API_TOKEN", endpoint="https://api.example")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 3, Refused),
        (400, 9, Refused),
        (401, 16, Unauthorized),
        (403, 7, Forbidden),
        (404, 5, NotFound),
        (405, 12, Refused),
        (409, 6, AlreadyExists),
        (415, 0, Refused),
        (429, 8, Throttled),
        (500, 13, ServiceUnavailable),
        (501, 12, ServiceUnavailable),
        (503, 14, ServiceUnavailable),
    ],
)
def test_each_status_has_its_class(status, code, kind):
    error = raised(status, {"code": code, "message": "the words", "details": []})

    assert type(error) is kind
    assert (error.status, error.code, error.method, error.path) == (status, code, "POST", "/v1")
    assert str(error).startswith("the words")


def test_field_violations_are_kept_and_shown_once():
    error = raised(
        400,
        {
            "code": 3,
            "message": "validation error: traffic.weight: must be at most 1000",
            "details": [
                {
                    "@type": TYPE + "BadRequest",
                    "fieldViolations": [
                        {
                            "field": "traffic.weight",
                            "description": "must be at most 1000",
                            "localizedMessage": None,
                        },
                        {"field": "name", "description": "is required"},
                    ],
                }
            ],
        },
        {"x-request-id": "r-1"},
    )

    assert error.violations == (("traffic.weight", "must be at most 1000"), ("name", "is required"))
    assert str(error) == (
        "validation error: traffic.weight: must be at most 1000 (name: is required) [POST /v1 -> 400, request id r-1]"
    )


def test_a_quota_failure_is_distinguished_from_throttling_by_its_detail_and_shows_the_quota():
    error = raised(
        429,
        {
            "code": 8,
            "message": "quota",
            "details": [
                {
                    "@type": TYPE + "QuotaFailure",
                    "violations": [
                        {"subject": "zones/US-WEST-04A", "description": "9 asked for, 0 of 8 in use"}
                    ],
                }
            ],
        },
    )

    assert type(error) is QuotaExceeded
    assert error.violations == (("zones/US-WEST-04A", "9 asked for, 0 of 8 in use"),)


@pytest.mark.parametrize("detail", [{"violations": []}, {"violations": None}, {}])
def test_a_quota_failure_without_violations_is_one_all_the_same(detail):
    assert (
        type(raised(429, {"code": 8, "details": [{"@type": TYPE + "QuotaFailure", **detail}]}))
        is QuotaExceeded
    )


@pytest.mark.parametrize(
    ("detail", "violation"),
    [
        (
            {
                "@type": TYPE + "ResourceInfo",
                "resourceType": "Deployment",
                "resourceName": "99",
                "description": "gone",
            },
            ("Deployment 99", "gone"),
        ),
        (
            {
                "@type": TYPE + "PreconditionFailure",
                "violations": [{"type": "GATEWAY_IN_USE", "subject": "11", "description": "by chat"}],
            },
            ("11", "by chat"),
        ),
        ({"@type": TYPE + "PreconditionFailure", "violations": [{"type": "IN_USE"}]}, ("IN_USE", "IN_USE")),
    ],
)
def test_every_kind_of_detail_is_read(detail, violation):
    assert raised(400, {"code": 9, "message": "no", "details": [detail]}).violations == (violation,)


@pytest.mark.parametrize(
    "details",
    [None, [], "x", [None], [{}], [{"@type": 5}], [{"@type": TYPE + "BadRequest", "fieldViolations": "x"}]],
)
def test_details_may_be_missing_empty_or_strange(details):
    error = raised(400, {"code": "x", "message": "no", "details": details})

    assert (error.message, error.code, error.violations) == ("no", 0, ())


def test_an_error_without_words_says_so():
    assert str(raised(400, {"code": 3, "message": ""})) == "HTTP 400 without a message [POST /v1 -> 400]"


@pytest.mark.parametrize("body", [b"", b"{}", {"code": 5}])
def test_a_404_of_the_api_is_not_found_even_without_words(body):
    assert type(raised(404, body)) is NotFound


@pytest.mark.parametrize("body", [b"Not Found", b"<html><h1>404</h1></html>", b"[]"])
def test_a_404_that_is_not_the_apis_own_does_not_mean_that_an_object_is_deleted(body):
    error = raised(404, body)

    assert type(error) is ApiError
    assert "check the endpoint https://api.example" in str(error)


def test_an_html_page_is_shown_by_its_beginning():
    error = raised(502, b"<html>\n<body>" + b"bad gateway " * 200_000)

    assert type(error) is ServiceUnavailable
    assert error.message.startswith("<html> <body>bad gateway")
    assert len(str(error)) < 500


def test_a_message_of_a_megabyte_is_cut():
    assert len(str(raised(400, {"message": "x" * 1_000_000}))) < 2200


def test_a_body_that_is_too_long_to_be_worth_parsing_is_cut_unparsed():
    assert len(str(raised(400, {"message": "x" * 5_000_000}))) < 500


def test_only_the_first_violations_are_kept():
    violations = [{"field": f"f{n}", "description": "wrong"} for n in range(1000)]

    error = raised(
        400, {"message": "m", "details": [{"@type": TYPE + "BadRequest", "fieldViolations": violations}]}
    )

    assert len(error.violations) == 20


def test_a_refused_token_names_where_it_came_from():
    assert str(raised(401, {"code": 16, "message": "unknown token"})) == (
        "unknown token; https://api.example does not accept the token from CW_API_TOKEN [POST /v1 -> 401]"
    )


def test_a_forbidden_act_names_the_role_of_the_token():
    assert "the role of the token from CW_API_TOKEN does not allow this" in str(raised(403, {"code": 7}))


@pytest.mark.parametrize(
    "message",
    [
        'proto: (line 1:316): unknown field "foo"',
        "request should have no body; instead got 2 bytes",
        "unmarshal message: unexpected token",
    ],
)
def test_a_500_that_cannot_parse_the_request_is_refused(message):
    answer = read_error(500, {}, json.dumps({"code": 2, "message": message}).encode())

    assert answer.unparsable
    assert type(raised(500, {"code": 2, "message": message})) is Refused


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [(500, 2, "database is down"), (500, 13, "proto: bad"), (503, 2, "proto: bad")],
)
def test_other_failures_of_the_service_are_not_refused(status, code, message):
    assert type(raised(status, {"code": code, "message": message})) is ServiceUnavailable


def test_a_redirect_says_where_to_and_that_the_token_was_not_sent_on():
    error = raised(307, b"", {"location": "https://new.example/v1"})

    assert type(error) is ApiError
    assert "redirects to https://new.example/v1; the token is not sent on" in str(error)


@pytest.mark.parametrize(
    ("headers", "request_id"),
    [
        ({"x-request-id": "a", "cf-ray": "c"}, "a"),
        ({"x-b3-traceid": "b", "cf-ray": "c"}, "b"),
        ({"cf-ray": "c"}, "c"),
        ({}, ""),
    ],
)
def test_the_request_id_is_taken_from_the_first_header_that_has_one(headers, request_id):
    assert raised(400, {}, headers).request_id == request_id
