"""`make bench`: how long everything takes, and how much it asks, beside what the engine takes by itself.

make bench                                  all parts but `fleet`, ten minutes; writes docs/performance.md
make bench BENCH="--only life --sizes 1,10" a part
make bench BENCH=--quick                    about three minutes
make bench BENCH=--counts                   requests, processes and modules alone; nothing is timed, nothing written
make bench BENCH="--only fleet"             layouts of 1,000 deployments, or of as many as --fleet says; twenty minutes
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks import declared, fleet, imports, life, looking, readiness
from benchmarks.tables import Section, Table, terminal, write_page

TITLES = {
    "life": "A stack's life beside the floor",
    "imports": "Imports and short commands",
    "readiness": "Readiness",
    "declared": "Reading, checking and reviewing a declaration",
    "looking": "Status and diff",
    "fleet": "A fleet, in one stack or in several",
}
DEFAULT = [part for part in TITLES if part != "fleet"]
TABLES: Mapping[str, Callable[[Any], list[Table]]] = {
    "life": life.tables,
    "imports": imports.tables,
    "readiness": readiness.tables,
    "declared": declared.tables,
    "looking": looking.tables,
    "fleet": fleet.tables,
}
SIZES, QUICK_SIZES = (1, 10, 100, 500), (1, 10, 100)
QUICK_ROUNDS = 1


def _say(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for, print it, and write the page."""
    asked = _arguments().parse_args(arguments)
    found: dict[str, Any] = {"version": 1, "machine": describe_machine(), "parts": {}}
    sections = []
    started = time.monotonic()
    if asked.counts:
        found["parts"] = {"life": life.counts_of_runs(3), "imports": imports.measure(timed=False)}
        shown = {"life": life.tables_of_counts, "imports": imports.tables}
        sections = [Section(TITLES[part], "now", shown[part](data)) for part, data in found["parts"].items()]
    else:
        machine = "{cores} cores, Python {python}, Pulumi {pulumi}".format_map(found["machine"])
        where = f"{date.today().isoformat()} on {machine}: `{_command(arguments)}`"
        for part in asked.only:
            _say(f"{TITLES[part]} ({time.monotonic() - started:.0f} s so far)")
            data = _measured(part, asked)
            found["parts"][part] = data
            sections.append(Section(TITLES[part], where, TABLES[part](data)))
            if asked.page is not None:
                write_page(asked.page, sections, list(TITLES.values()))
    found["seconds"] = round(time.monotonic() - started)
    document = json.dumps(found, indent=2)
    if asked.output is not None:
        asked.output.write_text(document + "\n", encoding="utf-8")
    print(document if asked.json else "\n".join(line for one in sections for line in terminal(one)))
    return 0


def _measured(part: str, asked: argparse.Namespace) -> Any:
    if part == "life":
        sizes, rounds = (QUICK_SIZES, QUICK_ROUNDS) if asked.quick else (asked.sizes, asked.rounds)
        return life.measure(sizes, rounds, _say)
    if part == "fleet":
        return fleet.measure(asked.fleet, _say)
    measure: Callable[[], Any] = {
        "imports": imports.measure,
        "readiness": readiness.measure,
        "declared": declared.measure,
        "looking": looking.measure,
    }[part]
    return measure()


def _command(arguments: Sequence[str]) -> str:
    """What was typed, without where the results go."""
    words = [*arguments]
    for option in ("--page", "--output"):
        if option in words:
            del words[words.index(option) : words.index(option) + 2]
    words = [word for word in words if word != "--json"]
    return f'make bench BENCH="{" ".join(words)}"' if words else "make bench"


def describe_machine() -> dict[str, Any]:
    """What it runs on, as far as it tells about times."""
    cli = subprocess.run(["pulumi", "version"], capture_output=True, text=True, check=True).stdout.strip()
    return {"cores": os.cpu_count(), "python": platform.python_version(), "pulumi": cli}


def _numbers(text: str) -> list[int]:
    return sorted(int(word) for word in text.split(","))


def _parts(text: str) -> list[str]:
    parts = text.split(",")
    unknown = [part for part in parts if part not in TITLES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no part {', '.join(unknown)}; parts: {', '.join(TITLES)}")
    return parts


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=_parts, default=DEFAULT, help=f"parts: {', '.join(TITLES)}")
    parser.add_argument("--sizes", type=_numbers, default=SIZES, help="deployments of the stacks of `life`")
    parser.add_argument("--rounds", type=int, help="lives of each size")
    parser.add_argument("--fleet", type=int, default=1000, help="deployments of the fleet")
    parser.add_argument(
        "--quick", action="store_true", help=f"{', '.join(map(str, QUICK_SIZES))} deployments, one life each"
    )
    parser.add_argument("--counts", action="store_true", help="requests, processes and modules alone")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--output", type=Path, help="write the JSON document there")
    parser.add_argument("--page", type=Path, help="write the sections of what was measured there")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
