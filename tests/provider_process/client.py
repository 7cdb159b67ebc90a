"""The engine's side of a provider process: starts the real host and speaks its protocol, as a run of Pulumi does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import coreweave_inference
import grpc
from google.protobuf import empty_pb2
from google.protobuf.struct_pb2 import Struct
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN

__all__ = ["UNKNOWN", "Host", "Line", "Refused", "Resource"]

SOURCES = str(Path(coreweave_inference.__file__).parents[1])
START_SECONDS = 20.0


@dataclass(frozen=True)
class Line:
    """One line for the engine's log."""

    severity: str
    urn: str
    text: str
    ephemeral: bool


class Refused(Exception):
    """A call that failed; its text is what the engine would print."""


class _Engine(engine_pb2_grpc.EngineServicer):  # type: ignore[misc]
    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.received = threading.Condition()

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        severity = engine_pb2.LogSeverity.Name(request.severity)
        with self.received:
            self.lines.append(Line(severity, request.urn, request.message, request.ephemeral))
            self.received.notify_all()
        return empty_pb2.Empty()


class Host:
    """A provider process and the engine that it logs to, as a context manager."""

    def __init__(self, environ: Mapping[str, str], config: Mapping[str, str] | None = None) -> None:
        self._environ = dict(environ)
        self._config = dict(config or {})
        self._engine = _Engine()

    def __enter__(self) -> Host:
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
        engine_pb2_grpc.add_EngineServicer_to_server(self._engine, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.dynamic", f"127.0.0.1:{port}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": SOURCES,
                "PULUMI_PROJECT": "acme",
                **self._environ,
            },
        )
        assert self.process.stdout is not None
        self._channel = grpc.insecure_channel(f"127.0.0.1:{int(self.process.stdout.readline())}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self.stub.Configure(provider_pb2.ConfigureRequest(args=struct(self._config)), timeout=START_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()
        self.process.kill()
        self.output = self.process.communicate()
        self._server.stop(None).wait()

    def stop_engine(self) -> None:
        """What a killed engine looks like from here: nobody listens any more."""
        self._server.stop(None).wait()

    def resource(self, provider: Any, urn: str = "") -> Resource:
        """A resource of the stack, without any state yet."""
        return Resource(self, serialize_provider(provider), urn)

    def lines(self, urn: str | None = None) -> list[Line]:
        """What was logged so far; on one row, or on all."""
        with self._engine.received:
            return [line for line in self._engine.lines if urn in (None, line.urn)]

    def wait_for_line(self, text: str, seconds: float = 10.0) -> Line:
        """The first line that holds `text`, now or within so many seconds."""
        with self._engine.received:
            assert self._engine.received.wait_for(lambda: self._found(text) is not None, seconds), (
                self._engine.lines
            )
            found = self._found(text)
        assert found is not None
        return found

    def _found(self, text: str) -> Line | None:
        return next((line for line in self._engine.lines if text in line.text), None)


def struct(values: Mapping[str, Any]) -> Struct:
    message = Struct()
    message.update(values)
    return message


def data(message: Struct) -> dict[str, Any]:
    """Plain data without the pickled provider; numbers are floats."""
    values = _plain(message)
    values.pop("__provider", None)
    return dict(values)


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "values") and not isinstance(value, dict):
        return [_plain(item) for item in value]
    return value


@dataclass
class Resource:
    """One resource: what the state holds of it, and the calls that the engine makes for it."""

    host: Host
    pickled: str
    urn: str
    id: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def check(self, news: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """The checked inputs, and (property, reason) of each failure."""
        olds = self._with_provider(self.inputs) if self.inputs else struct({})
        request = provider_pb2.CheckRequest(urn=self.urn, olds=olds, news=self._with_provider(news))
        answer = self._call("Check", request)
        return data(answer.inputs), [(failure.property, failure.reason) for failure in answer.failures]

    def diff(self, inputs: Mapping[str, Any]) -> Any:
        """The engine's DiffResponse."""
        olds, news = self._with_provider(self.outputs), self._with_provider(inputs)
        return self._call("Diff", provider_pb2.DiffRequest(id=self.id, urn=self.urn, olds=olds, news=news))

    def create(self, inputs: Mapping[str, Any]) -> None:
        """Create it and keep its state."""
        properties = self._with_provider(inputs)
        answer = self._call("Create", provider_pb2.CreateRequest(urn=self.urn, properties=properties))
        self.id, self.inputs, self.outputs = answer.id, dict(inputs), data(answer.properties)

    def update(self, inputs: Mapping[str, Any]) -> None:
        """Change it and keep its state."""
        olds, news = self._with_provider(self.outputs), self._with_provider(inputs)
        answer = self._call(
            "Update", provider_pb2.UpdateRequest(id=self.id, urn=self.urn, olds=olds, news=news)
        )
        self.inputs, self.outputs = dict(inputs), data(answer.properties)

    def read(self) -> Any:
        """The engine's ReadResponse."""
        properties = self._with_provider(self.outputs)
        return self._call("Read", provider_pb2.ReadRequest(id=self.id, urn=self.urn, properties=properties))

    def delete(self) -> None:
        """Delete it."""
        properties = self._with_provider(self.outputs)
        self._call("Delete", provider_pb2.DeleteRequest(id=self.id, urn=self.urn, properties=properties))

    def up(self, news: Mapping[str, Any]) -> None:
        """Check and create, as a first run does."""
        inputs, failures = self.check(news)
        assert failures == []
        self.create(inputs)

    def _with_provider(self, values: Mapping[str, Any]) -> Struct:
        return struct({**values, "__provider": self.pickled})

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self.host.stub, method)(request, timeout=60)
        except grpc.RpcError as error:
            raise Refused(error.details()) from None
