"""`cw-inference review`: files in, a view and an exit code out, and a comment where it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from coreweave_inference.cli.application import application
from coreweave_inference.review.views import MARKER
from typer.testing import CliRunner, Result

from tests.review.github import TOKEN, GitHub, serving
from tests.review.previews import deployment, gateway, same, step, text_of

STAYS = text_of(same("gateway", "public", gateway()), same("deployment", "chat", deployment()))
CHANGES = text_of(
    same("gateway", "public", gateway()), step("create", "deployment", "chat", None, deployment())
)
DANGEROUS = text_of(step("replace", "gateway", "public", gateway(), gateway("other")))
FAILS = text_of(errors=("a fault",))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[GitHub]:
    """GitHub, and the environment of a job on pull request 7."""
    with serving(GitHub()) as found:
        event = tmp_path / "event.json"
        event.write_text(
            json.dumps({"pull_request": {"number": 7, "head": {"repo": {"full_name": "acme/serving"}}}})
        )
        for name, value in {
            "GITHUB_API_URL": found.url,
            "GITHUB_REPOSITORY": "acme/serving",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        }.items():
            monkeypatch.setenv(name, value)
        yield found


def _run(folder: Path, text: str, *arguments: str) -> Result:
    file = folder / "preview.json"
    file.write_text(text, encoding="utf-8")
    return CliRunner().invoke(application, ["review", str(file), *arguments])


@pytest.mark.parametrize(
    ("text", "codes"),
    [(STAYS, (0, 0, 0)), (CHANGES, (2, 0, 0)), (DANGEROUS, (3, 3, 0)), (FAILS, (1, 1, 1))],
)
def test_the_exit_code_follows_the_outcome_and_fail_on_says_from_where_on(
    tmp_path: Path, text: str, codes: tuple[int, ...]
) -> None:
    found = [_run(tmp_path, text, "--fail-on", word).exit_code for word in ("changes", "dangerous", "error")]

    assert tuple(found) == codes
    assert _run(tmp_path, text).exit_code == codes[0]


def test_each_view_prints_nothing_but_itself(tmp_path: Path) -> None:
    markdown = _run(tmp_path, CHANGES).stdout
    document = json.loads(_run(tmp_path, CHANGES, "--view", "json").stdout)
    terminal = _run(tmp_path, CHANGES, "--view", "terminal").stdout

    assert markdown.startswith(f"{MARKER}\n**1 to create")
    assert document["outcome"] == "changes"
    assert terminal.startswith("1 to create; 1 unchanged in serving/dev")


def test_several_files_are_one_review(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(text_of(step("delete", "gateway", "public", gateway(), stack="prod")))

    found = _run(tmp_path, CHANGES, str(other), "--view", "json")

    assert json.loads(found.stdout)["stacks"] == ["serving/dev", "serving/prod"]


def test_the_artifact_holds_all_of_a_comment_that_is_cut(tmp_path: Path) -> None:
    many = [
        step("create", "deployment", f"chat-{n:04}", None, deployment(model=f"acme/m{n}")) for n in range(400)
    ]
    artifact = tmp_path / "review.md"

    found = _run(tmp_path, text_of(*many), "--artifact", str(artifact))

    assert len(found.stdout) <= 60_000
    assert "see `review.md`" in found.stdout
    assert artifact.read_text(encoding="utf-8").count("- create deployment") == 400


def test_findings_and_prices_are_read_from_files(tmp_path: Path) -> None:
    item = {"code": "CW101", "severity": "error", "what": "does not fit"}
    new, old, prices = tmp_path / "new.json", tmp_path / "old.json", tmp_path / "prices.yaml"
    new.write_text(json.dumps({"findings": [item]}))
    old.write_text(json.dumps({"findings": []}))
    prices.write_text("{version: 1, date: 2031-01-01, currency: USD, source: ours, instances: {}}")

    found = _run(
        tmp_path, CHANGES, "--findings", str(new), "--old-findings", str(old), "--prices", str(prices)
    )

    assert found.exit_code == 3
    assert "- error `CW101`: does not fit" in found.stdout
    assert "list prices of 2031-01-01" in found.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.json"], "nowhere.json is neither a stack directory nor a preview"),
        (["--prices", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["--findings", "nowhere.json"], "nowhere.json cannot be read"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_exit_code_1(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    found = _run(tmp_path, CHANGES, *arguments)

    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr.startswith(f"error: {message}")
    assert found.stderr.count("\n") == 1


def test_posting_makes_replaces_and_takes_back_the_comment(tmp_path: Path, hub: GitHub) -> None:
    quiet_first = _run(tmp_path, STAYS, "--post")
    nothing = list(hub.comments)
    made = _run(tmp_path, CHANGES, "--post")
    replaced = _run(tmp_path, DANGEROUS, "--post")
    posted = hub.comments[0]["body"]
    taken_back = _run(tmp_path, STAYS, "--post")

    words = [found.stderr.strip() for found in (quiet_first, made, replaced, taken_back)]
    assert words == ["comment: none", "comment: made", "comment: replaced", "comment: replaced"]
    assert nothing == []
    assert posted == replaced.stdout
    (comment,) = hub.comments
    assert comment["body"].startswith(f"{MARKER}\n**No changes any more** in `serving/dev`")


def test_a_fork_without_a_token_that_may_write_is_reported_and_does_not_fail(
    tmp_path: Path, hub: GitHub
) -> None:
    hub.refuses = 403
    event = {"pull_request": {"number": 7, "head": {"repo": {"full_name": "stranger/serving"}}}}
    (tmp_path / "event.json").write_text(json.dumps(event))

    found = _run(tmp_path, CHANGES, "--post", "--summary", "--fail-on", "error")

    assert found.exit_code == 0
    assert "comes from a fork" in found.stderr
    assert (tmp_path / "summary.md").read_text() == found.stdout


def test_in_the_own_repository_a_token_that_may_not_write_fails_the_job(tmp_path: Path, hub: GitHub) -> None:
    hub.refuses = 403

    found = _run(tmp_path, CHANGES, "--post", "--fail-on", "error")

    assert found.exit_code == 1
    assert "pull-requests: write" in found.stderr


def test_a_review_that_could_not_be_made_says_so_in_the_comment_of_the_one_before(
    hub: GitHub, tmp_path: Path
) -> None:
    _run(tmp_path, CHANGES, "--post")
    failed = _run(tmp_path, "no preview", "--post")

    (comment,) = hub.comments
    assert failed.exit_code == 1
    assert comment["body"].startswith(f"{MARKER}\n**⛔ The review could not be made**")
    assert "holds no preview" in comment["body"]
