"""The four runs of a stack. What precedes each is `stack_state`'s.

Everything goes through the Automation API; nothing here prints or asks.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pulumi import automation

from coreweave_inference.discovery import last_objects
from coreweave_inference.errors import StartupError
from coreweave_inference.host.process import RUN_CONFIG
from coreweave_inference.network.marks import WROTE, mark
from coreweave_inference.program.recorded import resources_of
from coreweave_inference.provider.deletion import WHOLE_STACK
from coreweave_inference.provider.session import RUN_DIRECTORY
from coreweave_inference.stack.checks import CHECKS, take_findings, take_places
from coreweave_inference.storage.key_sources import one_key

from . import settled, stacks
from .declared import refused_declaration
from .delete_first import deletion_steps, to_delete, to_remove, without_edges_to
from .directory import StackDirectory
from .environment import environment_with
from .events import Message, Step
from .findings import validation_findings
from .installation import CommandFailed, PulumiCli
from .interruption import RunDirectory, interruptible, run_directory
from .known_stack import KnownStack, known_stack, refresh_flag
from .limited import can_stay, note_staying, require_dependents
from .plans import Plan, new_salt, plan_of, recording, with_adoptions
from .program import InlineProgram
from .recording import Recorder
from .repair import State
from .results import Result, Watch, following, nobody
from .selection import Selection
from .stack_state import StackState, exported_by, has_account, require_known_format
from .teardown import DestroyPlan, guarded, plan_destroy

ALL = Selection()


class Engine:
    """One stack of one directory. `watch` is called with everything that happens, one call at a time."""

    def __init__(self, directory: StackDirectory, cli: PulumiCli, stack: str, watch: Watch = nobody) -> None:
        self.directory = directory
        self.stack = stack
        self._cli = cli
        self._watch = watch
        self._lock = threading.Lock()
        self._program = InlineProgram(directory.program)
        self._state = StackState(directory, cli, stack, lambda line: self._watch(Message("info", line)))
        self._seen_urns: frozenset[str] = frozenset()
        self._salt, self._seen = "", list[str]()
        self._plan: Plan | None = None
        self._identity_line: str | None = None

    @classmethod
    def opened(
        cls, path: Path, stack: str | None = None, watch: Watch = nobody, *, create: str = "with-file"
    ) -> Engine:
        """The engine of the directory `path`.

        A stack that the backend does not have is made there as `create` says: `never`, `with-file` (it has a file here) or
        `first` (also where the directory has no stack at all).

        Raises StartupError: no project, another virtualenv, no CLI, no stack.
        """
        directory = StackDirectory.at(path)
        directory.require_virtualenv()
        cli = PulumiCli.found(os.environ)
        name = stacks.chosen(directory, lambda: cli, stack)
        engine = cls(directory, cli, name, watch)
        if engine.state() is None:
            if create == "never" and directory.stack_file(name).is_file():
                raise StartupError(stacks.missing(directory, name, cli))
            stacks.create(directory, cli, name, first=create == "first")
        require_known_format(engine.state() or {})
        return engine

    @property
    def context(self) -> str:
        """What a run is about: project, stack, organisation where it is known, endpoint."""
        return self._state.context

    def state(self) -> State | None:
        """The stack's state with its secrets encrypted, as it was before the first run or after the last one.

        None where the backend has no such stack.
        """
        return self._state.read()

    def repair(self) -> tuple[str, ...]:
        """Repair what a crash left; one line on each thing done. Raises CoreWeaveError where that cannot be known."""
        return self._state.repair()

    def resources(self, selection: Selection = ALL) -> tuple[Step, ...]:
        """What the state holds, each as the deletion that a destroy would make of it. Raises StartupError."""
        return deletion_steps(self.state() or {}, selection)

    def preview(
        self, *, refresh: bool | None = None, selection: Selection = ALL, watch: Watch = nobody
    ) -> Result:
        """What an `up` would do; not ok where it must not. `refresh` None: as the project says. Raises StartupError."""
        if refused := refused_declaration(self.directory, self.stack):
            return refused
        previewing = ("preview", selection, refresh, lambda stack, **more: stack.preview(**more), watch)
        self._program.begin_anew()
        result = self._run_program(*previewing)
        self._program.staying = can_stay(self.state(), result.removed)
        if self._program.staying:
            result = self._run_program(*previewing)
        if self._program.refused and result.stopped_by_findings:
            result = result.showing(self._run_program(*previewing, checks="warn"))
        if result.ok:
            recorded = [found["urn"] for found in resources_of(self.state())]
            selection.refuse_unknown((*self._seen_urns, *recorded))
        # Not only after a success: a newer engine fails over the invalid state that it would write, in a preview already.
        require_dependents(result.steps, self.state(), selection)
        # An entry whose object stays under another key is no deletion.
        return guarded(with_adoptions(result, self._seen), self.state() or {}, self._state.settings_now)

    def plan(
        self, *, refresh: bool | None = None, selection: Selection = ALL, watch: Watch = nobody
    ) -> tuple[Result, Plan]:
        """A preview, and the plan that an `up` may run. Raises as `preview`."""
        self._salt = new_salt()
        preview = self.preview(refresh=refresh, selection=selection, watch=watch)
        made_of = (self.directory, self.stack, self.state(), selection, refresh, self._salt, self._seen)
        plan = replace(plan_of(*made_of, preview), staying=self._program.staying)
        whole = preview.settled and selection == ALL
        known = whole and settled.is_noted(plan, self.state(), self.directory, self.stack)
        return replace(preview, settled=known), plan

    def watch(self, watch: Watch) -> None:
        """Tell `watch` what happens from now on."""
        self._watch = watch

    def replace_state(self, state: State, base: State | None) -> None:
        """Put `state` in the place of `base`. Raises CoreWeaveError where another run has written the state since."""
        self._state.replace(state, base)

    def forget_state(self) -> None:
        """Read it anew: time has passed."""
        self._state.forget()

    def up(
        self,
        *,
        refresh: bool | None = None,
        selection: Selection = ALL,
        remove_first: bool = False,
        plan: Plan | None = None,
    ) -> Result:
        """Bring the stack, or what is selected of it, to what is declared.

        `remove_first` first deletes what is no longer declared and holds capacity. With a `plan`, whose `refresh` and
        `selection` count, nothing else is done than was planned. Raises PlanMoved where that can be known before the run.
        """
        self.repair()
        self._plan = plan
        if plan is not None:
            refresh, selection, self._program.staying = plan.refresh, plan.selection, plan.staying
            plan.require_same(self.state(), self.directory)
            # Others may have begun to use what it deletes.
            now = guarded(plan.preview, self.state() or {}, self._state.settings_now)
            if not now.ok:
                return replace(now, operation="up")
        removed = self._removed_first(refresh, selection) if remove_first else None
        if removed and (removed.stopped or not removed.ok):
            return removed
        result = self._run_program(
            "up", selection, refresh, lambda stack, **more: stack.up(**more), self._watch
        )
        if selection != ALL:
            # The program exports more than a part of the stack can know.
            result = replace(result, outputs={})
        elif result.ok and not self._program.staying:
            settled.note(self.directory, self.stack, self.state())
        return result if removed is None else following(removed, result)

    def plan_destroy(self, selection: Selection = ALL) -> DestroyPlan:
        """What a destroy would do with each object, or each selected one. Raises CoreWeaveError where the account cannot
        be listed, StartupError for a target that is nowhere.
        """
        urns = {step.urn for step in self.resources(selection)}
        if not urns:
            return DestroyPlan()
        return plan_destroy(self.state() or {}, urns, self._state.settings_now())

    def destroy(self, *, refresh: bool | None = None, selection: Selection = ALL) -> Result:
        """Delete everything that is not kept, or what is selected. A stack without resources is left alone."""
        self.repair()
        if not self.resources():
            return Result(
                "destroy", self.directory.project, self.stack, ok=True, repairs=tuple(self._state.repairs)
            )
        if selection.targets:
            return self._delete_alone(to_delete(self.state() or {}, selection))
        stack = self._known_stack()
        return self._run(
            "destroy",
            lambda watch: stack.destroy(on_event=watch, color="never"),
            refresh_flag(refresh),
            variables={WHOLE_STACK: "1"} if has_account(self.state() or {}) else {},
        )

    def refresh(self) -> Result:
        """Bring the state to what is live."""
        self.repair()
        stack = self._known_stack()
        return self._run("refresh", lambda watch: stack.refresh(on_event=watch, color="never"))

    def _run_program(
        self,
        operation: str,
        selection: Selection,
        refresh: bool | None,
        act: Callable[..., object],
        watch: Watch,
        checks: str = "",
    ) -> Result:
        if self._identity_line is None:
            self._identity_line = stacks.identify(self.directory, self.stack, new=not self.resources())
        stack, targets = self._known_stack(), selection.urns(self.stack, self.directory.project)
        state = self.state()
        variables = {**selection.variables(state), **({CHECKS: checks} if checks else {})}
        self._program.variables, self._program.last = self._variables(variables), last_objects(state)
        result = self._run(
            operation,
            lambda on_event: act(stack, on_event=on_event, color="never", target=targets),
            refresh_flag(refresh),
            watch,
        )
        return replace(result, messages=(*result.messages, *note_staying(self._program.staying, selection)))

    def _removed_first(self, refresh: bool | None, selection: Selection) -> Result | None:
        """Delete alone what a preview would delete; None where that is nothing, or the preview's own failure."""
        planned = self._plan.preview if self._plan else self.preview(refresh=refresh, selection=selection)
        urns = to_remove(planned.steps)
        if not planned.ok or not urns:
            return None if planned.ok else planned
        result = self._delete_alone(urns)
        self._plan = self._plan and self._plan.without(urns)
        return result

    def _delete_alone(self, urns: Sequence[str]) -> Result:
        """Delete these and nothing else; what stays no longer depends on them."""
        state = self.state()
        if state is not None:
            self._state.replace(without_edges_to(state, urns), state)
        stack = self._known_stack()
        return self._run(
            "destroy",
            lambda watch: stack.destroy(on_event=watch, color="never", target=list(urns)),
            ("--refresh=false",),
        )

    def _known_stack(self) -> KnownStack:
        return known_stack(self.directory, self._cli, self.stack, self._program)

    def _run(
        self,
        operation: str,
        act: Callable[[Callable[[automation.EngineEvent], None]], object],
        more: Sequence[str] = (),
        watch: Watch | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Result:
        adopted = self._plan.adopted if self._plan and operation == "up" else frozenset()
        recorder = Recorder(operation, watch or self._watch, self._lock, adopted)
        record = recorder.record
        configuration = self._state.configuration()
        settings = self._state.settings(configuration)
        settings.require_trusted()
        own = self._state.variables()
        if operation != "preview":
            self._state.forget()
        self._program.refused = False
        take_findings(), take_places()
        if self._identity_line:
            recorder.take(Message("info", self._identity_line))
            self._identity_line = ""
        with run_directory(recorder.take, self._state.place) as directory, one_key(directory.path, settings):
            known = {RUN_DIRECTORY: str(directory.path), RUN_CONFIG: json.dumps(configuration), **own}
            python = {"PULUMI_PYTHON_CMD": str(directory.provider_python())}
            variables = {**(variables or {}), **self._variables(known), **python}
            runs = self._plan if operation != "preview" else None
            deletes = operation == "destroy"
            directory.agree(runs.agreement(deletes_first=deletes) if runs else recording(self._salt))
            # What was perhaps made is noted before a signal can end this process.
            with environment_with(variables), interruptible(self._stop(directory), self._cli.interrupt):
                failure = self._failure(lambda: act(recorder.on_event), more)
                if failure is not None:
                    self._state.persist_unresolved(directory, record)
            stopped, moved, self._seen = directory.stopped, directory.moved(), directory.seen()
            wrote = directory.wrote or (operation != "preview" and record.wrote)
            refused = failure is not None and not wrote and directory.refused(otherwise=record.refused)
            if wrote:
                mark(WROTE)
                self._program.recent.forget()
        self._seen_urns = record.urns
        ok, places = failure is None, take_places()
        quiet = ok and operation == "preview" and record.leaves_all_as_it_is(exported_by(self.state()))
        return record.result(
            operation,
            self.directory.project,
            self.stack,
            ok=ok,
            stopped=stopped,
            moved=moved,
            errors=recorder.errors(failure, places),
            outputs=record.outputs if operation == "up" and ok else {},
            settled=quiet,
            repairs=tuple(self._state.repairs),
            findings=(*take_findings(), *validation_findings(record.messages, places)),
            refused=refused,
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
