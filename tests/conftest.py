"""What one test leaves in the process is not there for the next."""

from __future__ import annotations

from coreweave_inference.storage import key_sources


def pytest_runtest_setup() -> None:
    """Another test's simulator may have had the port of this one's."""
    key_sources._minted.clear()
