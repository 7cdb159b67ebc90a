"""Finds a Pulumi CLI for this checkout or gets one: the command line, and the order of the ways.

Standard library only: it runs before anything is installed. What a way does belongs into `pulumi_cli`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pulumi_cli import archive, go_build, inspection, own_copy
from pulumi_cli.download import RESPONSE_SECONDS, Tell
from pulumi_cli.inspection import Cli, Left

PINNED_VERSION = "3.259.0"
_DOWNLOADS = "https://get.pulumi.com/releases/sdk"
_RELEASES = "https://github.com/pulumi/pulumi/releases/download/v{version}"

_DESCRIPTION = """\
Find a Pulumi CLI or get one, in this order:
  1. pulumi on PATH, if new enough
  2. the copy in the directory given with --into
  3. the release archive that PULUMI_ARCHIVE names (path or URL), into that directory
  4. the official archive of the pinned version, checksum verified, into that directory
  5. the pinned version built with Go from its modules, into that directory
The last line on standard output is the directory of the CLI; what is done and why goes to standard error."""

_EXAMPLE = """\
example:
  python3 scripts/get_pulumi.py --into .tools/pulumi
  PULUMI_ARCHIVE=~/Downloads/pulumi-v3.259.0-linux-x64.tar.gz python3 scripts/get_pulumi.py --into .tools/pulumi --json"""


@dataclass(frozen=True)
class Sources:
    """Everything outside the checkout that a CLI may come from."""

    environment: Mapping[str, str]
    version: str = PINNED_VERSION
    archive_sites: Sequence[str] = (_DOWNLOADS, _RELEASES)
    checksum_sites: Sequence[str] = (_RELEASES, _DOWNLOADS)
    system: str = platform.system()
    machine: str = platform.machine()
    response_seconds: float = RESPONSE_SECONDS
    require_language_host: bool = False

    @property
    def search_path(self) -> str:
        """The PATH that `pulumi` and `go` are looked for on."""
        return self.environment.get("PATH", os.defpath)

    @property
    def given_archive(self) -> str:
        """What the user set PULUMI_ARCHIVE to; empty when not set."""
        return self.environment.get("PULUMI_ARCHIVE", "")

    def release(self) -> archive.Release:
        """Return the official release for this machine. Raises `Left` where there is none."""
        return archive.Release(
            self.version,
            archive.platform_name(self.system, self.machine),
            [site.format(version=self.version) for site in self.archive_sites],
            [site.format(version=self.version) for site in self.checksum_sites],
        )


@dataclass(frozen=True)
class Found:
    """A usable CLI and where it came from."""

    cli: Cli
    source: str


class NoCli(Exception):
    """Every way to a CLI was left. Its text says what the user can do."""


Fill = Callable[[Path], None]
Way = tuple[str, str, Callable[[], Cli]]


def get(into: Path, sources: Sources, tell: Tell) -> Found:
    """Return a usable CLI, putting one into `into` if there is none yet. Raises `NoCli`."""
    existing: list[Way] = [
        ("PATH", "looking for pulumi on PATH", lambda: _on_path(sources)),
        ("the own copy", f"looking at the checkout's own copy, {into}", lambda: _own_copy(into, sources)),
    ]
    found, reason = _first(existing, "", tell)
    if found:
        return found
    with own_copy.locked(into, tell):
        found, reason = _get_unless_just_made(into, sources, reason, tell)
    if found:
        return found
    raise NoCli(
        f"{reason}; no way is left. Install Pulumi v{'.'.join(map(str, inspection.MINIMUM_VERSION))} or newer "
        "so that it is on PATH, or set PULUMI_ARCHIVE to a release archive for this machine"
    )


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    required = options.require_language_host or environment.get("REQUIRE_LANGUAGE_HOST", "") not in ("", "0")
    sources = Sources(environment, require_language_host=required)
    try:
        found = get(Path(options.into).absolute(), sources, _tell)
    except (NoCli, OSError) as error:
        _tell(f"error: {error}")
        return 1
    _tell(_summary(found))
    print(json.dumps(_as_json(found)) if options.json else found.cli.directory, flush=True)
    return 0


def _first(ways: Sequence[Way], reason: str, tell: Tell) -> tuple[Found | None, str]:
    """Try the ways in order; each is announced together with why the one before was left."""
    for source, announcement, attempt in ways:
        tell(f"{reason}; {announcement}" if reason else announcement)
        try:
            return Found(attempt(), source), ""
        except Left as left:
            reason = str(left)
    return None, reason


def _get_unless_just_made(into: Path, sources: Sources, reason: str, tell: Tell) -> tuple[Found | None, str]:
    """Look once more, for another run may have had the lock meanwhile; then try the ways that write."""
    try:
        return Found(_own_copy(into, sources), "the own copy"), ""
    except Left:
        found, reason = _first(_getting(into, sources, tell), reason, tell)
    if found:
        own_copy.remove(_workspace(into))
    return found, reason


def _getting(into: Path, sources: Sources, tell: Tell) -> list[Way]:
    """The ways that write the checkout's own copy, in order."""
    given = f"unpacking PULUMI_ARCHIVE, {sources.given_archive}"
    official = f"downloading the official archive of v{sources.version}"
    built = f"building v{sources.version} with Go, which takes some minutes"
    return [
        (
            "PULUMI_ARCHIVE",
            given if sources.given_archive else "looking for PULUMI_ARCHIVE",
            lambda: _placed(into, sources, lambda new: _given(new, sources, tell)),
        ),
        (
            "the official archive",
            official,
            lambda: _placed(into, sources, lambda new: _official(new, sources, tell)),
        ),
        ("Go modules", built, lambda: _built(into, sources, tell)),
    ]


