"""Recorded previews of real runs, rendered: what is shown of each is fixed, word by word.

`UPDATE_GOLDEN=1 pytest tests/review/test_recorded.py` writes the files anew.
"""

from __future__ import annotations

import io
import json
import os
import random
from functools import cache
from pathlib import Path

import pytest
from coreweave_inference.review import Outcome, Review, read_preview, review
from coreweave_inference.review.views import as_document, as_markdown, print_review
from rich.console import Console

from tests.review import secrets

HERE = Path(__file__).parent
RECORDED = sorted((HERE / "recorded").glob("*.json"))
OUTCOMES = {
    "create": Outcome.CHANGES,
    "delete": Outcome.DANGEROUS,
    "destroy": Outcome.DANGEROUS,
    "drift": Outcome.CHANGES,
    "failed": Outcome.ERROR,
    "imported": Outcome.ERROR,
    "many": Outcome.CHANGES,
    "fixed": Outcome.CHANGES,
    "newcomer": Outcome.CHANGES,
    "replace": Outcome.DANGEROUS,
    "reads": Outcome.NOTHING,
    "same": Outcome.NOTHING,
    "update": Outcome.CHANGES,
}


def _terminal(found: Review) -> str:
    console = Console(file=io.StringIO(), width=120, no_color=True, force_terminal=False)
    with console.capture() as captured:
        print_review(found, console)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


VIEWS = {
    "md": lambda found: as_markdown(found, "review.md").text,
    "json": lambda found: json.dumps(as_document(found), indent=1, ensure_ascii=False) + "\n",
    "txt": _terminal,
}


@cache
def _review(path: Path) -> Review:
    return review([read_preview(path.read_text(encoding="utf-8"), path.name)])


@pytest.mark.parametrize("suffix", VIEWS)
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_preview_is_shown_as_its_golden_file_has_it(path: Path, suffix: str) -> None:
    golden = HERE / "golden" / f"{path.stem}.{suffix}"

    text = VIEWS[suffix](_review(path))
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")

    assert text == golden.read_text(encoding="utf-8")


def test_every_kind_of_run_is_recorded_and_comes_to_its_outcome() -> None:
    assert {path.stem: _review(path).outcome for path in RECORDED} == OUTCOMES


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_no_secret_of_a_run_is_in_any_view(path: Path) -> None:
    found = _review(path)

    texts = [*(view(found) for view in VIEWS.values()), as_markdown(found).complete]

    assert [secret for secret in secrets.ALL for text in texts if secret in text] == []


def test_the_recorded_runs_hold_secrets_that_a_view_could_give_away() -> None:
    recorded = (HERE / "recorded" / "update.json").read_text(encoding="utf-8")

    assert secrets.IN_DECLARATION in recorded


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_order_of_steps_changes_nothing(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    random.Random(5).shuffle(document["steps"])

    shuffled = review([read_preview(json.dumps(document), path.name)])

    assert {name: view(shuffled) for name, view in VIEWS.items()} == {
        name: view(_review(path)) for name, view in VIEWS.items()
    }


def test_the_order_of_files_changes_nothing_and_each_object_says_whose_it_is() -> None:
    names = ("update", "replace")
    texts = [(HERE / "recorded" / f"{name}.json").read_text(encoding="utf-8") for name in names]
    other = [texts[0], texts[1].replace("urn:pulumi:dev::", "urn:pulumi:prod::")]

    one = review([read_preview(text, "x") for text in other])
    two = review([read_preview(text, "y") for text in reversed(other)])

    assert as_markdown(one) == as_markdown(two)
    assert as_document(one) == as_document(two)
    assert one.stacks == ("serving/dev", "serving/prod")
    assert {change.label for change in one.changes if change.noun == "gateway"} == {"public (serving/prod)"}


def test_two_hundred_resources_fit_into_a_comment_with_sums_and_the_rest_counted() -> None:
    comment = as_markdown(_review(HERE / "recorded" / "many.json"), "review.md")

    assert len(comment.text) <= 60_000 < len(comment.complete)
    assert "more entries do not fit into a comment: see `review.md`" in comment.text
    assert "| per month |" in comment.text
    assert "`chat-192`" in comment.complete
