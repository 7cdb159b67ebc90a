"""Which Pulumi CLI a checkout takes, and how it gets one. Every case runs the real code, with sites on the loopback."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import get_pulumi
import pytest
from fake_cli import (
    ARCHIVE_NAME,
    CHECKSUMS_NAME,
    CLI_NAMES,
    GO,
    PYTHON_PROGRAM,
    names_in,
    write_archive,
    write_checksums,
    write_cli,
    write_program,
)
from get_pulumi import NotUsable

Serve = Callable[[Path], str]
NOWHERE = ["http://127.0.0.1:9"]


def environment(path: Path | str = "", archive: Path | str = "", **more: str) -> dict[str, str]:
    return {"PATH": str(path), "PULUMI_ARCHIVE": str(archive), **more}


@pytest.mark.parametrize(
    ("on_path", "taken"),
    [
        ({}, True),
        ({"version": "v3.253.9"}, False),
        ({"version": "nothing useful"}, False),
        ({"without": "pulumi-resource-pulumi-python"}, False),
        ({"without": "pulumi-language-python"}, True),
        ({"without": "pulumi-language-python", "required": "1"}, False),
    ],
)
def test_a_usable_pulumi_on_path_is_taken_and_nothing_is_written(
    tmp_path: Path, on_path: dict[str, str], taken: bool
) -> None:
    path, own = write_cli(tmp_path / "bin", on_path.get("version", "v3.259.0")), tmp_path / "tools" / "own"
    (path / on_path.get("without", "pulumi-language-python-exec")).unlink()
    if "without" not in on_path:
        write_cli(tmp_path / "elsewhere")  # Plugins may be anywhere on PATH.
    settings = environment(
        f"{path}:{tmp_path / 'elsewhere'}",
        write_archive(tmp_path),
        PULUMI_HOME="/hostile",
        REQUIRE_LANGUAGE_HOST=on_path.get("required", ""),
    )

    found = get_pulumi.get(own, settings, NOWHERE)

    assert found == (path if taken else own)
    assert own.exists() is not taken


@pytest.mark.parametrize("form", ["path", "file URL", "http URL", "http URL with a query"])
@pytest.mark.parametrize("sums", ["right", "none", "wrong"])
def test_the_archive_that_the_user_names_is_unpacked_unless_the_sums_beside_it_differ(
    tmp_path: Path, serve: Serve, form: str, sums: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given, own = write_archive(tmp_path / "with space"), tmp_path / "tools" / "own"
    if sums != "none":
        write_checksums(given, digest="ab" * 32 if sums == "wrong" else "")
    url = f"{serve(given.parent)}/{given.name}"
    location = {"path": str(given), "file URL": given.as_uri(), "http URL": url}.get(
        form, f"{url}?signature=1"
    )

    if sums == "wrong":
        with pytest.raises(NotUsable, match=r"its SHA-256 is .* says (ab){32}"):
            get_pulumi.get(own, environment(archive=location), NOWHERE)
    else:
        assert get_pulumi.get(own, environment(archive=location), NOWHERE) == own
        assert names_in(own) == CLI_NAMES
        assert {path.stat().st_mode & 0o777 for path in own.iterdir()} == {0o755}

    assert names_in(own.parent) == (["own.lock"] if sums == "wrong" else ["own", "own.lock"])
    assert ("not verified" in capsys.readouterr().err) is (sums == "none")


@pytest.mark.parametrize("own_copy", ["good", "no CLI", "too old", "a file", "left by a killed run"])
def test_runs_at_once_share_one_own_copy_that_is_kept_while_it_is_good(
    tmp_path: Path, checkout: Path, own_copy: str
) -> None:
    own = tmp_path / "tools" / "own"
    if own_copy == "a file":
        write_program(own, "not a directory")
    elif own_copy == "left by a killed run":
        write_cli(tmp_path / "tools" / "own.new-killed" / "pulumi")
    else:
        write_cli(own, "v3.1.0" if own_copy == "too old" else "v3.258.0")
    if own_copy == "no CLI":
        (own / "pulumi").write_text("")
    command = [sys.executable, str(checkout / "scripts" / "get_pulumi.py"), "--into", "tools/own"]
    settings = environment(archive=write_archive(tmp_path / "a"))

    runs = [
        subprocess.Popen(command, cwd=tmp_path, env=settings, stdout=-1, stderr=-1, text=True)
        for _ in range(2)
    ]
    ended = [(*run.communicate(timeout=30), run.returncode) for run in runs]

    assert [(printed, code) for printed, _, code in ended] == [(f"{own}\n", 0)] * 2
    assert sum(f"reading {tmp_path.as_uri()}/a/pulumi-" in said for _, said, _ in ended) == (
        own_copy != "good"
    )
    assert ("3.258.0" in (own / "pulumi").read_text()) is (own_copy == "good")
    assert names_in(own.parent) == ["own"] if own_copy == "good" else ["own", "own.lock"]


@pytest.mark.parametrize(
    "site", ["good", "wrong sum", "not listed", "truncated", "second of two", "silent, and too short"]
)
def test_the_official_archive_is_taken_only_with_its_checksum(
    tmp_path: Path, serve: Serve, silent_site: str, monkeypatch: pytest.MonkeyPatch, site: str
) -> None:
    monkeypatch.setattr(get_pulumi, "SECONDS", 0.2 if "silent" in site else 20)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    archive, own = write_archive(tmp_path / "site"), tmp_path / "tools" / "own"
    sums = write_checksums(archive, CHECKSUMS_NAME, digest="0" * 64 if site == "wrong sum" else "")
    if site == "truncated":
        archive.write_bytes(archive.read_bytes()[:-30])
    if site == "not listed":
        sums.write_text(f"{'a' * 64}  pulumi-v3.259.0-windows-x64.zip\n")
    first = {"second of two": NOWHERE[0], "silent, and too short": silent_site}.get(site)
    sites = [first, serve(tmp_path / "site")] if first else [serve(tmp_path / "site")]
    wrong = {
        "wrong sum": "its SHA-256 is",
        "truncated": "its SHA-256 is",
        "not listed": f"lists no {ARCHIVE_NAME}",
    }

    if site in wrong:
        with pytest.raises(NotUsable, match=wrong[site]):
            get_pulumi.get(own, environment(), sites)
    else:
        assert get_pulumi.get(own, environment(), sites) == own
        assert names_in(own) == CLI_NAMES

    assert names_in(own.parent) == (["own.lock"] if site in wrong else ["own", "own.lock"])


@pytest.mark.parametrize("build", ["good", "broken", "stopped", "of no use", "no go"])
def test_the_last_way_is_a_build_of_the_pinned_modules_and_without_any_way_the_error_says_what_to_do(
    tmp_path: Path, checkout: Path, build: str
) -> None:
    go, own = tmp_path / "go", tmp_path / "tools" / "own"
    if build != "no go":
        write_program(go / "go", PYTHON_PROGRAM + GO.format(here=str(go), build=build))
    for name in ("python/dist/pulumi-resource-pulumi-python", "python/cmd/pulumi-language-python-exec"):
        write_program(go / "sdk" / name, "#!/bin/sh\n").chmod(0o444)
    required = {"REQUIRE_LANGUAGE_HOST": "1"} if build == "of no use" else {}
    settings = environment(go, HTTPS_PROXY=NOWHERE[0], **required)
    command = [sys.executable, str(checkout / "scripts" / "get_pulumi.py"), "--into", str(own)]

    with subprocess.Popen(command, env=settings, stdout=-1, stderr=-1, text=True) as run:
        while build == "stopped" and not (go / "building").exists() and run.poll() is None:
            time.sleep(0.01)
        if build == "stopped":
            run.terminate()
        printed, said = run.communicate(timeout=30)

    assert (run.returncode, printed) == {"good": (0, f"{own}\n"), "stopped": (143, "")}.get(build, (1, ""))
    assert names_in(own.parent) == (["own", "own.lock"] if build == "good" else ["own.lock"])
    why = {
        "good": "without the Python language host",
        "broken": "`go build` ended with 1: syntax error; put Pulumi v3.254.0 or newer on PATH, or set PULUMI_ARCHIVE",
        "of no use": "Go modules have no Python language host",
        "no go": "there is no pulumi on PATH; ",
    }
    assert why.get(build, "") in said
    assert "Traceback" not in said
    if build == "stopped":
        with pytest.raises(ProcessLookupError):
            os.kill(int((go / "building").read_text()), 0)
