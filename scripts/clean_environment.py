"""Runs a command without the caller's cloud and engine settings, so that it cannot reach a real account.

Standard library only. Which command, and what it is for, is the caller's business.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

PREFIXES = ("COREWEAVE_", "CW_", "AWS_", "PULUMI_")
"""Whatever begins like this could name an account, a key, an endpoint or a state backend."""

INTERPRETER = frozenset({"PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"})
"""What would make this checkout's Python load other code than this checkout's."""

MAKE = frozenset({"MAKEFLAGS", "MFLAGS", "GNUMAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MAKEFILES"})
"""What would give a nested make the caller's variables back."""

COMPILE_ANEW = frozenset({"PYTHONDONTWRITEBYTECODE"})
"""What would make every process compile all modules of a checkout again: a third of the time of a short one."""

_LOOPBACK = "localhost,127.0.0.1"

_EXAMPLE = """\
example:
  python3 scripts/clean_environment.py --path .venv/bin -- python -m pytest"""


def cleaned(
    environment: Mapping[str, str], *, keep: Collection[str] = (), path: Sequence[str] = ()
) -> dict[str, str]:
    """Return `environment` less all settings of those kinds but `keep`, with `path` in front of its PATH.

    Proxies stay, but are not asked for addresses of this machine.
    """
    kept = {name: value for name, value in environment.items() if name in keep or not _is_cleared(name)}
    kept["PATH"] = os.pathsep.join([*path, environment.get("PATH", os.defpath)])
    return {**kept, **_direct_loopback(environment)}


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Replace this process by the command; returns only when the command cannot be run."""
    options = _parser().parse_args(arguments)
    path = [str(Path(directory).absolute()) for directory in options.path]
    settings = cleaned(environment, keep=options.keep, path=path)
    try:
        os.execvpe(options.command[0], options.command, settings)
    except OSError as error:
        print(f"clean_environment: {options.command[0]}: {error.strerror}", file=sys.stderr)
    return 127


def _is_cleared(name: str) -> bool:
    return name.startswith(PREFIXES) or name in INTERPRETER | MAKE | COMPILE_ANEW


def _direct_loopback(environment: Mapping[str, str]) -> dict[str, str]:
    """Both spellings are in use, and a program may read either; `*` already excepts every host."""
    listed = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = "*" if listed.strip() == "*" else ",".join(filter(None, [listed, _LOOPBACK]))
    return {"no_proxy": hosts, "NO_PROXY": hosts}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="clean_environment.py",
        description=f"Run a command without the caller's {', '.join(f'{prefix}*' for prefix in PREFIXES)}.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--keep", action="append", default=[], metavar="NAME", help="keep this one all the same"
    )
    parser.add_argument(
        "--path", action="append", default=[], metavar="DIR", help="put this directory in front of PATH"
    )
    parser.add_argument("command", nargs="+", help="the command, after --")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
