"""A disabled deployment shows the status of its last work for ever, so that status shows nothing of the next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from coreweave_inference.model import Kind
from coreweave_inference.waiting import Ready, Revision, Target, Waiting
from coreweave_inference.waiting.judging import judge
from coreweave_inference.waiting.observations import History

pytestmark = pytest.mark.thorough

WRITTEN_AT = 100.0
BEFORE = "2026-11-21T20:00:00Z"


@dataclass(frozen=True)
class Applied:
    type: str = "ResourcesApplied"
    status: bool | None = True
    reason: str = "Applied"
    message: str = ""
    zone: str = ""
    updated: None = None


@dataclass(frozen=True)
class Seen:
    """A disabled deployment as a list shows it."""

    updated_at: str = BEFORE
    id: str = "1"
    name: str = "chat"
    spec: dict[str, Any] = field(default_factory=lambda: {"name": "chat", "disabled": True})
    status: str = "UPDATING"
    conditions: tuple[Applied, ...] = (Applied(),)
    allocated_instances: int = 0
    pending_instances: int = 0


def test_a_disabled_deployment_that_still_shows_its_last_work_has_not_settled() -> None:
    revision = Revision("n", WRITTEN_AT, BEFORE)
    target = Target(Kind.DEPLOYMENT, "1", "chat", revision, 60.0, None, written_at=WRITTEN_AT)
    stale = Seen()
    moved = replace(stale, updated_at="2026-11-21T20:00:09Z")

    verdicts = [
        judge(target, live, History(), now, 15.0)[0]
        for live, now in ((stale, WRITTEN_AT + 1), (moved, WRITTEN_AT + 1), (stale, WRITTEN_AT + 15))
    ]

    assert [type(verdict) for verdict in verdicts] == [
        Waiting,
        Waiting,
        Ready,
    ]  # A moved updatedAt proves nothing.
