"""What a command knows of a stack or an account: its settings, and what its state records."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coreweave_inference.discovery import recorded_buckets, recorded_objects
from coreweave_inference.engine import stacks
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.engine.installation import PulumiCli
from coreweave_inference.errors import StartupError
from coreweave_inference.program.recorded import recorded_endpoint
from coreweave_inference.settings.resolution import Settings
from coreweave_inference.status.recorded import Recorded, RecordedBucket

from .context import is_project, settings_at


@dataclass(frozen=True)
class Scope:
    """A stack, or with `recorded` None a whole account."""

    settings: Settings
    project: str = ""
    stack: str = ""
    recorded: tuple[Recorded, ...] | None = None
    buckets: tuple[RecordedBucket, ...] = ()
    state: Mapping[str, Any] | None = None

    @property
    def title(self) -> str:
        """`stack serving/dev, https://…`."""
        what = f"stack {self.project}/{self.stack.rsplit('/', 1)[-1]}" if self.stack else "account"
        return f"{what}, {self.settings.endpoint}"


def scope_of(
    directory: Path, stack: str | None, *, account: bool = False, require_token: bool = True
) -> Scope:
    """The stack of a directory with its state; the account where there is no project, or `account` says so.

    Raises StartupError (which stack?) and SettingsError (no token, another endpoint than the state records).
    """
    if account or not is_project(directory):
        if stack and not account:
            raise StartupError(
                f"{directory}: is no stack directory, so there is no stack {stack}; name the directory"
            )
        return Scope(settings_at(directory, None, require_token=require_token))
    found = StackDirectory.at(directory)

    def cli() -> PulumiCli:
        return PulumiCli.found(os.environ)

    name = stacks.chosen(found, cli, stack)
    settings = settings_at(directory, name, require_token=require_token)
    state = stacks.exported(found, cli, name)
    if state is None:
        stacks.require(found, name, cli)
    settings = settings.at(recorded_endpoint(state))
    return Scope(settings, found.project, name, recorded_objects(state), recorded_buckets(state), state)
