"""What plain `pulumi` says of a change: the checks compare with what the engine has of the stack's last state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import coreweave_inference as cw
import pulumi
import pytest
from coreweave_inference.program.last_state import READ, last_state
from pulumi.runtime.settings import SETTINGS

from tests.engine.declarations import DEPLOYMENT, ZONE, edited, stack
from tests.engine.workbench import Workbench

SECRET = "DEBUG-0123456789-very-secret"


def test_what_the_stack_had_is_no_stranger_and_a_renamed_key_is_seen(workbench: Workbench) -> None:
    member = {**DEPLOYMENT, "traffic": {"weight": 100}}
    both = stack(deployments={"chat": member, "other": {**member, "name": "chat-of-our-own"}})
    workbench.declare(both)
    first = workbench.up()
    workbench.declare(edited(both, {"deployments": {"chat": None, "other": None, "talk": member}}))

    planned = workbench.preview()

    assert first.ok, first.errors
    assert planned.ok, planned.errors
    assert not [warning for warning in planned.warnings if "traffic-foreign-group" in warning]
    renamed = [warning for warning in planned.warnings if "key-renamed" in warning]
    assert len(renamed) == 1
    assert 'deployment "talk"' in renamed[0]
    assert "aliases: [" in renamed[0]


def test_a_new_stack_has_an_empty_last_state_and_secrets_in_it_stay_secrets(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGINE_SECRET", SECRET)
    environment = {"VLLM_LOGGING_LEVEL": {"fromEnv": "ENGINE_SECRET"}}
    workbench.declare(stack(deployments={"chat": {"runtime": {"engineEnv": environment}}}))
    states: list[Mapping[str, Any] | None] = []

    def program() -> None:
        states.append(last_state())
        cw.load(workbench.directory / "inference.yaml")

    workbench.program = program

    assert workbench.up().ok
    quiet = workbench.preview()
    workbench.program = lambda: (_forget_how_to_tell_it(), program())
    untold = workbench.preview()

    assert (quiet.ok, untold.ok, states.pop()) == (True, True, None)
    assert not [warning for warning in quiet.warnings if "last state" in warning]
    assert [warning for warning in untold.warnings if "does not tell its last state" in warning]
    empty, full = (_ours(state) for state in states)
    assert empty == {}
    assert {"public", "chat", "ready"} <= set(full)
    assert full["chat"]["id"] == workbench.state()["chat"]["id"]
    assert full["chat"]["outputs"]["model"] == DEPLOYMENT["model"] | {"bucket": "acme-weights"}
    assert SECRET not in json.dumps(states)


class _OlderEngine:
    """The engine of this run, but for the one call."""

    def __init__(self, monitor: Any) -> None:
        self._monitor = monitor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._monitor, name)

    def Invoke(self, request: Any) -> Any:  # noqa: N802 -- the engine's name
        if request.tok == READ:
            raise RuntimeError("unknown function")
        return self._monitor.Invoke(request)


def _forget_how_to_tell_it() -> None:
    SETTINGS.monitor = _OlderEngine(SETTINGS.monitor)


def _ours(state: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    assert state is not None
    resources = state["deployment"]["resources"]
    return {
        item["urn"].rsplit("::", 1)[-1]: item for item in resources if "coreweave/inference" in item["type"]
    }


def test_a_python_program_that_exports_is_compared_with_it_too(workbench: Workbench) -> None:
    workbench.program = lambda: _python_program("chat")
    first = workbench.up()
    workbench.program = lambda: _python_program("talk")
    planned = workbench.preview()
    workbench.program = lambda: _python_program("talk", pulumi.Alias(name="chat"))
    kept = workbench.preview()

    assert (first.ok, planned.ok, kept.ok) == (True, True, True), (first.errors, planned.errors, kept.errors)
    assert not [warning for warning in kept.warnings if "key-renamed" in warning]
    (renamed,) = (warning for warning in planned.warnings if 'key-renamed deployment "talk"' in warning)
    assert 'pulumi.Alias(name="chat")' in renamed
    assert "()" not in renamed


def _python_program(key: str, *aliases: pulumi.Alias) -> None:
    bucket = cw.WeightsBucket("weights", bucket_name="acme-weights", zone=ZONE, adopt=True)
    public = cw.Gateway("public", zones=[ZONE], auth=cw.CoreWeaveAuth(), routing=cw.BodyBasedRouting())
    policy = cw.InferenceBucketPolicy(
        "weights-policy", bucket=bucket, prefixes=["models"], owner_access="organization", after=[public]
    )
    cw.Deployment(
        key,
        gateways=[public],
        model=cw.Model(name="acme/chat", path="models/chat"),
        runtime=cw.Runtime(engine="vllm"),
        resources=cw.Resources(instance_type="gd-8xh200ib-i128", gpu_count=1),
        autoscaling=cw.Autoscaling(min=1, max=2),
        weights=policy,
        opts=pulumi.ResourceOptions(aliases=aliases),
    )
    cw.Readiness("ready")
    cw.export()
