"""What this package reads of the CLI's texts, said by the CLI itself: the tests run with the pinned and with the newest one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from coreweave_inference.engine.installation import NOT_LOGGED_IN, CommandFailed, PulumiCli, is_cut_off
from coreweave_inference.engine.locks import Lock, locks_in
from coreweave_inference.engine.stacks import MISSING, NONE_SELECTED, OTHER_ORGANIZATION

Ask = Callable[..., str]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Runs a command of the CLI in a project whose states are in a folder; what it says where it fails."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: serving\nruntime: python\n")
    (tmp_path / "states").mkdir()
    without = {name: "" for name in os.environ if name.startswith("PULUMI_")}

    def run(*arguments: str, **variables: str) -> str:
        environment = {
            **without,
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PULUMI_BACKEND_URL": f"file://{tmp_path}/states",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **variables,
        }
        try:
            PulumiCli.found(os.environ).run([*arguments, "--non-interactive"], str(project), environment)
        except CommandFailed as error:
            return error.text
        return ""

    return run


def test_of_stacks(ask: Ask) -> None:
    assert NONE_SELECTED in ask("stack", "--show-name")
    assert MISSING in ask("stack", "export", "--stack", "prod")
    assert OTHER_ORGANIZATION in ask("stack", "export", "--stack", "acme/serving/prod")
    assert NOT_LOGGED_IN in ask("stack", "ls", PULUMI_BACKEND_URL="")


def test_of_locks_and_of_files_that_a_kill_left_empty(ask: Ask, tmp_path: Path) -> None:
    assert ask("stack", "init", "dev") == ""
    state = tmp_path / "states" / ".pulumi" / "stacks" / "serving" / "dev.json"
    lock = tmp_path / "states" / ".pulumi" / "locks" / "organization" / "serving" / "dev" / "one.json"
    taken = {"pid": 4711, "username": "ann", "hostname": "build-7", "timestamp": "2026-11-21T22:00:00Z"}
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(json.dumps(taken))

    held = ask("destroy", "--yes", "--stack", "dev")
    lock.unlink()
    attributes = state.with_name(f"{state.name}.attrs")
    attributes.write_text("")
    without_attributes = ask("stack", "export", "--stack", "dev")
    attributes.unlink()
    state.write_text("")
    empty = ask("stack", "export", "--stack", "dev")

    assert locks_in(held) == (Lock("ann", "build-7", 4711, "2026-11-21T22:00:00Z"),)
    assert is_cut_off(without_attributes)
    assert is_cut_off(empty)
