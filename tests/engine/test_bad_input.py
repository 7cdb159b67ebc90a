"""What breaks a limit of the schema or of the documentation is refused before the service hears of it."""

from __future__ import annotations

from typing import Any

import coreweave_inference as cw

from tests.engine.declarations import CLAIM, DEPLOYMENT, GATEWAY, ZONE, edited, stack
from tests.engine.workbench import Workbench

DEPLOYMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "weight": ({"traffic": {"weight": 1001}}, "traffic.weight"),
    "gpus": ({"resources": {"gpuCount": 3}}, "resources.gpuCount"),
    "least": ({"autoscaling": {"min": 0}}, "autoscaling.min"),
    "most": ({"autoscaling": {"min": 5, "max": 3}}, "autoscaling.min"),
    "priority": ({"autoscaling": {"priority": 1001}}, "autoscaling.priority"),
    "concurrency": ({"autoscaling": {"concurrency": 0.5}}, "autoscaling.concurrency"),
    "classes": (
        {"autoscaling": {"capacityClasses": ["CAPACITY_CLASS_RESERVED", "CAPACITY_CLASS_RESERVED"]}},
        "autoscaling.capacityClasses",
    ),
    "spot": ({"autoscaling": {"capacityClasses": ["CAPACITY_CLASS_SPOT"]}}, "autoscaling.capacityClasses"),
    "version": ({"runtime": {"version": "v1.2.3"}}, "runtime.version"),
    "injection": ({"runtime": {"engineEnv": {"VLLM_LOGGING_LEVEL": "$(id)"}}}, "runtime.engineEnv"),
    "key": ({"runtime": {"engineConfig": {"no spaces": "1"}}}, "runtime.engineConfig"),
    "path": ({"model": {"path": "models/../secrets"}}, "model.path"),
    "model": ({"model": {"name": "abc"}}, "model.name"),
    "gateway": ({"gateways": ["missing"]}, "gateways"),
    "typo": ({"autoscalling": {}}, "autoscalling"),
    "label": ({"name": "not_a_label"}, "name"),
}
GATEWAYS: dict[str, tuple[dict[str, Any], str]] = {
    "no-auth": ({"coreWeaveAuth": None}, "Auth"),
    "two-auths": ({"weightsAndBiasesAuth": {}}, "Auth"),
    "two-routings": ({"pathBasedRouting": {}}, "Routing"),
    "zone": ({"zones": ["mars"]}, "zones"),
}
CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "two-zones": ({"zones": [ZONE, "RNO2A"]}, "zones"),
    "kind": ({"capacityType": "CAPACITY_TYPE_SPOT"}, "capacityType"),
    "none": ({"instanceCount": 0}, "instanceCount"),
    "upper": ({"name": "Upper"}, "name"),
}


def test_every_broken_limit_of_a_file_is_reported_with_its_place_and_the_service_is_not_called(
    workbench: Workbench,
) -> None:
    names = {f"model-of-{key}": key for key in DEPLOYMENTS}
    deployments = {
        key: edited(edited(DEPLOYMENT, {"model": {"name": name}}), DEPLOYMENTS[key][0])
        for name, key in names.items()
    }
    workbench.declare(
        stack(
            deployments={"chat": None, **deployments},
            gateways={key: edited(GATEWAY, changes) for key, (changes, _) in GATEWAYS.items()},
            capacityClaims={key: edited(CLAIM, changes) for key, (changes, _) in CLAIMS.items()},
        )
    )

    run = workbench.preview()

    assert not run.ok
    assert run.requests == ()
    assert "Traceback" not in run.output
    sections = {"deployments": DEPLOYMENTS, "gateways": GATEWAYS, "capacityClaims": CLAIMS}
    lines = run.output.splitlines()
    missing = [
        f"{section}.{key}: {field}"
        for section, entries in sections.items()
        for key, (_, field) in entries.items()
        if not any(
            f"{section}.{key}" in line and field in line and "inference.yaml:" in line for line in lines
        )
    ]
    assert missing == []


def test_what_a_program_declares_wrongly_is_refused_in_check_with_every_fault_and_nothing_is_written(
    workbench: Workbench,
) -> None:
    def program() -> None:
        gateway = cw.Gateway(
            "public",
            zones=["us east"],
            auth=cw.CoreWeaveAuth(),
            routing=cw.BodyBasedRouting(api_type="API_TYPE_X"),
        )
        cw.Deployment(
            "chat",
            gateways=[gateway],
            model=cw.Model(name="abc", bucket="acme-weights", path="../chat"),
            runtime=cw.Runtime(engine="vllm", version="v1"),
            resources=cw.Resources(instance_type="gd-8xh200ib-i128", gpu_count=3),
            autoscaling=cw.Autoscaling(min=4, max=2),
            traffic=cw.Traffic(weight=1001),
        )
        cw.Readiness()

    workbench.program = program

    run = workbench.up()

    assert not run.ok
    assert run.writes == {}
    assert "Traceback" not in run.output
    assert any('gateway "public": ' in line and "zones" in line for line in run.output.splitlines()), (
        run.output
    )
    assert workbench.service.account() == {"buckets": ["acme-weights"]}
