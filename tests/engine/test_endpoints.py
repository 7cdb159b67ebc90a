"""Plain `pulumi` and an endpoint that only the stack's configuration names: nothing is sent there."""

from __future__ import annotations

from collections.abc import Callable

import coreweave_inference as cw
import pytest

from tests.engine.declarations import CLAIM, ZONE
from tests.engine.workbench import Service, Workbench
from tests.running.collector import URL, collecting

DECLARED = {"version": 1, "capacityClaims": {"h200": CLAIM}}


def _in_python() -> None:
    cw.CapacityClaim(
        "h200",
        instance_id=CLAIM["instanceId"],
        instance_count=1,
        capacity_type="CAPACITY_TYPE_SERVERLESS",
        zones=[ZONE],
    )


def _exported() -> None:
    _in_python()
    cw.export()


def test_the_program_is_refused_before_the_first_request_and_goes_on_when_the_endpoint_is_set_back(
    service: Service, workbench_of: Callable[..., Workbench], monkeypatch: pytest.MonkeyPatch
) -> None:
    with collecting() as collector:
        bench = workbench_of(
            service, COREWEAVE_API_ENDPOINT=None, COREWEAVE_S3_ENDPOINT=None, **collector.variables
        )
        for name, value in {**collector.variables, "COREWEAVE_API_TOKEN": service.simulator.token}.items():
            monkeypatch.setenv(name, value)  # The program runs in this process, and providers in their own.
        bench.declare(DECLARED)
        load = bench.program

        _point(bench, URL)
        new = bench.preview()
        _point(bench, service.url)
        bench.pulumi("config", "set", "coreweave:s3Endpoint", service.url, "--stack", bench.stack)
        made = bench.up()
        _point(bench, URL)
        loaded = bench.preview("--refresh=false")
        bench.program = _in_python
        in_python = bench.up("--refresh=false")
        bench.program = _exported
        exported = bench.preview("--refresh=false")
        _point(bench, f"{service.url}/")
        bench.program = load
        back = bench.up("--refresh")

    assert made.ok, made.errors
    assert (new.ok, loaded.ok, in_python.ok, exported.ok) == (False, False, False, False)
    assert collector.requests == []
    assert "COREWEAVE_ALLOWED_HOSTS=collector.example" in new.output
    for run in (loaded, in_python, exported):
        assert f"this stack lives at {service.url}, but coreweave:endpoint says {URL}" in run.output
        assert run.requests == ()
    assert (back.ok, back.drift, back.changes) == (True, {}, {}), back.errors


def _point(bench: Workbench, url: str) -> None:
    bench.pulumi("config", "set", "coreweave:endpoint", url, "--stack", bench.stack)
