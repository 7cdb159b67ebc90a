"""A lock is taken away only where it is proven that its process has ended."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from coreweave_inference.engine.engine_processes import EngineProcess, record_of, recorded
from coreweave_inference.engine.locks import Lock, is_stale


@pytest.fixture
def ended() -> EngineProcess:
    """What was recorded of a process that has ended since."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        found = EngineProcess.of(process.pid)
        process.kill()
    assert found is not None
    return found


def lock_of(process: EngineProcess, later_seconds: float = 1.0) -> Lock:
    moment = datetime.fromtimestamp(process.began + later_seconds, timezone.utc)
    return Lock("ann", process.host, process.pid, moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def test_a_lock_whose_process_has_ended_is_stale_and_in_ci_nobody_decides_that(ended: EngineProcess) -> None:
    assert is_stale(lock_of(ended), ended, {})
    assert not is_stale(lock_of(ended), ended, {"CI": "true"})


def test_the_lock_of_a_process_that_runs_is_not_stale_and_its_id_used_again_does_not_keep_it() -> None:
    running = EngineProcess.of(os.getpid())
    assert running is not None

    assert not is_stale(lock_of(running), running, {})
    assert is_stale(lock_of(running), replace(running, start="1"), {})


def test_nothing_is_proven_of_another_namespace_boot_host_or_time_nor_without_a_record(
    ended: EngineProcess,
) -> None:
    lock = lock_of(ended)

    assert not is_stale(lock, None, {})
    assert not is_stale(lock, replace(ended, namespace="pid:[4026532000]"), {})
    assert not is_stale(lock, replace(ended, boot="another"), {})
    assert not is_stale(lock, replace(ended, host="build-8.acme"), {})
    assert not is_stale(lock_of(ended, 3600), ended, {})
    assert not is_stale(lock_of(ended, -3600), ended, {})


def test_only_an_engine_that_was_killed_leaves_its_record(tmp_path: Path) -> None:
    environ, pid = {"XDG_STATE_HOME": str(tmp_path)}, os.getpid()

    with recorded(["up", "--yes"], pid, environ) as codes:
        during = record_of(pid, environ)
        codes.append(255)
    after_failure = record_of(pid, environ)
    with recorded(["stack", "import"], pid, environ) as codes:
        codes.append(-9)
    after_kill = record_of(pid, environ)

    assert during is not None
    assert during.pid == pid
    assert after_failure is None
    assert after_kill is not None
