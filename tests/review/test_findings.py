"""Findings of the checks: new ones apart from old ones."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.review import (
    Findings,
    Outcome,
    compare_findings,
    read_findings,
    read_memory,
    read_preview,
    review,
)
from coreweave_inference.review.views import as_document, as_markdown, print_review
from rich.console import Console

from tests.review.previews import gateway, review_of, same, text_of


def _finding(
    code: str = "CW101", what: str = "two claims overlap", line: int = 3, **more: Any
) -> dict[str, Any]:
    return {
        "code": code,
        "severity": "warning",
        "object": 'deployment "chat"',
        "path": "deployments.chat",
        "origin": {"file": "inference.yaml", "line": line},
        "what": what,
        "why": "it may surprise",
        "do": "look at it",
        **more,
    }


def _read(*items: dict[str, Any]) -> tuple[Any, ...]:
    return read_findings(json.dumps({"ok": True, "findings": list(items)}), "check.json")


def test_a_finding_that_only_moved_to_another_line_is_not_new() -> None:
    before = _read(_finding(line=3), _finding("CW102"), _finding("CW103"))
    after = _read(_finding(line=9), _finding("CW102"), _finding("CW104"))

    found = compare_findings(after, before)

    assert [item.code for item in found.new] == ["CW104"]
    assert [item.code for item in found.old] == ["CW101", "CW102"]
    assert [item.code for item in found.fixed] == ["CW103"]


def test_a_second_finding_of_the_same_words_is_new() -> None:
    found = compare_findings(_read(_finding(line=3), _finding(line=4)), _read(_finding(line=3)))

    assert (len(found.new), len(found.old)) == (1, 1)


@pytest.mark.parametrize(("base", "word"), [(None, "warning CW101"), ([_finding()], "old warning CW101")])
def test_without_findings_of_the_base_none_is_called_new_or_old(base: list[Any] | None, word: str) -> None:
    found = compare_findings(_read(_finding()), None if base is None else _read(*base))
    written = io.StringIO()

    print_review(
        review_of(same("gateway", "public", gateway()), findings=found), Console(file=written, width=200)
    )

    assert (found.new, len(found.old)) == ((), 1)
    assert any(line.startswith(word) for line in written.getvalue().splitlines())


def test_a_plain_list_with_file_and_line_is_read_too() -> None:
    bare = {key: value for key, value in _finding().items() if key != "origin"}

    (found,) = read_findings(json.dumps([{**bare, "file": "a.yaml", "line": 7}]), "x")

    assert found.place == "a.yaml:7"


@pytest.mark.parametrize("text", ["", "3", '{"findings": 3}', '[{"severity": "error"}]'])
def test_what_holds_no_findings_is_refused(text: str) -> None:
    with pytest.raises(CoreWeaveError, match=r"check\.json"):
        read_findings(text, "check.json")


def test_new_findings_stand_above_the_changes_and_old_ones_are_folded() -> None:
    findings = compare_findings(
        _read(_finding("CW1"), _finding("CW2", "old news")), _read(_finding("CW2", "old news"))
    )

    text = as_markdown(review_of(same("gateway", "public", gateway()), findings=findings)).text

    assert text.splitlines()[1] == "**no changes; 1 unchanged; 1 new finding** in `serving/dev`"
    assert text.index("### New findings") < text.index("old news")
    assert (
        '- warning `CW1` deployment "chat" at `inference.yaml:3`: two claims overlap; it may surprise; look at it'
        in text.splitlines()
    )


@pytest.mark.parametrize(
    ("severity", "outcome"),
    [("error", Outcome.DANGEROUS), ("warning", Outcome.CHANGES), ("note", Outcome.CHANGES)],
)
def test_a_new_error_is_as_bad_as_a_dangerous_change(severity: str, outcome: Outcome) -> None:
    new = _read(_finding(severity=severity))

    assert review_of(same("gateway", "public", gateway()), findings=Findings(new=new)).outcome is outcome
    assert (
        review_of(same("gateway", "public", gateway()), findings=Findings(old=new)).outcome is Outcome.NOTHING
    )


def test_what_is_among_the_findings_is_no_warning_of_the_preview_too() -> None:
    found = Findings(old=_read(_finding("engine-flag", what="it's on")))
    said = 'engine-flag deployment "chat" (inference.yaml:3): it\'s on; it may surprise; look at it'
    diagnostics = [
        {"severity": "warning", "message": f"warning: {text}\n"} for text in (said, "something else")
    ]
    document = {**json.loads(text_of(same("gateway", "public", gateway()))), "diagnostics": diagnostics}

    shown = review([read_preview(json.dumps(document), "p")], found)

    assert [warning.errors for warning in shown.warnings] == [("something else",)]
    assert as_markdown(shown).text.count("it's on") == 1


def test_checks_that_could_not_be_made_are_reported_and_no_finding_is_called_fixed() -> None:
    found = compare_findings((), _read(_finding()), ["the token is refused"])

    text = as_markdown(review_of(same("gateway", "public", gateway()), findings=found)).text

    assert found.fixed == ()
    assert "the checks could not be made: the token is refused" in text


def _memory(before: str | None, after: str, name: str = "chat") -> dict[str, Any]:
    return {
        "object": f'deployment "{name}"',
        "verdict": after,
        "before": before,
        "why": f"why {name} | is so",
    }


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        ("fits", "does not fit", True),
        ("tight", "does not fit", True),
        ("tight", "fits", True),
        ("fits", "fits", False),
        (None, "does not fit", False),
        ("fits", "unknown", False),
        ("unknown", "fits", False),
    ],
)
def test_a_verdict_on_memory_that_a_change_moves_has_a_section(
    before: str | None, after: str, moved: bool
) -> None:
    text = json.dumps({"findings": [], "memory": [_memory(before, after)]})
    findings = compare_findings((), None, (), read_memory(text))
    found = review([read_preview(text_of(same("gateway", "public", gateway())), "preview")], findings)

    comment, document = as_markdown(found).text, as_document(found)

    assert ("### GPU memory" in comment) is moved
    assert bool(document["memory"]) is moved
    assert (found.outcome is Outcome.DANGEROUS) is (moved and after == "does not fit")
    if moved:
        assert f"| deployment `chat` | {before} |" in comment or f"{before} | " in comment
        assert "why chat | is so" not in comment


@pytest.mark.parametrize("text", ["", "[]", '{"memory": 7}', '{"memory": [1, null]}', '{"findings": []}'])
def test_a_document_without_verdicts_on_memory_has_none(text: str) -> None:
    assert read_memory(text) == ()
