"""States that earlier versions wrote: this version previews them empty and can destroy what they represent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from coreweave_inference.version import __version__

from tests.engine.workbench import ORGANIZATION, Workbench
from tests.states.recording import ADDRESS, FIXTURES, KINDS, declaration

WRITTEN = sorted(FIXTURES.glob("*.json"))


def test_the_version_at_hand_has_a_state_among_the_fixtures() -> None:
    assert __version__ in {file.stem for file in WRITTEN}, "python -m tests.states.recording"


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.stem)
def test_a_state_that_a_version_wrote_previews_empty_and_can_be_destroyed(
    workbench: Workbench, file: Path
) -> None:
    service = workbench.service
    fixture = json.loads(file.read_text().replace(ADDRESS, service.url))
    _live(workbench, fixture)
    imported = workbench.directory / "imported.json"
    imported.write_text(json.dumps(fixture["state"]))
    workbench.pulumi("stack", "import", "--file", str(imported), "--stack", "dev")
    workbench.declare(declaration())

    preview = workbench.preview("--refresh")
    down = workbench.destroy("--refresh")

    assert preview.ok, preview.errors
    assert (preview.drift, preview.changes, preview.writes) == ({}, {}, {})
    assert down.ok, down.errors
    assert service.account() == {"buckets": ["acme-weights"]}
    assert service.sids() == []


def _live(workbench: Workbench, fixture: dict[str, Any]) -> None:
    """The account as it was when the state was written."""
    service = workbench.service
    for kind in KINDS:
        for spec in fixture["objects"][kind]:
            service.simulator.world.create(kind, ORGANIZATION, spec)  # type: ignore[arg-type]
    service.s3.put_bucket_policy(Bucket="acme-weights", Policy=json.dumps(fixture["policy"]))
    service.simulator.clock.advance(10)
