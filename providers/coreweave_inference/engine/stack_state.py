"""What precedes a run of a stack: its state read and repaired, a stale lock taken away, its settings resolved.

Everything goes through the CLI; nothing here prints or asks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from coreweave_inference.errors import CoreWeaveError, StartupError
from coreweave_inference.model.engine_secrets import without_secrets
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.program.recorded import recorded_endpoint, refuse_other_stack, resources_of
from coreweave_inference.provider.adoption import TAKE_OVER
from coreweave_inference.provider.session import Session
from coreweave_inference.provider.values import PACKAGE_VERSION, unknown_format
from coreweave_inference.settings.resolution import CONFIG_KEYS, Settings, resolve

from . import local_backend, repair, stacks
from .attempts import (
    perhaps_made,
    persist_attempts,
    restore_pending,
    unresolved_attempts,
    with_attempts_pending,
)
from .deletions import not_confirmed, noted_deletions, persist_deletions, restored, unconfirmed
from .directory import StackDirectory
from .engine_processes import record_of
from .events import ACCOUNT, STACK_TYPE, Message
from .installation import CommandFailed, PulumiCli
from .interruption import RunDirectory, left_by_killed_runs
from .locks import is_stale, locks_in
from .recovery import Recovery, organization_in
from .repair import Repaired, State, repaired
from .results import Record
from .teardown import known_ids

T = TypeVar("T")
CREATIONS = ("create", "adopt", "create-replacement")


class StackState:
    """The state of one stack. `repairs` are lines on what was repaired so far; `report` is called with each of them."""

    def __init__(
        self, directory: StackDirectory, cli: PulumiCli, stack: str, report: Callable[[str], None]
    ) -> None:
        self.repairs: list[str] = []
        self._directory = directory
        self._cli = cli
        self._stack = stack
        self._report = report
        self._known: State | None = None

    @property
    def place(self) -> str:
        """What names the stack on this machine."""
        backend = os.environ.get("PULUMI_BACKEND_URL", "")
        return "\n".join((backend, str(self._directory.path.resolve()), self._stack.rsplit("/", 1)[-1]))

    @property
    def context(self) -> str:
        """What a run is about: project, stack, organization where it is known, endpoint."""
        settings = resolve(os.environ, self._directory.plain_configuration(self._stack), require_token=False)
        organization = organization_of(self.read() or {})
        named = f", organization {organization}" if organization else ""
        return f"stack {self._directory.project}/{self._stack.rsplit('/', 1)[-1]}{named}, {settings.endpoint}"

    def read(self) -> State | None:
        """The stack's state with its secrets encrypted, as it was before the first run or after the last one.

        None where the backend has no such stack.
        """
        if self._known is None:
            self._known = self._readable(
                lambda: stacks.exported(self._directory, lambda: self._cli, self._stack)
            )
        return self._known

    def forget(self) -> None:
        """Read it anew: a run may have written it."""
        self._known = None

    def repair(self) -> tuple[str, ...]:
        """Repair what a crash left; one line on each thing done. Raises CoreWeaveError where that cannot be known."""
        base = self.read()
        refuse_other_stack(base, self._directory.project, self._stack)
        killed = left_by_killed_runs(self.place)
        notes = {id_: note for one in killed for id_, note in unconfirmed(one.deletions()).items()}
        pending = with_attempts_pending(base or {})
        state = persist_deletions(pending, notes)
        if not repair.pending(state) and not noted_deletions(state):
            return ()
        session = Session(self.settings_now())
        try:
            recovery = Recovery(session, organization_in(state))
            created = self._recovered(state, recovery)
            deleted = restored(created.state, recovery.deletions)
        finally:
            session.api.close()
        if created.changed or deleted.changed or state is not pending:
            self.replace(deleted.state, base)
        for one in killed:
            one.cross_out(notes)
        lines = (*created.lines, *deleted.lines)
        for line in lines:
            self._repaired(line)
        return lines

    def _recovered(self, state: State, recovery: Recovery) -> Repaired:
        if repair.pending(state):
            self._report("a run was interrupted before it ended; looking for what it had begun")
        if noted_deletions(state):
            self._report("a run ended before its deletions were confirmed; looking for what it deleted")
        return repaired(state, recovery)

    def _repaired(self, line: str) -> None:
        self.repairs.append(line)
        self._report(line)

    def replace(self, state: State, base: State | None) -> None:
        """Put `state` in the place of `base`, which it was made from. Raises CoreWeaveError where another run has written
        the state since, or holds its lock: what that one recorded would be lost.
        """
        self._known = None
        if self.read() != base:
            self._known = None
            raise CoreWeaveError(
                f'stack "{self._stack}": its state was changed by another run while it was repaired; nothing was written; '
                "run again when that run has ended"
            )
        self._known = None
        text = json.dumps(restore_pending(state))
        arguments = ["stack", "import", "--stack", self._stack]
        self.unlocked(
            lambda: self._cli.run(list(arguments), str(self._directory.path), {}, standard_input=text)
        )

    def persist_unresolved(self, directory: RunDirectory, record: Record) -> None:
        """Note in the state what was perhaps created, and what was deleted and not confirmed, and is not in it: the next run
        looks for it.
        """
        created = (s.urn for s in record.steps() if s.phase == "done" and s.op in CREATIONS)
        left, deleted = unresolved_attempts(directory.attempts(), created), unconfirmed(directory.deletions())
        if not left and not deleted:
            return
        try:
            base = self.read()
            state = persist_deletions(persist_attempts(base or {}, left) or base or {}, deleted)
            if state != base:
                self.replace(state, base)
        except CoreWeaveError as error:
            why = f"that could not be noted: {error}"
            if left:
                record.add(Message("warning", f"{perhaps_made(left)}; {why}"))
            if deleted:
                record.add(Message("warning", f"{not_confirmed(deleted)}; {why}"))

    def variables(self) -> dict[str, str]:
        """Environment variables that tell the providers of a run what the state shows of this stack's objects."""
        known = self._known or {}
        ids = repair.own_ids(with_attempts_pending(known))
        allowed = [os.environ[TAKE_OVER]] if os.environ.get(TAKE_OVER) else []
        return {**({TAKE_OVER: ",".join([*allowed, *ids])} if ids else {}), **known_ids(known)}

    def settings(self, configuration: Mapping[str, str]) -> Settings:
        """As they are now. Raises SettingsError: no token, or another endpoint than the state records."""
        secret = self._directory.secret_keys(self._stack)
        settings = resolve(os.environ, configuration, secret)
        return settings.at(recorded_endpoint(self.read()))

    def settings_now(self) -> Settings:
        """From the environment and the stack's configuration. Raises SettingsError as `settings`."""
        return self.settings(self.configuration())

    def configuration(self) -> dict[str, str]:
        """What `resolve` reads of the stack's configuration as it is now."""
        found = stacks.configuration(self._directory, self._stack, lambda: self._cli)
        return {key: found[key] for key in CONFIG_KEYS if key in found}

    def _readable(self, act: Callable[[], T]) -> T:
        """Do it; once more after empty attributes were taken away that a killed run had left in a local backend."""
        return local_backend.read(act, self._cli, self._directory.path, self._repaired)

    def unlocked(self, act: Callable[[], T]) -> T:
        """Do it; once more after a lock was taken away whose process on this machine has ended."""
        try:
            return self._readable(act)
        except CommandFailed as error:
            locks = locks_in(error.text)
            if not locks:
                raise
            if not all(is_stale(lock, record_of(lock.pid), os.environ) for lock in locks):
                held = "; ".join(str(lock) for lock in locks)
                raise StartupError(
                    f'stack "{self._stack}" is locked by {held}; wait for that run to end, or, if it is known to be dead, '
                    f"take the lock away with `pulumi cancel --stack {self._stack}`"
                ) from error
        self._cli.run(["cancel", "--yes", "--stack", self._stack], str(self._directory.path), {})
        self._repaired(f"removed the stale lock of {'; '.join(map(str, locks))} (its process is not running)")
        return self._readable(act)


def require_known_format(state: State) -> None:
    """Raise StartupError where a later version of this package wrote the state; the account tells which."""
    ours = (each for each in resources_of(state) if str(each.get("type", "")).startswith(TYPES))
    outputs = [each.get("outputs") or {} for each in ours]
    outputs.sort(key=lambda found: PACKAGE_VERSION not in found)
    problem = next(filter(None, map(unknown_format, outputs)), "")
    if problem:
        raise StartupError(problem)


def has_account(state: State) -> bool:
    """Whether a destroy of the whole stack ends with the account: one that is protected, kept or not there waits for nothing."""
    found = [one for one in resources_of(state) if one.get("type") == ACCOUNT]
    return any(not (one.get("protect") or one.get("retainOnDelete")) for one in found)


def organization_of(state: State) -> str:
    """The organization that a resource of the stack recorded; the account of a first run is still empty."""
    found = (str((each.get("outputs") or {}).get("organizationId") or "") for each in resources_of(state))
    return next(filter(None, found), "")


def exported_by(state: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the stack exports; a secret is `[secret]`."""
    for resource in resources_of(state):
        if resource.get("type") == STACK_TYPE:
            return dict(without_secrets(resource.get("outputs") or {}, "[secret]"))
    return {}
