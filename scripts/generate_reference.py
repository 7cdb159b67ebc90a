"""Writes the reference pages and the JSON Schemas from the specs and rules, so that none can say anything else than the code.

`generate_reference.py` writes the files; `generate_reference.py --check` only says whether they are current.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from coreweave_inference.checks import reference
from coreweave_inference.cli.application import application
from coreweave_inference.declaration import schema
from coreweave_inference.declaration.sections import BucketSection, OptionsSection
from coreweave_inference.declaration.smoke import SmokeSection
from coreweave_inference.doctor import reference as doctor_reference
from coreweave_inference.model import CapacityClaimSpec, DeploymentSpec, GatewaySpec
from coreweave_inference.model.deployment import WEIGHT_ALONE
from coreweave_inference.model.message import Change
from coreweave_inference.model.shape import FieldShape, Form, fields_of
from coreweave_inference.review.restarts import Effect, field_effects
from pydantic import BaseModel
from typer.core import TyperGroup

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.fit import validation_page

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "resources.md"
PACKAGED = Path(schema.__file__).parent

INTRODUCTION = """# Resources and their fields

Generated from the specs by `make docs`; a test keeps it current. Field names are the API's own; in Python they are
written in snake_case. A field left out has its default. "Replaces" means that a change makes a new object and deletes
the old one; everything else changes in place, with one PATCH that carries the complete spec.

