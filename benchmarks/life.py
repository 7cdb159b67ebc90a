"""The life of a stack beside the floor: seconds, CPU seconds, requests, processes, and how all of that grows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from coreweave_inference.simulator import Simulator

from benchmarks.commands import measured
from benchmarks.growth import growth_of
from benchmarks.stacks import (
    ACTS,
    BUCKET_NAME,
    COMMAND,
    FLOOR_RUNNER,
    PULUMI,
    RUNNERS,
    changed,
    command_of,
    declare,
    document,
    floor_in,
    forget,
    properties_of,
    service,
    stack_in,
    write_properties,
)
from benchmarks.tables import Table, against, ratios, spread
from tests.engine.runs import kinds_of
from tests.processes.recording import Recorder
from tests.running.command_line import Stack

ROUNDS = {1: 3, 10: 2, 100: 2, 500: 1}
"""How often the life of a stack with so many deployments is measured; others as the next smaller one."""
LEAST_SHOWN = 0.02
"""CPU seconds of processes that a table shows; a shell takes less."""
MOST = (4, 5)
PREVIEWS, WRITES = {1: 1.3, 10: 1.3, 100: 1.15, 500: 1.15}, 1.1
Say = Callable[[str], None]
Entry = dict[str, Any]


def measure(counts: Sequence[int], rounds: int | None, say: Say) -> list[Entry]:
    """For each count, act and runner: seconds and CPU seconds of each run, processes and requests of the last one."""
    found: dict[tuple[int, str, str], Entry] = {}
    for count in counts:
        properties = _properties(count)
        for turn in range(rounds or rounds_of(count)):
            say(f"the life of {count} deployments, round {turn + 1}")
            for act, runner, entry in _life(count, properties, turn):
                known = found.setdefault(
                    (count, act, runner),
                    {"deployments": count, "act": act, "runner": runner, "seconds": [], "cpuSeconds": []},
                )
                known["seconds"].append(entry.pop("seconds"))
                known["cpuSeconds"].append(entry.pop("cpuSeconds"))
                known |= entry
    return list(found.values())


def rounds_of(count: int) -> int:
    """How often so many are measured."""
    return ROUNDS[max((known for known in ROUNDS if known <= count), default=min(ROUNDS))]


def counts_of_runs(count: int) -> list[Entry]:
    """Requests by kind, and the calls of `pulumi`, of each act of both ways of running; nothing is timed."""
    found = []
    for runner in (PULUMI, COMMAND):
        with tempfile.TemporaryDirectory() as place, service() as simulator:
            stack = stack_in(Path(place) / runner, simulator)
            recorder = Recorder(Path(place) / "recorded", stack.environment)
            environment = {**stack.environment, **recorder.calls_recorded}
            for act in ACTS:
                declare(stack, document(count, MOST[act in ACTS[3:]]))
                simulator.journal.clear()
                measured(command_of(runner, act), stack.path, environment)
                requests = kinds_of(simulator.journal.entries())
                known = {"deployments": count, "act": act, "runner": runner, "requests": requests}
                found.append({**known, "pulumi": recorder.calls()})
    return found


def _properties(count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place, service() as simulator:
        stack = stack_in(Path(place) / "stack", simulator)
        declare(stack, document(count, MOST[0]))
        return properties_of(stack)


def _life(count: int, properties: Mapping[str, Any], turn: int) -> Iterator[tuple[str, str, Entry]]:
    """Act by act, the runners in turns, so that they meet the same machine."""
    order = [*RUNNERS[turn % 3 :], *RUNNERS[: turn % 3]]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as services:
        place = Path(folder)
        simulators = {runner: services.enter_context(service()) for runner in RUNNERS}
        stacks = {
            runner: floor_in(place / runner, simulators[runner], properties)
            if runner == FLOOR_RUNNER
            else stack_in(place / runner, simulators[runner])
            for runner in RUNNERS
        }
        for runner in (PULUMI, COMMAND):
            declare(stacks[runner], document(count, MOST[0]))
        for act in ACTS:
            if act == "change of all":
                write_properties(stacks[FLOOR_RUNNER], changed(properties, MOST[1]))
                for runner in (PULUMI, COMMAND):
                    declare(stacks[runner], document(count, MOST[1]))
            for runner in order:
                yield act, runner, _measured(runner, act, stacks[runner], simulators[runner])
        for runner in RUNNERS:
            forget(place / runner)


def _measured(runner: str, act: str, stack: Stack, simulator: Simulator) -> Entry:
    simulator.journal.clear()
    run = measured(command_of(runner, act), stack.path, stack.environment)
    return {
        "seconds": round(run.seconds, 3),
        "cpuSeconds": round(run.cpu_seconds, 3),
        "requests": kinds_of(simulator.journal.entries()),
        "processes": {
            role: {
                "count": used.count,
                "cpuSeconds": round(used.cpu_seconds, 2),
                "mebibytes": round(used.mebibytes),
            }
            for role, used in run.processes.items()
        },
    }


def tables(entries: Sequence[Entry]) -> list[Table]:
    """Times, growth, processes and requests."""
    by = {(entry["deployments"], entry["act"], entry["runner"]): entry for entry in entries}
    counts = sorted({entry["deployments"] for entry in entries})
    return [_times(by, counts), *_growth(by, counts), _processes(by, counts), _requests(by, counts)]


Known = Mapping[tuple[int, str, str], Entry]


def base_of(by: Known, count: int, act: str, runner: str, what: str) -> list[float]:
    """What the floor takes for what an act of a runner does: `cw-inference up` shows its plan, so it takes a preview too."""
    floor: list[float] = by[count, act, FLOOR_RUNNER][what]
    if runner != COMMAND or act not in ("up", "change of all"):
        return floor
    preview = by[count, ACTS[ACTS.index(act) - 1], FLOOR_RUNNER][what]
    return [one + other for one, other in zip(floor, preview, strict=True)]


def aim_of(count: int, act: str, runner: str) -> float | None:
    """At most how many times the floor."""
    if act == "refresh":
        return None
    if "preview" in act:
        return 1.0 if runner == COMMAND else PREVIEWS.get(count)
    return WRITES


def _times(by: Known, counts: Sequence[int]) -> Table:
    rows = []
    for act in ACTS:
        for count in counts:
            row = [act, str(count), spread(by[count, act, FLOOR_RUNNER]["seconds"])]
            for runner in (PULUMI, COMMAND):
                one = by[count, act, runner]
                found = ratios(one["seconds"], base_of(by, count, act, runner, "seconds"))
                cpu = ratios(one["cpuSeconds"], base_of(by, count, act, runner, "cpuSeconds"))
                row += [
                    f"{median(one['seconds']):.2f}",
                    spread(found),
                    against(found, aim_of(count, act, runner)),
                    f"{median(cpu):.2f}",
                ]
            rows.append(row)
    heading = ["act", "deployments", "floor s"]
    for runner in (PULUMI, COMMAND):
        heading += [f"`{runner}` s", "ratio", "aim", "CPU ratio"]
    note = (
        "`pulumi` runs with `--skip-preview`. `cw-inference up` shows its plan first, so its ratio is to the floor's preview and "
        "up together. A change of all changes one field of each deployment. Every run refreshes first (`refresh: always`)."
    )
    return Table(heading, rows, [note])


def _growth(by: Known, counts: Sequence[int]) -> Iterator[Table]:
    rows, most = [], max(counts)
    for act in ACTS:
        for runner in RUNNERS:
            fit = growth_of({count: median(by[count, act, runner]["seconds"]) for count in counts})
            if fit is not None:
                parts = [f"{fit.fixed:.2f}", f"{fit.each * 1000:.1f}", f"{fit.pairs * 1e6:.1f}"]
                rows.append(
                    [act, f"`{runner}`", *parts, f"{fit.share_of_pairs(most):.0%}", f"{fit.error:.0%}"]
                )
    if rows:
        pairs = f"of {most}: square"
        heading = ["act", "runner", "fixed s", "ms for each", "µs for each²", pairs, "error of the fit"]
        note = (
            "Growth: seconds = fixed + each · N + square · N². The square is the engine's own where the floor has it too: it "
            "writes the whole state again for each step, on a backend in a folder."
        )
        yield Table(heading, rows, [note])


def _shown(counts: Sequence[int]) -> int:
    return max([count for count in counts if count <= 100] or counts)


def _processes(by: Known, counts: Sequence[int]) -> Table:
    count = _shown(counts)
    rows = []
    for act in ("no-op preview", "up"):
        for runner in RUNNERS:
            for role, used in by[count, act, runner]["processes"].items():
                if used["cpuSeconds"] < LEAST_SHOWN:
                    continue
                figures = [str(used["count"]), f"{used['cpuSeconds']:.2f}", str(used["mebibytes"])]
                rows.append([act, f"`{runner}`", f"`{role}`", *figures])
    note = f"Processes of {count} deployments: CPU seconds of all of a kind, and the most memory that one of them had."
    return Table(["act", "runner", "process", "number", "CPU s", "MiB"], rows, [note])


def _requests(by: Known, counts: Sequence[int]) -> Table:
    count = _shown(counts)
    rows = []
    for act in ACTS:
        for runner in (PULUMI, COMMAND):
            requests = by[count, act, runner]["requests"]
            rows.append([act, f"`{runner}`", str(sum(requests.values())), listed(requests)])
    return Table(["act", "runner", "requests", "of which"], rows, [f"Requests of {count} deployments."])


def listed(requests: Mapping[str, int]) -> str:
    """`12 LIST deployments, 1 key`; what is only read in object storage is one sum."""
    reads = {kind: number for kind, number in requests.items() if _reads_storage(kind)}
    words = [f"{number} {kind}" for kind, number in requests.items() if kind not in reads]
    return (
        ", ".join([*words, *([f"{sum(reads.values())} reads of object storage"] if reads else [])]) or "none"
    )


def _reads_storage(kind: str) -> bool:
    return kind.startswith(("GET", "HEAD")) and BUCKET_NAME in kind


def tables_of_counts(entries: Sequence[Entry]) -> list[Table]:
    """Requests and calls of `pulumi`."""
    rows = [
        [
            entry["act"],
            f"`{entry['runner']}`",
            str(entry["deployments"]),
            listed(entry["requests"]),
            " ".join(entry["pulumi"]),
        ]
        for entry in entries
    ]
    return [Table(["act", "runner", "deployments", "requests", "calls of `pulumi`"], rows)]
