"""The service of the engine's tests, and stacks that share one state backend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.conftest import service
from tests.engine.workbench import Service, Workbench

__all__ = ["service"]


@pytest.fixture
def bench_of(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], Workbench]:
    """A stack of a project, in a directory of its own; programs look at the service as this process's environment says."""
    for variable in ("COREWEAVE_API_ENDPOINT", "COREWEAVE_S3_ENDPOINT"):
        monkeypatch.setenv(variable, service.url)
    monkeypatch.setenv("COREWEAVE_API_TOKEN", service.simulator.token)
    state = tmp_path / "state"
    state.mkdir()

    def make(project: str, stack: str = "dev") -> Workbench:
        directory = tmp_path / f"{project}-{stack}"
        directory.mkdir()
        return Workbench(service, directory, stack, project, PULUMI_BACKEND_URL=f"file://{state}")

    return make
