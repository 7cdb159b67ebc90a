"""The program of a stack directory as an inline program: run as Pulumi's own launcher would run it.

Nothing about the engine belongs here; only what surrounds one run of a `__main__.py`.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pulumi

from coreweave_inference.discovery import Recent
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.network.marks import note_error
from coreweave_inference.program.context import program_so_far
from coreweave_inference.stack.checks import LastObjects, remembering

from .environment import environment_with
from .events import name_of, type_of


class InlineProgram:
    """A program that runs with its directory as working directory and first on the import path.

    `refused` tells whether it raised, or was refused once all was declared. `variables` are in its
    environment while it runs, and `last` is what its checks know of the last state, `recent` what they read in the run before. `staying` are URNs of objects that it no
    longer declares and that a limited run leaves.
    """

    def __init__(self, program: Path) -> None:
        self._program = program
        self.refused = False
        self.variables: dict[str, str] = {}
        self.last: LastObjects = None
        self.recent = Recent()
        self.staying: tuple[str, ...] = ()

    def begin_anew(self) -> None:
        """Nothing that was found out about another run counts."""
        self.staying = ()
        self.recent.forget()

    def __call__(self) -> None:
        """Run it once. Raises pulumi.RunError: the program's own, or one line for what it raised."""
        try:
            self._run()
        except pulumi.RunError as error:
            self._note(error)
            raise
        declared = program_so_far()
        if declared is not None:
            declared.refused = self._note

    def _note(self, error: pulumi.RunError) -> None:
        self.refused = True
        note_error(error.__cause__ if isinstance(error.__cause__, CoreWeaveError) else CoreWeaveError())

    def _run(self) -> None:
        program = self._program
        if not program.is_file():
            raise pulumi.RunError(
                f"{program} is missing; a stack of inference.yaml needs two lines in it: "
                "`import coreweave_inference as cw` and `stack = cw.load()`"
            )
        with _as_launched(program), environment_with(self.variables), remembering(self.last, self.recent):
            try:
                with _declaring_again(self.staying):
                    runpy.run_path(str(program), run_name="__main__")
            except pulumi.RunError:
                raise
            except CoreWeaveError as error:
                raise pulumi.RunError(str(error)) from error
            except (Exception, SystemExit) as error:
                raise pulumi.RunError(_place_and_words(program, error)) from error


@contextmanager
def _declaring_again(urns: Sequence[str]) -> Iterator[None]:
    """Declare these objects after everything else of the program: the engine leaves what is declared and no target as the
    state has it, whatever its inputs. It must have seen their dependencies before.
    """
    if not urns:
        yield
        return
    declared: list[pulumi.Resource] = []

    def collect(resource: pulumi.ResourceTransformationArgs) -> None:
        declared.append(resource.resource)

    pulumi.runtime.register_stack_transformation(collect)
    yield
    for urn in urns:
        options = pulumi.ResourceOptions(depends_on=list(declared))
        pulumi.CustomResource(type_of(urn), name_of(urn), {}, options)


@contextmanager
def _as_launched(program: Path) -> Iterator[None]:
    """Working directory, arguments and import path as the program expects them, and afterwards as they were."""
    directory, path, arguments = os.getcwd(), list(sys.path), sys.argv
    before = set(sys.modules)
    os.chdir(program.parent)
    sys.path.insert(0, str(program.parent))
    sys.argv = [str(program)]
    try:
        yield
    finally:
        sys.argv = arguments
        sys.path[:] = path
        os.chdir(directory)
        _forget_modules_of(program.parent, before)


def _forget_modules_of(directory: Path, before: set[str]) -> None:
    """A preview and the run after it each import the program's own modules anew, as two processes would."""
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(directory) and "site-packages" not in Path(file).parts:
            del sys.modules[name]


def _place_and_words(program: Path, error: BaseException) -> str:
    """Where in the user's own files it happened, and what."""
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(program.parent) and "site-packages" not in frame.filename
    ]
    place = f"{own[-1].filename}:{own[-1].lineno}: " if own else f"{program}: "
    return f"{place}{type(error).__name__}: {error}"
