"""A life: a simulated account, a stack directory in front of it, and rounds on them until everything is destroyed.

One round is one run in which things go wrong, one clean run, and the judgement of what that left.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import yaml
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.engine.happenings import Happening, Step
from coreweave_inference.engine.installation import PulumiCli
from coreweave_inference.engine.operations import Engine
from coreweave_inference.engine.results import Result
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.simulator import Behaviour, Simulator, lifecycle
from coreweave_inference.simulator.allocation import allocated_instances, instance_count, progress
from coreweave_inference.simulator.records import Record

from tests.faults import misbehaviour
from tests.faults.account import (
    KINDS,
    STACK,
    LiveObject,
    Name,
    Recorded,
    Settled,
    Violation,
    judged,
    not_serving,
    settled,
)
from tests.faults.killing import Killer, processes_below, runs
from tests.faults.misbehaviour import Plan
from tests.faults.programs import BUCKET, ORGANISATION, PATHS, ZONE, Program, changed, first, mended

QUICK = Behaviour(
    gateway_create_seconds=0.05,
    deployment_create_seconds=0.2,
    claim_create_seconds=0.05,
    gateway_update_seconds=0.05,
    deployment_update_seconds=0.1,
    claim_update_seconds=0.05,
    gateway_delete_seconds=0.05,
    deployment_delete_seconds=0.1,
    claim_delete_seconds=0.05,
    stale_status_seconds=0.1,
    scale_down_delay_seconds=5.0,
)
TIMES = {
    "COREWEAVE_POLL_SECONDS": "0.1",
    "COREWEAVE_SETTLE_SECONDS": "0.8",
    "COREWEAVE_DEADLINE_SECONDS": "6",
    "COREWEAVE_GATEWAY_DEADLINE_SECONDS": "4",
    "COREWEAVE_GONE_DEADLINE_SECONDS": "6",
    "COREWEAVE_RETRY_SECONDS": "0.6",
    "COREWEAVE_TIMEOUT_SECONDS": "1",
}
RESOURCES = {"Gateway": "gateways", "CapacityClaim": "claims", "Deployment": "deployments"}
STRANGERS = "strangers"
JOURNAL_TAIL = 60
LONGEST_END_SECONDS = 40.0


@dataclass
class Round:
    """What came of one round; `story` is what a reader of a violation needs."""

    life: int
    number: int
    kinds: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    first_run_ok: bool = False
    violations: list[Violation] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Life:
    """Begins with a bucket, weights, and a stranger's gateway and policy statement, which must outlive everything."""

    def __init__(self, seed: int, number: int, place: Path, simulator: Simulator, pulumi: str) -> None:
        self._number = number
        self._random = Random(f"{seed}/{number}")
        self._simulator = simulator
        self._directory = place / "stack"
        self._state = place / "state"
        self._program = Program()
        self._settled = Settled()
        self._snapshot: list[LiveObject] | None = None
        self._running = threading.Event()
        for folder in (self._directory, self._state, place / "home"):
            folder.mkdir(parents=True)
        os.environ.clear()
        os.environ.update(environment(place, simulator, pulumi))
        write_stack(self._directory)
        _furnish(simulator)
        signal.signal(signal.SIGINT, lambda number, frame: None)
        self._cli = PulumiCli.found(os.environ)
        self._cli.run(["stack", "init", STACK], str(self._directory), {})

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
        return found

    def _timed(self, number: int, act: Callable[[Round], None]) -> Round:
        result, started = Round(self._number, number), time.monotonic()
        self._simulator.journal.clear()
        act(result)
        result.writes = sum(
            entry.method in misbehaviour.WRITES for entry in self._simulator.journal.entries()
        )
        result.seconds = time.monotonic() - started
        if result.violations:
            entries = self._simulator.journal.entries()[-JOURNAL_TAIL:]
            result.story += [_told(entry.as_json()) for entry in entries]
        return result

    def _round(self, result: Round) -> None:
        before, plan = self._program, misbehaviour.planned(self._random)
        between, what = self._between(before)
        self._simulator.behaviour = self._simulator.behaviour.changed(plan.knobs)
        result.kinds.update(plan.kinds)
        failed = self._misbehaving(result, plan, between, destroy=what == "destroy")
        after = self._after(before, between, failed)
        result.story += _story(before, between, after, what, plan)
        self._quiet()
        clean = self._clean(result, after)
        if clean is not None:
            self._judge(result, after, between)
        self._program = after.settled()

    def _between(self, before: Program) -> tuple[Program, str]:
        if not before.objects():
            return first(self._random), "first"
        chance = self._random.random()
        if chance < 0.06:
            return Program(prefixes=before.prefixes, retired=before.retired), "destroy"
        if chance < 0.12:
            return Program(prefixes=before.prefixes, retired=before.retired), "remove all"
        return changed(self._random, before, may_fail=True)

    def _after(self, before: Program, between: Program, failed: bool) -> Program:
        """What the clean run declares: the same, what was there before, or something else."""
        retired = before.retired | between.retired
        chance = self._random.random()
        if chance < 0.45 or not failed:
            base = between
        elif chance < 0.7:
            base = before
        else:
            base, _ = changed(self._random, self._random.choice((before, between)), may_fail=False)
            retired |= base.retired
        return mended(
            self._random, Program(base.gateways, base.claims, base.deployments, base.prefixes, retired)
        )

    def _misbehaving(self, result: Round, plan: Plan, program: Program, *, destroy: bool) -> bool:
        """The run in which things go wrong; whether it failed. One that says it succeeded must have."""
        self._declare(program)
        for fault in plan.faults:
            self._simulator.faults.add(fault)
        if plan.expire_keys:
            timer = threading.Timer(self._random.random() * 2, self._simulator.storage.credentials.expire)
            timer.start()
        operation = "destroy" if destroy else "up"
        ok, errors = self._run_to_be_killed(plan, operation, refresh=self._random.random() < 0.5)
        if plan.expire_keys:
            timer.cancel()
        self._simulator.faults.clear()
        result.first_run_ok = ok
        result.story.append(
            f"the run that met faults: {'ok' if ok else 'failed'}; {' | '.join(errors)[:2000]}"
        )
        if ok and not destroy and self._snapshot is not None:
            result.violations += not_serving(self._snapshot, self._recorded(), program)
        return not ok

    def _run_to_be_killed(self, plan: Plan, operation: str, *, refresh: bool) -> tuple[bool, tuple[str, ...]]:
        if plan.kill is None:
            return self._engine_run(operation, refresh=refresh)
        killer = Killer(self._simulator, plan.kill, os.getpid(), self._interrupt)
        with killer.waiting():
            if plan.kill.who == "command":
                return self._command(operation)
            return self._engine_run(operation, refresh=refresh)

    def _interrupt(self) -> None:
        if self._running.is_set():
            os.kill(os.getpid(), signal.SIGINT)

    def _engine_run(self, operation: str, *, refresh: bool = True) -> tuple[bool, tuple[str, ...]]:
        self._snapshot = None
        engine = Engine(StackDirectory.at(self._directory), self._cli, STACK, self._watch)
        self._running.set()
        try:
            result: Result = getattr(engine, operation)(refresh=refresh)
        except CoreWeaveError as error:
            return False, (str(error),)
        finally:
            self._running.clear()
        told = tuple(m.text for m in result.messages if m.severity in ("warning", "error"))
        return result.ok, (*result.repairs, *result.errors, *told)

    def _watch(self, happening: Happening) -> None:
        """What is live at the moment at which a run says that everything serves."""
        if isinstance(happening, Step) and happening.name == "ready" and happening.phase == "done":
            self._snapshot = self._live()

    def _command(self, operation: str) -> tuple[bool, tuple[str, ...]]:
        """`cw-inference` as a process of its own, which may be killed; its engine then ends by itself."""
        self._snapshot = None
        command = [sys.executable, "-m", "coreweave_inference.cli", operation, "--yes", "--stack", STACK]
        with subprocess.Popen(
            command, cwd=self._directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            below: set[int] = set()
            while process.poll() is None:
                below |= set(processes_below(process.pid))
                time.sleep(0.05)
            deadline = time.monotonic() + LONGEST_END_SECONDS
            while any(runs(found) for found in below) and time.monotonic() < deadline:
                time.sleep(0.05)
            output = process.stdout.read() if process.stdout else ""
        left = [found for found in below if runs(found)]
        return process.returncode == 0, (output, *([f"still running: {left}"] if left else []))

    def _quiet(self) -> None:
        """Until the service has nothing in hand any more: what it has not handled yet, nobody can find."""
        deadline = time.monotonic() + LONGEST_END_SECONDS
        while time.monotonic() < deadline:
            entries = self._simulator.journal.entries()
            if all(entry.status is not None for entry in entries if entry.fault == "delay"):
                return
            time.sleep(0.02)

    def _clean(self, result: Round, program: Program) -> tuple[str, ...] | None:
        self._declare(program)
        ok, told = self._engine_run("up")
        result.story.append(f"the clean run: {'ok' if ok else 'failed'}; {' | '.join(told)[:3000]}")
        if not ok:
            result.violations.append(
                Violation("not done", f"the clean run failed: {' | '.join(told)[:3000]}")
            )
            return None
        return told

    def _judge(self, result: Round, program: Program, between: Program) -> None:
        live, recorded = self._live(), self._recorded()
        result.violations += judged(program, live, self._statements(), recorded, self._settled, between)
        result.violations += not_serving(self._snapshot or live, recorded, program)
        result.violations += self._strangers_missed()
        if not result.violations:
            self._settled = settled(program, live, recorded)

    def _end(self, result: Round) -> None:
        ok, told = self._engine_run("destroy")
        result.story.append(f"the destroy at the end: {'ok' if ok else 'failed'}; {' | '.join(told)[:3000]}")
        if not ok:
            result.violations.append(Violation("not done", "the destroy at the end failed"))
        nothing = Program()
        result.violations += judged(
            nothing, self._live(), self._statements(), self._recorded(), Settled(), nothing
        )
        result.violations += self._strangers_missed()

    def _declare(self, program: Program) -> None:
        text = yaml.safe_dump(program.document(), sort_keys=False)
        (self._directory / "inference.yaml").write_text(text)

    def _live(self) -> list[LiveObject]:
        world = self._simulator.world
        with world.lock:
            records = [record for kind in KINDS.values() for record in world.records(kind)]  # type: ignore[arg-type]
            return [
                LiveObject(
                    record.kind, record.id, record.created_at, dict(record.spec), self._why_not(record)
                )
                for record in records
                if not record.name.startswith(STRANGERS)
            ]

    def _why_not(self, record: Record) -> str:
        """Why an object does not serve its spec at this moment, whatever it shows."""
        world = self._simulator.world
        now = world.clock.now()
        if record.deleted_at is not None:
            return "is being deleted"
        if record.spec.get("disabled"):
            applied = record.outcome is not None or progress(record, now) >= lifecycle.APPLIED_AT
            return "" if applied else "is disabled and not applied"
        if record.kind == "capacityclaims" and allocated_instances(record, now) > instance_count(record):
            return ""  # Reduced: what is asked for is there, and that more is held for a while is no reason to wait.
        if record.outcome is None or record.outcome.status != "STATUS_READY":
            return f"is {record.outcome.status if record.outcome else 'still being worked on'}"
        if record.kind == "deployments" and not world.weights_readable(record):
            return "cannot read its weights"
        return ""

    def _recorded(self) -> Recorded:
        file = self._state / ".pulumi" / "stacks" / "serving" / f"{STACK}.json"
        latest = json.loads(file.read_text())["checkpoint"].get("latest") or {}
        ids: dict[Name, tuple[str, ...]] = {}
        for resource in latest.get("resources") or ():
            section = RESOURCES.get(resource["type"].rpartition(":")[2])
            if section:
                name = (section, resource["urn"].rpartition("::")[2])
                ids[name] = (*ids.get(name, ()), resource.get("id", ""))
        pending = tuple(
            f"{operation['type']} {operation['resource']['urn']}"
            for operation in latest.get("pending_operations") or ()
        )
        return Recorded(ids, pending)

    def _statements(self) -> list[Mapping[str, Any]]:
        text = next(found for found in self._simulator.storage.buckets() if found["name"] == BUCKET)["policy"]
        statements: list[Mapping[str, Any]] = json.loads(text)["Statement"] if text else []
        return statements

    def _strangers_missed(self) -> list[Violation]:
        names = [record.name for record in self._simulator.world.records("gateways")]
        there = f"{STRANGERS}-gateway" in names
        return [] if there else [Violation("lost", "the gateway of somebody else is gone")]


def environment(place: Path, simulator: Simulator, pulumi: str) -> dict[str, str]:
    """An environment in which nothing of the caller's is left."""
    return {
        "PATH": os.pathsep.join([str(Path(pulumi).parent), os.defpath]),
        "HOME": str(place / "home"),
        "PULUMI_HOME": str(place / "home"),
        "PULUMI_BACKEND_URL": f"file://{place / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "COREWEAVE_API_ENDPOINT": simulator.url,
        "COREWEAVE_S3_ENDPOINT": simulator.url,
        "COREWEAVE_API_TOKEN": simulator.token,
        # What the checks think of these declarations is none of the campaign's business.
        "COREWEAVE_CHECKS": "warn",
        **TIMES,
    }


def write_stack(directory: Path) -> None:
    """A stack directory as `cw-inference init` leaves it, but for the virtualenv."""
    (directory / "Pulumi.yaml").write_text("name: serving\nruntime: python\noptions: {refresh: always}\n")
    (directory / f"Pulumi.{STACK}.yaml").write_text("config:\n  coreweave:identity: 5f1c0f6a4d\n")
    (directory / "__main__.py").write_text("import coreweave_inference as cw\n\nstack = cw.load()\n")


def _furnish(simulator: Simulator) -> None:
    """What others have in the account: a bucket with weights and a policy, and a gateway."""
    import boto3
    from botocore.config import Config

    key = simulator.storage.credentials.mint(ORGANISATION, 0)
    s3 = boto3.session.Session().client(
        "s3",
        endpoint_url=simulator.url,
        region_name=ZONE,
        aws_access_key_id=key["accessKeyId"],
        aws_secret_access_key=key["secretKey"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": ZONE})
        for path in PATHS:
            s3.put_object(Bucket=BUCKET, Key=f"{path}/config.json", Body=b"{}")
        s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(_strangers_policy()))
    finally:
        s3.close()
    spec = {
        "id": "5f1c0f6a-0000-4000-8000-000000000000",
        "name": f"{STRANGERS}-gateway",
        "organizationId": ORGANISATION,
        "coreWeaveAuth": {},
        "bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"},
    }
    simulator.world.create("gateways", ORGANISATION, spec)


def _strangers_policy() -> dict[str, Any]:
    arns = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    condition = {"StringEquals": {"cw:PrincipalOrgID": ORGANISATION}}
    owners = {"Sid": "Owners", "Effect": "Allow", "Principal": "*", "Action": ["s3:*"], "Resource": arns}
    strangers = {
        "Sid": "Strangers",
        "Effect": "Allow",
        "Principal": {"CW": ["arn:aws:iam::cw12ab:coreweave/reader"]},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{BUCKET}/shared/*"],
    }
    return {"Version": "2012-10-17", "Statement": [{**owners, "Condition": condition}, strangers]}


def _story(before: Program, between: Program, after: Program, what: str, plan: Plan) -> list[str]:
    return [
        f"before: {json.dumps(before.document())}",
        f"changes: {what}",
        f"then: {json.dumps(between.document())}",
        f"faults: {plan}",
        f"declared at last: {json.dumps(after.document())}",
    ]


def _told(entry: Mapping[str, Any]) -> str:
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
