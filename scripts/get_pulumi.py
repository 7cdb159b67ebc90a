"""Finds a Pulumi CLI for this checkout, or gets one. Standard library only: it runs before anything is installed."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import http.client
import io
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

PINNED = "3.259.0"
MINIMUM = (3, 254, 0)
"""The oldest CLI that takes the import files and the state backends that the package uses."""
OLDEST = "v" + ".".join(map(str, MINIMUM))
SITES = (
    "https://get.pulumi.com/releases/sdk",
    f"https://github.com/pulumi/pulumi/releases/download/v{PINNED}",
)
"""Where releases are. The checksums are asked for in the other order, so that no site vouches for its own archive."""
PLUGINS = ("pulumi-resource-pulumi-python", "pulumi-language-python", "pulumi-language-python-exec")
"""Beside the CLI: what runs the providers, and what `pulumi up` runs a Python program with."""
CLI_MODULE, SDK_MODULE = "github.com/pulumi/pulumi/pkg/v3", "github.com/pulumi/pulumi/sdk/v3"
SECONDS = 20

DESCRIPTION = f"""\
Find a Pulumi CLI or get one, in this order:
  1. pulumi on PATH, if it is {OLDEST} or newer
  2. the copy in the directory given with --into
  3. the release archive that PULUMI_ARCHIVE names (path or URL); a SHA256SUMS file beside it must agree with it
  4. the official archive of v{PINNED}, checksum verified
  5. v{PINNED} built with Go from its modules, without the Python language host
Prints the directory of the CLI. REQUIRE_LANGUAGE_HOST=1 passes over a CLI without the Python language host.

