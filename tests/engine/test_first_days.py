"""A new stack, an unchanged one, and one with one changed line."""

from __future__ import annotations

from tests.engine.declarations import canary, edited, stack
from tests.engine.workbench import Service, Workbench


def test_try(workbench: Workbench) -> None:
    workbench.declare(canary())
    import json
    for name, act in [("preview", workbench.preview), ("up", workbench.up), ("up2", workbench.up)]:
        import time
        t = time.time()
        run = act()
        print(name, time.time() - t, run.ok, run.changes, run.errors, run.warnings, run.notes, run.writes, run.lists)
        if name == "preview": print(json.dumps(run.declared("chat"), indent=1))
    print(workbench.outputs())
    workbench.declare(canary(deployments={"chat": {"traffic": {"weight": 500}}}))
    run = workbench.preview()
    print(run.changes, run.writes, run.lists)
    run = workbench.up()
    print(run.changes, run.writes, run.lists)
    workbench.service.edit("deployments", "chat-dev", {"autoscaling": {"max": 9}})
    run = workbench.preview("--refresh")
    print(run.output)
    for e in run.events: print(json.dumps(e)[:3000])
    print(run.changes, run.drift)
    run = workbench.refresh()
    print(run.changes, run.drift)
    for e in run.events: print(json.dumps(e)[:3000])
    run = workbench.destroy()
    print(run.ok, run.changes, run.errors, run.warnings, run.notes, run.writes, run.lists)
    print(workbench.service.account())
