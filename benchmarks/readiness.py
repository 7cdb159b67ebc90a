"""A hundred deployments that become ready at random times: how long after the last one an `up` ends."""

from __future__ import annotations

import random
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.records import Record

from benchmarks.commands import measured
from benchmarks.stacks import COMMAND, PULUMI, READY_AT_ONCE, command_of, declare, document, service, stack_in
from benchmarks.tables import Table, spread

DEPLOYMENTS = 100
SHORTEST, LONGEST = 1.0, 15.0
LOOK_SECONDS = 0.02
UNSET = 3600.0
SEED = 7
LISTS = "/v1alpha1/inference/deployments"
DEFAULTS = {"COREWEAVE_POLL_SECONDS": "15", "COREWEAVE_SETTLE_SECONDS": "15"}


def measure(count: int = DEPLOYMENTS) -> list[dict[str, Any]]:
    """For each way of running: seconds from the first POST to the last READY, to the look that saw it, and to the end."""
    found = []
    for runner in (PULUMI, COMMAND):
        behaviour = READY_AT_ONCE.changed({"deployment_create_seconds": UNSET})
        with tempfile.TemporaryDirectory() as folder, service(behaviour) as simulator:
            stack = stack_in(Path(folder) / runner, simulator, **DEFAULTS)
            declare(stack, document(count))
            with _ready_at_random_times(simulator):
                run = measured(command_of(runner, "up"), stack.path, stack.environment)
                ended = simulator.clock.now()
            records = simulator.world.records("deployments")
            first = min(record.created_at for record in records)
            last = max(record.write.due_at for record in records)
            looks = [e.simulated_at for e in simulator.journal.entries("GET", f"{LISTS}$")]
            waiting = [at for at in looks if at > max(record.created_at for record in records)]
            before = [at for at in waiting if at < last]
            saw = next((at for at in waiting if at >= last), ended)
            found.append(
                {
                    "runner": runner,
                    "deployments": count,
                    "seconds": round(run.seconds, 2),
                    "lastReady": round(last - first, 2),
                    "seenAfter": round(saw - last, 2),
                    "pause": round(saw - before[-1], 2) if before else 0.0,
                    "endedAfter": round(ended - last, 2),
                    "lists": len(waiting),
                }
            )
    return found


@contextmanager
def _ready_at_random_times(simulator: Simulator) -> Iterator[None]:
    """Each deployment that is created gets its own time, the same ones in each run."""
    drawn, over, known = random.Random(SEED), threading.Event(), set[str]()

    def give() -> None:
        while not over.wait(LOOK_SECONDS):
            with simulator.world.lock:
                for record in simulator.world.records("deployments"):
                    if record.id not in known:
                        known.add(record.id)
                        _due_after(record, drawn.uniform(SHORTEST, LONGEST))

    thread = threading.Thread(target=give, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _due_after(record: Record, seconds: float) -> None:
    record.write = replace(record.write, due_at=record.created_at + seconds)


def tables(entries: Sequence[Mapping[str, Any]]) -> list[Table]:
    """One row for each way of running."""
    rows = [
        [
            f"`{one['runner']}`",
            str(one["deployments"]),
            f"{one['lastReady']:.1f}",
            spread([one["seenAfter"]]),
            spread([one["pause"]]),
            spread([one["endedAfter"]]),
            str(one["lists"]),
        ]
        for one in entries
    ]
    pause = median(one["pause"] for one in entries)
    note = (
        f"Each becomes ready {SHORTEST:.0f} to {LONGEST:.0f} s after its POST, with the settings as they are by default. The look that "
        f"sees the last one ready comes within one pause of the waiting loop ({pause:.1f} s here), and ends the wait."
    )
    heading = [
        "runner",
        "deployments",
        "last ready s",
        "seen after s",
        "pause before s",
        "ended after s",
        "LISTs",
    ]
    return [Table(heading, rows, [note])]
