"""The one comment of a pull request: found by its first line and by who wrote it, then made, replaced or left alone.

Only the calls to GitHub's REST API belong here; what the comment says is `review`'s.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coreweave_inference.api.http_library import httpx
from coreweave_inference.api.transport import http_transport
from coreweave_inference.errors import CoreWeaveError, one_line
from coreweave_inference.settings.secret import header_fault, redacted

API = "https://api.github.com"
BOT = "github-actions[bot]"
PAGE = 100
TIMEOUT_SECONDS = 30.0
PULL_REF = re.compile(r"refs/pull/(?P<number>\d+)/")


class CannotPost(CoreWeaveError):
    """GitHub did not take the comment, or it is not known where to put it."""


class MayNotPost(CannotPost):
    """The token may not write; from a fork that is as it should be."""


@dataclass(frozen=True)
class PullRequest:
    """Where to post, and with what. `author` is the login whose comments are ours; `fork`: the change is from another repository."""

    repository: str
    number: int
    token: str = field(repr=False)
    author: str = BOT
    api: str = API
    fork: bool = False

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], *, number: int | None = None, author: str = BOT
    ) -> PullRequest:
        """As GitHub Actions describes a run. Raises CannotPost with what is missing."""
        event = _event(environ)
        pull = event.get("pull_request") or {}
        match = PULL_REF.match(environ.get("GITHUB_REF", ""))
        issue = event.get("issue") or {}
        commented = issue.get("number") if issue.get("pull_request") else None
        found = number or pull.get("number") or commented or (int(match["number"]) if match else None)
        repository = environ.get("GITHUB_REPOSITORY", "")
        if not found or "/" not in repository:
            raise CannotPost(
                "it is not known which pull request to comment on; run on `pull_request`, or set GITHUB_REPOSITORY and "
                "give --pull-request NUMBER"
            )
        head = ((pull.get("head") or {}).get("repo") or {}).get("full_name")
        return cls(
            repository=repository,
            number=int(found),
            token=environ.get("GITHUB_TOKEN", ""),
            author=author,
            api=environ.get("GITHUB_API_URL") or API,
            fork=bool(pull) and head != repository,
        )


def post(pull: PullRequest, marker: str, text: str, *, only_replace: bool) -> str:
    """Make or replace the comment that starts with `marker`; what was done, in a word: made, replaced, same or none.

    `only_replace` makes none where there is none. Raises MayNotPost where the token may not write, CannotPost for
    every other refusal.
    """
    if not pull.token:
        raise MayNotPost("there is no GITHUB_TOKEN, so nothing can be posted")
    if fault := header_fault(pull.token):
        raise CannotPost(f"GITHUB_TOKEN {fault}; set it again without quotes, spaces or a line break")
    headers = {
        "authorization": f"Bearer {pull.token}",
        "accept": "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
    }
    transport = http_transport(pull.api)
    with httpx.Client(
        base_url=pull.api,
        headers=headers,
        timeout=TIMEOUT_SECONDS,
        follow_redirects=True,
        transport=transport,
    ) as client:
        own = next((found for found in _comments(client, pull) if _is_ours(found, pull.author, marker)), None)
        if own is None:
            if only_replace:
                return "none"
            _call(client, pull, "POST", f"/repos/{pull.repository}/issues/{pull.number}/comments", text)
            return "made"
        if own.get("body") == text:
            return "same"
        _call(client, pull, "PATCH", f"/repos/{pull.repository}/issues/comments/{own['id']}", text)
        return "replaced"


def _is_ours(comment: Mapping[str, Any], author: str, marker: str) -> bool:
    """Anybody can write the marker, so the author counts too: a stranger's comment could be changed back by them."""
    body = str(comment.get("body") or "").replace("\r\n", "\n")
    return (comment.get("user") or {}).get("login") == author and body.startswith(f"{marker}\n")


def _comments(client: httpx.Client, pull: PullRequest) -> Iterator[Mapping[str, Any]]:
    """All comments, oldest first, page by page."""
    page = 1
    while True:
        path = f"/repos/{pull.repository}/issues/{pull.number}/comments"
        found = _call(client, pull, "GET", f"{path}?per_page={PAGE}&page={page}")
        if not isinstance(found, list):
            raise CannotPost(f"{pull.api} answers no list of comments; check GITHUB_API_URL")
        yield from (comment for comment in found if isinstance(comment, Mapping))
        if len(found) < PAGE:
            return
        page += 1


def _call(client: httpx.Client, pull: PullRequest, method: str, path: str, body: str | None = None) -> Any:
    try:
        answer = client.request(method, path, json=None if body is None else {"body": body})
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        words = one_line(redacted(str(error), (pull.token,)), 300)
        raise CannotPost(f"GitHub cannot be reached: {words or type(error).__name__}") from None
    words = one_line(redacted(answer.text, (pull.token,)), 300)
    if answer.request.method != method:  # What a redirect made of it wrote nothing.
        raise CannotPost(
            f"GitHub has moved {pull.repository}: {method} {path} was redirected to {one_line(str(answer.url), 200)}; set "
            "GITHUB_REPOSITORY or GITHUB_API_URL to where it is now"
        )
    if answer.is_success:
        try:
            return answer.json()
        except ValueError:
            raise CannotPost(
                f"{pull.api} is not GitHub's API ({answer.status_code}: {words}); check GITHUB_API_URL and the proxy"
            ) from None
    pause = answer.headers.get("retry-after")
    if answer.status_code == 429 or pause or answer.headers.get("x-ratelimit-remaining") == "0":
        when = f"in {one_line(pause, 40)} s" if pause else "later"
        raise CannotPost(
            f"GitHub limits how often this token may ask ({answer.status_code}: {words}); run again {when}"
        )
    if answer.status_code in (401, 403, 404):
        raise MayNotPost(
            f"GitHub refuses to let this token comment ({answer.status_code}: {words}); give the job `permissions: "
            "pull-requests: write`"
        )
    raise CannotPost(f"GitHub did not take the comment ({answer.status_code}: {words})")


def _event(environ: Mapping[str, str]) -> Mapping[str, Any]:
    path = environ.get("GITHUB_EVENT_PATH")
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, Mapping) else {}


def summary_file() -> Path | None:
    """The file of a job's summary, in GitHub Actions."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(name) if name else None
