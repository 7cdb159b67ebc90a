"""The campaign: lives played side by side, each in a process of its own, and what came of them."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import queue
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.faults.key_service import KeyService, serving
from tests.faults.lives import Life, Round, found_pulumi
from tests.faults.report import Totals, as_json, story
from tests.faults.stage import QUICK

ROUNDS_OF_A_LIFE = 25
ROUNDS_OF_A_SHORT_LIFE = 5
LONG_CAMPAIGN = 100
"""From so many rounds on lives are long; a short campaign is dealt out evenly instead."""
LOADED_ONCE = (
    "tests.faults.lives",
    "coreweave_inference.resources.deployment",
    "coreweave_inference.simulator.server",
    "moto.moto_server.werkzeug_app",
    "moto.s3.responses",
    "uvicorn.protocols.http.h11_impl",
    "boto3.s3.inject",
)
"""What every life needs and is slow to load; a life is forked from a process that has them."""


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign; 1 if a promise was broken."""
    options = _parser().parse_args(arguments)
    started, totals, pulumi = time.monotonic(), Totals(), found_pulumi()
    lives = _lives(options.rounds, options.life)
    until = started + options.seconds
    with serving() as keys:
        stage = (pulumi, keys, options.situation)
        for rounds in _played(options.seed, lives, min(options.jobs, len(lives)), stage, until):
            totals.add(rounds)
            for found in rounds:
                if found.violations:
                    print(story(options.seed, len(rounds), found), flush=True)
            if not options.json:
                seconds = time.monotonic() - started
                print(f"{totals.rounds} rounds, {seconds:.0f} s", file=sys.stderr, flush=True)
    seconds = time.monotonic() - started
    if options.json:
        print(as_json(totals.document(options.seed, seconds, options.jobs)))
    else:
        print("\n".join(totals.lines(options.seed, seconds, options.jobs)))
    return 1 if totals.broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same programs and faults")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=4, help="lives that are played at a time")
    parser.add_argument("--life", type=int, help="play this life alone, to see again what it did")
    parser.add_argument("--situation", default="", help="end every round with this situation")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no life after this time")
    parser.add_argument("--json", action="store_true", help="one JSON document at the end")
    return parser


def _lives(rounds: int, only: int | None) -> list[tuple[int, int]]:
    """Numbers of the lives, and how many rounds each has."""
    if only is not None:
        return [(only, rounds)]
    each = ROUNDS_OF_A_LIFE if rounds >= LONG_CAMPAIGN else ROUNDS_OF_A_SHORT_LIFE
    whole, rest = divmod(rounds, each)
    return [(number, each) for number in range(1, whole + 1)] + ([(whole + 1, rest)] if rest else [])


def _played(
    seed: int, lives: list[tuple[int, int]], jobs: int, stage: tuple[str, KeyService, str], until: float
) -> Iterator[list[Round]]:
    """The rounds of each life, as they end. A life runs in a process of its own: it is sent interrupts."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LOADED_ONCE))
    results: Any = context.Queue()
    waiting, running = list(lives), dict[int, BaseProcess]()
    try:
        while waiting or running:
            if time.monotonic() > until:
                waiting.clear()
            while waiting and len(running) < jobs:
                number, count = waiting.pop(0)
                process = context.Process(target=_play, args=(seed, number, count, stage, results))
                process.start()
                running[number] = process
            if running:
                yield _next(results, running)
    finally:
        for process in running.values():
            process.kill()


def _next(results: Any, running: dict[int, BaseProcess]) -> list[Round]:
    while True:
        try:
            number, rounds = results.get(timeout=1)
        except queue.Empty:
            for number, process in running.items():
                if process.exitcode not in (None, 0):
                    raise SystemExit(f"life {number} ended with {process.exitcode}") from None
            continue
        running.pop(number).join()
        found: list[Round] = rounds
        return found


def _play(seed: int, number: int, count: int, stage: tuple[str, KeyService, str], results: Any) -> None:
    from coreweave_inference.simulator import Simulator

    gc.freeze()  # What was loaded before the fork stays, so that collecting what a run leaves is quick.
    gc.disable()
    place = Path(tempfile.mkdtemp(prefix="cw-faults-"))
    try:
        with Simulator(QUICK) as simulator:
            results.put((number, Life(seed, number, place, simulator, *stage).rounds(count)))
    finally:
        shutil.rmtree(place, ignore_errors=True)
