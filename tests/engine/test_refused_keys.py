"""A token that may not make storage keys asks for one once, however many objects would need it."""

from __future__ import annotations

from tests.engine.declarations import DEPLOYMENT, GATEWAY, edited
from tests.engine.workbench import Workbench

COUNT = 20


def test_twenty_deployments_ask_once_for_a_key_that_is_refused(workbench: Workbench) -> None:
    names = [f"chat-{number}" for number in range(COUNT)]
    model = {"bucket": "acme-weights"}
    workbench.declare(
        {
            "version": 1,
            "gateways": {"public": GATEWAY},
            "deployments": {
                name: edited(DEPLOYMENT, {"model": {**model, "name": f"acme/{name}"}}) for name in names
            },
        }
    )
    workbench.service.misbehave("status", "POST", "access-key", status=403, count=None)

    run = workbench.up()

    assert run.writes["POST deployments"] == COUNT
    assert [entry.status for entry in run.requests if "access-key" in entry.path] == [403]
