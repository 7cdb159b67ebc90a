"""Is there a usable Pulumi CLI in this directory? Looks only; nothing here may download, write or choose."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MINIMUM_VERSION = (3, 254, 0)
"""The oldest CLI that takes the import files and the state backends that the package uses."""

DYNAMIC_PROVIDER_HOST = "pulumi-resource-pulumi-python"
LANGUAGE_HOST = ("pulumi-language-python", "pulumi-language-python-exec")

_ANSWER_SECONDS = 30
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(\S*)")


class Left(Exception):
    """This way to a CLI is left, and the next one tried. Its text says why, for a person."""


@dataclass(frozen=True)
class Cli:
    """A usable CLI: `directory` goes on PATH; `language_host` says whether `pulumi up` runs Python programs."""

    directory: Path
    version: str
    language_host: bool


def on_path(search_path: str, environment: Mapping[str, str], *, require_language_host: bool) -> Cli:
    """Return the CLI that a shell with this PATH would run. Raises `Left`."""
    found = shutil.which("pulumi", path=search_path)
    if found is None:
        raise Left("there is no pulumi on PATH")
    return inspect(
        Path(found).absolute().parent,
        environment,
        search_path=search_path,
        require_language_host=require_language_host,
    )


def inspect(
    directory: Path,
    environment: Mapping[str, str],
    *,
    search_path: str = "",
    require_language_host: bool = False,
) -> Cli:
    """Run the CLI in `directory` and look for what belongs to it, there or on `search_path`. Raises `Left`."""
    executable = directory / "pulumi"
    version, numbers = _version(executable, environment)
    if numbers < MINIMUM_VERSION:
        oldest = ".".join(map(str, MINIMUM_VERSION))
        raise Left(f"{executable} is {version}, older than v{oldest}")
    places = os.pathsep.join(filter(None, [str(directory), search_path]))
    if shutil.which(DYNAMIC_PROVIDER_HOST, path=places) is None:
        raise Left(f"{executable} ({version}) has no {DYNAMIC_PROVIDER_HOST} beside it or on PATH")
    language_host = all(shutil.which(name, path=places) for name in LANGUAGE_HOST)
    if require_language_host and not language_host:
        raise Left(f"{executable} ({version}) has no {LANGUAGE_HOST[0]}, which is required here")
    return Cli(directory, version, language_host)


def without_pulumi_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment less the caller's Pulumi settings, with the update check off."""
    kept = {name: value for name, value in environment.items() if not name.startswith("PULUMI_")}
    return {**kept, "PULUMI_SKIP_UPDATE_CHECK": "true"}


def _version(executable: Path, environment: Mapping[str, str]) -> tuple[str, tuple[int, int, int]]:
    if not executable.exists():
        raise Left(f"{executable} does not exist")
    printed = _ask_for_version(executable, environment)
    match = _VERSION.search(printed)
    if match is None:
        raise Left(f"{executable} printed {printed[:60]!r} instead of a version")
    major, minor, patch = (int(number) for number in match.groups()[:3])
    return f"v{match.group(0).removeprefix('v')}", (major, minor, patch)


def _ask_for_version(executable: Path, environment: Mapping[str, str]) -> str:
    with tempfile.TemporaryDirectory(prefix="pulumi-home-") as home:
        try:
            answer = subprocess.run(
                [str(executable), "version"],
                env={**without_pulumi_settings(environment), "PULUMI_HOME": home},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_ANSWER_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise Left(f"{executable} did not tell its version within {_ANSWER_SECONDS} s") from None
        except OSError as error:
            raise Left(f"{executable} does not run ({error.strerror})") from error
    if answer.returncode != 0:
        raise Left(f"{executable} does not run (`pulumi version` ended with {answer.returncode})")
    return answer.stdout.strip()
