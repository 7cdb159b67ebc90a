"""Ready, broken later, and deleted mean what they say."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from coreweave_inference.simulator.records import Condition, Record

from tests.faults.account import KINDS, Name, Violation, not_serving
from tests.faults.misbehaviour import Kill, OnWrite
from tests.faults.programs import Program
from tests.faults.situations import Situation, SituationContext

BROKEN = {"turns FAILED": "STATUS_FAILED", "turns ERROR": "STATUS_ERROR"}
SLOW_DELETIONS = {
    "deployment_delete_seconds": 2.0,
    "gateway_delete_seconds": 1.0,
    "claim_delete_seconds": 1.0,
}


def broken_later(status: str, context: SituationContext) -> list[Violation]:
    """The service turns a deployment `status` by itself: a preview shows it, and a run that succeeds has repaired it."""
    key = context.random.choice(_enabled(context.program))
    id_ = context.stage.recorded().ids["deployments", key][0]
    condition = Condition("Ready", "STATUS_FALSE", "EngineCrashed", "the engine ended with code 137")
    context.simulator.world.set_status(id_, status, [condition])
    context.stage.declare(context.program)
    code, printed = context.command("preview", "--exit-code")
    found = []
    if code != 3 or key not in printed:
        found.append(Violation("broken and not seen", f"{key} is {status}, exit code {code}: {printed}"))
    ok, report = context.run("up")
    live = context.stage.live()
    if ok:
        found += [
            Violation("broken and not seen", f"the run succeeded, and {v.text}")
            for v in not_serving(live, context.stage.recorded(), context.program)
        ]
    else:
        found.append(Violation("not done", f"the failed deployment was not repaired: {report}"))
    return found


def comes_back(context: SituationContext) -> list[Violation]:
    """A deletion that the service gives up, once or twice: no destroy says that it succeeded while the object is there."""
    name, id_ = context.random.choice(_deletable(context))
    with _changed(context, {**SLOW_DELETIONS, "lists_hide_deleting": context.random.random() < 0.3}):
        reviver = _Reviver(context, id_, times=context.random.choice((1, 1, 2)))
        with reviver.waiting():
            ok, report = context.run("destroy")
        left = [f"{item.kind} {item.name}" for item in context.stage.live()]
        if ok and left:
            return [Violation("called deleted and not deleted", f"{', '.join(left)}: {report}")]
        if not ok:
            ok, report = context.run("destroy")
            left = [f"{item.kind} {item.name}" for item in context.stage.live()]
    if ok and left:
        return [Violation("called deleted and not deleted", f"{', '.join(left)}: {report}")]
    if not ok:
        return [Violation("not done", f"{name} came back, and the second destroy failed: {report}")]
    return context.restored()


class _Reviver:
    """Gives the deletion of an object up as soon as it has begun."""

    def __init__(self, context: SituationContext, id_: str, times: int) -> None:
        self._context, self._id, self._times = context, id_, times
        self._seconds = context.random.choice((0.0, 0.4))
        self._over = threading.Event()
        self.revived = 0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """While a run goes on."""
        thread = threading.Thread(target=self._watch, name="reviver", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        while self.revived < self._times and not self._over.wait(0.02):
            record = _record(self._context, self._id)
            if record is None:
                return
            if record.deleted_at is not None and not self._over.wait(self._seconds):
                self._context.simulator.world.revive(self._id)
                self.revived += 1


def stopped_destroys(context: SituationContext) -> list[Violation]:
    """A destroy that is stopped, twice perhaps, and then one that says that it succeeded: nothing is there any more."""
    with _changed(context, SLOW_DELETIONS):
        for _ in range(context.random.choice((1, 1, 2))):
            who = context.random.choice(("ctrl-c", "ctrl-c twice", "engine", "provider"))
            fault = OnWrite("delay", nth=context.random.randint(1, 4), seconds=0.2, when="after")
            context.simulator.faults.add(fault)
            context.killed(Kill(who, fault), lambda: context.run("destroy"))
            context.simulator.faults.clear()
        ok, report = context.run("destroy")
        left = [f"{item.kind} {item.name}" for item in context.stage.live()]
    found = []
    if ok and left:
        found.append(Violation("called deleted and not deleted", f"{', '.join(left)}: {report}"))
    if not ok:
        found.append(Violation("not done", f"the repeated destroy failed: {report}"))
    return found or context.restored()


@contextlib.contextmanager
def _changed(context: SituationContext, knobs: Mapping[str, Any]) -> Iterator[None]:
    """While the service behaves so."""
    usual = context.simulator.behaviour.as_json()
    context.simulator.behaviour = context.simulator.behaviour.changed(knobs)
    try:
        yield
    finally:
        context.simulator.behaviour = context.simulator.behaviour.changed({key: usual[key] for key in knobs})


def _deletable(context: SituationContext) -> list[tuple[str, str]]:
    """Name and id of each declared object whose deletion takes its time."""
    recorded = context.stage.recorded().ids
    return sorted((f"{name[0]} {name[1]}", recorded[name][0]) for name in _slow(context.program))


def _slow(program: Program) -> list[Name]:
    return [name for name in program.objects() if name[0] in KINDS]


def _record(context: SituationContext, id_: str) -> Record | None:
    world = context.simulator.world
    found = (world.find(kind, id_) for kind in KINDS.values())  # type: ignore[arg-type]
    return next((record for record in found if record is not None), None)


def _enabled(program: Program) -> list[str]:
    return sorted(key for key, item in program.deployments.items() if not item.disabled)


SITUATIONS = (
    *(
        Situation(name, partial(broken_later, status), lambda program: bool(_enabled(program)))
        for name, status in BROKEN.items()
    ),
    Situation("comes back", comes_back, lambda program: bool(_slow(program)), keeps=False),
    Situation("stopped destroys", stopped_destroys, keeps=False),
)
