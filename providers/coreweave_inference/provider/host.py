"""The process that runs the providers: the engine's log, errors as one line, and ending with the engine.

Pulumi starts `python -m pulumi.dynamic <engine address>` for each phase of a run and calls the providers in it
from four threads. Nothing here knows an API object; what must be remembered during one run is in `session`.
"""

from __future__ import annotations

import functools
import inspect
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import rpc

from coreweave_inference.errors import CoreWeaveError, one_line, single_line
from coreweave_inference.network.marks import note_error

from .values import newer_format

P = ParamSpec("P")
R = TypeVar("R")
WATCH = "end-with-engine"


class CoreWeave(Exception):
    """What leaves a provider method. Its module is set so that a traceback line starts with the bare name."""


CoreWeave.__module__ = "builtins"


def is_provider_process() -> bool:
    """Whether this process is Pulumi's dynamic provider host (and not a program, a test or the command line)."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return getattr(spec, "name", "") == "pulumi.dynamic.__main__"


def recorded_inputs() -> dict[str, Any]:
    """The inputs in the state, as the engine sent them with the read or deletion that is being served; {} elsewhere."""
    request = _request()
    sent = getattr(request, "old_inputs", None) or getattr(request, "inputs", None)
    return dict(rpc.deserialize_properties(sent)) if isinstance(sent, Struct) else {}


def entry_urn() -> str:
    """The URN of the state's entry that is being served; empty elsewhere."""
    return str(getattr(_request(), "urn", ""))


def _request() -> Any:
    """What the engine asked. The host hands a provider the outputs alone, so it is taken from the caller that has it."""
    frame = inspect.currentframe() if is_provider_process() else None
    while frame is not None:
        request = frame.f_locals.get("request")
        if request is not None:
            return request
        frame = frame.f_back
    return None


def one_line_errors(method: Callable[P, R]) -> Callable[P, R]:
    """Let a provider method fail with one line and without a traceback, and refuse a state of a newer format.

    The host prints `traceback.format_exc()`; a limit of 0 leaves `Type: message` of it. It is set here and never
    in a module that a program imports: the SDK looks at the stack there and would hang.
    """

    @functools.wraps(method)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            for given in args:
                if isinstance(given, Mapping) and (problem := newer_format(given)):
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
                f"unexpected {type(error).__name__} in {method.__qualname__}: {one_line(str(error))}; "
                "run again with COREWEAVE_TRACEBACK=1 to see where, and report it"
            )
        if is_provider_process():
            sys.tracebacklimit = 0
        raise CoreWeave(text) from None

    return told


def end_with_engine(look_every_seconds: float = 1.0) -> None:
    """End this process when the engine dies: a killed engine leaves its plugins behind otherwise.

    The parent says nothing: it is a shell script, which outlives the engine. So its port is read. The last
    argument of this process is the engine's address; a second call changes nothing.
    """
    if any(thread.name == WATCH for thread in threading.enumerate()):
        return
    host, _, port = sys.argv[-1].rpartition(":")

    def watch() -> None:
        while _somebody_listens(host, int(port)):
            time.sleep(look_every_seconds)
        os._exit(1)

    threading.Thread(target=watch, name=WATCH, daemon=True).start()


def _somebody_listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=10).close()
    except ConnectionRefusedError:
        return False
    except OSError:  # A machine short of something else; a provider must not die of that.
        return True
    return True


class EngineLog:
    """Lines on a resource's row (`progress`) and under its diagnostics (`warning`, `note`).

    Outside of a provider process the lines go to `sys.stderr`, so that a provider can be driven by hand.
    """

    def __init__(self) -> None:
        self._stub: Any = None
        self._lock = threading.Lock()

    def progress(self, urn: str, text: str) -> None:
        """Show `text` on the row of `urn` until the next line replaces it."""
        self._send("INFO", urn, text, ephemeral=True)

    def note(self, urn: str, text: str) -> None:
        """Keep `text` under the diagnostics of `urn`."""
        self._send("INFO", urn, text, ephemeral=False)

    def warning(self, urn: str, text: str) -> None:
        """Keep `text` under the diagnostics of `urn`, as a warning."""
        self._send("WARNING", urn, text, ephemeral=False)

    def _send(self, severity: str, urn: str, text: str, *, ephemeral: bool) -> None:
        if not is_provider_process():
            if not ephemeral:
                print(f"{severity.lower()}: {text}", file=sys.stderr)
            return
        from pulumi.runtime.proto import engine_pb2

        text, level = single_line(text), getattr(engine_pb2, severity)
        request = engine_pb2.LogRequest(severity=level, message=text, urn=urn, ephemeral=ephemeral)
        try:
            self._engine().Log(request, timeout=5)
        except Exception:  # A line that cannot be shown must never fail what it speaks of.
            return

    def _engine(self) -> Any:
        with self._lock:
            if self._stub is None:
                import grpc
                from pulumi.runtime.proto import engine_pb2_grpc

                # The host is started with the engine's address as its last argument.
                self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(sys.argv[-1]))
            return self._stub
