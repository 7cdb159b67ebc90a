"""Two stacks of one directory, in one account and one bucket."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.engine.declarations import stack
from tests.engine.workbench import Service, Workbench


def test_dev_and_prod_live_side_by_side_and_destroying_dev_leaves_prods_statement_as_it_was(
    stocked: Service, workbench_of: Callable[..., Workbench]
) -> None:
    dev, prod = workbench_of(stocked, "dev"), workbench_of(stocked, "prod")
    prod.declare(stack())

    ups = [dev.up(), prod.up()]
    side_by_side = stocked.account()
    prods = _statement(stocked, prod.state()["weights-policy"]["outputs"]["sid"])
    down = dev.destroy()
    quiet = prod.up("--refresh")

    assert [run.ok for run in (*ups, down)] == [True, True, True]
    assert side_by_side == {
        "deployments": ["chat-serving-dev", "chat-serving-prod"],
        "gateways": ["public-serving-dev", "public-serving-prod"],
        "buckets": ["acme-weights"],
    }
    assert stocked.account() == {
        "deployments": ["chat-serving-prod"],
        "gateways": ["public-serving-prod"],
        "buckets": ["acme-weights"],
    }
    assert _statement(stocked, prod.state()["weights-policy"]["outputs"]["sid"]) == prods
    assert (quiet.ok, quiet.drift, quiet.changes) == (True, {}, {})


def _statement(service: Service, sid: str) -> object:
    document = json.loads(service.s3.get_bucket_policy(Bucket="acme-weights")["Policy"])
    return next(statement for statement in document["Statement"] if statement["Sid"] == sid)
