"""OpenAI-shaped bodies: model lists, chat completions whole and in chunks, errors.

Only building and reading of JSON documents; no routing, no choice of a member, no waiting may enter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

# One moment for every model: when one was loaded is not simulated.
_CREATED = 1_760_000_000


@dataclass(frozen=True)
class ChatRequest:
    """What of a chat completion request decides its answer."""

    model: str | None
    prompt: str
    prompt_tokens: int
    stream: bool


@dataclass(frozen=True)
class Completion:
    """One finished answer of one deployment, before it is put into a whole body or into chunks."""

    model: str
    deployment_id: str
    text: str
    prompt_tokens: int
    id: str
    created: int


def read_chat_request(body: bytes) -> ChatRequest:
    """The request in `body`. Raises ValueError with a sentence for the client where it is not a chat request."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError("the request body is not valid JSON") from error
    if not isinstance(document, dict):
        raise ValueError("the request body must be a JSON object")
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise ValueError("messages must be a list of at least one message")
    model = document.get("model")
    return ChatRequest(
        model=model if isinstance(model, str) else None,
        prompt=_last_user_text(messages),
        prompt_tokens=sum(_count_tokens(_text_of(message)) for message in messages),
        stream=document.get("stream") is True,
    )


def complete(model: str, deployment_id: str, request: ChatRequest, created: float) -> Completion:
    """The answer: the model's name and the user's last words, so that a client can tell who answered what.

    Its id is its own, and `created` (epoch seconds) is the moment of the request, as engines have it.
    """
    text = f"{model}: {request.prompt}"
    return Completion(model, deployment_id, text, request.prompt_tokens, f"chatcmpl-{uuid4()}", int(created))


def completion_body(completion: Completion) -> dict[str, Any]:
    """A `chat.completion` object with usage counts; a token is a word."""
    completion_tokens = _count_tokens(completion.text)
    return _envelope(completion, "chat.completion") | {
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": completion.text},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": completion.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": completion.prompt_tokens + completion_tokens,
        },
    }


def completion_events(completion: Completion) -> Iterator[str]:
    """The same answer as server-sent events: the role, the text word by word, the finish reason, `[DONE]`."""
    deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in completion.text.split(" ")[:1]]
    deltas += [{"content": f" {word}"} for word in completion.text.split(" ")[1:]]
    for delta in deltas:
        yield _event(_chunk(completion, delta, None))
    yield _event(_chunk(completion, {}, "stop"))
    yield "data: [DONE]\n\n"


def model_list(models: Iterable[tuple[str, list[str]]], owned_by: str) -> dict[str, Any]:
    """A `list` object of (model name, names of the deployments that serve it)."""
    data = [
        {"id": name, "object": "model", "created": _CREATED, "owned_by": owned_by, "deployments": deployments}
        for name, deployments in models
    ]
    return {"object": "list", "data": data}


def error_body(message: str, kind: str, code: str, param: str | None = None) -> dict[str, Any]:
    """An OpenAI error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _envelope(completion: Completion, kind: str) -> dict[str, Any]:
    return {
        "id": completion.id,
        "object": kind,
        "created": completion.created,
        "model": completion.model,
        "system_fingerprint": completion.deployment_id,
    }


def _chunk(completion: Completion, delta: dict[str, str], finish_reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _envelope(completion, "chat.completion.chunk") | {"choices": [choice]}


def _event(chunk: dict[str, Any]) -> str:
    return f"data: {json.dumps(chunk)}\n\n"


def _text_of(message: dict[str, Any]) -> str:
    """A message's words; content may be a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict)).strip()
    return content if isinstance(content, str) else ""


def _last_user_text(messages: list[dict[str, Any]]) -> str:
    return next((_text_of(message) for message in reversed(messages) if message.get("role") == "user"), "")


def _count_tokens(text: str) -> int:
    return len(text.split())
