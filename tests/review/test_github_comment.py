"""One comment for each pull request: made, replaced, left alone, and never somebody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from coreweave_inference.cli.github_comment import CannotPost, MayNotPost, PullRequest, post
from coreweave_inference.review.views import MARKER

from tests.review.github import TOKEN, GitHub, serving

BOT = "github-actions[bot]"


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with serving(GitHub()) as found:
        yield found


def _pull(hub: GitHub, **more: object) -> PullRequest:
    return replace(PullRequest("acme/serving", 7, TOKEN, api=hub.url), **more)  # type: ignore[arg-type]


def _text(words: str) -> str:
    return f"{MARKER}\n{words}\n"


def test_the_first_review_makes_a_comment_the_next_replaces_it_and_an_equal_one_writes_nothing(
    hub: GitHub,
) -> None:
    hub.add("nice work", "colleague")

    done = [post(_pull(hub), MARKER, _text(words), only_replace=False) for words in ("one", "two", "two")]

    assert done == ["made", "replaced", "same"]
    assert [comment["body"] for comment in hub.comments] == ["nice work", _text("two")]
    assert [request.split()[0] for request in hub.requests] == ["GET", "POST", "GET", "PATCH", "GET"]


def test_a_comment_is_found_on_a_later_page(hub: GitHub) -> None:
    for number in range(230):
        hub.add(f"talk {number}", "colleague")
    hub.add(_text("old").replace("\n", "\r\n"), BOT)

    done = post(_pull(hub), MARKER, _text("new"), only_replace=False)

    assert done == "replaced"
    assert hub.requests.count("GET /repos/acme/serving/issues/7/comments") == 3
    assert hub.comments[-1]["body"] == _text("new")


@pytest.mark.parametrize(
    ("body", "login"),
    [(_text("imitated"), "stranger"), (f"> quoted\n{MARKER}\n", BOT), (f"x{MARKER}", BOT), ("", BOT)],
)
def test_a_comment_that_only_looks_like_ours_is_never_touched(hub: GitHub, body: str, login: str) -> None:
    hub.add(body, login)

    done = post(_pull(hub), MARKER, _text("new"), only_replace=False)

    assert done == "made"
    assert [comment["body"] for comment in hub.comments] == [body, _text("new")]


def test_with_a_token_of_ones_own_the_author_is_its_login(hub: GitHub) -> None:
    hub.add(_text("old"), "reviewer")

    assert post(_pull(hub, author="reviewer"), MARKER, _text("new"), only_replace=False) == "replaced"


def test_when_nothing_changes_an_old_comment_is_replaced_and_none_is_made(hub: GitHub) -> None:
    nothing = post(_pull(hub), MARKER, _text("nothing"), only_replace=True)
    hub.add(_text("old"), BOT)
    replaced = post(_pull(hub), MARKER, _text("nothing"), only_replace=True)

    assert (nothing, replaced) == ("none", "replaced")
    assert [comment["body"] for comment in hub.comments] == [_text("nothing")]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_token_that_may_not_write_is_reported_with_the_permission_it_needs(
    hub: GitHub, status: int
) -> None:
    hub.refuses = status

    with pytest.raises(MayNotPost, match="pull-requests: write") as caught:
        post(_pull(hub), MARKER, _text("x"), only_replace=False)

    assert TOKEN not in str(caught.value)


def test_without_a_token_nothing_is_asked(hub: GitHub) -> None:
    with pytest.raises(MayNotPost, match="no GITHUB_TOKEN"):
        post(_pull(hub, token=""), MARKER, _text("x"), only_replace=False)

    assert hub.requests == []


def test_another_error_and_no_answer_are_errors_of_their_own(hub: GitHub) -> None:
    with pytest.raises(CannotPost, match=r"422: .*too long"):
        post(_pull(hub), MARKER, _text("x" * 70_000), only_replace=False)
    with pytest.raises(CannotPost, match="cannot be reached"):
        post(_pull(hub, api="http://127.0.0.1:9"), MARKER, _text("x"), only_replace=False)


@pytest.mark.parametrize("end", ["\n", " ", "\r\n", "é"])
def test_a_token_that_no_header_carries_is_refused_and_not_shown(hub: GitHub, end: str) -> None:
    with pytest.raises(CannotPost, match="GITHUB_TOKEN contains") as caught:
        post(_pull(hub, token=TOKEN + end), MARKER, _text("x"), only_replace=False)

    assert TOKEN not in str(caught.value)
    assert hub.requests == []


@pytest.mark.parametrize("headers", [{"retry-after": "60"}, {"x-ratelimit-remaining": "0"}])
def test_a_403_that_says_when_to_come_back_is_a_rate_limit_and_no_missing_permission(
    hub: GitHub, headers: dict[str, str]
) -> None:
    hub.refuses, hub.headers = 403, headers

    with pytest.raises(CannotPost, match="limits how often") as caught:
        post(_pull(hub), MARKER, _text("x"), only_replace=False)

    assert not isinstance(caught.value, MayNotPost)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_repository_that_moved_gets_the_comment_or_an_error_and_never_a_made_that_wrote_nothing(
    hub: GitHub, status: int
) -> None:
    hub.moved = status

    if status in (307, 308):
        assert post(_pull(hub), MARKER, _text("one"), only_replace=False) == "made"
        assert [comment["body"] for comment in hub.comments] == [_text("one")]
    else:
        with pytest.raises(CannotPost, match=r"moved acme/serving.*/repos/acme/now/issues/7/comments"):
            post(_pull(hub), MARKER, _text("one"), only_replace=False)
        assert hub.comments == []


@pytest.mark.parametrize("page", ["<html>\n<p>Sign in</p>", '{"message": "not a list"}'])
def test_a_page_instead_of_the_api_is_one_line(hub: GitHub, page: str) -> None:
    hub.page = page

    with pytest.raises(CannotPost, match="GITHUB_API_URL") as caught:
        post(_pull(hub), MARKER, _text("x"), only_replace=False)

    assert "\n" not in str(caught.value)


def _event(folder: Path, head: str | None) -> str:
    file = folder / "event.json"
    repo = None if head is None else {"full_name": head}
    file.write_text(json.dumps({"pull_request": {"number": 7, "head": {"repo": repo}}}))
    return str(file)


@pytest.mark.parametrize(
    ("head", "fork"), [("acme/serving", False), ("stranger/serving", True), (None, True)]
)
def test_a_pull_request_from_another_repository_is_a_fork(
    tmp_path: Path, head: str | None, fork: bool
) -> None:
    environ = {
        "GITHUB_REPOSITORY": "acme/serving",
        "GITHUB_EVENT_PATH": _event(tmp_path, head),
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_API_URL": "https://github.example/api/v3",
    }

    found = PullRequest.from_environment(environ)

    assert found == PullRequest("acme/serving", 7, TOKEN, api="https://github.example/api/v3", fork=fork)
    assert TOKEN not in repr(found)


def test_the_number_comes_from_the_option_before_the_event_and_from_the_ref_after_it(tmp_path: Path) -> None:
    environ = {"GITHUB_REPOSITORY": "acme/serving", "GITHUB_REF": "refs/pull/12/merge"}

    assert PullRequest.from_environment(environ).number == 12
    assert (
        PullRequest.from_environment(
            {**environ, "GITHUB_EVENT_PATH": _event(tmp_path, "acme/serving")}
        ).number
        == 7
    )
    assert PullRequest.from_environment(environ, number=3).number == 3


@pytest.mark.parametrize(("of_pull", "number"), [(True, 9), (False, None)])
def test_a_comment_on_a_pull_request_starts_a_review_of_it_and_one_on_an_issue_does_not(
    tmp_path: Path, of_pull: bool, number: int | None
) -> None:
    file = tmp_path / "event.json"
    issue = {"number": 9, **({"pull_request": {"url": "https://github.example/pulls/9"}} if of_pull else {})}
    file.write_text(json.dumps({"issue": issue, "comment": {"body": "/review"}}))
    environ = {
        "GITHUB_REPOSITORY": "acme/serving",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_EVENT_PATH": str(file),
    }

    if number is None:
        with pytest.raises(CannotPost, match="--pull-request NUMBER"):
            PullRequest.from_environment(environ)
    else:
        found = PullRequest.from_environment(environ)
        assert (found.number, found.fork) == (number, False)


@pytest.mark.parametrize(
    "environ", [{}, {"GITHUB_REPOSITORY": "acme/serving"}, {"GITHUB_REF": "refs/pull/1/merge"}]
)
def test_not_knowing_where_to_post_says_what_to_set(environ: dict[str, str]) -> None:
    with pytest.raises(CannotPost, match="--pull-request NUMBER"):
        PullRequest.from_environment(environ)
