"""Which stack of a directory is meant, and whether it exists in the backend. Nothing here changes a stack's state."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

from coreweave_inference.errors import StartupError, did_you_mean, one_line
from coreweave_inference.settings.resolution import CONFIG_KEYS, IDENTITY_KEY

from . import local_backend
from .directory import StackDirectory, add_identity
from .installation import CommandFailed, PulumiCli

MISSING = "no stack named"
NONE_SELECTED = "no stack selected"
OTHER_ORGANIZATION = "organization name must be"
"""Of a backend that has one organization only."""
NAME = re.compile(r"(?!\.+$)[A-Za-z0-9_.-]+")


def chosen(directory: StackDirectory, cli: Callable[[], PulumiCli], asked: str | None) -> str:
    """`asked`, else the one selected in this directory, else the only one that has a file. Raises StartupError."""
    if asked is not None:
        require_name(directory, asked)
        return asked
    try:
        selected = cli().run(["stack", "--show-name"], str(directory.path), {}).stdout.strip()
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
    raise StartupError(
        f"{directory.path}: which stack? {there}; name it with --stack, or select it with pulumi"
    )


def require_name(directory: StackDirectory, asked: str) -> None:
    """Raise StartupError for a text that is no name of a stack of the directory's project."""
    parts = asked.split("/")
    if not all(map(NAME.fullmatch, parts)):
        raise StartupError(
            f'--stack "{one_line(asked)}": is no name of a stack; use letters, digits, hyphens, underscores, dots'
        )
    if len(parts) > 2 and (len(parts) > 3 or parts[1] != directory.project):
        raise StartupError(
            f'--stack "{one_line(asked)}": is no stack of project {directory.project}; name one of this project, or the '
            "directory of the other"
        )


def exported(directory: StackDirectory, cli: Callable[[], PulumiCli], stack: str) -> dict[str, Any] | None:
    """The stack's state as `pulumi stack export` writes it, secrets encrypted; None where there is no such stack. The CLI is asked
    for only where the state is not in a folder.
    """
    found = local_backend.exported(os.environ, directory.project, stack)
    if found is not None:
        return found
    try:
        answer = cli().run(["stack", "export", "--stack", stack], str(directory.path), {})
    except CommandFailed as error:
        if MISSING in error.text:
            return None
        if OTHER_ORGANIZATION in error.text:
            raise StartupError(f'--stack "{stack}": {one_line(error.text)}') from error
        raise
    state: dict[str, Any] = json.loads(answer.stdout)
    return state


def outputs(directory: StackDirectory, cli: PulumiCli, stack: str) -> dict[str, Any]:
    """What a stack exports, secrets masked. Raises CommandFailed where it cannot be read."""
    found: dict[str, Any] = json.loads(
        cli.run(["stack", "output", "--json", "--stack", stack], str(directory.path), {}).stdout
    )
    return found


def configuration(directory: StackDirectory, stack: str, cli: Callable[[], PulumiCli]) -> dict[str, str]:
    """The stack's configuration by full keys, as a run has it; decrypted only where a setting of ours is encrypted."""
    if directory.secret_keys(stack).isdisjoint(CONFIG_KEYS):
        return directory.plain_configuration(stack)
    arguments = ["config", "--show-secrets", "--json", "--stack", stack]
    found = json.loads(cli().run(arguments, str(directory.path), {}).stdout)
    return {key: str(entry.get("value", "")) for key, entry in found.items()}


def create(directory: StackDirectory, cli: PulumiCli, stack: str, *, first: bool = False) -> None:
    """Make a stack that has a file here in the backend, and select nothing. Raises StartupError for any other name.

    `first`: a directory without any stack gets this one, with a file.
    """
    known = directory.stacks()
    if not directory.stack_file(stack).is_file():
        if known or not first:
            raise StartupError(unknown(directory, stack))
        add_identity(directory.stack_file(stack))
    cli.run(["stack", "init", "--no-select", stack], str(directory.path), {})


def identify(directory: StackDirectory, stack: str, *, new: bool) -> str:
    """Give a new stack without an identity one; what was done, or would be, for the user. A stack that is not new keeps
    what its objects came from.
    """
    file = directory.stack_file(stack)
    if IDENTITY_KEY in {*directory.plain_configuration(stack), *directory.secret_keys(stack)}:
        return ""
    if new:
        add_identity(file)
        return f"wrote {IDENTITY_KEY} to {file.name}; commit it"
    return (
        f"{file.name} has no {IDENTITY_KEY}, and is left as it is: with one, ids of new objects, the Sid and the bucket tag "
        "would be others (objects in the state keep theirs; a bucket that a destroy kept would need `adopt: true`)"
    )


def require(directory: StackDirectory, stack: str, cli: Callable[[], PulumiCli]) -> None:
    """Refuse a name that neither a file here nor the backend knows (StartupError); the backend is asked only without a file."""
    if not directory.stack_file(stack).is_file() and exported(directory, cli, stack) is None:
        raise StartupError(unknown(directory, stack))


def unknown(directory: StackDirectory, stack: str) -> str:
    """What is wrong with a name that neither the backend nor a file here knows."""
    short, known = stack.rsplit("/", 1)[-1], directory.stacks()
    return (
        f'{directory.path}: there is no stack "{stack}": the backend has none, and there is no '
        f"{directory.stack_file(stack).name} (stacks with a file here: {', '.join(known) or 'none'}); {did_you_mean(short, known)}"
        f"`cw-inference init {directory.path} --stack {short}` adds one"
    )


def missing(directory: StackDirectory, stack: str, cli: PulumiCli) -> str:
    """What is wrong with a stack that has a file here and that the backend does not have."""
    return (
        f'{directory.path}: the backend{_backend(directory, cli)} has no stack "{stack}"; nothing was changed; use the '
        "backend that holds it (`pulumi login`, PULUMI_BACKEND_URL), or another name; if its state is lost, `cw-inference destroy "
        "--without-state` finds what it made"
    )


def _backend(directory: StackDirectory, cli: PulumiCli) -> str:
    try:
        url = cli.run(["whoami", "--json"], str(directory.path), {}).stdout
        return f" {one_line(str(json.loads(url)['url']))}"
    except (CommandFailed, KeyError, ValueError, TypeError):
        return ""
