"""What is shipped has no finding, and the pages are current."""

from __future__ import annotations

from pathlib import Path

import pytest
from coreweave_inference.checks import run, view_of
from coreweave_inference.checks.reference import page
from coreweave_inference.declaration import overlay_path, read

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for folder in ("examples", "stacks") for path in (ROOT / folder).glob("*/inference.yaml"))
STACKS = [
    (path, overlay) for path in FILES for overlay in (None, *sorted(path.parent.glob("inference.*.yaml")))
]


@pytest.mark.parametrize(
    ("path", "overlay"),
    STACKS,
    ids=[f"{path.parent.name}-{overlay.stem if overlay else ''}" for path, overlay in STACKS],
)
def test_a_shipped_declaration_has_no_finding(path, overlay):
    if overlay is None and overlay_path(path, "dev").exists():
        overlay = overlay_path(path, "dev")

    assert run(view_of(read(path, overlay))).findings == ()


def test_the_reference_page_is_current():
    assert (ROOT / "docs" / "checks.md").read_text(encoding="utf-8") == page()
