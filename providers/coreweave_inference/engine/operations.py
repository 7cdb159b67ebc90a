"""The four runs of a stack. What precedes each is `stack_state`'s.

Everything goes through the Automation API; nothing here prints or asks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from coreweave_inference.discovery import last_objects
from coreweave_inference.errors import StartupError
from coreweave_inference.program.recorded import resources_of
from coreweave_inference.provider.deletion import WHOLE_STACK
from coreweave_inference.stack.checks import CHECKS

from . import settled, stacks
from .declared import refused_declaration
from .delete_first import deletion_steps, to_delete, to_remove, without_edges_to
from .directory import StackDirectory
from .engine_run import EngineRun
from .events import Step
from .installation import PulumiCli
from .known_stack import refresh_flag
from .limited import can_stay, note_staying, require_dependents
from .plans import Plan, new_salt, plan_of, recording, with_adoptions
from .repair import State
from .results import Result, Watch, following, nobody
from .selection import Selection
from .stack_state import has_account, require_known_format
from .teardown import DestroyPlan, guarded, plan_destroy

ALL = Selection()


class Engine(EngineRun):
    """One stack of one directory. `watch` is called with everything that happens, one call at a time."""

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
        """What a run is about: project, stack, organization where it is known, endpoint."""
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
        return self._preview(refresh, selection, watch)

    def _preview(self, refresh: bool | None, selection: Selection, watch: Watch, salt: str = "") -> Result:
        """`salt` is that of the digests in what its providers write down."""
        if refused := refused_declaration(self.directory, self.stack):
            return refused
        previewing = partial(
            self._run_program,
            "preview",
            selection,
            refresh,
            lambda stack, **more: stack.preview(**more),
            watch,
            recording(salt),
        )
        self._program.begin_anew()
        result = previewing()
        self._program.staying = can_stay(self.state(), result.removed)
        if self._program.staying:
            result = previewing()
        if self._program.refused and result.stopped_by_findings:
            result = result.showing(previewing(checks="warn"))
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
        salt = new_salt()
        preview = self._preview(refresh, selection, watch, salt)
        made_of = (self.directory, self.stack, self.state(), selection, refresh, salt, self._seen)
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
        if plan is not None:
            refresh, selection, self._program.staying = plan.refresh, plan.selection, plan.staying
            plan.require_same(self.state(), self.directory)
            # Others may have begun to use what it deletes.
            now = guarded(plan.preview, self.state() or {}, self._state.settings_now)
            if not now.ok:
                return replace(now, operation="up")
        removed = None
        if remove_first:
            removed, plan = self._removed_first(refresh, selection, plan)
        if removed and (removed.stopped or not removed.ok):
            return removed
        result = self._run_program(
            "up",
            selection,
            refresh,
            lambda stack, **more: stack.up(**more),
            self._watch,
            plan.agreement(deletes_first=False) if plan else recording(),
            adopted=plan.adopted if plan else frozenset(),
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
        agreement: str,
        adopted: Collection[str] = (),
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
            agreement=agreement,
            adopted=adopted,
        )
        return replace(result, messages=(*result.messages, *note_staying(self._program.staying, selection)))

    def _removed_first(
        self, refresh: bool | None, selection: Selection, plan: Plan | None
    ) -> tuple[Result | None, Plan | None]:
        """Delete alone what a preview would delete, None where that is nothing, or the preview's own failure; and what
        remains of the plan.
        """
        planned = plan.preview if plan else self.preview(refresh=refresh, selection=selection)
        urns = to_remove(planned.steps)
        if not planned.ok or not urns:
            return None if planned.ok else planned, plan
        result = self._delete_alone(urns, plan)
        return result, plan and plan.without(urns)

    def _delete_alone(self, urns: Sequence[str], plan: Plan | None = None) -> Result:
        """Delete these and nothing else; what stays no longer depends on them."""
        state = self.state()
        if state is not None:
            self._state.replace(without_edges_to(state, urns), state)
        stack = self._known_stack()
        return self._run(
            "destroy",
            lambda watch: stack.destroy(on_event=watch, color="never", target=list(urns)),
            ("--refresh=false",),
            agreement=plan.agreement(deletes_first=True) if plan else recording(),
        )
