"""An answer of a gateway goes in, what it proves comes out."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from coreweave_inference.api.client import ApiObject
from coreweave_inference.api.completions import DataPlane, Exchange
from coreweave_inference.doctor.answers import judge_answer
from coreweave_inference.doctor.proof import MOST_REQUESTS, most_requests, prove
from coreweave_inference.errors import Unreachable
from coreweave_inference.fleet.routes import Route
from coreweave_inference.model import Kind
from coreweave_inference.settings.secret import Secret

SENT = 1_800_000_000.0
DATE = "Fri, 15 Jan 2027 08:00:00 GMT"


def member(name: str, weight: int = 100, disabled: bool = False) -> ApiObject:
    spec = {"name": name, "traffic": {"weight": weight}, "disabled": disabled}
    return ApiObject(Kind.DEPLOYMENT, f"id-{name}", name, spec, "READY")


CHAT, CANARY = member("chat", 900), member("canary", 100)


def completion(content: str = "hello", **changes: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **changes.pop("message", {})}
    return {
        "id": "c1",
        "model": "acme/chat",
        "created": int(SENT),
        "choices": [{"message": message}],
        **changes,
    }


def exchange(body: Any = None, status: int = 200, **headers: str) -> Exchange:
    content = body if isinstance(body, bytes) else json.dumps(completion() if body is None else body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange(status, {"content-type": "application/json", **named}, content, 0.1, SENT)


def wrong(found: Exchange, *seen: str) -> str:
    return judge_answer(found, "acme/chat", [CHAT], seen).wrong


@pytest.mark.parametrize(
    "found",
    [
        exchange(completion(created=10**400)),
        exchange(),
        exchange(completion(created=None, model=None, id=None)),
        exchange(completion("", message={"reasoning_content": "let me think"})),
        exchange(x_cache="MISS", age="0"),
        exchange(cache_status="edge; fwd=stale; stored", cf_cache_status="DYNAMIC"),
        exchange(completion(created=int(SENT) - 3600), date="Fri, 15 Jan 2027 07:00:00 GMT"),
    ],
    ids=[
        "made at no time that there is",
        "whole",
        "sparse",
        "reasoning",
        "not from a cache",
        "not from one of another kind",
        "a gateway whose clock is behind",
    ],
)
def test_a_completion_is_one(found: Exchange) -> None:
    assert wrong(found) == ""


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (exchange(completion("  \n")), "an empty completion"),
        (exchange({"choices": []}), "without a completion"),
        (exchange({"ok": True}), "without a completion"),
        (
            exchange(b"<html>login</html>", content_type="text/html"),
            "a page of a proxy or gateway (text/html)",
        ),
        (exchange(b"[]", content_type="application/json"), "a page of a proxy or gateway"),
        (exchange(b"", status=204), "HTTP 204 with an empty answer"),
        (exchange(b"data: [DONE]", content_type="text/event-stream"), "a streamed answer"),
        (exchange(age="30"), "a cached answer (Age: 30)"),
        (exchange(cf_cache_status="HIT"), "a cached answer (cf-cache-status: HIT)"),
        (exchange(cf_cache_status="STALE"), "a cached answer (cf-cache-status: STALE)"),
        (exchange(cache_status="edge; hit; ttl=30"), "a cached answer (cache-status: edge; hit; ttl=30)"),
        (exchange(x_cache="TCP_MEM_HIT from squid"), "a cached answer (x-cache: TCP_MEM_HIT from squid)"),
        (exchange(completion(created=int(SENT) - 3600), date=DATE), "made 3600 s before the request"),
        (exchange(completion(model="acme/other")), 'of model "acme/other"'),
        (exchange(status=307), "a redirect"),
        (exchange({"error": {"message": "no such model"}}, status=404), "HTTP 404: no such model"),
        (exchange(b"520: no weights", status=520), "HTTP 520: 520: no weights"),
    ],
)
def test_what_is_no_completion_says_why(found: Exchange, why: str) -> None:
    assert why in wrong(found)


def test_a_completion_that_was_seen_before_is_a_cached_one() -> None:
    assert "once more" in wrong(exchange(), "c1")


@pytest.mark.parametrize(
    ("found", "members", "who"),
    [
        (exchange(x_served_by="canary"), [CHAT, CANARY], "id-canary"),
        (exchange(completion(system_fingerprint="id-chat")), [CHAT, CANARY], "id-chat"),
        (exchange(completion(system_fingerprint="fp_44")), [CHAT, CANARY], ""),
        (exchange(), [CHAT], "id-chat"),
        (exchange(x_served_by="cache-fra-1"), [CHAT], ""),
        (exchange(completion(system_fingerprint="id-chat"), x_served_by="cache-fra-1"), [CHAT], "id-chat"),
        (exchange(), [CHAT, member("off", disabled=True)], "id-chat"),
    ],
    ids=[
        "header",
        "fingerprint",
        "another fingerprint",
        "the only one",
        "a stranger",
        "a stranger before it",
        "one of two is disabled",
    ],
)
def test_who_answered_is_reported_or_not_known(found: Exchange, members: list[ApiObject], who: str) -> None:
    assert judge_answer(found, "acme/chat", members).member == who


class Gateway:
    """Answers in turn, each answer with an id of its own."""

    def __init__(self, *names: str) -> None:
        self.names, self.asked = names, 0

    def __call__(self) -> Exchange:
        name = self.names[self.asked % len(self.names)]
        self.asked += 1
        if name == "lost":
            raise Unreachable("no whole answer")
        return exchange(completion(id=f"c{self.asked}"), **({"x_served_by": name} if name else {}))


def test_requests_go_on_until_every_member_has_answered() -> None:
    gateway = Gateway(*["chat"] * 9, "canary")

    proof = prove(gateway, "acme/chat", [CHAT, CANARY])

    assert gateway.asked == 10
    assert [len(found.good) for found in proof.members] == [9, 1]


def test_an_answer_of_another_member_proves_nothing_of_this_one() -> None:
    proof = prove(Gateway("chat"), "acme/chat", [CHAT, CANARY])

    canary = proof.members[1]
    assert (canary.answers, "none of the answers" in canary.unproven) == ((), True)


def test_where_answers_do_not_show_it_nobody_is_proven_and_nothing_is_asked_twice() -> None:
    gateway = Gateway("")

    proof = prove(gateway, "acme/chat", [CHAT, CANARY])

    assert gateway.asked == 1
    assert {found.unproven for found in proof.members} == {
        "the answers do not tell which deployment gave them"
    }


def test_members_that_no_request_reaches_are_unproven_with_the_reason() -> None:
    off, none = member("off", disabled=True), member("none", 0)

    proof = prove(Gateway("chat"), "acme/chat", [CHAT, off, none])

    assert [found.unproven for found in proof.members[1:]] == [
        "it is disabled, so no request reaches it",
        "its weight is 0, so no request reaches it",
    ]


def test_a_few_lost_answers_end_it() -> None:
    gateway = Gateway("lost")

    proof = prove(gateway, "acme/chat", [CHAT, CANARY])

    assert (gateway.asked, proof.wrong) == (2, ("no whole answer",))


def test_a_small_share_gets_more_requests_and_never_too_many() -> None:
    assert most_requests([CHAT], 1) == 1
    assert most_requests([CHAT, CANARY], 1) == 44
    assert most_requests([member("a", 999), member("b", 1)], 1) == MOST_REQUESTS


def test_a_key_that_an_answer_repeats_is_hidden_also_as_escapes_and_no_other_host_gets_it() -> None:
    key, seen = "CW-SECRET-a-key-of-this-test", []
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in key)

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        if len(seen) == 1:
            return httpx.Response(307, headers={"location": "https://elsewhere.example/v1"})
        return httpx.Response(
            401, headers={"x-answer": key}, content=f'{{"error": {{"message": "no {escaped}"}}}}'
        )

    route = Route("public", "g", "https://gateway.example", "acme/chat", "https://gateway.example/v1")
    with DataPlane(Secret(key), transport=lambda url: httpx.MockTransport(answer)) as client:
        redirected, refused = client.complete(route, "hello"), client.complete(route, "hello")

    assert wrong(redirected) == "HTTP 307: a redirect, which is not followed"
    assert seen == ["gateway.example", "gateway.example"]
    assert refused.error == "no ***"
    assert key not in f"{refused} {refused.document}"
