from __future__ import annotations

from pathlib import Path

import pytest
from coreweave_inference.engine.installation import is_cut_off
from coreweave_inference.engine.local_backend import (
    exported,
    restore_empty_states,
    without_empty_attributes,
)


@pytest.mark.parametrize(
    ("said", "cut_off"),
    [
        ("error: failed to load checkpoint: EOF\n", True),
        ("error: EOF", True),
        ("error: failed to load checkpoint: place 1: unexpected end of JSON input\n", True),
        ("error: no stack named 'dev' found", False),
        ("error: EOF is not expected here", False),
        ("error: error reading from server: EOF", False),
    ],
)
def test_what_the_cli_says_of_empty_attributes_is_recognised(said: str, cut_off: bool) -> None:
    assert is_cut_off(said) is cut_off


def test_empty_attributes_of_states_and_locks_go_and_everything_else_stays(tmp_path: Path) -> None:
    stack = tmp_path / ".pulumi" / "stacks" / "serving" / "dev.json"
    lock = tmp_path / ".pulumi" / "locks" / "organization" / "serving" / "dev" / "one.json"
    for file in (stack, lock):
        file.parent.mkdir(parents=True)
        file.write_text("{}")
        file.with_name(f"{file.name}.attrs").write_text("")
    whole = stack.with_name("prod.json.attrs")
    whole.write_text("{}")

    removed = without_empty_attributes(f"file://{tmp_path}")

    assert {file.name for file in removed} == {"dev.json.attrs", "one.json.attrs"}
    assert sorted(file.name for file in tmp_path.rglob("*.json*")) == ["dev.json", "one.json", whole.name]


@pytest.mark.parametrize("url", ["s3://bucket/states", "https://api.pulumi.com", ""])
def test_a_backend_elsewhere_is_left_alone(url: str) -> None:
    assert without_empty_attributes(url) == ()


def test_an_empty_state_is_restored_from_a_whole_backup_and_not_while_it_is_locked(tmp_path: Path) -> None:
    stacks = tmp_path / ".pulumi" / "stacks" / "serving"
    stacks.mkdir(parents=True)
    backups = {
        "dev": '{"version": 3, "checkpoint": {}}',
        "cut": "",
        "locked": '{"version": 3, "checkpoint": {}}',
    }
    for name, backup in backups.items():
        (stacks / f"{name}.json").write_text("")
        (stacks / f"{name}.json.bak").write_text(backup)
    lock = tmp_path / ".pulumi" / "locks" / "organization" / "serving" / "locked" / "one.json"
    lock.parent.mkdir(parents=True)
    lock.write_text("{}")

    restored = restore_empty_states(f"file://{tmp_path}")

    assert [file.name for file in restored] == ["dev.json"]
    assert {name: (stacks / f"{name}.json").read_text() for name in backups} == {
        **dict.fromkeys(backups, ""),
        "dev": backups["dev"],
    }
    assert restore_empty_states("s3://bucket/states") == ()


@pytest.mark.parametrize(
    ("stack", "state", "attributes", "found"),
    [
        ("dev", '{"version": 3, "checkpoint": {"latest": {"resources": []}}}', "{}", True),
        (
            "organization/serving/dev",
            '{"version": 3, "checkpoint": {"latest": {"resources": []}}}',
            "{}",
            True,
        ),
        ("other", '{"version": 3, "checkpoint": {"latest": {}}}', "{}", False),
        ("organization/elsewhere/dev", '{"version": 3, "checkpoint": {"latest": {}}}', "{}", False),
        ("dev", '{"version": 4, "checkpoint": {"latest": {}}}', "{}", False),
        ("dev", '{"version": 3, "checkpoint": {}}', "{}", False),
        ("dev", '{"version": 3, "checkpoint": {"latest": {}}}', "", False),
        ("dev", "", "{}", False),
    ],
)
def test_a_state_in_a_folder_is_read_without_the_cli_only_where_it_is_whole_and_of_a_known_form(
    tmp_path: Path, stack: str, state: str, attributes: str, found: bool
) -> None:
    file = tmp_path / ".pulumi" / "stacks" / "serving" / "dev.json"
    file.parent.mkdir(parents=True)
    file.write_text(state)
    file.with_name("dev.json.attrs").write_text(attributes)

    read = exported({"PULUMI_BACKEND_URL": f"file://{tmp_path}"}, "serving", stack)

    assert (read == {"version": 3, "deployment": {"resources": []}}) if found else (read is None)
    assert exported({"PULUMI_BACKEND_URL": "s3://bucket"}, "serving", stack) is None
