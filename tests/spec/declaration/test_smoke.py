"""`smoke`: what is asked of each model after a rollout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from coreweave_inference.declaration import Declaration, SmokeDeclaration, read_for_stack

Declare = Callable[..., Declaration]
Faults = Callable[..., list[str]]


def test_without_the_section_nothing_is_asked(declare: Declare) -> None:
    assert declare("version: 1\n").smoke is None
    assert declare("version: 1\nsmoke: null\n").smoke is None


def test_an_empty_section_asks_every_deployment_once(declare: Declare) -> None:
    assert declare("version: 1\nsmoke: {}\n").smoke == SmokeDeclaration("Answer with the word hello.")


def test_every_field_may_be_declared(declare: Declare, full: str) -> None:
    text = f"{full}\nsmoke: {{prompt: 'What is 2 + 2?', expect: '4', maxLatency: 1m30s, count: 3, deployments: [chat]}}\n"

    assert declare(text).smoke == SmokeDeclaration("What is 2 + 2?", "4", 90.0, 3, ("chat",))


@pytest.mark.parametrize(
    ("smoke", "expected"),
    [
        ("[]", "smoke: is not a mapping of fields; write smoke: {}"),
        ("{promt: x}", 'smoke.promt: unknown key "promt"; did you mean "prompt"?'),
        ('{prompt: " "}', "smoke.prompt: is empty"),
        ('{expect: ""}', "smoke.expect: is empty"),
        ("{maxLatency: soon}", 'smoke.maxLatency: "soon" is not a duration'),
        ("{count: 0}", "smoke.count: "),
        ("{count: 21}", "smoke.count: "),
        (
            "{deployments: [chta]}",
            'smoke.deployments[0]: "chta" is not declared under deployments; did you mean "chat"?',
        ),
        ("{deployments: [chat, chat]}", "smoke.deployments"),
    ],
)
def test_a_section_that_cannot_be_meant_is_a_fault(
    faults: Faults, full: str, smoke: str, expected: str
) -> None:
    found = faults(f"{full}\nsmoke: {smoke}\n")

    assert len(found) == 1
    assert expected in found[0]


def test_an_overlay_changes_the_test_of_a_stack_or_takes_it_away(tmp_path: Path) -> None:
    base, less, none = (
        tmp_path / name for name in ("inference.yaml", "inference.dev.yaml", "inference.prod.yaml")
    )
    base.write_text("version: 1\nsmoke: {prompt: Hello, count: 3}\n")
    less.write_text("smoke: {count: null, expect: hi}\n")
    none.write_text("smoke: null\n")

    assert read_for_stack(base, "dev").smoke == SmokeDeclaration("Hello", "hi")
    assert read_for_stack(base, "prod").smoke is None
