"""Which stack of a directory is meant, and whether it exists in the backend. Nothing here changes a stack's state."""

from __future__ import annotations

import json
from typing import Any

from .directory import StackDirectory
from .installation import CommandFailed, PulumiCli
from .refusals import CannotStart

MISSING = "no stack named"
NONE_SELECTED = "no stack selected"


def chosen(directory: StackDirectory, cli: PulumiCli, asked: str | None) -> str:
    """`asked`, else the one selected in this directory, else the only one that has a file. Raises CannotStart."""
    if asked:
        return asked
    try:
        selected = cli.run(["stack", "--show-name"], str(directory.path), {}).stdout.strip()
    except CommandFailed as error:
        if NONE_SELECTED not in error.text:
            raise
    else:
        if selected:
            return selected
    names = directory.stacks()
    if len(names) == 1:
        return names[0]
    there = (
        f"there are {', '.join(names)}"
        if names
        else "there is none yet (`cw-inference init . --stack dev` adds one)"
    )
    raise CannotStart(
        f"{directory.path}: which stack? {there}; name it with --stack, or select it with pulumi"
    )


def exported(directory: StackDirectory, cli: PulumiCli, stack: str) -> dict[str, Any] | None:
    """The stack's state as `pulumi stack export` writes it, secrets encrypted; None where there is no such stack."""
    try:
        answer = cli.run(["stack", "export", "--stack", stack], str(directory.path), {})
    except CommandFailed as error:
        if MISSING in error.text:
            return None
        raise
    state: dict[str, Any] = json.loads(answer.stdout)
    return state


def create(directory: StackDirectory, cli: PulumiCli, stack: str, *, asked: bool) -> None:
    """Make the stack in the backend, if it was asked for by name or has a file. Raises CannotStart otherwise."""
    if not asked and not directory.stack_file(stack).is_file():
        names = ", ".join(directory.stacks()) or "none"
        raise CannotStart(
            f'{directory.path}: the backend has no stack "{stack}", and there is no {directory.stack_file(stack).name}; '
            f"stacks with a file here: {names}"
        )
    cli.run(["stack", "init", stack], str(directory.path), {})