def _on_path(sources: Sources) -> Cli:
    return inspection.on_path(
        sources.search_path, sources.environment, require_language_host=sources.require_language_host
    )


def _own_copy(into: Path, sources: Sources) -> Cli:
    return inspection.inspect(into, sources.environment, require_language_host=sources.require_language_host)


def _given(new: Path, sources: Sources, tell: Tell) -> None:
    if not sources.given_archive:
        raise Left("PULUMI_ARCHIVE is not set")
    archive.unpack_given(sources.given_archive, new, tell, sources.response_seconds)


def _official(new: Path, sources: Sources, tell: Tell) -> None:
    archive.unpack_official(sources.release(), new, tell, sources.response_seconds)


def _built(into: Path, sources: Sources, tell: Tell) -> Cli:
    if sources.require_language_host:
        raise Left("Go modules do not have the Python language host, which is required here")
    go = go_build.find_go(sources.search_path, sources.environment)
    workspace = _workspace(into)
    return _placed(
        into,
        sources,
        lambda new: go_build.build(go, sources.version, new, workspace, sources.environment, tell),
    )


def _workspace(into: Path) -> Path:
    """Where Go works: kept when a build is stopped, so that the next one goes on; gone once there is a copy."""
    return into.with_name(f"{into.name}.go")


def _placed(into: Path, sources: Sources, fill: Fill) -> Cli:
    """Let `fill` write a CLI beside `into`, and give it that name only once it has been seen to work."""
    with own_copy.staging(into) as stage:
        new = stage / "pulumi"
        fill(new)
        cli = _own_copy(new, sources)
        own_copy.put_in_place(new, into, stage / "replaced")
    return replace(cli, directory=into)


def _summary(found: Found) -> str:
    text = f"Pulumi CLI {found.cli.version} from {found.source}: {found.cli.directory}"
    if found.cli.language_host:
        return text
    return f"{text} (without the Python language host: `cw-inference up` works, `pulumi up` does not)"


def _as_json(found: Found) -> dict[str, str | bool]:
    return {
        "directory": str(found.cli.directory),
        "version": found.cli.version,
        "source": found.source,
        "languageHost": found.cli.language_host,
    }


def _tell(line: str) -> None:
    print(f"get_pulumi: {line}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="get_pulumi.py",
        description=_DESCRIPTION,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--into", required=True, metavar="DIR", help="the directory of the checkout's own copy"
    )
    parser.add_argument(
        "--json", action="store_true", help="print directory, version, source and languageHost"
    )
    parser.add_argument(
        "--require-language-host",
        action="store_true",
        help="pass over a CLI without pulumi-language-python (also: REQUIRE_LANGUAGE_HOST=1)",
    )
    return parser


if __name__ == "__main__":
    # A polite end unwinds the stack, so that a build does not run on without its parent.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main(sys.argv[1:], os.environ))
    except KeyboardInterrupt:
        _tell("stopped; nothing was left half done")
        sys.exit(130)
