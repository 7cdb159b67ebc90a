"""The process that runs the providers: its session, the engine's log, and ending with the engine.

Pulumi starts `python -m pulumi.dynamic <engine address>` for each phase of a run and calls the providers in it
from four threads. Nothing here knows an API object.
"""

from __future__ import annotations

import inspect
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from coreweave_inference.api.retry_log import report_retry
from coreweave_inference.clock import RUN_DIRECTORY
from coreweave_inference.errors import single_line
from coreweave_inference.provider.session import Session
from coreweave_inference.settings.resolution import CONFIG_KEYS, Settings, resolve

WATCH = "end-with-engine"
RUN_CONFIG = "COREWEAVE_RUN_CONFIG"
"""Environment variable of a `cw-inference` run: the stack's configuration of now, as a JSON object of full keys. A
refresh and a destroy hand the providers the one of the last run."""


LOOK_EVERY_SECONDS = 1.0


def is_provider_process() -> bool:
    """Whether this process is Pulumi's dynamic provider host (and not a program, a test or the command line)."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return getattr(spec, "name", "") == "pulumi.dynamic.__main__"


def end_with_engine() -> None:
    """End this process when the engine dies: a killed engine leaves its plugins behind otherwise.

    The parent says nothing: it is a shell script, which outlives the engine. So its port is read. The last
    argument of this process is the engine's address; a second call changes nothing.
    """
    if any(thread.name == WATCH for thread in threading.enumerate()):
        return
    host, _, port = sys.argv[-1].rpartition(":")

    def watch() -> None:
        while _somebody_listens(host, int(port)):
            time.sleep(LOOK_EVERY_SECONDS)
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


def request_of_engine() -> Any:
    """What the engine asked this thread; None outside of a provider process. It is taken from the caller that has it."""
    frame = inspect.currentframe() if is_provider_process() else None
    while frame is not None:
        request = frame.f_locals.get("request")
        if hasattr(request, "urn"):  # A request to the service has none.
            return request
        frame = frame.f_back
    return None


class EngineLog:
    """Lines on a resource's row and under its diagnostics, sent to the engine."""

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

    def retry(self, text: str) -> None:
        """Show `text` on the row of the resource that is being served."""
        urn = str(getattr(request_of_engine(), "urn", ""))
        if not os.environ.get(RUN_DIRECTORY):
            self.progress(urn, text)
        report_retry(text, urn)

    def _send(self, severity: str, urn: str, text: str, *, ephemeral: bool) -> None:
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


_current: Session | None = None
_config: dict[str, str] = {}
_lock = threading.Lock()


def configure(read: Callable[[str], Any]) -> None:
    """Adopt the stack's configuration; called by the host once per provider class, before its first method."""
    with _lock:
        for key in CONFIG_KEYS:
            value = read(key)
            if value is not None:
                _config[key] = str(value)


def current() -> Session:
    """The session of this process, made by whoever needs it first. Raises SettingsError."""
    global _current
    with _lock:
        if _current is None:
            hosted = is_provider_process()
            if hosted:
                end_with_engine()
            _current = Session(_settings(os.environ, _config), log=EngineLog() if hosted else None)
        return _current


def _settings(environ: Mapping[str, str], config: Mapping[str, str]) -> Settings:
    """Of this process, which has nobody to ask what the state records.

    The program has judged the endpoint before anything was declared; without a program (a refresh, a destroy) each
    method compares it with the one in the state of its resource before it sends anything.
    """
    handed = environ.get(RUN_CONFIG)
    settings = resolve(environ, json.loads(handed) if handed else config)
    return replace(settings, endpoint_doubt="")
