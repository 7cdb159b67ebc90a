"""A fleet of many deployments: in one stack, with several at a time, or split into stacks, one after another or side by side."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coreweave_inference.simulator import Simulator

from benchmarks.commands import Measured, measured
from benchmarks.stacks import PULUMI, command_of, declare, document, service, stack_in
from benchmarks.tables import Table
from tests.running.command_line import Stack

ACTS = ("up", "no-op preview", "change of one", "destroy")
MIB = 1024 * 1024


@dataclass(frozen=True)
class Layout:
    """How many stacks, how many operations at a time in each (None: as the engine chooses), how many stacks at a time."""

    stacks: int
    parallel: int | None = None
    side_by_side: int = 1


LAYOUTS = (
    Layout(1),
    Layout(1, parallel=32),
    Layout(4),
    Layout(4, side_by_side=2),
    Layout(10, side_by_side=2),
)


def measure(
    count: int, say: Callable[[str], None], layouts: Sequence[Layout] = LAYOUTS
) -> list[dict[str, Any]]:
    """Seconds and CPU seconds of each act over all stacks, the most memory of a process, and the size of the states."""
    found = []
    for layout in layouts:
        say(f"{count} deployments in {layout}")
        with tempfile.TemporaryDirectory() as place, service() as simulator:
            found.append(_measured(layout, count, Path(place), simulator))
            say(str(found[-1]["seconds"]))
    return found


def _measured(layout: Layout, count: int, place: Path, simulator: Simulator) -> dict[str, Any]:
    each = count // layout.stacks
    stacks = [stack_in(place / f"{at}", simulator, f"fleet-{at}") for at in range(layout.stacks)]
    for at, stack in enumerate(stacks):
        declare(stack, document(each, name=f"chat-{at}"))
    entry: dict[str, Any] = {
        "stacks": layout.stacks,
        "deployments": each,
        "parallel": layout.parallel,
        "sideBySide": layout.side_by_side,
        "seconds": {},
        "cpuSeconds": {},
        "mebibytes": 0.0,
    }
    for act in ACTS:
        concerned = stacks
        if act == "change of one":
            concerned = stacks[:1]
            changed = document(each, name="chat-0")
            changed["deployments"]["chat-0-0"]["autoscaling"]["max"] += 1
            declare(stacks[0], changed)
        started = time.perf_counter()
        with ThreadPoolExecutor(layout.side_by_side) as pool:
            runs = list(pool.map(lambda stack, act=act: _run(layout, act, stack), concerned))
        entry["seconds"][act] = round(time.perf_counter() - started, 1)
        entry["cpuSeconds"][act] = round(sum(run.cpu_seconds for run in runs), 1)
        most = max((used.mebibytes for run in runs for used in run.processes.values()), default=0.0)
        entry["mebibytes"] = max(entry["mebibytes"], round(most))
        if act == "up":
            entry["stateMebibytes"] = round(sum(_state_size(stack) for stack in stacks) / MIB, 2)
    return entry


def _run(layout: Layout, act: str, stack: Stack) -> Measured:
    more = [] if layout.parallel is None else ["--parallel", str(layout.parallel)]
    command = command_of(PULUMI, "up" if act == "change of one" else act, *more)
    return measured(command, stack.path, stack.environment)


def _state_size(stack: Stack) -> int:
    return sum(file.stat().st_size for file in stack.backend.glob(".pulumi/stacks/*/dev.json"))


def tables(entries: Sequence[Mapping[str, Any]]) -> list[Table]:
    """One row for each layout, and what follows."""
    rows = []
    for one in entries:
        parallel = "as the engine chooses" if one["parallel"] is None else str(one["parallel"])
        seconds = [f"{one['seconds'][act]:.0f} ({one['cpuSeconds'][act]:.0f})" for act in ACTS]
        rows.append(
            [
                f"{one['stacks']} of {one['deployments']}",
                parallel,
                str(one["sideBySide"]),
                *seconds,
                str(round(one["mebibytes"])),
                f"{one['stateMebibytes']:.1f}",
            ]
        )
    heading = [
        "stacks",
        "`--parallel`",
        "stacks at a time",
        *(f"{act}: s (CPU s)" for act in ACTS),
        "most MiB of a process",
        "states MiB",
    ]
    return [Table(heading, rows, [_answer(entries)])]


def _answer(entries: Sequence[Mapping[str, Any]]) -> str:
    def total(one: Mapping[str, Any]) -> float:
        return float(sum(one["seconds"].values()))

    best = min(entries, key=total)
    whole = min((one for one in entries if one["stacks"] == 1), key=total, default=best)
    side = f", {best['sideBySide']} at a time" if best["sideBySide"] > 1 else ""
    text = (
        "One life with plain `pulumi` and states in a folder; the change is of one field of one deployment, so it runs one stack. "
        f"The quickest layout here: {best['stacks']} stacks of {best['deployments']} deployments{side}, {total(best):.0f} s for all four."
    )
    if best is not whole:
        ups = whole["seconds"]["up"] / best["seconds"]["up"]
        ones = whole["seconds"]["change of one"] / best["seconds"]["change of one"]
        text += f" One stack takes {total(whole):.0f} s: {ups:.1f} times as long for the first `up`, {ones:.1f} times for a change of one."
    return text
