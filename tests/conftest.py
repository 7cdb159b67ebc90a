"""What one test leaves in the process is not there for the next."""

from __future__ import annotations

from coreweave_inference.storage import client as storage


def pytest_runtest_setup() -> None:
    """Another test's simulator may have had the port of this one's."""
    storage._refusals.clear()
