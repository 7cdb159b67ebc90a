"""The wrong token, the wrong role, the wrong account, no service at all: one clear line, and the state as it was."""

from __future__ import annotations

import socket

import pytest
from coreweave_inference.engine.events import error_text

from tests.engine.declarations import stack
from tests.engine.runs import Run
from tests.engine.workbench import READER, STRANGER, Workbench


def test_the_token_of_another_organization_is_one_error_and_the_state_is_untouched(
    workbench: Workbench,
) -> None:
    workbench.bring_up(stack())
    workbench.refresh()
    before, account = workbench.state(), workbench.service.account()
    workbench.environment["COREWEAVE_API_TOKEN"] = STRANGER

    runs = {"refresh": workbench.refresh(), "up": workbench.up(), "destroy": workbench.destroy()}

    for name, run in runs.items():
        assert not run.ok, name
        explained = [line for line in run.errors if "COREWEAVE_API_TOKEN" in line and "ab1cd2" in line]
        assert len(explained) == 1, (name, run.errors)
        assert "COREWEAVE_API_TOKEN" in run.output
        assert run.writes == {}, name
        _assert_readable(run)
    assert workbench.state() == before
    assert workbench.service.account() == account


def test_a_wrong_token_a_weak_role_and_an_unreachable_service_are_one_clear_line_and_the_state_is_untouched(
    workbench: Workbench,
) -> None:
    workbench.bring_up(stack())
    before = workbench.state()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = f"http://127.0.0.1:{listener.getsockname()[1]}"
    workbench.declare(stack(deployments={"chat": {"autoscaling": {"max": 5}}}))
    cases = {
        "missing or unknown API token": {"COREWEAVE_API_TOKEN": "CW-SECRET-mistyped"},
        'deployment "chat"': {"COREWEAVE_API_TOKEN": READER},
        nowhere: {"COREWEAVE_API_ENDPOINT": nowhere},
        "no CoreWeave API token": {"COREWEAVE_API_TOKEN": None},
    }

    right = dict(workbench.environment)
    for words, wrong in cases.items():
        workbench.environment = {**right, **wrong}
        run = workbench.up()

        assert not run.ok, words
        assert len({error_text(text) for text in run.errors}) == 1, run.errors
        assert words in run.errors[0], run.errors
        _assert_readable(run)
        assert workbench.state() == before


@pytest.mark.parametrize("act", ["preview", "up"])
def test_a_new_stack_in_front_of_an_unreachable_service_makes_nothing(workbench: Workbench, act: str) -> None:
    workbench.declare(stack())
    workbench.environment["COREWEAVE_API_ENDPOINT"] = "http://127.0.0.1:9"

    run: Run = getattr(workbench, act)()

    assert not run.ok
    assert len(run.errors) == 1, run.errors
    assert "http://127.0.0.1:9" in run.errors[0]
    _assert_readable(run)
    assert workbench.state() == {}
    assert workbench.service.account() == {"buckets": ["acme-weights"]}


def _assert_readable(run: Run) -> None:
    assert "Traceback" not in run.output
    assert "KeyboardInterrupt" not in run.output
