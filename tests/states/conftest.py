"""The service and the stack directories of the engine's tests."""

from __future__ import annotations

from tests.engine.conftest import service, stocked, workbench, workbench_of

__all__ = ["service", "stocked", "workbench", "workbench_of"]
