"""Pulumi's dynamic providers as an adapter: values in and out, errors as one line, and what the host leaves out of a request.

Nothing here decides anything about a resource.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, ParamSpec, TypeVar

from google.protobuf.struct_pb2 import Struct
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import UNKNOWN as PULUMI_UNKNOWN
from pulumi.output import Unknown
from pulumi.runtime import rpc

from coreweave_inference.errors import CoreWeaveError, Incomplete, one_line
from coreweave_inference.model.engine_secrets import is_secret
from coreweave_inference.model.nested import transform, whole_number
from coreweave_inference.model.unknown import UNKNOWN
from coreweave_inference.network.marks import note_error
from coreweave_inference.provider.lifecycle import Entry, Lifecycle
from coreweave_inference.provider.session import Session
from coreweave_inference.provider.values import URN, unknown_format

from . import process

P = ParamSpec("P")
R = TypeVar("R")


class CoreWeave(Exception):
    """What leaves a provider method. Its module is set so that a traceback line starts with the bare name."""


CoreWeave.__module__ = "builtins"


def one_line_errors(method: Callable[P, R]) -> Callable[P, R]:
    """Let a provider method fail with one line and without a traceback, and refuse a state of a format that it does not know.

    The host prints `traceback.format_exc()`; a limit of 0 leaves `Type: message` of it. It is set here and never
    in a module that a program imports: the SDK looks at the stack there and would hang.
    """

    @functools.wraps(method)
    def with_one_line(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            for given in args:
                if isinstance(given, Mapping) and (problem := unknown_format(given)):
                    raise CoreWeaveError(problem)
            return method(*args, **kwargs)
        except CoreWeaveError as error:
            note_error(error)
            text = str(error)
        except Exception as error:
            note_error(error)
            if os.environ.get("COREWEAVE_TRACEBACK") == "1":
                raise
            text = (
                f"unexpected {type(error).__name__} in {type(args[0]).__name__}.{method.__name__}: {one_line(str(error))}; "
                "run again with COREWEAVE_TRACEBACK=1 to see where, and report it"
            )
        if process.is_provider_process():
            sys.tracebacklimit = 0
        raise CoreWeave(text) from None

    return with_one_line


class DynamicProvider(ResourceProvider):
    """A lifecycle as Pulumi calls it. It has no attributes, so that state holds a reference to its class and nothing else."""

    serialize_as_secret_always = False
    lifecycle: ClassVar[Lifecycle]

    def configure(self, req: ConfigureRequest) -> None:
        """Adopt the stack's configuration."""
        process.configure(req.config.get)

    @one_line_errors
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """A failure for each fault, without a property name, which would print Go syntax."""
        try:
            run = process.current()
        except CoreWeaveError as error:
            note_error(error)
            return CheckResult(news, _failures([f"the account cannot be used: {error}"]))
        with _noting_a_failure(run):
            checked = self.lifecycle.check(run, plain(olds), plain(news))
        run.memory.failed = run.memory.failed or bool(checked.faults)
        return CheckResult(for_engine(checked.inputs), _failures(checked.faults))

    @one_line_errors
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Where something differs the engine finds out what by itself."""
        run = process.current()
        with _noting_a_failure(run):
            found = self.lifecycle.diff(run, id_, plain(olds), plain(news))
        replaces = list(found.replaces) or None
        return DiffResult(False if found.same else None, replaces, delete_before_replace=found.delete_first)

    @one_line_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Never raises once the service has accepted the creation: the host would lose the object. It warns instead."""
        run, declared = process.current(), plain(props)
        with _noting_a_failure(run):
            try:
                created = self.lifecycle.create(run, declared)
            except Incomplete as error:
                run.log.warning(str(declared.get(URN, "")), str(error))
                return CreateResult(error.id, error.outputs)
        return CreateResult(created.id, created.outputs)

    @one_line_errors
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """The host can record nothing of an update that fails, so the next run compares with the state before it."""
        run = process.current()
        with _noting_a_failure(run):
            return UpdateResult(self.lifecycle.update(run, id_, plain(olds), plain(news)))

    @one_line_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """An empty id says that it was deleted."""
        found = self.lifecycle.read(process.current(), _entry(id_, props))
        return ReadResult("", {}) if found is None else ReadResult(id_, found.outputs, found.inputs)

    @one_line_errors
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Of the state's entry the host hands over the outputs alone."""
        self.lifecycle.delete(process.current(), _entry(id_, props))


@contextmanager
def _noting_a_failure(run: Session) -> Iterator[None]:
    try:
        yield
    except Exception:
        run.memory.failed = True
        raise


def _entry(id_: str, outputs: Mapping[str, Any]) -> Entry:
    """The state's entry that is being served; its inputs and its URN are in the engine's request."""
    request = process.request_of_engine()
    sent = getattr(request, "old_inputs", None) or getattr(request, "inputs", None)
    inputs = plain(rpc.deserialize_properties(sent)) if isinstance(sent, Struct) else {}
    return Entry(id_, plain(outputs), inputs, str(getattr(request, "urn", "")))


def _failures(faults: Iterable[str]) -> list[CheckFailure]:
    return [CheckFailure("", fault) for fault in faults]


def plain(value: Any) -> Any:
    """Pulumi's unknowns become ours, whole floats ints, and our secrets their values, at any depth."""

    def replace(part: Any) -> Any:
        if isinstance(part, Unknown):
            return UNKNOWN
        return plain(part["value"]) if is_secret(part) else whole_number(part)

    return transform(value, replace)


def for_engine(value: Any) -> Any:
    """The inverse: our unknowns become Pulumi's."""
    return transform(value, lambda part: PULUMI_UNKNOWN if part is UNKNOWN else part)
