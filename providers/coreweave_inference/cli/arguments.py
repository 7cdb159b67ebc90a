"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Directory = Annotated[Path, typer.Argument(metavar="[DIR]", help="The stack directory.", show_default="here")]
StackName = Annotated[
    str | None,
    typer.Option(
        "--stack", "-s", help="The stack; else the selected one, else the only one here.", show_default=False
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document at the end, and nothing else on standard output."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
