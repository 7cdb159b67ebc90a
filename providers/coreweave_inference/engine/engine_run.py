"""One run of the engine: what is handed to program and providers, what is recorded, and how it ended.

The same for a preview, an up, a destroy and a refresh; what each of them does besides is `operations`'.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pulumi import automation

from coreweave_inference.host.process import RUN_CONFIG
from coreweave_inference.network.marks import WROTE, mark
from coreweave_inference.provider.session import RUN_DIRECTORY
from coreweave_inference.stack.checks import take_findings, take_places
from coreweave_inference.storage.key_sources import one_key

from .directory import StackDirectory
from .environment import environment_with
from .events import Message
from .findings import validation_findings
from .installation import CommandFailed, PulumiCli
from .interruption import RunDirectory, interruptible, run_directory
from .known_stack import KnownStack, known_stack
from .plans import recording
from .program import InlineProgram
from .recording import Recorder
from .results import Record, Result, Watch, nobody
from .stack_state import StackState, exported_by

NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Ended:
    """How a run ended, as far as its directory tells, which is removed after it. `moved` is what the plan no longer holds for."""

    failure: CommandFailed | None
    stopped: bool
    moved: tuple[str, ...]
    refused: bool


class EngineRun:
    """What the runs of one stack share. `watch` is called with everything that happens, one call at a time."""

    def __init__(self, directory: StackDirectory, cli: PulumiCli, stack: str, watch: Watch = nobody) -> None:
        self.directory = directory
        self.stack = stack
        self._cli = cli
        self._watch = watch
        self._lock = threading.Lock()
        self._program = InlineProgram(directory.program)
        self._state = StackState(directory, cli, stack, lambda line: self._watch(Message("info", line)))
        self._seen_urns: frozenset[str] = frozenset()
        self._seen: list[str] = []
        self._identity_line: str | None = None

    def _known_stack(self) -> KnownStack:
        return known_stack(self.directory, self._cli, self.stack, self._program)

    def _run(
        self,
        operation: str,
        act: Callable[[Callable[[automation.EngineEvent], None]], object],
        more: Sequence[str] = (),
        watch: Watch | None = None,
        *,
        variables: Mapping[str, str] = NONE,
        agreement: str = recording(),
        adopted: Collection[str] = (),
    ) -> Result:
        """Let the engine `act`, with `more` arguments. `agreement` is what the providers write down or compare with, `adopted`
        the URNs whose creations are adoptions.
        """
        recorder = Recorder(operation, watch or self._watch, self._lock, adopted)
        configuration = self._state.configuration()
        settings = self._state.settings(configuration)
        settings.require_trusted()
        known = {RUN_CONFIG: json.dumps(configuration), **self._state.variables()}
        if operation != "preview":
            self._state.forget()
        self._begin(recorder)
        with run_directory(recorder.take, self._state.place) as directory, one_key(directory.path, settings):
            directory.agree(agreement)
            # What was perhaps made is noted before a signal can end this process.
            with (
                environment_with({**variables, **self._handed_over(directory, known)}),
                interruptible(self._stop(directory), self._cli.interrupt),
            ):
                failure = self._failure(lambda: act(recorder.on_event), more)
                if failure is not None:
                    self._state.persist_unresolved(directory, recorder.record)
            ended = self._ended(operation, recorder.record, directory, failure)
        # The last lines of progress were taken in when the directory was left.
        return self._result(operation, recorder, ended)

    def _begin(self, recorder: Recorder) -> None:
        """Nothing of the run before counts, and what was done about the stack's identity is shown once."""
        self._program.refused = False
        take_findings(), take_places()
        if self._identity_line:
            recorder.take(Message("info", self._identity_line))
            self._identity_line = ""

    def _handed_over(self, directory: RunDirectory, known: Mapping[str, str]) -> dict[str, str]:
        """The environment of program and providers: see "Variables between the processes of a run" in docs/architecture.md."""
        variables = self._variables({RUN_DIRECTORY: str(directory.path), **known})
        return {**variables, "PULUMI_PYTHON_CMD": str(directory.provider_python())}

    def _ended(
        self, operation: str, record: Record, directory: RunDirectory, failure: CommandFailed | None
    ) -> Ended:
        """What the run's directory says, and what the next run has to know of it."""
        self._seen = directory.seen()
        wrote = directory.wrote or (operation != "preview" and record.wrote)
        if wrote:
            mark(WROTE)
            self._program.recent.forget()
        refused = failure is not None and not wrote and directory.refused(otherwise=record.refused)
        return Ended(failure, directory.stopped, directory.moved(), refused)

    def _result(self, operation: str, recorder: Recorder, ended: Ended) -> Result:
        record, failure = recorder.record, ended.failure
        self._seen_urns = record.urns
        ok, places = failure is None, take_places()
        quiet = ok and operation == "preview" and record.leaves_all_as_it_is(exported_by(self._state.read()))
        return record.result(
            operation,
            self.directory.project,
            self.stack,
            ok=ok,
            stopped=ended.stopped,
            moved=ended.moved,
            errors=recorder.errors(failure, places),
            outputs=record.outputs if operation == "up" and ok else {},
            settled=quiet,
            repairs=tuple(self._state.repairs),
            findings=(*take_findings(), *validation_findings(record.messages, places)),
            refused=ended.refused,
            seconds=recorder.seconds,
        )

    def _variables(self, variables: dict[str, str]) -> dict[str, str]:
        """What program and providers of a run get that plain `pulumi` does not give them."""
        return variables

    def _stop(self, directory: RunDirectory) -> Callable[[], None]:
        """What the first interrupt does."""
        return directory.stop

    def _failure(self, act: Callable[[], object], more: Sequence[str]) -> CommandFailed | None:
        """Run it with `more` arguments; what it failed with, if it did."""
        self._cli.more = tuple(more)
        try:
            self._state.unlocked(act)
        except CommandFailed as error:
            return error
        finally:
            self._cli.more = ()
        return None
