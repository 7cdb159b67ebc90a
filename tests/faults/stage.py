"""The stage of a life: the simulated account with strangers in it, and the stack directory in front of it.

What happens on it is `lives`'; what is right is `account`'s. Nothing here judges.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from coreweave_inference.simulator import Behaviour, Simulator, lifecycle
from coreweave_inference.simulator.allocation import allocated_instances, instance_count, progress
from coreweave_inference.simulator.bucket_policies import principal_arn
from coreweave_inference.simulator.credentials import user_of
from coreweave_inference.simulator.records import Record

from tests.faults.account import KINDS, STACK, LiveObject, Name, Recorded, Violation, served
from tests.faults.key_service import KeyService
from tests.faults.programs import BUCKET, ORGANIZATION, PATHS, ZONE, Program
from tests.simulator.inference_fixtures import environment_of, s3_client

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
    "COREWEAVE_POLL_SECONDS": "0.2",
    "COREWEAVE_SETTLE_SECONDS": "0.8",
    "COREWEAVE_DEADLINE_SECONDS": "6",
    "COREWEAVE_GATEWAY_DEADLINE_SECONDS": "4",
    "COREWEAVE_GONE_DEADLINE_SECONDS": "6",
    "COREWEAVE_RETRY_SECONDS": "0.6",
    "COREWEAVE_TIMEOUT_SECONDS": "1",
}
QUICK_START = """
import gc, os, sys, time
gc.disable()
sys.modules["httpx._main"] = None  # its command line; as where httpx is installed without it
real = time.time


def stepped():
    name = sys._getframe(1).f_globals["__name__"]
    ours = name.startswith("coreweave_inference") and not name.endswith("engine_processes")
    return real() + (os.stat(os.environ["CAMPAIGN_CLOCK"]).st_size if ours else 0)


time.time = stepped
"""
"""What each Python process of a run does first. It is short-lived, and nearly all of its time goes into imports. Its wall
clock is ahead by a second for each byte of a file, so that it can be stepped while the process runs; for the package alone,
since gRPC would wait until the true clock gets there, and not for what is compared with the time of the engine's lock."""
RESOURCES = {
    "Gateway": "gateways",
    "CapacityClaim": "claims",
    "Deployment": "deployments",
    "WeightsBucket": "buckets",
}
"""Sections of the campaign's programs by the resources that represent them."""
STRANGERS = "strangers"
OWN_TAGS = ("coreweave-inference-stack", "coreweave-inference-tags")
LONGEST_IN_HAND_SECONDS = 40.0


class Stage:
    """A furnished account and an empty stack directory. Takes the place of the caller's environment."""

    def __init__(
        self,
        place: Path,
        simulator: Simulator,
        pulumi: str,
        keys: KeyService,
        *,
        plain: bool,
        restricted: bool,
    ) -> None:
        self.simulator = simulator
        self._plain = plain
        self.directory = place / "stack"
        self._state = place / "state"
        for folder in (self.directory, self._state, place / "home"):
            folder.mkdir(parents=True)
        (place / "site").mkdir()
        self._clock = place / "clock"
        self._clock.touch()
        (place / "site" / "sitecustomize.py").write_text(QUICK_START)
        os.environ.clear()
        os.environ.update(environment(place, simulator, pulumi, keys))
        write_stack(self.directory)
        _furnish(simulator, restricted=restricted)
        self.furnished = self.statements()

    def declare(self, program: Program) -> None:
        """Write inference.yaml."""
        self.declare_document(program.document())

    def declare_document(self, document: Mapping[str, Any]) -> None:
        """Write inference.yaml as it is given."""
        (self.directory / "inference.yaml").write_text(as_text(document))

    def step_clock(self, seconds: int) -> None:
        """Put the wall clock of all processes of a run so far ahead."""
        self._clock.write_bytes(b" " * seconds)

    def wait_until_quiet(self) -> None:
        """Until the service has nothing in hand any more: what it has not handled yet, nobody can find."""
        deadline = time.monotonic() + LONGEST_IN_HAND_SECONDS
        while time.monotonic() < deadline:
            entries = self.simulator.journal.entries()
            if all(entry.status is not None for entry in entries if entry.fault == "delay"):
                return
            time.sleep(0.02)

    def live(self) -> list[LiveObject]:
        """Every object that is no stranger's."""
        world = self.simulator.world
        with world.lock:
            records = [record for kind in KINDS.values() for record in world.records(kind)]  # type: ignore[arg-type]
            objects = [
                LiveObject(
                    record.kind, record.id, record.created_at, dict(record.spec), self._why_not(record)
                )
                for record in records
                if not record.name.startswith(STRANGERS)
            ]
        return objects + [_live_bucket(found) for found in self._buckets() if found["name"] != BUCKET]

    def _why_not(self, record: Record) -> str:
        """Why an object does not serve its spec at this moment, whatever it shows."""
        world = self.simulator.world
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

    def recorded(self) -> Recorded:
        """What the state file says. A creation that was cut off stays pending for plain Pulumi, whatever came of it."""
        file = self.backend_folder / "stacks" / "serving" / f"{STACK}.json"
        latest = json.loads(file.read_text())["checkpoint"].get("latest") or {}
        ids: dict[Name, tuple[str, ...]] = {}
        for resource in latest.get("resources") or ():
            section = RESOURCES.get(resource["type"].rpartition(":")[2])
            if section and resource.get("id") != BUCKET:
                name = (section, resource["urn"].rpartition("::")[2])
                ids[name] = (*ids.get(name, ()), resource.get("id", ""))
        pending = tuple(
            f"{operation['type']} {operation['resource']['urn']}"
            for operation in latest.get("pending_operations") or ()
            if not (self._plain and operation["type"] == "creating")
        )
        return Recorded(ids, pending)

    @property
    def backend_folder(self) -> Path:
        """Where the state backend keeps its stacks and locks."""
        return self._state / ".pulumi"

    def everything(self) -> dict[str, str]:
        """Each object and bucket in the account, strangers' too, by id; the text changes with spec, tags and policy."""
        world = self.simulator.world
        with world.lock:
            records = [record for kind in KINDS.values() for record in world.records(kind)]  # type: ignore[arg-type]
            objects = {
                record.id: f"{record.kind} {json.dumps(record.spec, sort_keys=True)}"
                + (" deleted" if record.deleted_at is not None else "")
                for record in records
            }
        buckets = {
            found["name"]: f"bucket {json.dumps([found['tags'], found['policy']], sort_keys=True)}"
            for found in self._buckets()
        }
        return {**objects, **buckets}

    def statements(self) -> list[Mapping[str, Any]]:
        """The statements in the policy of the bucket of weights."""
        return _statements(next(found for found in self._buckets() if found["name"] == BUCKET))

    def _buckets(self) -> list[dict[str, Any]]:
        return self.simulator.storage.buckets()

    def strangers_missed(self) -> list[Violation]:
        """What is wrong with what belongs to others."""
        names = [record.name for record in self.simulator.world.records("gateways")]
        there = f"{STRANGERS}-gateway" in names
        return [] if there else [Violation("lost", "the gateway of somebody else was deleted")]


