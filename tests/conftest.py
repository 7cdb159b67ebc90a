"""What the processes of a session share, and what one test leaves in its process is not there for the next."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile

import pytest
from coreweave_inference.storage import key_sources

from tests.starting_points import FOLDER


def pytest_configure(config: pytest.Config) -> None:
    """The first process makes the folder; those that it starts have it in their environment."""
    if not hasattr(config, "workerinput"):
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="cw-starting-points-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(FOLDER), ignore_errors=True))


def pytest_collection_finish() -> None:
    """Five thousand tests and all that they import stay to the end: no collection looks through them again."""
    gc.freeze()


def pytest_runtest_setup() -> None:
    """Another test's simulator may have had the port of this one's."""
    key_sources._minted.clear()
