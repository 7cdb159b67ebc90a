"""What `cw-inference import` refuses before anything is written, with the command as a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from coreweave_inference.cli.context import stack_at
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.engine.refusals import StartupError
from coreweave_inference.engine.stacks import chosen

from tests.importing.accounts import Account, files
from tests.running.command_line import Stack


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--apply",), "needs --yes here"),
        (("--apply", "--dry-run"), "mutually exclusive"),
        (("--only", "nothing"), "nothing in the account is called so"),
        (("--only", ""), "--only names nothing"),
        (("--only", " , "), "--only names nothing"),
        (("Pulumi.yaml",), "is a file"),
        (("Pulumi.yaml/in/it", "--dry-run"), "is a file"),
        (("--name", "other"), "the project in . is called serving"),
        (("--stack", "../x"), "is no name of a stack"),
        (("--stack", "acme/dev"), "organization name must be 'organization'"),
    ],
)
def test_bad_input_is_one_error_before_anything_is_written(
    stack: Stack, account: Account, arguments: tuple[str, ...], words: str
) -> None:
    before = files(stack)

    found = stack.run("import", *arguments, stack=None if "--stack" in arguments else "dev")

    assert (found.returncode, files(stack)) == (2, before)
    assert words in found.stderr


def test_an_account_that_shows_nothing_makes_no_directory(stack: Stack, tmp_path: Path) -> None:
    found = stack.run("import", str(tmp_path / "new"), "--apply", "--yes")

    assert found.returncode == 0, found.stderr
    assert "the token sees no gateway, capacity claim or deployment there" in found.stdout
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("import.json", '{"resources": [{"type": "aws:s3/bucket:Bucket", "name": "b", "id": "b"}]}'),
        ("import.json", "[1]"),
        ("import-report.md", "# What we imported from our customers"),
    ],
)
def test_a_file_that_somebody_else_wrote_is_not_replaced(
    stack: Stack, account: Account, name: str, text: str
) -> None:
    account.gateway("public")
    (stack.path / name).write_text(text)
    before = files(stack)

    found = stack.run("import")

    assert (found.returncode, files(stack)) == (2, before)
    assert f"{name} in ." in found.stderr


@pytest.mark.parametrize("name", ["import.json", "import-report.md", "inference.yaml"])
def test_a_directory_in_the_place_of_a_file_is_bad_input(stack: Stack, account: Account, name: str) -> None:
    (stack.path / name).mkdir()
    before = files(stack)

    found = stack.run("import")

    assert (found.returncode, files(stack)) == (2, before)
    assert name in found.stderr


def test_a_declaration_that_is_no_text_is_one_error_and_stays(stack: Stack, account: Account) -> None:
    account.gateway("public")
    (stack.path / "inference.yaml").write_bytes(b"version: 1\n# \xff\n")
    before = files(stack)

    found = stack.run("import")

    assert (found.returncode, files(stack)) == (2, before)
    assert "inference.yaml:2: the file is not UTF-8 text" in found.stderr


@pytest.mark.parametrize(
    "name", ["", " ", "x y", "..", "a/../b", "/dev", "dev/", "é", "a/b/c/d", "other/dev/x"]
)
def test_a_text_that_is_no_name_of_a_stack_is_bad_input_before_any_command(tmp_path: Path, name: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: serving\nruntime: python\n")

    with pytest.raises(StartupError, match="--stack"):
        stack_at(tmp_path, name)
    with pytest.raises(StartupError, match="--stack"):
        chosen(StackDirectory.at(tmp_path), lambda: pytest.fail("it was asked"), name)
