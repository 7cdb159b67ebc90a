"""2 for what is refused before the first write, 1 for what failed: one rule for all commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from coreweave_inference.cli.exits import report_errors
from coreweave_inference.cli.reports import code_of
from coreweave_inference.engine.installation import CommandFailed
from coreweave_inference.engine.results import Result, following
from coreweave_inference.errors import (
    AccessDenied,
    ApiError,
    BucketMissing,
    CoreWeaveError,
    Failed,
    Forbidden,
    NotOurs,
    NotReady,
    PlanMoved,
    ServiceUnavailable,
    SettingsError,
    StartupError,
    StorageError,
    Throttled,
    Unauthorized,
    Unreachable,
    is_failure,
)
from coreweave_inference.network import marks
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault
from pulumi.automation import CommandResult
from typer import Exit

from tests.running.command_line import Stack, claims

REFUSALS = [
    CoreWeaveError("protected"),
    NotOurs("in use"),
    SettingsError("no token"),
    StartupError("locked"),
    Unauthorized("another token"),
    Forbidden("another role"),
    AccessDenied("the key may not"),
    BucketMissing("none"),
]
FAILURES = [
    Failed("still there"),
    NotReady("not ready"),
    Unreachable("no answer"),
    Throttled("429"),
    ServiceUnavailable("503"),
    StorageError("InternalError"),
    CommandFailed(["up"], CommandResult("", "error: cannot decrypt", 255)),
]


def code_after(error: CoreWeaveError, *, write: str = "") -> int:
    """The exit code of a command that sent a request of the method `write` and ended with `error`."""
    try:
        with report_errors():
            if write:
                marks.note_request(write)
            raise error
    except Exit as ended:
        return ended.exit_code


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
def test_a_refused_run_is_2_before_the_first_write_and_1_after_it(error: CoreWeaveError) -> None:
    assert [code_after(error, write=method) for method in ("", "GET", "HEAD", "POST", "PUT", "DELETE")] == [
        2,
        2,
        2,
        1,
        1,
        1,
    ]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_a_failure_is_1_whether_or_not_anything_was_written(error: CoreWeaveError) -> None:
    assert [code_after(error, write=method) for method in ("", "POST")] == [1, 1]


def test_a_plan_that_no_longer_holds_is_3() -> None:
    assert code_after(PlanMoved("moved")) == 3


@pytest.mark.parametrize(
    ("error", "failed"), [(Unreachable("no answer"), True), (ApiError("no"), False), (KeyError("x"), True)]
)
def test_what_is_no_error_of_this_package_is_a_failure(error: Exception, failed: bool) -> None:
    assert is_failure(error) is failed


def test_an_error_after_what_remove_first_deleted_is_1() -> None:
    refused = Result("up", "serving", "dev", ok=False, refused=True)
    first = Result("destroy", "serving", "dev", ok=True, counts={"delete": 1})

    assert code_of(refused) == 2
    assert code_of(following(first, refused)) == 1
    assert code_of(following(replace(first, counts={}), refused)) == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [("POST", [marks.WROTE]), ("GET", [])],
)
def test_a_write_is_marked_in_the_directory_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, expected: list[str]
) -> None:
    monkeypatch.setenv(marks.RUN_DIRECTORY, str(tmp_path))

    marks.note_request(name)

    assert [file.name for file in tmp_path.iterdir()] == expected


PROGRAM = """\
import coreweave_inference as cw

open_to_all = dict(zones=["US-EAST-04A"], auth=cw.CoreWeaveAuth(), routing=cw.BodyBasedRouting())
public = cw.Gateway("public", api_name="edge", **open_to_all)
{}
cw.export()
"""
SAME_NAME = 'cw.Gateway("private", api_name="edge", **open_to_all)'
NO_TRAFFIC = """\
for key in ("chat", "canary"):
    cw.Deployment(
        key, gateways=[public], model=cw.Model(name="acme/chat", bucket="acme-weights", path="models/chat"),
        runtime=cw.Runtime(engine="vllm"), resources=cw.Resources(instance_type="gd-8xh200ib-i128", gpu_count=1),
        autoscaling=cw.Autoscaling(min=1, max=1), traffic=cw.Traffic(weight=0),
    )
cw.Readiness("ready")"""


def test_what_is_wrong_with_a_whole_python_program_is_2_and_said_once(stack: Stack) -> None:
    program = stack.path / "__main__.py"
    program.write_text(PROGRAM.format(SAME_NAME))
    twice = stack.document("preview")
    program.write_text(PROGRAM.format(NO_TRAFFIC))
    found = stack.run("up", "--yes")

    assert twice["code"] == found.returncode == 2
    assert len(twice["errors"]) == 1
    assert 'the gateway name "edge" is declared by "public" and "private"' in twice["errors"][0]
    assert len([line for line in found.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert "error traffic-sum-zero" in found.stderr
    assert '+ create   deployment "chat"' in found.stdout


def test_a_token_that_is_not_accepted_is_2_and_a_service_without_an_answer_is_1(
    stack_of: Callable[..., Stack], simulator: Simulator
) -> None:
    stack = stack_of(COREWEAVE_RETRY_SECONDS="0")
    stack.declare(claims("h200"))
    wrong = {**stack.environment, "COREWEAVE_API_TOKEN": "CW-SECRET-unknown"}

    simulator.faults.add(Fault("status", "GET", "/v1alpha1/", status=503, count=None))
    down = stack.document("up", "--yes")
    simulator.faults.clear()
    stack.environment = wrong
    refused = stack.document("up", "--yes")

    assert (down["code"], refused["code"]) == (1, 2)
    assert "the account cannot be used" in down["errors"][0]
    assert "does not accept the token" in refused["errors"][0]
    assert [entry for entry in simulator.journal.entries() if entry.method != "GET"] == []
