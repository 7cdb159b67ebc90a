"""A life: a simulated account, a stack directory in front of it, and rounds on them until everything is destroyed.

One round is one run in which things go wrong, one clean run, and the judgement of what that left.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.engine.events import RunEvent, Step
from coreweave_inference.engine.installation import PulumiCli
from coreweave_inference.engine.operations import Engine
from coreweave_inference.engine.results import Result
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.simulator import Simulator

from tests.engine.language_server import keep_connections_apart
from tests.faults import drawn, misbehaviour
from tests.faults.account import (
    STACK,
    LiveObject,
    Settled,
    Violation,
    judged,
    not_serving,
    settled,
)
from tests.faults.commands import Commands
from tests.faults.key_service import KeyService
from tests.faults.killing import Killer
from tests.faults.misbehaviour import Kill, Plan
from tests.faults.plain import PlainEngine
from tests.faults.programs import Program
from tests.faults.situations import Ran, Situation, SituationContext
from tests.faults.stage import Stage

JOURNAL_TAIL = 60
HOURS_LATER_SECONDS = 7200.0
"""How long a night between a disturbed run and the next one is, as the service counts."""
OF_A_COMMAND = ("command", "closed terminal")
"""Who is ended where `cw-inference` runs as a process of its own."""
LONGEST_RUN_SECONDS = 120.0
"""No run of the campaign takes so long unless it hangs: its deadlines are seconds."""


@dataclass
class Round:
    """What came of one round; `story` is what a reader of a violation needs."""

    life: int
    number: int
    plain: bool = False
    kinds: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    first_run_ok: bool = False
    violations: list[Violation] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Of the life's process, the simulator's part included, and of the processes that it has waited for."""


