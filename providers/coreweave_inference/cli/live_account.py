"""What a command knows of a stack or an account: its settings, what its state records, and one LIST of each kind."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.api.objects import ApiObject
from coreweave_inference.clock import system
from coreweave_inference.discovery import recorded_buckets, recorded_objects
from coreweave_inference.engine import stacks
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.engine.installation import PulumiCli
from coreweave_inference.engine.refusals import StartupError
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.model.kinds import Kind
from coreweave_inference.program.last_state import recorded_endpoint
from coreweave_inference.settings.resolution import Settings
from coreweave_inference.status import Recorded, RecordedBucket

from .context import is_project, settings_at

RETRY_SECONDS = 10.0
"""How long a failing LIST is repeated: a person waits for it."""

Lists = Mapping[Kind, Sequence[ApiObject]]


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


@dataclass(frozen=True)
class Account:
    """Everything in the account at one moment; `unread` says why a kind could not be listed."""

    lists: Lists
    unread: Mapping[Kind, str] = field(default_factory=dict)
    now: float = 0.0

    def get(self, kind: Kind, id_: str) -> ApiObject | None:
        """One object of the lists."""
        return next((found for found in self.lists.get(kind, ()) if found.id == id_), None)


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
    found, cli = StackDirectory.at(directory), PulumiCli.found(os.environ)
    name = stacks.chosen(found, cli, stack)
    settings = settings_at(directory, name, require_token=require_token)
    state = stacks.exported(found, cli, name)
    if state is None:
        stacks.require(found, name, lambda: cli)
    settings = settings.at(recorded_endpoint(state))
    return Scope(settings, found.project, name, recorded_objects(state), recorded_buckets(state), state)


@contextmanager
def opened(settings: Settings) -> Iterator[InferenceApi]:
    """The API with little patience."""
    impatient = replace(settings, retry_seconds=min(settings.retry_seconds, RETRY_SECONDS))
    with InferenceApi.of(impatient) as api:
        yield api


def listed(api: InferenceApi, kinds: Sequence[Kind] = tuple(Kind)) -> Account:
    """One LIST of each kind, side by side. Raises the error of the first where none could be had."""
    with ThreadPoolExecutor(len(kinds)) as pool:
        asked = {kind: pool.submit(api.list, kind) for kind in kinds}
    lists: dict[Kind, Sequence[ApiObject]] = {}
    errors: dict[Kind, CoreWeaveError] = {}
    for kind, future in asked.items():
        try:
            lists[kind] = future.result()
        except CoreWeaveError as error:
            errors[kind] = error
    if not lists:
        raise next(iter(errors.values()))
    now = api.service_time()
    return Account(
        lists, {kind: str(error) for kind, error in errors.items()}, system.now() if now is None else now
    )
