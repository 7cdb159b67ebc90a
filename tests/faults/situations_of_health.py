"""Ready, broken later, and gone mean what they say."""

from __future__ import annotations

from coreweave_inference.simulator.records import Condition

from tests.faults.account import Violation, not_serving
from tests.faults.misbehaviour import Kill, OnWrite
from tests.faults.programs import Program
from tests.faults.situations import Scene, Situation

BROKEN = "STATUS_FAILED"


def broken_later(scene: Scene) -> list[Violation]:
    """The service turns a deployment FAILED by itself: a preview shows it, and a run that succeeds has repaired it."""
    key = scene.random.choice(_enabled(scene.program))
    id_ = scene.stage.recorded().ids["deployments", key][0]
    condition = Condition("Ready", "STATUS_FALSE", "EngineCrashed", "the engine ended with code 137")
    scene.simulator.world.set_status(id_, BROKEN, [condition])
    scene.stage.declare(scene.program)
    code, printed = scene.command("preview", "--exit-code")
    found = []
    if code != 3 or key not in printed:
        found.append(Violation("broken and not seen", f"{key} is {BROKEN}, exit code {code}: {printed}"))
    ok, told = scene.run("up")
    live = scene.stage.live()
    if ok:
        found += [
            Violation("broken and not seen", f"the run succeeded, and {v.text}")
            for v in not_serving(live, scene.stage.recorded(), scene.program)
        ]
    else:
        found.append(Violation("not done", f"the failed deployment was not repaired: {told}"))
    return found


def stopped_destroys(scene: Scene) -> list[Violation]:
    """A destroy that is stopped, twice perhaps, and then one that says that it succeeded: nothing is there any more."""
    slow = {"deployment_delete_seconds": 2.0, "gateway_delete_seconds": 1.0, "claim_delete_seconds": 1.0}
    usual = scene.simulator.behaviour.as_json()
    scene.simulator.behaviour = scene.simulator.behaviour.changed(slow)
    try:
        for _ in range(scene.random.choice((1, 1, 2))):
            who = scene.random.choice(("ctrl-c", "ctrl-c twice", "engine", "provider"))
            fault = OnWrite("delay", nth=scene.random.randint(1, 4), seconds=0.2, when="after")
            scene.simulator.faults.add(fault)
            scene.killed(Kill(who, fault), lambda: scene.run("destroy"))
            scene.simulator.faults.clear()
        ok, told = scene.run("destroy")
        left = [f"{item.kind} {item.name}" for item in scene.stage.live()]
    finally:
        scene.simulator.behaviour = scene.simulator.behaviour.changed({key: usual[key] for key in slow})
    found = []
    if ok and left:
        found.append(Violation("called gone and not gone", f"{', '.join(left)}: {told}"))
    if not ok:
        found.append(Violation("not done", f"the repeated destroy failed: {told}"))
    return found or scene.restored()


def _enabled(program: Program) -> list[str]:
    return sorted(key for key, item in program.deployments.items() if not item.disabled)


SITUATIONS = (
    Situation("broken later", broken_later, lambda program: bool(_enabled(program))),
    Situation("stopped destroys", stopped_destroys, keeps=False),
)
