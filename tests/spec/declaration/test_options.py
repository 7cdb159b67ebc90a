"""How the engine treats an object."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from coreweave_inference.declaration import Declaration, ObjectOptions

Declare = Callable[[str], Declaration]
Faults = Callable[[str], list[str]]
Change = Callable[..., str]


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [("45m", 2700), ("90s", 90), ("1h30m", 5400), ("1h1m1s", 3661), (600, 600), (0.5, 0.5)],
)
def test_a_timeout_is_a_duration(
    declare: Declare, timeout: object, seconds: float, with_deployment: Change
) -> None:
    assert (
        declare(with_deployment(options={"timeout": timeout})).deployments["chat"].options.timeout == seconds
    )


@pytest.mark.parametrize("timeout", ["", "45", "1d", "m", "0s", 0, -1, True, [1], "1m1h"])
def test_what_is_no_duration_is_a_fault(faults: Faults, timeout: object, with_deployment: Change) -> None:
    assert "deployments.chat.options.timeout:" in faults(with_deployment(options={"timeout": timeout}))[0]


def test_options_say_how_the_engine_treats_an_object(declare: Declare, with_deployment: Change) -> None:
    options = {
        "protect": True,
        "aliases": ["old"],
        "ignoreChanges": ["traffic.weight", 'runtime.engineConfig["max-model-len"]'],
        "retainOnDelete": True,
        "deleteBeforeReplace": False,
        "wait": False,
        "timeout": None,
    }

    assert declare(with_deployment(options=options)).deployments["chat"].options == ObjectOptions(
        protect=True,
        aliases=("old",),
        ignore_changes=("traffic.weight", 'runtime.engineConfig["max-model-len"]'),
        retain_on_delete=True,
        delete_before_replace=False,
        wait=False,
    )


def test_a_claims_ignored_field_is_written_as_in_the_file(
    declare: Declare, faults: Faults, full: str
) -> None:
    def claim(path: str) -> str:
        return full.replace("h200: {", f"h200: {{options: {{ignoreChanges: [{path}]}}, ")

    found = [
        declare(claim(path)).capacity_claims["h200"].options.ignore_changes
        for path in ("instanceCount", "resources.instanceCount")
    ]

    assert found == [("resources.instanceCount",)] * 2
    assert (
        '"instanceCuont" is not a field; did you mean "instanceCount"?' in faults(claim("instanceCuont"))[0]
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"protekt": True}, 'unknown key "protekt"; did you mean "protect"?'),
        ({"protect": "yes"}, '"yes" is neither true nor false'),
        (
            {"ignoreChanges": ["trafic.weight"]},
            '"trafic.weight" is not a field; did you mean "traffic.weight"?',
        ),
        ([], "is not a mapping"),
    ],
)
def test_an_option_that_is_wrong_is_a_fault(
    faults: Faults, options: object, expected: str, with_deployment: Change
) -> None:
    assert expected in faults(with_deployment(options=options))[0]