def as_text(document: Mapping[str, Any]) -> str:
    """A declaration as it is written to a file."""
    return str(yaml.safe_dump(document, sort_keys=False))


def _live_bucket(found: Mapping[str, Any]) -> LiveObject:
    """A bucket as an object: its name is its id, and what serves is of no matter."""
    tags = {key: value for key, value in found["tags"].items() if key not in OWN_TAGS}
    spec = {"name": found["name"], "zone": found["zone"], "tags": tags, "served": served(_statements(found))}
    return LiveObject("buckets", found["name"], found["created"], spec)


def _statements(bucket: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    statements: list[Mapping[str, Any]] = (
        json.loads(bucket["policy"])["Statement"] if bucket["policy"] else []
    )
    return statements


def environment(place: Path, simulator: Simulator, pulumi: str, keys: KeyService) -> dict[str, str]:
    """An environment in which nothing of the caller's is left."""
    return {
        "PATH": os.pathsep.join([str(Path(pulumi).parent), os.defpath]),
        "HOME": str(place / "home"),
        "PULUMI_HOME": str(place / "home"),
        "PULUMI_BACKEND_URL": f"file://{place / 'state'}",
        **keys.variables(),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        **environment_of(simulator),
        # What the checks think of these declarations is none of the campaign's business.
        "COREWEAVE_CHECKS": "warn",
        "GOGC": "off",
        "PYTHONPATH": str(place / "site"),
        "CAMPAIGN_CLOCK": str(place / "clock"),
        **TIMES,
    }


def write_stack(directory: Path) -> None:
    """A stack directory as `cw-inference init` leaves it, but for the virtualenv."""
    (directory / "Pulumi.yaml").write_text("name: serving\nruntime: python\noptions: {refresh: always}\n")
    (directory / f"Pulumi.{STACK}.yaml").write_text("config:\n  coreweave:identity: 5f1c0f6a4d\n")
    (directory / "__main__.py").write_text("import coreweave_inference as cw\n\nstack = cw.load()\n")


def _furnish(simulator: Simulator, *, restricted: bool) -> None:
    """What others have in the account: a bucket with weights and a policy, and a gateway."""
    s3 = s3_client(simulator)
    try:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": ZONE})
        for path in PATHS:
            s3.put_object(Bucket=BUCKET, Key=f"{path}/config.json", Body=b"{}")
        s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(_strangers_policy(restricted=restricted)))
    finally:
        s3.close()
    spec = {
        "id": "5f1c0f6a-0000-4000-8000-000000000000",
        "name": f"{STRANGERS}-gateway",
        "organizationId": ORGANIZATION,
        "coreWeaveAuth": {},
        "bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"},
    }
    simulator.world.create("gateways", ORGANIZATION, spec)


def _strangers_policy(*, restricted: bool) -> dict[str, Any]:
    """`restricted`: nobody of the owners but the operator is let in."""
    arns = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    condition = {"StringEquals": {"cw:PrincipalOrgID": ORGANIZATION}}
    owners = {"Sid": "Owners", "Effect": "Allow", "Principal": "*", "Action": ["s3:*"], "Resource": arns}
    strangers = {
        "Sid": "Strangers",
        "Effect": "Allow",
        "Principal": {"CW": ["arn:aws:iam::cw12ab:coreweave/reader"]},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{BUCKET}/shared/*"],
    }
    operator = principal_arn(ORGANIZATION, user_of(ORGANIZATION))
    alone = {"Sid": "Operator", "Effect": "Allow", "Principal": {"CW": [operator]}, "Action": ["s3:*"]}
    first = {**alone, "Resource": arns} if restricted else {**owners, "Condition": condition}
    return {"Version": "2012-10-17", "Statement": [first, strangers]}
