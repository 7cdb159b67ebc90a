"""A Python program is checked like a file, and nothing of it is declared when it cannot work."""

from __future__ import annotations

import coreweave_inference as cw

from tests.engine.conftest import service
from tests.engine.workbench import Service, Workbench

__all__ = ["service"]

ZONE = "US-EAST-04A"


def program(weight: int, config: dict[str, object]) -> None:
    public = cw.Gateway("public", zones=[ZONE], auth=cw.CoreWeaveAuth(), routing=cw.BodyBasedRouting())
    for name in ("chat", "chat-v2"):
        cw.Deployment(
            name,
            gateways=[public],
            model=cw.Model(name="acme/chat", bucket="acme-weights", path="models/chat"),
            runtime=cw.Runtime(engine="vllm", engine_config=config),
            resources=cw.Resources(instance_type="gd-8xh200ib-i128", gpu_count=1),
            autoscaling=cw.Autoscaling(min=2, max=2, concurrency=8),
            traffic=cw.Traffic(weight=weight),
        )
    cw.Readiness("ready")
    cw.export()


def test_a_python_program_that_cannot_work_is_stopped_with_every_finding(service: Service, tmp_path) -> None:
    bench = Workbench(service, tmp_path)
    bench.program = lambda: program(0, {"enable-auto-tool-choice": ""})

    run = bench.preview()

    assert not run.ok
    assert "traffic-sum-zero" in run.output
    assert "engine-tool-parser" in run.output
    assert run.changes == {}
    assert "Traceback" not in run.output


def test_a_python_program_that_can_work_is_not(service: Service, tmp_path) -> None:
    bench = Workbench(service, tmp_path)
    bench.program = lambda: program(100, {})

    run = bench.preview()

    assert run.ok, run.output
    assert len(run.changes) == 5
