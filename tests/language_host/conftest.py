"""The service of the engine's tests."""

from __future__ import annotations

from tests.engine.conftest import service

__all__ = ["service"]
