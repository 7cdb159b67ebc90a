"""`accept`: findings that somebody read and lives with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from coreweave_inference.declaration import Accepted, Declaration, Origin

Declare = Callable[[str], Declaration]
Faults = Callable[[str], list[str]]


def test_an_accepted_finding_says_what_it_is_about_why_and_until_when(
    declare: Declare, tmp_path: Path
) -> None:
    text = """\
version: 1
accept:
  - {code: lone-member, object: chat, reason: " it is a test "}
  - code: idle-claim
    object: capacity claim  h200
    reason: it is needed next week
    until: 2027-01-31
"""

    file = str(tmp_path / "inference.yaml")

    assert declare(text).accepted == (
        Accepted("lone-member", "chat", "it is a test", Origin(file, 3)),
        Accepted(
            "idle-claim",
            "h200",
            "it is needed next week",
            Origin(file, 4),
            kind="capacity claim",
            until=date(2027, 1, 31),
        ),
    )


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("{code: a}", "accept: is not a list; write - {code: the-code"),
        ("[a]", "accept[0]: is not a mapping of fields"),
        ("[{object: chat, reason: x}]", "accept[0].code: is required and not given; give the code"),
        ("[{code: a, object: chat}]", "accept[0].reason: is required and not given; say why"),
        ('[{code: a, object: chat, reason: " "}]', "accept[0].reason: is empty; say why it is accepted"),
        ('[{code: a, object: "", reason: x}]', "accept[0].object: is empty; give the key of the object"),
        ("[{code: a, object: depoyment chat, reason: x}]", '"depoyment" is not a kind of object'),
        (
            "[{code: a, object: chat, reason: x, until: 2027-02-30}]",
            '"2027-02-30" is not a date; write it as in',
        ),
        ("[{code: a, object: chat, reason: x, until: 31.1.2027}]", '"31.1.2027" is not a date'),
        ("[{code: a, object: chat, reason: x, utnil: 2027-01-31}]", 'accept[0].utnil: unknown key "utnil"'),
    ],
)
def test_an_acceptance_that_says_too_little_is_a_fault(faults: Faults, accept: str, expected: str) -> None:
    found = faults(f"version: 1\naccept: {accept}\n")

    assert len(found) == 1
    assert expected in found[0]
