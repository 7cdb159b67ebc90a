"""Situations that are no fault of the service: a colleague, a second stack, a protected object, a full disk.

Each begins with an account that is as declared, makes something happen, runs the product, and says which promises the
run broke. It puts everything back, so that the life goes on. What a situation may use is its `SituationContext`.
"""

from __future__ import annotations

import contextlib
import copy
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol

from coreweave_inference.simulator import Simulator

from tests.faults.account import Violation
from tests.faults.misbehaviour import Kill
from tests.faults.programs import ORGANIZATION, Program
from tests.faults.stage import STRANGERS, Stage

LONGEST_DELETION_SECONDS = 20.0

Ran = tuple[bool, tuple[str, ...]]
"""Whether a run says that it succeeded, and what it printed."""


class Run(Protocol):
    """A run of the life's stack through the engine, in this process."""

    def __call__(self, operation: str, *, refresh: bool = True) -> Ran:
        """`operation` is `up` or `destroy`."""
        ...


class Killed(Protocol):
    """A run during which a process is ended."""

    def __call__(self, kill: Kill, act: Callable[[], Ran]) -> Ran:
        """`act` under `kill`."""
        ...


class SecondStack(Protocol):
    """Another stack in a directory of its own; both are removed afterwards."""

    def __call__(
        self, files: Mapping[str, str], stack: str, variables: Mapping[str, str] | None = None
    ) -> contextlib.AbstractContextManager[Path]:
        """`variables` are those of its owner, where they differ from the life's."""
        ...


class Command(Protocol):
    """`cw-inference` as a process of its own."""

    def __call__(
        self, *arguments: str, directory: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """The exit code and everything that was printed; the life's stack directory is the default."""
        ...


@dataclass(frozen=True)
class SituationContext:
    """What a situation acts on. `program` is what is declared, live and recorded at the beginning."""

    stage: Stage
    program: Program
    random: Random
    run: Run
    command: Command
    killed: Killed
    second_stack: SecondStack

    @property
    def simulator(self) -> Simulator:
        """The service."""
        return self.stage.simulator

    def account(self) -> dict[str, str]:
        """Everything in the account by id, as text that changes with each change of a spec, a tag or a policy."""
        return self.stage.everything()

    def document(self) -> dict[str, Any]:
        """The declaration, for a situation to change."""
        return copy.deepcopy(self.program.document())

    def declare(self, document: Mapping[str, Any]) -> None:
        """Write inference.yaml."""
        self.stage.declare_document(document)

    def restored(self) -> list[Violation]:
        """Declare and run what the situation began with; a run that fails now is a promise broken."""
        self.stage.declare(self.program)
        ok, printed = self.run("up")
        return [] if ok else [Violation("not done", f"the run that puts back failed: {_short(printed)}")]

    def stranger(self, kind: str, spec: Mapping[str, Any]) -> str:
        """An object that somebody else makes in the account; its id."""
        number = self.random.getrandbits(48)
        id_ = f"5f1c0f6a-0000-4000-8000-{number:012x}"
        own = {"id": id_, "name": f"{STRANGERS}-{number:012x}", "organizationId": ORGANIZATION}
        self.simulator.world.create(kind, ORGANIZATION, {**own, **spec})  # type: ignore[arg-type]
        return id_

    def delete_stranger(self, kind: str, id_: str) -> None:
        """Delete it and wait until it is deleted."""
        world = self.simulator.world
        record = world.find(kind, id_)  # type: ignore[arg-type]
        if record is None:
            return
        world.delete(record)
        deadline = time.monotonic() + LONGEST_DELETION_SECONDS
        while world.find(kind, id_) is not None and time.monotonic() < deadline:  # type: ignore[arg-type]
            time.sleep(0.02)


@dataclass(frozen=True)
class Situation:
    """`act` needs what `possible` says of the program; `plain`: plain `pulumi` keeps this promise too."""

    name: str
    act: Callable[[SituationContext], list[Violation]]
    possible: Callable[[Program], bool] = lambda program: bool(program.objects())
    plain: bool = False
    keeps: bool = True
    """False: objects are deleted and made anew on the way."""


def unchanged(what: str, before: Mapping[str, str], after: Mapping[str, str], report: Any) -> list[Violation]:
    """A violation of promise `what` for each object that is not as it was."""
    return [
        Violation(what, f"{id_}: {before.get(id_)} became {after.get(id_)}; {_short(report)}")
        for id_ in sorted({*before, *after})
        if before.get(id_) != after.get(id_)
    ]


def refused(ran: Ran, before: Mapping[str, str], after: Mapping[str, str]) -> list[Violation]:
    """A run that had to refuse before its first write: it says so, and the account is as it was."""
    ok, printed = ran
    found = unchanged("deleted before an error", before, after, printed)
    return [*found, *([Violation("not done", f"it did not refuse: {_short(printed)}")] if ok else [])]


def _short(report: Any) -> str:
    text = report if isinstance(report, str) else json.dumps(report)
    return text[:1500]
