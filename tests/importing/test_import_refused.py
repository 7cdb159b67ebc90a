"""What `cw-inference import` refuses before anything is written, with the command as a process of its own."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from coreweave_inference.cli.context import stack_at
from coreweave_inference.cli.import_place import alone
from coreweave_inference.cli.scaffold import prepare
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.engine.stacks import chosen
from coreweave_inference.errors import StartupError
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault

from tests.importing.accounts import Account, account_of, files
from tests.importing.conftest import QUICK
from tests.running.command_line import Stack


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """One for all: a refused import changes nothing."""
    with Simulator(QUICK) as simulator, account_of(simulator) as found:
        found.gateway("public")
        found.claim("h200")
        yield found


@pytest.fixture(scope="module")
def shared(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    return Stack(tmp_path_factory.mktemp("refused"), account.simulator)


@pytest.fixture
def stack(shared: Stack) -> Iterator[Stack]:
    """The stack of all tests, with the files that it had."""
    before = files(shared)
    yield shared
    for path in set(shared.path.iterdir()) - {shared.path / name for name in before}:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert files(shared) == before


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
    stack: Stack, arguments: tuple[str, ...], words: str
) -> None:
    before = files(stack)

    found = stack.run("import", *arguments, stack=None if "--stack" in arguments else "dev")

    assert (found.returncode, files(stack)) == (2, before)
    assert words in found.stderr


def test_an_account_that_shows_nothing_makes_no_directory(tmp_path: Path) -> None:
    with Simulator(QUICK) as empty:
        found = Stack(tmp_path, empty).run("import", str(tmp_path / "new"), "--apply", "--yes")

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
def test_a_file_that_somebody_else_wrote_is_not_replaced(stack: Stack, name: str, text: str) -> None:
    (stack.path / name).write_text(text)
    before = files(stack)

    found = stack.run("import")

    assert (found.returncode, files(stack)) == (2, before)
    assert f"{name} in ." in found.stderr


@pytest.mark.parametrize("name", ["import.json", "import-report.md", "inference.yaml"])
def test_a_directory_in_the_place_of_a_file_is_bad_input(stack: Stack, name: str) -> None:
    (stack.path / name).mkdir()
    before = files(stack)

    found = stack.run("import")

    assert (found.returncode, files(stack)) == (2, before)
    assert name in found.stderr


def test_a_declaration_that_is_no_text_is_one_error_and_stays(stack: Stack) -> None:
    (stack.path / "inference.yaml").write_bytes(b"version: 1\n# \xff\n")
    before = files(stack)

    found = stack.run("import")

    assert (found.returncode, files(stack)) == (2, before)
    assert "inference.yaml:2: the file is not UTF-8 text" in found.stderr


def test_what_is_declared_and_exists_is_imported_too_or_nothing_is(stack: Stack) -> None:
    stack.declare("gateways:\n  edge: {name: public, coreWeaveAuth: {}, bodyBasedRouting: {}}\n")
    before = files(stack)

    found = stack.run("import", "--apply", "--yes", "--only", "h200")

    assert (found.returncode, files(stack)) == (2, before)
    assert 'gateway "edge": declared, exists, and is not in this import' in found.stderr


def test_a_second_import_in_a_directory_is_refused_while_the_first_one_runs(stack: Stack) -> None:
    before = files(stack)

    with alone(stack.path):
        found = stack.run("import", "--apply", "--yes")

    assert (found.returncode, files(stack)) == (2, before)
    assert "another import is running here" in found.stderr


def test_a_stopped_import_says_how_to_go_on(stack: Stack, account: Account) -> None:
    before, simulator = files(stack), account.simulator
    simulator.faults.add(Fault("delay", "GET", "/gateways", count=1, when="before", seconds=1.0))

    with stack.started("import", "--apply", "--yes", "--json") as process:
        assert process.stderr is not None
        assert "reading the account" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)

    assert (process.returncode, files(stack)) == (130, before)
    assert "the account is as it was; run again to go on" in json.loads(output)["errors"][0]


def test_the_project_of_a_new_directory_is_written_when_the_rest_is_there(tmp_path: Path) -> None:
    written = [line.rpartition("/")[2] for line in prepare(tmp_path, name="serving", stack="dev")]

    assert "__main__.py" in written
    assert written[-2:] == ["Pulumi.yaml", "Pulumi.dev.yaml"]


@pytest.mark.parametrize(
    "name", ["", " ", "x y", "..", "a/../b", "/dev", "dev/", "é", "a/b/c/d", "other/dev/x"]
)
def test_a_text_that_is_no_name_of_a_stack_is_bad_input_before_any_command(tmp_path: Path, name: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: serving\nruntime: python\n")

    with pytest.raises(StartupError, match="--stack"):
        stack_at(tmp_path, name)
    with pytest.raises(StartupError, match="--stack"):
        chosen(StackDirectory.at(tmp_path), lambda: pytest.fail("it was asked"), name)
