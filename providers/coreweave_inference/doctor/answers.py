"""What one answer of a model proves: a completion of whom, or what is wrong with it. Pure.

An answer is no proof if it is another member's, a cached or a proxy's page, or empty. What it does not tell is not assumed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from coreweave_inference.api.completions import Exchange
from coreweave_inference.fleet.objects import Listed
from coreweave_inference.model.normal_form import get_path

CLOCKS_APART_SECONDS = 120.0
"""How far the clocks of the engine and of the gateway may be apart before an old answer is taken for a cached one."""
LATEST = 1e12
"""Epoch seconds beyond which `created` is no time."""
STREAM = "text/event-stream"
SERVED_BY = "x-served-by"
CACHE_HEADERS = ("cache-status", "x-cache", "cf-cache-status", "x-proxy-cache", "x-cache-status")
FROM_CACHE = re.compile(r"(?<!=)\b(\w*_)?(hit|stale|revalidated|updating)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """An exchange, judged. `wrong` is empty for a real completion; `member` is the id of who answered, empty: not known."""

    exchange: Exchange
    wrong: str = ""
    member: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is a completion."""
        return not self.wrong


def judge_answer(
    exchange: Exchange, model: str, members: Sequence[Listed], seen: Iterable[str] = ()
) -> Answer:
    """What `exchange` proves of `model`, whose enabled members with traffic are among `members`.

    `seen` are ids of completions that were answered before: one that comes again was not computed for this request.
    """
    member = who_answered(exchange, members)
    return Answer(exchange, _wrong(exchange, model, frozenset(seen)), member)


def _wrong(exchange: Exchange, model: str, seen: frozenset[str]) -> str:
    if 300 <= exchange.status < 400:
        return f"HTTP {exchange.status}: a redirect, which is not followed"
    if not 200 <= exchange.status < 300:
        return f"HTTP {exchange.status}: {exchange.error or 'no message'}"
    if cached := cache_sign(exchange):
        return f"a cached answer ({cached}), so no replica computed it"
    found = exchange.document
    if not exchange.body.strip():
        return f"HTTP {exchange.status} with an empty answer"
    if exchange.headers.get("content-type", "").startswith(STREAM):
        return f"HTTP {exchange.status} with a streamed answer ({STREAM}), which was not asked for: {exchange.text[:80]}"
    if found is None:
        kind = exchange.headers.get("content-type", "no content type")
        return f"HTTP {exchange.status} without a completion: a page of a proxy or gateway ({kind}): {exchange.text[:80]}"
    if not isinstance(found.get("choices"), list) or not found["choices"]:
        return f"HTTP {exchange.status} without a completion: {exchange.error[:120]}"
    if not (exchange.content.strip() or exchange.reasoning.strip()):
        return "an empty completion"
    named_model = found.get("model")
    if isinstance(named_model, str) and named_model and named_model != model:
        return f'a completion of model "{named_model}", not of "{model}"'
    if completion_id(exchange) and completion_id(exchange) in seen:
        return (
            f"the completion {completion_id(exchange)} once more: a cached answer, so no replica computed it"
        )
    age = _age(exchange)
    if age is not None and age > CLOCKS_APART_SECONDS:
        return f"a completion that was made {age:.0f} s before the request: a cached answer"
    return ""


def cache_sign(exchange: Exchange) -> str:
    """The header by which an answer says that it comes from a cache; empty without one."""
    headers = exchange.headers
    if headers.get("age", "0").strip() not in ("", "0"):
        return f"Age: {headers['age']}"
    return next(
        (f"{name}: {headers[name]}" for name in CACHE_HEADERS if FROM_CACHE.search(headers.get(name, ""))), ""
    )


def completion_id(exchange: Exchange) -> str:
    """The id that a completion has; empty where the answer is none."""
    return str((exchange.document or {}).get("id") or "")


def _age(exchange: Exchange) -> float | None:
    """Seconds from `created` of the completion to the request, by the gateway's clock where it tells the time."""
    created = (exchange.document or {}).get("created")
    if not isinstance(created, (int, float)) or isinstance(created, bool) or not 0 < created < LATEST:
        return None
    try:
        now = parsedate_to_datetime(exchange.headers.get("date", "")).timestamp() - exchange.seconds
    except (ValueError, TypeError, OverflowError):
        now = exchange.sent_at
    return now - created


def who_answered(exchange: Exchange, members: Sequence[Listed]) -> str:
    """The id of the member that an answer names, else of the only one that takes traffic (documentation: one with weight 0 or
    disabled gets no request); empty where it is not known, or where the answer names somebody else.
    """
    for server in (served_by(exchange), str((exchange.document or {}).get("system_fingerprint") or "")):
        named = [found.id for found in members if server in (found.id, found.name)]
        if named:
            return named[0]
    if served_by(exchange):
        return ""
    able = [found for found in members if takes_traffic(found)]
    return able[0].id if len(able) == 1 else ""


def served_by(exchange: Exchange) -> str:
    """Who answered, as the answer says it; empty where it does not."""
    return exchange.headers.get(SERVED_BY, "").strip()


def takes_traffic(member: Listed) -> bool:
    """Whether requests reach a member at all: it is enabled and has a weight."""
    return not member.spec.get("disabled") and bool(get_path(member.spec, "traffic.weight"))
