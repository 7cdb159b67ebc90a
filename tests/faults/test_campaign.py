"""The fault campaign in its short form; `make faults` plays as many rounds as one likes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.faults.account import LiveObject, Recorded, Settled, Violation, judged
from tests.faults.campaign import ROUNDS_OF_A_LIFE
from tests.faults.changes import changed, first
from tests.faults.drawn import kinds_of
from tests.faults.misbehaviour import FAULTS, planned
from tests.faults.programs import Claim, Program

CHECKOUT = Path(__file__).parents[2]
CLAIM = Program(claims={"h200": Claim()})
MADE = LiveObject(
    "capacityclaims",
    "1",
    0.0,
    {
        "id": "1",
        "name": "h200-dev-0a1b2c",
        "organizationId": "ab1cd2",
        "resources": {
            "instanceId": "gd-8xh200ib-i128",
            "instanceCount": 1,
            "capacityType": "CAPACITY_TYPE_MANAGED",
            "zones": ["US-EAST-04A"],
        },
    },
)
STRANGERS: list[Mapping[str, Any]] = [{"Sid": "Strangers", "Principal": {"CW": ["somebody"]}}]
ONE = Recorded({("claims", "h200"): ("1",)})


@pytest.mark.parametrize("rounds", [4, pytest.param(20, marks=pytest.mark.thorough)])
def test_nothing_is_lost_doubled_or_orphaned_in_a_short_campaign(rounds: int) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults", "--rounds", str(rounds), "--jobs", "2"]

    done = subprocess.run(
        [*command, "--seed", "2026", "--json"], cwd=CHECKOUT, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["rounds"] == rounds
    assert set(report["broken"].values()) == {0}
    assert report["writes"] > rounds
    assert sum(report["faults"].values()) > rounds / 2


def test_a_seed_gives_the_same_programs_and_faults_each_time() -> None:
    drawn = []
    for _ in range(2):
        random = Random("1/1")
        program = first(random)
        for _ in range(20):
            program, what = changed(random, program, may_fail=True)
            drawn.append((program.document(), what, str(planned(random))))

    assert drawn[:20] == drawn[20:]


def test_everything_that_a_campaign_is_to_meet_is_drawn_in_one_of_a_thousand_rounds() -> None:
    faults = {*FAULTS, "expired key", "clock step", "second run", "heartbeats", "hidden deletions"}
    ended = {"provider", "engine", "command", "closed terminal", "ctrl-c", "ctrl-c twice"}
    lives = {"plain pulumi", "policy of others", "clocks apart", "hours later"}
    situations = {
        "protected object",
        "gateway used by another stack",
        "claim used by another stack",
        "weights used by another stack",
        "components with equal names",
        "two projects with equal keys",
        "drift after the plan",
        "copied configuration",
        "own backend",
        "stack without identity",
        "lock of another machine",
        "full disk",
        "turns FAILED",
        "turns ERROR",
        "comes back",
        "stopped destroys",
    }

    drawn = [kinds_of(seed, lives=1000 // ROUNDS_OF_A_LIFE, rounds=ROUNDS_OF_A_LIFE) for seed in (1, 2, 3)]

    for kinds in drawn:
        assert kinds.keys() == faults | {f"kill {who}" for who in ended} | lives | situations
        assert min(kinds[name] for name in situations | faults) >= 5


def test_an_account_that_is_as_declared_breaks_no_promise() -> None:
    assert judged(CLAIM, [MADE], STRANGERS, ONE, Settled(), CLAIM, STRANGERS) == []


@pytest.mark.parametrize(
    ("live", "statements", "recorded", "broken"),
    [
        ([], STRANGERS, ONE, ["lost"]),
        ([MADE, LiveObject("gateways", "2", 0.0, {"name": "old-dev"})], STRANGERS, ONE, ["orphan"]),
        ([MADE], STRANGERS, Recorded({("claims", "h200"): ("1", "2")}), ["duplicate"]),
        ([MADE], [], ONE, ["foreign changed"]),
        ([MADE], STRANGERS, Recorded(ONE.ids, ("creating h200",)), ["not done"]),
        (
            [MADE],
            [
                *STRANGERS,
                {
                    "Principal": {"CW": ["arn:aws:iam::cw4637:coreweave/uvAGGQSxxXeeQBJzcGsD9"]},
                    "Resource": [],
                },
            ],
            ONE,
            ["leftover"],
        ),
    ],
)
def test_what_breaks_a_promise_is_seen(
    live: list[LiveObject], statements: list[dict[str, object]], recorded: Recorded, broken: list[str]
) -> None:
    found: list[Violation] = judged(CLAIM, live, statements, recorded, Settled(), CLAIM, STRANGERS)

    assert [violation.what for violation in found] == broken


def test_an_object_that_stayed_declared_and_was_made_anew_is_lost() -> None:
    before = Settled({("claims", "h200"): (Claim(), "0", 0.0, "h200-dev-0a1b2c")})

    found = judged(CLAIM, [MADE], STRANGERS, ONE, before, CLAIM, STRANGERS)

    assert [violation.what for violation in found] == ["lost"]