What a change in place does to running replicas: [which changes restart replicas](#which-changes-restart-replicas).
"""

RESTARTS = """## Which changes restart replicas

The service's documentation has no table of this. Each row says what it follows from; where nothing that is published
says for certain, the row says "not known", and so does a review. How the service moves replicas to a new revision, and whether
`disabled: true` gives GPUs back, is not documented either; the service's own client says that a deployment holds its GPUs
until it is deleted.

| field of a deployment | running replicas | follows from |
|---|---|---|
"""
EFFECTS = {Effect.ROLLS: "are made anew", Effect.KEEPS: "stay", Effect.UNKNOWN: "not known"}
"""What the table says of each effect."""

RESOURCES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    (
        "Gateway",
        (
            "`gateways.<key>` in a declaration, `cw.Gateway` in Python. Its creation waits until it is READY, "
            "because what follows needs its endpoints."
        ),
        GatewaySpec,
    ),
    (
        "Capacity claim",
        (
            "`capacityClaims.<key>`, `cw.CapacityClaim`. Billed for as long as it exists. Without a name of "
            "its own it is called after the fields that replace it, so that a replacement exists before the old one goes. "
            "In a declaration the fields of `resources` are under it, as the API has them, or in the entry itself."
        ),
        CapacityClaimSpec,
    ),
    (
        "Deployment",
        (
            "`deployments.<key>`, `cw.Deployment`. In a declaration `gateways` names gateways by key in the place "
            "of `gatewayIds`, `model.bucket` takes a bucket's key or a name and may be left out where there is one bucket, and "
            "a weight left out (no `traffic`, or `traffic: {}`) means 100 for a deployment that is alone under its model name; in "
            "Python it means 0."
        ),
        DeploymentSpec,
    ),
    (
        "Weights bucket",
        (
            "`buckets.<key>`, `cw.WeightsBucket` and `cw.InferenceBucketPolicy`. A destroy keeps the bucket "
            "unless `options.retainOnDelete` is false."
        ),
        BucketSection,
    ),
    (
        "Options",
        "`options` of every object: how the engine treats it. Never inherited by `extends`.",
        OptionsSection,
    ),
    (
        "Smoke test",
        "`smoke` in a declaration: what is asked of each model after a rollout ([how](how-to/smoke-test.md)).",
        SmokeSection,
    ),
)


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for title, words, model in RESOURCES:
        rows = "\n".join(_rows(model, ""))
        parts.append(
            f"## {title}\n\n{words}\n\n| field | type | default | meaning |\n|---|---|---|---|\n{rows}\n"
        )
    rows = (f"| `{row.field}` | {EFFECTS[row.effect]} | {row.source} |" for row in field_effects())
    return "\n".join([*parts, RESTARTS + "\n".join(rows) + "\n"])


DEFAULTS = {"traffic.weight": f"`{WEIGHT_ALONE}` alone", "autoscaling.concurrency": "the service's"}
"""Defaults that a declaration has otherwise than the API, or that the API spells as a value that is refused."""


def _rows(model: type[BaseModel], start: str) -> Iterator[str]:
    for field in fields_of(model).values():
        path = f"{start}{field.name}"
        yield f"| `{path}` | {_type(field)} | {DEFAULTS.get(path) or _default(field)} | {_meaning(field)} |"
        if field.message:
            yield from _rows(field.message, f"{path}.")


def _type(field: FieldShape) -> str:
    if field.choices:
        words = " or ".join(f"`{choice}`" for choice in field.choices)
        return f"list of {words}" if field.form is Form.LIST else words
    return field.form.value


def _default(field: FieldShape) -> str:
    if field.required:
        return "required"
    return "" if field.default in (None, "", [], {}) else f"`{json.dumps(field.default)}`"


def _meaning(field: FieldShape) -> str:
    words = " ".join(field.description.replace("|", "\\|").split())
    notes = [
        text
        for holds, text in (
            (field.about.change is Change.REPLACES, "Replaces."),
            (field.about.write_only, "Never returned by the service."),
            (field.about.secret, "Secret: give it by reference, `{fromEnv: NAME}` or `{fromConfig: key}`."),
        )
        if holds
    ]
    return " ".join([words, *notes]).strip()


COMMANDS = """# Commands

Generated from the command line by `make docs`; a test keeps it current. `cw-inference COMMAND --help` prints the same.
`--install-completion` adds completion to the shell that runs it. Exit codes: [one table for all commands](exit-codes.md).
"""


def commands_page() -> str:
    """Every command with its arguments, options and example."""
    group = typer.main.get_command(application)
    assert isinstance(group, TyperGroup)
    return "\n".join([COMMANDS, *_commands(group, "cw-inference")])


def _commands(group: TyperGroup, path: str) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{path} {name}")
            continue
        paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
        shown = [p for p in command.params if not getattr(p, "hidden", False)]
        arguments = " ".join(_names(p) for p in shown if p.param_type_name == "argument")
        rows = "\n".join(f"| `{_names(p)}` | {_cell(getattr(p, 'help', ''))} |" for p in shown)
        yield (
            f"## {path} {name}\n\n`{path} {name} [OPTIONS] {arguments}`\n\n"
            f"{chr(10).join(map(_paragraph, paragraphs))}\n| | |\n|---|---|\n{rows}\n"
        )


def _names(parameter: Any) -> str:
    """`--stack, -s`, `--refresh / --no-refresh`, `--target URN|KEY`, `[DIR]`."""
    if parameter.param_type_name == "argument":
        return _cell(parameter.metavar or str(parameter.name).upper())
    names = " / ".join(filter(None, (", ".join(parameter.opts), ", ".join(parameter.secondary_opts))))
    return _cell(f"{names} {parameter.metavar or ''}".strip())


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def _paragraph(text: str) -> str:
    words = " ".join(text.split())
    example = words.removeprefix("Example: ")
    return f"{words}\n" if example == words else f"```bash\n{example}\n```\n"


def files() -> dict[Path, str]:
    """Everything that is generated: its place and its text."""
    schemas = {name: schema.text(overlay=overlay) for name, overlay in schema.FILES.items()}
    placed = {directory / name: text for directory in (PACKAGED, DOCS) for name, text in schemas.items()}
    return {
        PAGE: page(),
        DOCS / "checks.md": reference.page(),
        DOCS / "doctor.md": doctor_reference.page(),
        DOCS / "commands.md": commands_page(),
        DOCS / "fit-validation.md": validation_page.page(),
        **placed,
    }


def _says(path: Path, text: str) -> bool:
    """Whether a file says what `text` does; in which order a schema says it depends on the version of pydantic."""
    found = path.read_text(encoding="utf-8")
    return json.loads(found) == json.loads(text) if path.suffix == ".json" else found == text


def main() -> int:
    """Exit code 1 if a file was not current and only read."""
    if "--check" not in sys.argv[1:]:
        for path, text in files().items():
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.name}")
        return 0
    stale = [path for path, text in files().items() if not path.exists() or not _says(path, text)]
    for path in files():
        print(f"{path.name} is {'stale: run `make docs`' if path in stale else 'current'}")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
