"""The CLI built with Go from its published modules, for a machine that reaches Go modules but no release.

The Python language host is not among those modules, so a CLI built here has none.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .download import Tell
from .inspection import DYNAMIC_PROVIDER_HOST, LANGUAGE_HOST, Left

MINIMUM_GO = (1, 26)

_ASK_SECONDS = 20
_BUILD_SECONDS = 1800
_HEARTBEAT_SECONDS = 20.0
_CLI_MODULE = "github.com/pulumi/pulumi/pkg/v3"
_SDK_MODULE = "github.com/pulumi/pulumi/sdk/v3"
_SCRIPTS = {DYNAMIC_PROVIDER_HOST: "python/dist", LANGUAGE_HOST[1]: "python/cmd"}


def find_go(search_path: str, environment: Mapping[str, str]) -> str:
    """Return the path of a `go` that is new enough. Raises `Left`."""
    go = shutil.which("go", path=search_path)
    if go is None:
        raise Left("there is no go on PATH to build the CLI with")
    version = _ask([go, "env", "GOVERSION"], None, environment)
    match = re.match(r"go(\d+)\.(\d+)", version)
    if match is None or (int(match[1]), int(match[2])) < MINIMUM_GO:
        raise Left(f"{go} is {version or 'of unknown version'}, older than go{MINIMUM_GO[0]}.{MINIMUM_GO[1]}")
    return go


def build(
    go: str,
    version: str,
    directory: Path,
    workspace: Path,
    environment: Mapping[str, str],
    tell: Tell,
) -> None:
    """Build release `version` into `directory`. Raises `Left`.

    `workspace` takes the temporary module and Go's caches; it may be kept to resume a build that was stopped.
    """
    module = workspace / "module"
    module.mkdir(parents=True, exist_ok=True)
    directory.mkdir(parents=True, exist_ok=True)
    (module / "go.mod").write_text(_go_mod(()), "utf-8")
    settings = go_settings(
        environment, workspace, _ask([go, "env", "GOMODCACHE", "GOPROXY"], module, environment)
    )
    _ask([go, "list", "-m", f"{_CLI_MODULE}@v{version}"], module, settings)
    (module / "go.mod").write_text(
        _go_mod([f"{name} v{version}" for name in (_CLI_MODULE, _SDK_MODULE)]), "utf-8"
    )
    _run(build_command(go, version, directory / "pulumi"), module, settings, tell)
    sdk = Path(_ask([go, "list", "-m", "-f", "{{.Dir}}", _SDK_MODULE], module, settings))
    for name, folder in _SCRIPTS.items():
        _copy_script(sdk / folder / name, directory / name)


def build_command(go: str, version: str, target: Path) -> list[str]:
    """Return the command line that builds the CLI so that it knows its own version."""
    stamp = f"{_SDK_MODULE}/go/common/version.Version=v{version}"
    tags = ["-tags", "osusergo,grpcnotrace"]
    return [
        *[go, "build", "-trimpath", *tags, "-ldflags", f"-s -w -X {stamp}", "-o", str(target)],
        f"{_CLI_MODULE}/cmd/pulumi",
    ]


def go_settings(environment: Mapping[str, str], workspace: Path, cache_and_proxy: str) -> dict[str, str]:
    """Return an environment in which Go writes only into `workspace`.

    What the user's own module cache has is read from there, as from a proxy, before the user's proxies are asked.
    """
    cache, _, proxy = cache_and_proxy.partition("\n")
    downloads = (Path(cache) / "cache" / "download").as_uri() + "," if cache else ""
    return {
        **environment,
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOCACHE": str(workspace / "cache"),
        "GOFLAGS": "-mod=mod -modcacherw",
        "GOMODCACHE": str(workspace / "modules"),
        "GOPROXY": downloads + proxy,
        "GOWORK": "off",
    }


def _go_mod(requirements: Sequence[str]) -> str:
    required = "".join(f"require {requirement}\n" for requirement in requirements)
    return f"module pulumi-cli\n\ngo {MINIMUM_GO[0]}.{MINIMUM_GO[1]}\n\n{required}"


def _copy_script(source: Path, target: Path) -> None:
    if not source.is_file():
        raise Left(f"the module {_SDK_MODULE} has no {source.name}")
    shutil.copyfile(source, target)
    target.chmod(0o755)


def _ask(command: list[str], cwd: Path | None, environment: Mapping[str, str]) -> str:
    """Return what a short command prints; one that hangs on a site nobody reaches is given up."""
    try:
        answer = subprocess.run(
            command,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise Left(f"`{_shown(command)}` did not end within {_ASK_SECONDS} s") from None
    except OSError as error:
        raise Left(f"{command[0]} does not run ({error.strerror})") from error
    if answer.returncode != 0:
        raise Left(f"`{_shown(command)}` failed: {_last_line(answer.stderr)}")
    return answer.stdout.strip()


def _run(
    command: list[str],
    cwd: Path,
    environment: Mapping[str, str],
    tell: Tell,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Run a long command, telling from time to time that it still runs; it never outlives this call."""
    log, started = cwd / "build.log", clock()
    with log.open("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            while not _ended(process) and clock() - started < _BUILD_SECONDS:
                tell(f"  still building after {clock() - started:.0f} s")
        finally:
            process.kill()
            code = process.wait()
    if code != 0:
        raise Left(f"`go build` ended with {code}: {_last_line(log.read_text('utf-8', 'replace'))}")


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_HEARTBEAT_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _shown(command: list[str]) -> str:
    return " ".join(["go", *command[1:]])


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
