"""`call`: one prompt to a model, as its clients send it; and the same as a curl command."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from coreweave_inference.api.completions import DataPlane, Exchange
from coreweave_inference.api.objects import ApiObject
from coreweave_inference.doctor.answers import Answer, judge_answer
from coreweave_inference.errors import StartupError, Unreachable
from coreweave_inference.fleet.routes import COREWEAVE, Route, routes_to
from coreweave_inference.fleet.values import model_name
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import get_path
from coreweave_inference.settings.resolution import TOKEN_KEY, TOKEN_VARIABLES, Settings
from coreweave_inference.status.recorded import Recorded

from .account_lists import listed, opened
from .exits import FAILED, print_error, report_errors, usage_error
from .live_account import scope_of
from .models import WANDB_KEY, Model, find_model, key_for
from .output import print_document, say
from .wrapping import columns, wrapped

NEXT = "`cw-inference doctor` says why"


@dataclass(frozen=True)
class Request:
    """What is asked: `prompt` "-" is read from standard input; `gateway` names one of several."""

    key: str
    prompt: str
    gateway: str = ""
    max_tokens: int | None = None
    timeout_seconds: float = 60.0


def call(request: Request, directory: Path, stack: str | None, *, curl: bool, as_json: bool) -> None:
    """Print the completion, or with `curl` the command that asks for it."""
    prompt = sys.stdin.read() if request.prompt == "-" else request.prompt
    if not prompt.strip():
        raise usage_error(
            "the prompt is empty; write it after the key, or - to read it from standard input",
            as_json=as_json,
        )
    with report_errors(as_json=as_json):
        scope = scope_of(directory, stack)
        with opened(scope.settings) as api:
            account = listed(api, (Kind.GATEWAY, Kind.DEPLOYMENT))
        model = find_model(scope, account, request.key)
        route = _route(model, request.gateway)
        if curl:
            say(curl_command(route, prompt, scope.settings, stack or scope.stack))
            return
        with DataPlane(
            key_for(route, scope.settings.token),
            allow_http=scope.settings.allow_http,
            timeout_seconds=request.timeout_seconds,
            hidden=api.hidden,
        ) as client:
            try:
                exchange = client.complete(route, prompt, max_tokens=request.max_tokens)
            except Unreachable as error:
                raise error.with_text(f"{error}; {NEXT}") from error
    answer = judge_answer(exchange, model.name, members_on(model, route))
    _show(answer, model, route, as_json=as_json)


def members_on(model: Model, route: Route) -> list[Any]:
    """The deployments of a model on the gateway of a route."""
    return [found for found in model.members if route.gateway_id in (found.spec.get("gatewayIds") or ())]


def _route(model: Model, gateway: str) -> Route:
    found = [route for route in model.routes if gateway in ("", route.gateway, route.gateway_id)]
    if not found:
        names = ", ".join(dict.fromkeys(route.gateway for route in model.routes))
        raise StartupError(f'model "{model.name}": is not on gateway "{gateway}"; it is on {names}')
    return found[0]


def curl_command(route: Route, prompt: str, settings: Settings, stack: str = "") -> str:
    """The command that sends the same request; the key in it is a reference, never the value."""
    headers = {
        "Authorization": f"Bearer {_reference(route, settings, stack)}",
        "Content-Type": "application/json",
        **route.headers,
    }
    body = {"model": route.model, "messages": [{"role": "user", "content": prompt}]}
    parts = ["curl --fail-with-body --silent --show-error", shlex.quote(route.chat_url)]
    # In double quotes, so that the shell puts the key in.
    parts += [
        f'-H "{name}: {value}"' if "$" in value else f"-H {shlex.quote(f'{name}: {value}')}"
        for name, value in headers.items()
    ]
    return " ".join([*parts, "-d", shlex.quote(json.dumps(body, ensure_ascii=False))])


def first_call(
    recorded: Sequence[Recorded], gateways: Sequence[ApiObject], settings: Settings, stack: str
) -> list[str]:
    """The commands that ask the deployment of a stack that takes most of the traffic; none without an endpoint."""
    asked = [
        item for item in recorded if item.kind is Kind.DEPLOYMENT and not (item.spec or {}).get("disabled")
    ]
    for item in sorted(asked, key=lambda item: -_weight(item)):
        spec = item.spec or {}
        for gateway in gateways if _weight(item) else ():
            for route in routes_to(gateway, model_name(spec)):
                if gateway.id in (spec.get("gatewayIds") or ()):
                    return [
                        f"try it: cw-inference call {shlex.quote(item.key)} Hello",
                        curl_command(route, "Hello", settings, stack),
                    ]
    return []


def _weight(item: Recorded) -> int:
    weight = get_path(item.spec or {}, "traffic.weight")
    return weight if isinstance(weight, int) else 0


def _reference(route: Route, settings: Settings, stack: str) -> str:
    if route.key != COREWEAVE:
        return f"${WANDB_KEY}"
    if settings.token_source == TOKEN_KEY:
        return f"$(pulumi config get {TOKEN_KEY}{f' --stack {shlex.quote(stack)}' if stack else ''})"
    return f"${settings.token_source or TOKEN_VARIABLES[0]}"


def _show(answer: Answer, model: Model, route: Route, *, as_json: bool) -> None:
    exchange = answer.exchange
    names = {found.id: found.name for found in model.members}
    if as_json:
        document = {
            "ok": answer.ok,
            "errors": [answer.wrong] if answer.wrong else [],
            "findings": [],
            "model": model.name,
            "gateway": route.gateway,
            "url": route.chat_url,
            "status": exchange.status,
            "seconds": round(exchange.seconds, 3),
            "member": names.get(answer.member),
            "content": exchange.content,
            "answer": exchange.document,
        }
        print_document(document)
    elif answer.ok:
        say(exchange.content, flush=True)
        summary = _summary(exchange, model, route, names.get(answer.member))
        say("\n".join(wrapped([summary], columns())), error=True)
    else:
        print_error(f"model {model.name} on gateway {route.gateway}: {answer.wrong}; {NEXT}")
    if not answer.ok:
        raise typer.Exit(FAILED)


def _summary(exchange: Exchange, model: Model, route: Route, member: str | None) -> str:
    usage = (exchange.document or {}).get("usage")
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    counted = f", {tokens} tokens" if isinstance(tokens, int) else ""
    who = f"answered by {member}" if member else "the answer does not tell which member gave it"
    return f"{model.name} on {route.gateway}: {exchange.status} in {exchange.seconds:.2f} s{counted}; {who}"
