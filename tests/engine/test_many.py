"""Twenty deployments take as long as one, up and down."""

from __future__ import annotations

from tests.engine.declarations import BUCKET, DEPLOYMENT, GATEWAY, edited
from tests.engine.workbench import Workbench

COUNT = 20
SECONDS = 3.0
POLL_SECONDS = 0.2


def test_twenty_deployments_are_up_and_down_in_the_time_of_one_with_one_list_for_each_kind_and_poll(
    workbench: Workbench,
) -> None:
    names = [f"chat-{number}" for number in range(COUNT)]
    deployments = {name: edited(DEPLOYMENT, {"model": {"name": f"acme/{name}"}}) for name in names}
    workbench.service.turn(deployment_create_seconds=SECONDS, deployment_delete_seconds=SECONDS)
    workbench.declare(
        {
            "version": 1,
            "buckets": {"weights": BUCKET},
            "gateways": {"public": GATEWAY},
            "deployments": deployments,
        }
    )

    up = workbench.up()
    down = workbench.destroy()

    assert (up.ok, down.ok) == (True, True), (up.errors, down.errors)
    for run, method in ((up, "POST"), (down, "DELETE")):
        assert run.writes[f"{method} deployments"] == COUNT
        sent = [
            entry.real_at for entry in run.requests if entry.method == method and "/deployments" in entry.path
        ]
        looks = [
            entry.real_at
            for entry in run.requests
            if (entry.method, entry.path) == ("GET", "/v1alpha1/inference/deployments")
            and entry.real_at > sent[-1]
        ]
        assert SECONDS - 1 < looks[-1] - sent[-1] < 3 * SECONDS
        assert len(looks) <= SECONDS / POLL_SECONDS + COUNT  # Also while what is missing has to last.
    asked = [e for e in down.requests if e.method == "GET" and "/inference/deployments/" in e.path]
    assert len(asked) <= 3 * COUNT  # Where it begins to be missing, where that has lasted, and at the end.