class Life:
    """Begins with a bucket, weights, and a stranger's gateway and policy statement, which must outlive everything."""

    def __init__(
        self,
        seed: int,
        number: int,
        place: Path,
        simulator: Simulator,
        pulumi: str,
        keys: KeyService,
        situation: str = "",
    ) -> None:
        self._always = situation
        self._number = number
        self._random = Random(f"{seed}/{number}")
        self._setting = drawn.setting(self._random)
        self._plain = self._setting.plain
        self._stage = Stage(
            place, simulator, pulumi, keys, plain=self._plain, restricted=self._setting.restricted
        )
        simulator.clock.advance(self._setting.clock_ahead_seconds)
        self._simulator = simulator
        self._directory = self._stage.directory
        self._program = Program()
        self._settled = Settled()
        self._snapshot: list[LiveObject] | None = None
        self._running = threading.Event()
        self._hung = False
        keep_connections_apart()
        signal.signal(signal.SIGINT, lambda number, frame: None)
        self._cli = PulumiCli.found(os.environ)
        self._commands = Commands(self._directory, self._cli, keys)
        self._commands.make_stack(STACK, self._directory)

    def rounds(self, count: int) -> list[Round]:
        """So many rounds, and the end; a life ends at the first violation, since what follows proves nothing."""
        found: list[Round] = []
        for number in range(1, count + 1):
            found.append(self._timed(number, self._round))
            if found[-1].violations:
                return found
        end = self._timed(count, self._end)
        found[-1].violations += end.violations
        found[-1].story += end.story if end.violations else []
        found[-1].writes += end.writes
        found[-1].seconds += end.seconds
        found[-1].cpu_seconds += end.cpu_seconds
        return found

    def _timed(self, number: int, act: Callable[[Round], None]) -> Round:
        result, started, used = Round(self._number, number, self._plain), time.monotonic(), _cpu_seconds()
        self._simulator.journal.clear()
        act(result)
        result.writes = sum(
            entry.method in misbehaviour.WRITES for entry in self._simulator.journal.entries()
        )
        result.seconds, result.cpu_seconds = time.monotonic() - started, _cpu_seconds() - used
        if self._hung:
            result.violations.append(Violation("not done", f"a run took over {LONGEST_RUN_SECONDS:.0f} s"))
        if result.violations:
            entries = self._simulator.journal.entries()[-JOURNAL_TAIL:]
            result.story += [_report(entry.as_json()) for entry in entries]
        return result

    def _round(self, result: Round) -> None:
        before, plan = self._program, misbehaviour.planned(self._random)
        between, what = drawn.between(self._random, before)
        self._simulator.behaviour = self._simulator.behaviour.changed(plan.knobs)
        result.kinds.update((*plan.kinds, *(self._setting.kinds if result.number == 1 else ())))
        failed = self._misbehaving(result, plan, between, destroy=what == "destroy")
        after = drawn.after(self._random, before, between, failed=failed, plain=self._plain)
        result.story += _story(before, between, after, what, plan)
        self._stage.wait_until_quiet()
        if drawn.is_hours_later(self._random, plain=self._plain):
            result.kinds[drawn.HOURS_LATER] += 1
            self._simulator.clock.advance(HOURS_LATER_SECONDS)
        clean = self._clean(result, after)
        if clean is not None:
            self._judge(result, after, between)
        self._program = after.settled()
        if not result.violations:
            situation = drawn.situation(self._random, self._program, plain=self._plain, only=self._always)
            if situation is not None:
                self._act(result, situation)

    def _act(self, result: Round, situation: Situation) -> None:
        """One situation, and what it left: the account has to be as declared again."""
        result.kinds[situation.name] += 1
        # Aliases have done their work; what is declared from now on has none.
        self._stage.declare(self._program)
        context = SituationContext(
            self._stage,
            self._program,
            self._random,
            self._engine_run,
            self._commands.run,
            self._killed,
            self._commands.second_stack,
        )
        found = [replace(v, text=f"{situation.name}: {v.text}") for v in situation.act(context)]
        result.violations += found
        if not found:
            self._settled = self._settled if situation.keeps else Settled()
            self._judge(result, self._program, self._program)

    def _misbehaving(self, result: Round, plan: Plan, program: Program, *, destroy: bool) -> bool:
        """The run in which things go wrong; whether it failed. One that says it succeeded must have."""
        self._stage.declare(program)
        for fault in plan.faults:
            self._simulator.faults.add(fault)
        meanwhile: list[Callable[[], object]] = []
        if plan.expire_keys:
            meanwhile.append(self._simulator.storage.credentials.expire)
        if plan.clock_step_seconds:
            meanwhile.append(lambda: self._stage.step_clock(plan.clock_step_seconds))
        if plan.second_run and not self._plain:
            meanwhile.append(lambda: self._commands.run("up", "--yes", "--stack", STACK))
        timers = [threading.Timer(self._random.random() * 2, act) for act in meanwhile]
        for timer in timers:
            timer.start()
        operation = "destroy" if destroy else "up"
        ok, errors = self._run_to_be_killed(plan, operation, refresh=self._random.random() < 0.35)
        for timer in timers:
            timer.cancel()
            timer.join()
        self._stage.step_clock(0)
        self._simulator.faults.clear()
        result.first_run_ok = ok
        result.story.append(
            f"the run that met faults: {'ok' if ok else 'failed'}; {' | '.join(errors)[:2000]}"
        )
        if ok and not destroy and self._snapshot is not None:
            result.violations += not_serving(self._snapshot, self._stage.recorded(), program)
        return not ok

    def _run_to_be_killed(self, plan: Plan, operation: str, *, refresh: bool) -> Ran:
        kill = plan.kill
        if kill is None:
            return self._engine_run(operation, refresh=refresh)
        if kill.who in OF_A_COMMAND and self._plain:
            kill = replace(kill, who="engine")
        if kill.who in OF_A_COMMAND:
            return self._killed(kill, lambda: self._life_command(operation))
        return self._killed(kill, lambda: self._engine_run(operation, refresh=refresh))

    def _killed(self, kill: Kill, act: Callable[[], Ran]) -> Ran:
        with Killer(self._simulator, kill, os.getpid(), self._interrupt).waiting():
            return act()

    def _interrupt(self) -> None:
        if self._running.is_set():
            os.kill(os.getpid(), signal.SIGINT)

    def _engine_run(self, operation: str, *, refresh: bool = True) -> Ran:
        self._snapshot = None
        kind = PlainEngine if self._plain else Engine
        engine = kind(StackDirectory.at(self._directory), self._cli, STACK, self._watch)
        self._running.set()
        watch = threading.Timer(LONGEST_RUN_SECONDS, self._end_hanging)
        watch.start()
        try:
            result: Result = getattr(engine, operation)(refresh=refresh)
        except CoreWeaveError as error:
            return False, (str(error),)
        finally:
            watch.cancel()
            self._running.clear()
        report = tuple(m.text for m in result.messages if m.severity in ("warning", "error"))
        return result.ok, (*result.repairs, *result.errors, *report)

    def _end_hanging(self) -> None:
        """A run that goes on for ever breaks a promise of its own; twice, since the first interrupt lets it end in order."""
        self._hung = True
        for _ in range(2):
            self._interrupt()
            time.sleep(5)

    def _watch(self, run_event: RunEvent) -> None:
        """What is live at the moment at which a run says that everything serves."""
        if isinstance(run_event, Step) and run_event.name == "ready" and run_event.phase == "done":
            self._snapshot = self._stage.live()

    def _life_command(self, operation: str) -> Ran:
        """`cw-inference` as a process of its own, which may be killed; its engine then ends by itself."""
        self._snapshot = None
        code, output = self._commands.run(operation, "--yes", "--stack", STACK)
        return code == 0, (output,)

    def _clean(self, result: Round, program: Program) -> tuple[str, ...] | None:
        self._stage.declare(program)
        ok, report = self._engine_run("up")
        result.story.append(f"the clean run: {'ok' if ok else 'failed'}; {' | '.join(report)[:3000]}")
        if not ok:
            result.violations.append(
                Violation("not done", f"the clean run failed: {' | '.join(report)[:3000]}")
            )
            return None
        return report

    def _judge(self, result: Round, program: Program, between: Program) -> None:
        live, recorded = self._stage.live(), self._stage.recorded()
        result.violations += judged(
            program, live, self._stage.statements(), recorded, self._settled, between, self._stage.furnished
        )
        result.violations += not_serving(self._snapshot or live, recorded, program)
        result.violations += self._stage.strangers_missed()
        if not result.violations:
            self._settled = settled(program, live, recorded)

    def _end(self, result: Round) -> None:
        ok, report = self._engine_run("destroy")
        result.story.append(
            f"the destroy at the end: {'ok' if ok else 'failed'}; {' | '.join(report)[:3000]}"
        )
        if not ok:
            result.violations.append(Violation("not done", "the destroy at the end failed"))
        nothing = Program()
        result.violations += judged(
            nothing,
            self._stage.live(),
            self._stage.statements(),
            self._stage.recorded(),
            Settled(),
            nothing,
            self._stage.furnished,
        )
        result.violations += self._stage.strangers_missed()


def _cpu_seconds() -> float:
    used = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _story(before: Program, between: Program, after: Program, what: str, plan: Plan) -> list[str]:
    return [
        f"before: {json.dumps(before.document())}",
        f"changes: {what}",
        f"then: {json.dumps(between.document())}",
        f"faults: {plan}",
        f"declared at last: {json.dumps(after.document())}",
    ]


def _report(entry: Mapping[str, Any]) -> str:
    at = time.strftime("%H:%M:%S", time.gmtime(entry["real_at"])) + f"{entry['real_at'] % 1:.3f}"[1:]
    body = json.dumps(entry["body"])[:160] if entry["body"] else ""
    query = f"?{entry['query']}" if entry["query"] else ""
    fault = f" [{entry['fault']}]" if entry["fault"] else ""
    return f"{at} {entry['method']} {entry['path']}{query} -> {entry['status']}{fault} {body}"


def found_pulumi() -> str:
    """The CLI on PATH."""
    path = shutil.which("pulumi")
    if path is None:
        raise SystemExit("the Pulumi CLI is not on PATH; `make faults` gets it")
    return path
