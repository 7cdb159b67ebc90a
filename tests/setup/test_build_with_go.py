"""The last way to a CLI: built from Go modules, with every file Go writes kept inside the workspace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import get_pulumi
import pytest
from fake_cli import PYTHON_PROGRAM, names_in, write_program
from get_pulumi import Found, NoCli, Sources
from pulumi_cli import go_build
from pulumi_cli.inspection import Cli

GO = """\
import json, os, pathlib, sys, time
here, arguments = pathlib.Path({here!r}), sys.argv[1:]
settings = {{name: os.environ.get(name) for name in ("GOPROXY", "GOFLAGS", "GOWORK", "GOCACHE", "GOMODCACHE")}}
mod = pathlib.Path("go.mod").read_text() if pathlib.Path("go.mod").exists() else ""
with (here / "log").open("a") as log:
    log.write(json.dumps([arguments, settings, mod]) + "\\n")
if arguments[:1] == ["build"] and (here / "broken").exists():
    sys.exit("lots of text\\nsyntax error")
if arguments[:1] == ["build"] and (here / "slow").exists():
    (here / "pid").write_text(str(os.getpid()))
    (here / "pid").rename(here / "building")
    time.sleep(60)
if arguments == ["env", "GOVERSION"]:
    print((here / "version").read_text())
elif arguments[0] == "env":
    print("/home/me/go/pkg/mod\\nhttps://proxy.example,direct")
elif arguments[0] == "build":
    pulumi = pathlib.Path(arguments[arguments.index("-o") + 1])
    pulumi.write_text("#!/bin/sh\\necho v3.259.0\\n")
    pulumi.chmod(0o755)
elif "-f" in arguments:
    print(here / "sdk")
"""


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """The folder of a `go` that writes down what it is asked, with a module of scripts without run bits."""
    here = tmp_path / "go"
    write_program(here / "go", PYTHON_PROGRAM + GO.format(here=str(here)))
    (here / "version").write_text("go1.26.3")
    for name in ("python/dist/pulumi-resource-pulumi-python", "python/cmd/pulumi-language-python-exec"):
        write_program(here / "sdk" / name, "#!/bin/sh\n").chmod(0o444)
    return here


def sources(go: Path, **more: object) -> Sources:
    sites = {"archive_sites": ["http://127.0.0.1:9"], "checksum_sites": ["http://127.0.0.1:9"]}
    return Sources({"PATH": str(go)}, **{**sites, **more})  # type: ignore[arg-type]


def silence(_: str) -> None:
    pass


def asked(go: Path) -> list[list[str]]:
    return [json.loads(line)[0] for line in (go / "log").read_text().splitlines()]


def test_without_any_archive_the_cli_is_built_and_has_no_language_host(tmp_path: Path, go: Path) -> None:
    own = tmp_path / "tools" / "own"

    found = get_pulumi.get(own, sources(go), silence)

    assert found == Found(Cli(own, "v3.259.0", language_host=False), "Go modules")
    assert names_in(own) == ["pulumi", "pulumi-language-python-exec", "pulumi-resource-pulumi-python"]
    assert {path.stat().st_mode & 0o777 for path in own.iterdir()} == {0o755}
    assert names_in(tmp_path / "tools") == ["own", "own.lock"]


def test_go_is_asked_for_exactly_the_pinned_release(tmp_path: Path, go: Path) -> None:
    target, module = tmp_path / "new", "github.com/pulumi/pulumi/pkg/v3"

    go_build.build(f"{go}/go", "3.259.0", target, tmp_path / "work", {}, silence)

    assert asked(go) == [
        ["env", "GOMODCACHE", "GOPROXY"],
        ["list", "-m", f"{module}@v3.259.0"],
        [
            *["build", "-trimpath", "-tags", "osusergo,grpcnotrace", "-ldflags"],
            "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0",
            *["-o", f"{target}/pulumi", f"{module}/cmd/pulumi"],
        ],
        ["list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"],
    ]


def test_go_builds_in_a_module_of_its_own_and_writes_only_into_the_workspace(
    tmp_path: Path, go: Path
) -> None:
    work, hostile = (
        tmp_path / "work",
        {"GOFLAGS": "-mod=vendor", "GOWORK": "/home/me/go.work", "GOCACHE": "/home/me"},
    )

    go_build.build(f"{go}/go", "3.259.0", tmp_path / "new", work, hostile, silence)

    _, settings, mod = json.loads((go / "log").read_text().splitlines()[2])
    assert settings == {
        "GOPROXY": "file:///home/me/go/pkg/mod/cache/download,https://proxy.example,direct",
        "GOFLAGS": "-mod=mod -modcacherw",
        "GOWORK": "off",
        "GOCACHE": f"{work}/cache",
        "GOMODCACHE": f"{work}/modules",
    }
    assert mod.splitlines()[4:] == [
        "require github.com/pulumi/pulumi/pkg/v3 v3.259.0",
        "require github.com/pulumi/pulumi/sdk/v3 v3.259.0",
    ]


@pytest.mark.parametrize("version", ["go1.25.9", "go1.9", "devel +abc", ""])
def test_a_go_that_is_too_old_is_not_used(tmp_path: Path, go: Path, version: str) -> None:
    (go / "version").write_text(version)

    with pytest.raises(NoCli, match=r"go is .*, older than go1\.26; no way is left"):
        get_pulumi.get(tmp_path / "own", sources(go), silence)

    assert asked(go) == [["env", "GOVERSION"]]


def test_a_build_that_fails_shows_its_last_line_and_leaves_no_copy(tmp_path: Path, go: Path) -> None:
    (go / "broken").touch()

    with pytest.raises(NoCli, match="`go build` ended with 1: syntax error; no way is left"):
        get_pulumi.get(tmp_path / "tools" / "own", sources(go), silence)

    assert names_in(tmp_path / "tools") == ["own.go", "own.lock"]


def test_a_build_that_is_stopped_takes_go_with_it_and_its_work_is_kept(
    tmp_path: Path, go: Path, checkout: Path
) -> None:
    (go / "slow").touch()
    own = tmp_path / "tools" / "own"
    command = [sys.executable, str(checkout / "scripts" / "get_pulumi.py"), "--into", str(own)]
    environment = {"PATH": str(go), "HTTPS_PROXY": "http://127.0.0.1:9"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as run:
        while not (go / "building").exists() and run.poll() is None:
            time.sleep(0.01)

        run.terminate()

        assert run.wait(10) == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int((go / "building").read_text()), 0)
    assert names_in(own.parent) == ["own.go", "own.lock"]


def test_a_module_without_the_scripts_is_an_error_that_names_them(tmp_path: Path, go: Path) -> None:
    (go / "sdk" / "python" / "dist" / "pulumi-resource-pulumi-python").unlink()

    with pytest.raises(NoCli, match="sdk/v3 has no pulumi-resource-pulumi-python"):
        get_pulumi.get(tmp_path / "own", sources(go), silence)


def test_nothing_is_built_where_the_language_host_is_required(tmp_path: Path, go: Path) -> None:
    with pytest.raises(NoCli, match="Go modules do not have the Python language host"):
        get_pulumi.get(tmp_path / "own", sources(go, require_language_host=True), silence)

    assert not (go / "log").exists()
