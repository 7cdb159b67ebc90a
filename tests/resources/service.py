"""Providers driven by hand against the simulated service, on one clock for both that moves only when somebody sleeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from coreweave_inference.host import process
from coreweave_inference.model import Kind
from coreweave_inference.model.identity import Place, default_name, object_id, replace_identity
from coreweave_inference.provider.session import PrintedLog, Session
from coreweave_inference.provider.values import DERIVED_NAME, IDENTITY, URN
from coreweave_inference.resources.gateway import GatewayProvider
from coreweave_inference.settings.resolution import resolve
from coreweave_inference.simulator import Simulator

from tests.resources.engine_steps import Resource, with_floats
from tests.simulator.inference_fixtures import environment_of

ORGANIZATION = "ab1cd2"
ZONE = "US-EAST-04A"
BUCKET = "acme-weights"
STACK_IDENTITY = "7d0c0c4e-stack"
TYPES = {Kind.GATEWAY: "Gateway", Kind.CAPACITY_CLAIM: "CapacityClaim", Kind.DEPLOYMENT: "Deployment"}


class SimulatedTime:
    """The simulator's time; a sleep steps it forward."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.slept: list[float] = []

    def now(self) -> float:
        return self._simulator.clock.now()

    def monotonic(self) -> float:
        return self._simulator.clock.now()

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self._simulator.clock.advance(seconds)


class NotedLog(PrintedLog):
    """Keeps what a user would see."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def progress(self, urn: str, text: str) -> None:
        self.rows.append((urn, text))

    def note(self, urn: str, text: str) -> None:
        self.notes.append(text)

    def warning(self, urn: str, text: str) -> None:
        self.warnings.append(text)


class Run(Session):
    """A session of one run, with everything it reported."""

    log: NotedLog

    def __init__(self, simulator: Simulator, token: str = "", **environ: str) -> None:
        given = environment_of(simulator, **{"COREWEAVE_API_TOKEN": token or simulator.token, **environ})
        self.time = SimulatedTime(simulator)
        super().__init__(resolve(given, {}), self.time, NotedLog())


@contextmanager
def override_session(run: Session) -> Iterator[Session]:
    """Put `run` in the place of this process's session for a while, so that providers can be driven by hand."""
    before, process._current = process._current, run
    try:
        yield run
    finally:
        process._current = before


@contextmanager
def run_against(simulator: Simulator, token: str = "", **environ: str) -> Iterator[Run]:
    """A new run: a provider process that remembers nothing yet."""
    run = Run(simulator, token, **environ)
    with override_session(run), run.api:
        yield run


@contextmanager
def behind_a_gateway(simulator: Simulator) -> Iterator[Run]:
    """A run against a service where `gateway("public")` is ready; the requests that made it are forgotten."""
    with run_against(simulator) as run:
        Resource(GatewayProvider()).up(gateway())
        simulator.journal.clear()
        run.time.slept.clear()
        yield run


def patches(simulator: Simulator) -> list[Any]:
    """The bodies of all PATCH requests."""
    return [entry.body for entry in simulator.journal.entries("PATCH")]


def posts(simulator: Simulator) -> list[Any]:
    """The bodies of the requests that made deployments."""
    return [entry.body for entry in simulator.journal.entries("POST", "/deployments")]


def urn(type_name: str, name: str) -> str:
    return f"urn:pulumi:dev::acme::pulumi-python:dynamic/coreweave/inference:{type_name}::{name}"


def declared(kind: Kind, resource: str, spec: Mapping[str, Any], **hidden: Any) -> dict[str, Any]:
    """Inputs as the program sends them: the spec, the id, the name and what both come from; numbers are floats."""
    identity = replace_identity(kind, spec)
    derived = default_name(kind, Place(resource), "acme", "dev", identity)
    props = {
        **spec,
        "apiId": object_id(STACK_IDENTITY, kind, resource, identity),
        "name": spec.get("name") or derived,
        IDENTITY: identity,
        **({} if spec.get("name") else {DERIVED_NAME: derived}),
        URN: urn(TYPES[kind], resource),
        **hidden,
    }
    floats: dict[str, Any] = with_floats(props)
    return floats


def gateway(
    resource: str = "public", hidden: Mapping[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """Inputs of a gateway; None takes a field out."""
    spec = {"zones": [ZONE], "coreWeaveAuth": {}, "bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"}}
    return declared(Kind.GATEWAY, resource, _changed(spec, changes), **(hidden or {}))


def claim(resource: str = "h200", hidden: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Inputs of a claim; `name` beside fields of `resources`."""
    name = changes.pop("name", None)
    resources = {
        "instanceId": "gd-8xh200ib-i128",
        "instanceCount": 2,
        "capacityType": "CAPACITY_TYPE_SERVERLESS",
        "zones": [ZONE],
    }
    spec = _changed({"resources": _changed(resources, changes)}, {"name": name})
    return declared(Kind.CAPACITY_CLAIM, resource, spec, **(hidden or {}))


def deployment(
    resource: str = "chat",
    gateway_ids: tuple[str, ...] = (),
    hidden: Mapping[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Inputs of a deployment behind `gateway("public")`; a mapping is merged into the usual block."""
    spec: dict[str, Any] = {
        "gatewayIds": list(gateway_ids or (gateway()["apiId"],)),
        "runtime": {"engine": "vllm"},
        "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 8},
        "model": {"name": "acme/chat", "bucket": BUCKET, "path": "models/chat"},
        "autoscaling": {"min": 1, "max": 3},
        "traffic": {"weight": 100},
    }
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(spec.get(key), Mapping)
        spec[key] = {**spec[key], **value} if both else value
    return declared(Kind.DEPLOYMENT, resource, _changed(spec, {}), **(hidden or {}))


def _changed(spec: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**spec, **changes}.items() if value is not None}
