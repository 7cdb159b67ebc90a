"""What each process imports: how many modules, how many of them are ours, and what importing them costs."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.commands import Measured, measured
from benchmarks.stacks import (
    COMMAND,
    FLOOR_RUNNER,
    PULUMI,
    command_of,
    declare,
    document,
    floor_in,
    properties_of,
    service,
    stack_in,
)
from benchmarks.tables import NONE, Table, against, ratios, spread
from tests.processes.recording import PythonProcess, Recorder

REPEATS = 7
QUICKSTART = Path(__file__).resolve().parents[1] / "stacks" / "quickstart"
BASES = {"typer": "import typer", "pydantic, yaml": "import pydantic, yaml"}
COMMANDS: Mapping[str, tuple[Sequence[str], str, float | None]] = {
    "cw-inference --version": (("--version",), "typer", 1.3),
    "cw-inference --help": (("--help",), "typer", 1.3),
    "cw-inference check --offline": (("check", "--offline", "--stack", "dev"), "pydantic, yaml", None),
}
"""Arguments, what it is compared with, and the aim."""
TRIED = "for name in {names!r}:\n try: __import__(name)\n except BaseException: pass"


def measure(repeats: int = REPEATS, *, timed: bool = True) -> dict[str, Any]:
    """Of the processes of a preview, and of commands that start none."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        processes = [*_of_a_preview(place), *_of_commands(place)]
        entries = [
            {
                "process": name,
                "modules": len(one.modules),
                "own": len(one.own),
                "layers": sorted(one.layers),
                "libraries": sorted(one.libraries),
                **({"cpuSeconds": import_seconds(one.modules, repeats)} if timed else {}),
            }
            for name, one in processes
        ]
        return {"processes": entries, "commands": _timed_commands(place, repeats) if timed else []}


def _of_a_preview(place: Path) -> Iterable[tuple[str, PythonProcess]]:
    """The floor's program and provider, ours, and `cw-inference preview` with its provider."""
    with service() as simulator:
        ours = stack_in(place / "ours", simulator)
        declare(ours, document(1))
        stacks = {
            FLOOR_RUNNER: floor_in(place / "floor", simulator, properties_of(ours)),
            PULUMI: ours,
            COMMAND: ours,
        }
        for runner, stack in stacks.items():
            recorder = Recorder(place / f"recorded {runner}", stack.environment)
            measured(
                command_of(runner, "first preview"),
                stack.path,
                {**stack.environment, **recorder.modules_recorded},
            )
            for one in sorted(recorder.processes(), key=lambda process: process.role):
                if one.role in ("program", "provider", COMMAND):
                    yield (
                        f"{one.role} of {runner if runner == FLOOR_RUNNER else 'a preview by ' + runner}",
                        one,
                    )


def _of_commands(place: Path) -> Iterable[tuple[str, PythonProcess]]:
    directory = _quickstart(place)
    for name, (arguments, _, _) in COMMANDS.items():
        recorder = Recorder(place / name.replace(" ", "-"), os.environ)
        measured(
            [sys.executable, "-m", "coreweave_inference.cli", *arguments],
            directory,
            {**os.environ, **recorder.modules_recorded},
        )
        yield from ((name, one) for one in recorder.processes() if one.role == COMMAND)


def _quickstart(place: Path) -> Path:
    directory = place / "quickstart"
    if not directory.exists():
        directory.mkdir()
        for name in ("Pulumi.yaml", "inference.yaml", "__main__.py"):
            shutil.copy(QUICKSTART / name, directory)
        settings = (directory / "Pulumi.yaml").read_text().replace("../../.venv", sys.prefix)
        (directory / "Pulumi.yaml").write_text(settings)
        (directory / "Pulumi.dev.yaml").write_text("config:\n  coreweave:identity: 5f1c0f6a4d\n")
    return directory


def import_seconds(modules: Iterable[str], repeats: int) -> list[float]:
    """CPU seconds of a Python that imports them and does nothing else."""
    names = sorted(name for name in modules if not name.startswith(("__", "sitecustomize")))
    return [round(_python(TRIED.format(names=names)).cpu_seconds, 3) for _ in range(repeats)]


def _timed_commands(place: Path, repeats: int) -> list[dict[str, Any]]:
    """Whole commands beside a Python that imports one thing, in turns."""
    directory = _quickstart(place)
    bases: dict[str, list[Measured]] = {name: [] for name in BASES}
    runs: dict[str, list[Measured]] = {name: [] for name in COMMANDS}
    for _ in range(repeats):
        for base, code in BASES.items():
            bases[base].append(_python(code))
        for name, (arguments, _, _) in COMMANDS.items():
            command = [sys.executable, "-m", "coreweave_inference.cli", *arguments]
            runs[name].append(measured(command, directory, os.environ))
    return [
        {
            "command": name,
            "seconds": [round(run.seconds, 3) for run in runs[name]],
            "base": base,
            "baseSeconds": [round(run.seconds, 3) for run in bases[base]],
            "aim": aim,
        }
        for name, (_, base, aim) in COMMANDS.items()
    ]


def _python(code: str) -> Measured:
    return measured([sys.executable, "-c", code], Path.cwd(), os.environ)


def tables(found: Mapping[str, Any]) -> list[Table]:
    """Processes, and whole commands."""
    rows = [
        [
            f"`{one['process']}`" if one["process"].startswith("cw-") else one["process"],
            str(one["modules"]),
            str(one["own"]),
            f"{median(one['cpuSeconds']):.2f}" if "cpuSeconds" in one else NONE,
            ", ".join(one["layers"]) or NONE,
        ]
        for one in found["processes"]
    ]
    note = (
        "Modules that a process has when it ends, those of this package among them, and the CPU seconds of a Python that "
        "imports them and does nothing else."
    )
    heading = ["process", "modules", "ours", "CPU s", "of this package"]
    commands = [
        [
            f"`{one['command']}`",
            f"{median(one['seconds']):.2f}",
            f"`import {one['base']}`",
            f"{median(one['baseSeconds']):.2f}",
            spread(ratios(one["seconds"], one["baseSeconds"])),
            against(ratios(one["seconds"], one["baseSeconds"]), one["aim"]),
        ]
        for one in found["commands"]
    ]
    timed = Table(
        ["command", "s", "beside", "s", "ratio", "aim"], commands, ["Whole processes of commands, in turns."]
    )
    return [Table(heading, rows, [note]), *([timed] if commands else [])]
