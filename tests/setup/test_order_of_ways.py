"""Which CLI is taken, in which order, and what is said about it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import get_pulumi
import pytest
from fake_cli import (
    CHECKSUMS_NAME,
    CLI_NAMES,
    names_in,
    write_archive,
    write_checksums,
    write_cli,
    write_program,
)
from get_pulumi import Found, NoCli, Sources
from pulumi_cli.inspection import Cli

Serve = Callable[[Path], str]


def sources(path: Path | str = "", archive: Path | str = "", **more: object) -> Sources:
    """Nothing but what a test names: no site, no program of this machine."""
    environment = {"PATH": str(path), "PULUMI_ARCHIVE": str(archive)}
    nowhere: dict[str, object] = {
        "archive_sites": ["http://127.0.0.1:9"],
        "checksum_sites": ["http://127.0.0.1:9"],
    }
    return Sources(environment, **{**nowhere, "system": "Linux", "machine": "x86_64", **more})  # type: ignore[arg-type]


def silence(_: str) -> None:
    pass


def test_a_new_enough_pulumi_on_path_is_taken_and_nothing_is_written(tmp_path: Path) -> None:
    on_path = write_cli(tmp_path / "bin")

    found = get_pulumi.get(tmp_path / "tools" / "pulumi", sources(on_path, write_archive(tmp_path)), silence)

    assert found == Found(Cli(on_path, "v3.259.0", language_host=True), "PATH")
    assert not (tmp_path / "tools").exists()


def test_a_pulumi_on_path_is_left_when_it_is_too_old_and_the_message_names_it(tmp_path: Path) -> None:
    on_path, said = write_cli(tmp_path / "bin", "v3.253.9"), list[str]()

    found = get_pulumi.get(tmp_path / "own", sources(on_path, write_archive(tmp_path / "a")), said.append)

    assert found.source == "PULUMI_ARCHIVE"
    assert said[1].startswith(
        f"{on_path}/pulumi is v3.253.9, older than v3.254.0; looking at the checkout's own copy"
    )


def test_a_pulumi_on_path_without_the_dynamic_provider_host_is_left(tmp_path: Path) -> None:
    on_path, said = write_cli(tmp_path / "bin"), list[str]()
    (on_path / "pulumi-resource-pulumi-python").unlink()

    get_pulumi.get(tmp_path / "own", sources(on_path, write_archive(tmp_path / "a")), said.append)

    assert "has no pulumi-resource-pulumi-python beside it or on PATH" in said[1]


def test_the_dynamic_provider_host_may_lie_elsewhere_on_path(tmp_path: Path) -> None:
    first, second = write_cli(tmp_path / "bin"), write_cli(tmp_path / "other")
    (first / "pulumi-resource-pulumi-python").unlink()

    found = get_pulumi.get(tmp_path / "own", sources(f"{first}:{second}"), silence)

    assert found == Found(Cli(first, "v3.259.0", language_host=True), "PATH")


@pytest.mark.parametrize("printed", ["echo nothing useful", "exit 1", "echo v3; exit 1"])
def test_a_pulumi_on_path_that_tells_no_version_is_left(tmp_path: Path, printed: str) -> None:
    on_path = write_cli(tmp_path / "bin")
    write_program(on_path / "pulumi", f"#!/bin/sh\n{printed}\n")

    found = get_pulumi.get(tmp_path / "own", sources(on_path, write_archive(tmp_path / "a")), silence)

    assert found.source == "PULUMI_ARCHIVE"


def test_the_callers_pulumi_settings_do_not_reach_the_cli_that_is_asked_for_its_version(
    tmp_path: Path,
) -> None:
    on_path = write_cli(tmp_path / "bin")
    refuses = 'test -z "$PULUMI_BACKEND_URL" && test "$PULUMI_HOME" != /hostile && echo v3.259.0'
    write_program(on_path / "pulumi", f"#!/bin/sh\n{refuses}\n")
    environment = {"PATH": str(on_path), "PULUMI_BACKEND_URL": "s3://prod", "PULUMI_HOME": "/hostile"}

    found = get_pulumi.get(tmp_path / "own", Sources(environment), silence)

    assert found.source == "PATH"


def test_the_own_copy_is_taken_before_the_archive(tmp_path: Path) -> None:
    own = write_cli(tmp_path / "own")

    found = get_pulumi.get(own, sources(archive=write_archive(tmp_path / "a", "v3.300.0")), silence)

    assert found == Found(Cli(own, "v3.259.0", language_host=True), "the own copy")


@pytest.mark.parametrize("breakage", ["unlink", "empty", "too old", "a file"])
def test_a_broken_own_copy_is_replaced(tmp_path: Path, breakage: str) -> None:
    own = write_cli(tmp_path / "tools" / "own", "v3.1.0" if breakage == "too old" else "v3.259.0")
    if breakage == "unlink":
        (own / "pulumi").unlink()
    if breakage == "empty":
        (own / "pulumi").write_text("")
    if breakage == "a file":
        own = write_program(tmp_path / "tools" / "file", "not a directory")

    found = get_pulumi.get(own, sources(archive=write_archive(tmp_path / "a", "v3.260.0")), silence)

    assert found == Found(Cli(own, "v3.260.0", language_host=True), "PULUMI_ARCHIVE")
    assert names_in(own) == CLI_NAMES
    assert [name for name in names_in(own.parent) if "new" in name] == []


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path) -> None:
    write_cli(tmp_path / "tools" / "own.new-killed" / "pulumi")

    get_pulumi.get(tmp_path / "tools" / "own", sources(archive=write_archive(tmp_path / "a")), silence)

    assert names_in(tmp_path / "tools") == ["own", "own.lock"]


def test_a_cli_without_the_language_host_is_passed_over_where_that_is_required(tmp_path: Path) -> None:
    on_path = write_cli(tmp_path / "bin", language_host=False)
    offered = sources(on_path, write_archive(tmp_path / "a"), require_language_host=True)

    found = get_pulumi.get(tmp_path / "own", offered, silence)

    assert found == Found(Cli(tmp_path / "own", "v3.259.0", language_host=True), "PULUMI_ARCHIVE")


def test_without_any_way_the_error_says_what_to_do_and_every_way_was_announced(tmp_path: Path) -> None:
    said, official = list[str](), "downloading the official archive of v3.259.0"

    with pytest.raises(NoCli, match=r"Install Pulumi v3\.254\.0 or newer .* or set PULUMI_ARCHIVE"):
        get_pulumi.get(tmp_path / "own", sources(archive=tmp_path / "missing.tar.gz"), said.append)

    assert said == [
        "looking for pulumi on PATH",
        f"there is no pulumi on PATH; looking at the checkout's own copy, {tmp_path}/own",
        f"{tmp_path}/own/pulumi does not exist; unpacking PULUMI_ARCHIVE, {tmp_path}/missing.tar.gz",
        f"PULUMI_ARCHIVE names {tmp_path}/missing.tar.gz, which is not a file; {official}",
        "127.0.0.1:9 cannot be reached (Connection refused); building v3.259.0 with Go, which takes some minutes",
    ]


def test_a_machine_without_official_archives_goes_on_to_go(tmp_path: Path) -> None:
    said: list[str] = []

    with pytest.raises(NoCli, match="there is no go on PATH"):
        get_pulumi.get(tmp_path / "own", sources(machine="riscv64"), said.append)

    assert said[-1].startswith("there is no official archive for Linux on riscv64; building")


def test_sites_that_never_answer_cost_no_more_than_the_time_given(tmp_path: Path, silent_site: str) -> None:
    offered = sources(
        archive=f"{silent_site}/a.tar.gz",
        archive_sites=[silent_site],
        checksum_sites=[silent_site, silent_site],
        response_seconds=0.1,
    )
    started = time.monotonic()

    with pytest.raises(NoCli):
        get_pulumi.get(tmp_path / "own", offered, silence)

    assert time.monotonic() - started < 3


def test_the_program_prints_the_directory_last_and_the_next_run_finds_its_own_copy(
    tmp_path: Path, checkout: Path
) -> None:
    environment = {"PATH": "", "PULUMI_ARCHIVE": str(write_archive(tmp_path / "with space"))}
    command = [sys.executable, str(checkout / "scripts" / "get_pulumi.py"), "--into", "tools/pulumi"]

    first = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    second = subprocess.run(
        [*command, "--json"], cwd=tmp_path, env={"PATH": ""}, capture_output=True, check=True
    )

    assert first.stdout.splitlines()[-1] == f"{tmp_path}/tools/pulumi"
    assert json.loads(second.stdout) == {
        "directory": f"{tmp_path}/tools/pulumi",
        "version": "v3.259.0",
        "source": "the own copy",
        "languageHost": True,
    }


def test_the_program_fails_with_one_line_of_error_and_no_traceback(tmp_path: Path, checkout: Path) -> None:
    command = [sys.executable, str(checkout / "scripts" / "get_pulumi.py"), "--into", str(tmp_path / "own")]
    environment = {"PATH": "", "REQUIRE_LANGUAGE_HOST": "1", "HTTPS_PROXY": "http://127.0.0.1:9"}

    result = subprocess.run(command, env=environment, capture_output=True, text=True)

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1].startswith(
        "get_pulumi: error: Go modules do not have the Python language"
    )
    assert "Traceback" not in result.stderr


def test_runs_at_the_same_time_get_one_copy_between_them(tmp_path: Path, checkout: Path) -> None:
    environment = {"PATH": "", "PULUMI_ARCHIVE": str(write_archive(tmp_path / "a"))}
    command = [sys.executable, str(checkout / "scripts" / "get_pulumi.py"), "--into", str(tmp_path / "own")]

    runs = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ended = [(*run.communicate(timeout=30), run.returncode) for run in runs]

    assert [(printed, code) for printed, _, code in ended] == [(f"{tmp_path}/own\n", 0)] * 4
    assert sum("from PULUMI_ARCHIVE" in said for _, said, _ in ended) == 1


def test_the_help_shows_an_example(checkout: Path) -> None:
    command = [sys.executable, str(checkout / "scripts" / "get_pulumi.py"), "--help"]

    result = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "example:\n  python3 scripts/get_pulumi.py --into .tools/pulumi" in result.stdout


def test_the_official_archive_is_taken_when_nothing_else_is_there(tmp_path: Path, serve: Serve) -> None:
    write_checksums(write_archive(tmp_path / "site" / "3.259.0"), CHECKSUMS_NAME)
    site = serve(tmp_path / "site") + "/{version}"
    said: list[str] = []

    offered = sources(archive_sites=[site], checksum_sites=[site])
    found = get_pulumi.get(tmp_path / "own", offered, said.append)

    assert found == Found(Cli(tmp_path / "own", "v3.259.0", language_host=True), "the official archive")
    assert said[-1] == "PULUMI_ARCHIVE is not set; downloading the official archive of v3.259.0"
