"""What happens in a run of two objects, as views are shown it."""

from __future__ import annotations

from coreweave_inference.engine.events import Change, Message, Progress, RunEvent, Step

TYPES = "urn:pulumi:dev::serving::pulumi-python:dynamic/coreweave/inference:"
CHAT, PUBLIC = f"{TYPES}Deployment::chat", f"{TYPES}Gateway::public"
BUCKET, READY = f"{TYPES}WeightsBucket::weights", f"{TYPES}Readiness::ready"
RUN: tuple[RunEvent, ...] = (
    Step(PUBLIC, "same", "started", id="id-g"),
    Step(PUBLIC, "same", "done", id="id-g"),
    Step(CHAT, "update", "started", (Change("traffic.weight", 900, 500),)),
    Step(CHAT, "update", "done"),
    Step(READY, "update", "started"),
    Progress(PUBLIC, "READY", "ready"),
    Progress(CHAT, "UPDATING", "waiting", "Ready=False Reconciling", 0.2),
    Progress(CHAT, "UPDATING", "waiting", "Ready=False Reconciling", 0.4),
)
END: tuple[RunEvent, ...] = (
    Progress(CHAT, "READY", "ready", "", 1.0),
    Step(READY, "update", "done"),
    Message("warning", "something stays", CHAT),
)
