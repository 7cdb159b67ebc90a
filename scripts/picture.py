"""Draws the picture of the README, the live table of a recorded run: `picture.py FILE`, from `cw-inference up --events FILE`.

`scripts/demo.py --picture` records the run that the README shows, and calls this.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from coreweave_inference.cli.formatting import summary
from coreweave_inference.cli.views import LiveTable
from coreweave_inference.engine.events import Progress, Retry, RunEvent, Step
from coreweave_inference.engine.results import Result
from rich.console import Console

CHECKOUT = Path(__file__).resolve().parent.parent
RECORDED, PICTURE = CHECKOUT / "tests" / "docs" / "live_table.jsonl", CHECKOUT / "docs" / "live-table.svg"
WIDTH = 80


def drawn(lines: Sequence[Mapping[str, Any]]) -> str:
    """The SVG of the last moment at which the run waited for something; `lines` are `condensed`."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    result = lines[-1]["result"]
    plan = Result("preview", result["project"], result["stack"], ok=True, counts=result["plan"]["counts"])
    console.print("$ cw-inference up --yes", style="bold", highlight=False)
    console.print(summary(plan), highlight=False)
    console.print()
    now = [0.0]
    table = LiveTable(console, lambda: now[0])
    waits = [at for at, line in enumerate(lines) if line.get("verdict") == "waiting"]
    for line in lines[: waits[-1] + 1]:
        now[0] = datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp()
        table(run_event_of(line))
    console.print(table.table())
    return console.export_svg(title="cw-inference", unique_id="cw-inference")


def run_event_of(line: Mapping[str, Any]) -> RunEvent:
    """The event that a line was written for."""
    urn = line["urn"]
    if line["event"] == "step":
        return Step(urn, line["op"], line["phase"], kept=line["what"] == "keep", id=line["id"])
    if line["event"] == "progress":
        return Progress(urn, line["status"], line["verdict"], line["text"], line["seconds"])
    return Retry(urn, line["text"])


def read(file: Path) -> list[dict[str, Any]]:
    """The lines of a run."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def condensed(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What a picture needs of them."""
    kept = [
        {key: value for key, value in line.items() if key != "changes"}
        for line in lines
        if line.get("run") == "up" and line["event"] != "message"
    ]
    result = lines[-1]["result"]
    plan = {"counts": result["plan"]["counts"]}
    return [
        *kept,
        {"event": "end", "result": {"project": result["project"], "stack": result["stack"], "plan": plan}},
    ]


if __name__ == "__main__":
    found = condensed(read(Path(sys.argv[1])))
    RECORDED.write_text("".join(json.dumps(line) + "\n" for line in found), encoding="utf-8")
    PICTURE.write_text(drawn(found), encoding="utf-8")
