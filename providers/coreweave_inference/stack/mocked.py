"""What a Python program declares, without an engine: it runs with Pulumi's mocks, and nothing is created.

What its outputs will be is not known then, so nothing that needs them is judged.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import set_all_config
from pulumi.runtime.stack import run_pulumi_func

from coreweave_inference.checks import PlainObject
from coreweave_inference.declaration import Origin
from coreweave_inference.errors import Fault
from coreweave_inference.model.bucket_names import bucket_name_problem
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import faults
from coreweave_inference.model.shape import fields_of
from coreweave_inference.program.context import Program, current_program
from coreweave_inference.program.data_sources import program_lookups
from coreweave_inference.program.last_state import READ
from coreweave_inference.provider.bucket_policies import faults_of
from coreweave_inference.resources.account import declared_twice
from coreweave_inference.resources.api_resource import plain_values

from .checks import plain_object


@dataclass
class Declared:
    """The objects of a program, everything that is wrong with it, and where it declares each object, by its path."""

    identity: str = ""
    objects: tuple[PlainObject, ...] = ()
    faults: list[Fault] = field(default_factory=list)
    origins: dict[str, Origin] = field(default_factory=dict)

    def origin(self, path: str) -> Origin:
        """Where the object at `path` (`deployments.chat.traffic`) is declared."""
        return self.origins.get(".".join(path.split(".")[:2]), Origin("", 0))


@dataclass(frozen=True)
class MockedStack:
    """The stack that a program finds itself in. Offline, existing objects are not asked for."""

    project: str
    name: str
    organization: str
    configuration: Mapping[str, str]
    offline: bool


def declared_by(run: Callable[[], None], directory: Path, stack: MockedStack) -> Declared:
    """Run a program of `directory`. What it raises is one of the faults; what it declared before is judged all the same."""
    found = Declared()
    lines: dict[pulumi.Resource, Origin] = {}

    def note(args: pulumi.ResourceTransformationArgs) -> None:
        lines[args.resource] = _caller_in(directory)

    async def program() -> None:
        pulumi.runtime.register_stack_transformation(note)
        program_lookups().offline = stack.offline
        try:
            with redirect_stdout(sys.stderr):  # The report is on standard output.
                run()
        except pulumi.RunError as error:
            found.faults.append(_fault(error, directory))
        with suppress(pulumi.RunError):  # Then the program got the error, too.
            declared = current_program()
            declared.look_first = lambda: None
            _judge(declared, lines, found)

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # The mocks declare the stack itself, on the loop that is current then.
    pulumi.runtime.set_mocks(
        _Echo(), stack.project, stack.name, preview=True, organization=stack.organization
    )
    set_all_config(dict(stack.configuration))
    with suppress(Exception):  # Of what only a run knows; the program's own code has ended by then.
        loop.run_until_complete(run_pulumi_func(program))
    return found


class _Echo(pulumi.runtime.Mocks):
    """Every resource has what was declared, and the stack has no last state."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return None, dict(args.inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        return {"outputs": {}} if args.token == READ else {}


def _judge(program: Program, lines: Mapping[pulumi.Resource, Origin], found: Declared) -> None:
    found.identity = program.identity
    found.objects = tuple(plain_object(resource) for resource in program.objects)
    found.faults += [Fault(text) for text in declared_twice(program)]
    for path, resource, wrong in (*_of_objects(program), *_of_buckets(program), *_of_policies(program)):
        origin = found.origins[path] = lines.get(resource, Origin("", 0))
        found.faults += [
            replace(fault, path=f"{path}.{fault.path}", file=origin.file, line=origin.line) for fault in wrong
        ]


Judged = Iterator[tuple[str, pulumi.Resource, list[Fault]]]


def _of_objects(program: Program) -> Judged:
    for resource in program.objects:
        kind: Kind = resource.kind
        spec = plain_values(resource.declared)
        known = {key: value for key, value in spec.items() if key in fields_of(kind.model)}
        yield f"{kind.section}.{resource.place.key}", resource, faults(kind, known)


def _of_buckets(program: Program) -> Judged:
    for resource in program.buckets:
        name = resource.declared_name
        problem = "" if name is None else bucket_name_problem(name)
        wrong = [Fault(f'"{name}" {problem}', path="name")] if problem else []
        yield f"buckets.{resource.place.key}", resource, wrong


def _of_policies(program: Program) -> Judged:
    for resource in program.policies:
        yield f"buckets.{resource.place.key}", resource, faults_of(plain_values(resource.declared))


def _fault(error: pulumi.RunError, directory: Path) -> Fault:
    """What a program raised, with its line. What is no RunError of its own has its place in the text already."""
    frames = [Origin(one.filename, one.lineno or 0) for one in traceback.extract_tb(error.__traceback__)]
    own = [_relative(one, directory) for one in frames if _is_own(one.file, directory)]
    origin = own[-1] if own else Origin("", 0)
    return Fault(str(error), file=origin.file, line=origin.line)


def _caller_in(directory: Path) -> Origin:
    """The line of the program's own code that is being run."""
    frame = sys._getframe()
    while frame is not None:
        if _is_own(frame.f_code.co_filename, directory):
            return _relative(Origin(frame.f_code.co_filename, frame.f_lineno), directory)
        frame = frame.f_back  # type: ignore[assignment]
    return Origin("", 0)


def _is_own(file: str, directory: Path) -> bool:
    return Path(file).is_relative_to(directory) and "site-packages" not in Path(file).parts


def _relative(origin: Origin, directory: Path) -> Origin:
    return replace(origin, file=str(Path(origin.file).relative_to(directory)))