example:
  PULUMI_ARCHIVE=~/Downloads/pulumi-v{PINNED}-linux-x64.tar.gz python3 scripts/get_pulumi.py --into .tools/pulumi"""

Environment = Mapping[str, str]
T = TypeVar("T")


class NotUsable(Exception):
    """Why this way gives no CLI; the next one is tried."""


def get(into: Path, environment: Environment, sites: Sequence[str] = SITES) -> Path:
    """The directory of a usable CLI, which is put into `into` where there is none yet. Raises NotUsable."""
    try:
        return _first([partial(_on_path, environment), partial(_usable, into, environment)])
    except NotUsable as error:
        reasons = str(error)
    fillings: list[Callable[[Path], None]] = [
        partial(_unpack_given, environment.get("PULUMI_ARCHIVE", "")),
        partial(_unpack_official, sites),
        partial(_build, environment),
    ]
    with locked(into):
        with contextlib.suppress(NotUsable):  # Another run may have had the lock meanwhile.
            return _usable(into, environment)
        try:
            return _first(partial(_placed, into, fill, environment) for fill in fillings)
        except NotUsable as error:
            do = f"put Pulumi {OLDEST} or newer on PATH, or set PULUMI_ARCHIVE to a release archive of this platform"
            raise NotUsable(f"{reasons}; {error}; {do}") from None


@contextlib.contextmanager
def locked(copy: Path) -> Iterator[None]:
    """Hold the right to write `copy`; the system takes it back from a process that dies."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    with copy.with_name(f"{copy.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _first(ways: Iterable[Callable[[], T]]) -> T:
    """What the first way that works gives. Raises NotUsable with what is wrong with each."""
    reasons = []
    for way in ways:
        try:
            return way()
        except (NotUsable, OSError) as error:
            reasons.append(str(error))
    raise NotUsable("; ".join(reasons))


def _on_path(environment: Environment) -> Path:
    found = shutil.which("pulumi", path=environment.get("PATH", os.defpath))
    if not found:
        raise NotUsable("there is no pulumi on PATH")
    return _usable(Path(found).absolute().parent, environment)


def _usable(directory: Path, environment: Environment) -> Path:
    """`directory`, if it has a CLI that is new enough, and its plugins, there or on PATH. Raises NotUsable."""
    cli = directory / "pulumi"
    with tempfile.TemporaryDirectory() as home:
        own = {name: value for name, value in environment.items() if not name.startswith("PULUMI_")}
        settings = {**own, "PULUMI_HOME": home, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        printed = _output([str(cli), "version"], settings)
    version = re.search(r"(\d+)\.(\d+)\.(\d+)", printed)
    if not version or tuple(map(int, version.groups())) < MINIMUM:
        raise NotUsable(f"{cli} is {printed[:60] or 'of unknown version'}, not {OLDEST} or newer")
    places = f"{directory}{os.pathsep}{environment.get('PATH', '')}"
    missing = [name for name in PLUGINS if not shutil.which(name, path=places)]
    for name in missing:
        if name == PLUGINS[0] or _requires_language_host(environment):
            raise NotUsable(f"{cli} ({printed}) has no {name} beside it or on PATH")
    without = " without the Python language host: `cw-inference up` works, `pulumi up` does not"
    _tell(f"Pulumi {printed} in {directory}{without if missing else ''}")
    return directory


def _requires_language_host(environment: Environment) -> bool:
    return environment.get("REQUIRE_LANGUAGE_HOST", "0") not in ("", "0")


def _placed(into: Path, fill: Callable[[Path], None], environment: Environment) -> Path:
    """Let `fill` write a CLI beside `into`, and give it that name once it was seen to work. Needs the lock."""
    for remains in into.parent.glob(f"{into.name}.new-*"):
        shutil.rmtree(remains)
    with tempfile.TemporaryDirectory(prefix=f"{into.name}.new-", dir=into.parent) as stage:
        new = Path(stage) / "pulumi"
        new.mkdir()
        fill(new)
        _usable(new, environment)
        if os.path.lexists(into):
            into.rename(Path(stage) / "replaced")
        new.rename(into)
    return into


def _unpack_given(location: str, directory: Path) -> None:
    if not location:
        raise NotUsable("PULUMI_ARCHIVE is not set")
    url = location if "://" in location else Path(location).expanduser().absolute().as_uri()
    archive, parts = _read(url), urllib.parse.urlsplit(url)
    folder, _, name = parts.path.rpartition("/")
    try:
        digest = _digests(parts._replace(path=f"{folder}/SHA256SUMS", query="").geturl()).get(
            urllib.parse.unquote(name)
        )
    except NotUsable:
        digest = None
    if digest is None:
        _tell(f"not verified: no SHA256SUMS beside {location} lists it")
    _unpack(archive, location, digest, directory)


def _unpack_official(sites: Sequence[str], directory: Path) -> None:
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    name, sums = (
        f"pulumi-v{PINNED}-{platform.system().lower()}-{machine}.tar.gz",
        f"pulumi-{PINNED}-checksums.txt",
    )
    digest = _first(partial(_digests, f"{site}/{sums}") for site in reversed(sites)).get(name)
    if digest is None:
        raise NotUsable(f"{sums} lists no {name}")
    _unpack(_first(partial(_read, f"{site}/{name}") for site in sites), name, digest, directory)


def _digests(url: str) -> dict[str, str]:
    """SHA-256 by file name, of a file as `sha256sum` writes it."""
    lines = [line.split() for line in _read(url).decode("utf-8", "replace").splitlines()]
    return {line[1].removeprefix("*").removeprefix("./"): line[0].lower() for line in lines if len(line) == 2}


def _read(url: str) -> bytes:
    _tell(f"reading {url}")
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            return bytes(answer.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NotUsable(f"{url}: {error}") from error


def _unpack(archive: bytes, name: str, digest: str | None, directory: Path) -> None:
    """Write the CLI and its Python plugins into `directory`; the plugins of other languages are most of a release."""
    found = hashlib.sha256(archive).hexdigest()
    if digest not in (None, found):
        raise NotUsable(f"{name}: its SHA-256 is {found}, the checksums file says {digest}")
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                folder, _, base = member.name.rpartition("/")
                content = tar.extractfile(member)
                if content is not None and folder == "pulumi" and base in ("pulumi", *PLUGINS):
                    (directory / base).write_bytes(content.read())
                    (directory / base).chmod(0o755)
    except (tarfile.TarError, EOFError, zlib.error, OSError, KeyError) as error:
        raise NotUsable(f"{name} is damaged, or no .tar.gz archive: {error}") from error


def _build(environment: Environment, directory: Path) -> None:
    """Build the CLI with Go in a module of its own."""
    go = shutil.which("go", path=environment.get("PATH", os.defpath))
    if not go:
        raise NotUsable("there is no go on PATH to build it with")
    if _requires_language_host(environment):
        raise NotUsable("Go modules have no Python language host, which is required here")
    module = directory.with_name("module")
    module.mkdir()
    required = "".join(f"require {name} v{PINNED}\n" for name in (CLI_MODULE, SDK_MODULE))
    (module / "go.mod").write_text(f"module cli\n\ngo 1.26\n\n{required}")
    settings = {**environment, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", "GOWORK": "off"}
    _tell(f"building v{PINNED} with Go, which takes some minutes")
    stamp = f"-s -w -X {SDK_MODULE}/go/common/version.Version=v{PINNED}"
    _output(
        [go, "build", "-ldflags", stamp, "-o", str(directory / "pulumi"), f"{CLI_MODULE}/cmd/pulumi"],
        settings,
        module,
        1800,
    )
    sdk = Path(_output([go, "list", "-m", "-f", "{{.Dir}}", SDK_MODULE], settings, module))
    for script in (f"python/dist/{PLUGINS[0]}", f"python/cmd/{PLUGINS[2]}"):
        shutil.copyfile(sdk / script, directory / Path(script).name)
        (directory / Path(script).name).chmod(0o755)


def _output(
    command: Sequence[str], settings: Environment, cwd: Path | None = None, seconds: int = SECONDS
) -> str:
    """What a command prints. Raises NotUsable where it fails; it never outlives this call."""
    name = Path(command[0]).name
    try:
        ran = subprocess.run(
            command,
            env=settings,
            cwd=cwd,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotUsable(f"{command[0]} does not run: {error}") from error
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or [""])[-1]
        raise NotUsable(f"`{name} {command[1]}` ended with {ran.returncode}: {last}")
    return ran.stdout.strip()


def _tell(line: str) -> None:
    print(f"get_pulumi: {line}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="get_pulumi.py", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--into", required=True, metavar="DIR", help="the directory of the checkout's own copy"
    )
    # A build must not run on without its parent.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        print(get(Path(parser.parse_args().into).absolute(), os.environ))
    except (NotUsable, OSError) as error:
        _tell(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        _tell("stopped; nothing is half done")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
