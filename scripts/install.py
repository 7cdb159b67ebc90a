"""Makes `.venv` and installs this checkout into it; does nothing when nothing changed.

Standard library only: it runs before anything is installed. The Pulumi CLI is `get_pulumi.py`'s business.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from get_pulumi import locked

EXTRAS = "simulator,dev"
DECIDES_WHAT_IS_INSTALLED = ("pyproject.toml", "scripts/install.py")

_OURS = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV")
"""Where things are installed is decided here; all other settings of pip are the user's."""


class NotInstalled(Exception):
    """The environment could not be made. Its text says what the user can do."""


def install(checkout: Path, environment: Mapping[str, str]) -> None:
    """Bring `.venv` of `checkout` up to date. Raises `NotInstalled`."""
    venv = checkout / ".venv"
    with locked(checkout / ".tools" / "venv"):
        wanted = state(checkout)
        if recorded(venv) == wanted:
            return
        _make_environment(checkout, venv, environment)
        _install_package(checkout, venv, environment)
        (venv / "installed").write_text(wanted, "utf-8")


def state(checkout: Path) -> str:
    """Return what an installation depends on: place, Python, and the files that name the dependencies.

    The place belongs to it since an editable installation of a copied checkout would run the original's code.
    """
    digest = hashlib.sha256()
    for name in DECIDES_WHAT_IS_INSTALLED:
        digest.update((checkout / name).read_bytes())
    return f"{checkout}\n{_python()}\n{digest.hexdigest()}\n"


def recorded(venv: Path) -> str | None:
    """Return the state that the environment was last brought to, or None if there is no working one."""
    try:
        return (venv / "installed").read_text("utf-8") if (venv / "bin" / "python").exists() else None
    except FileNotFoundError:
        return None


def _make_environment(checkout: Path, venv: Path, environment: Mapping[str, str]) -> None:
    before = recorded(venv)
    if before and before.splitlines()[:2] == [str(checkout), _python()]:
        return
    _tell(f"creating .venv with Python {sys.version.split()[0]}, {sys.executable}")
    failed = _run([sys.executable, "-m", "venv", "--clear", str(venv)], checkout, environment)
    if failed:
        raise NotInstalled(
            f"`python3 -m venv` failed:\n{failed}\nInstall the venv module of this Python "
            "(on Debian and Ubuntu: python3-venv), or choose another one with `make install PYTHON=...`"
        )


def _install_package(checkout: Path, venv: Path, environment: Mapping[str, str]) -> None:
    _tell(f"installing the package and its dependencies ({EXTRAS}) into .venv; the first time takes a minute")
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # An editable installation without setup.py needs at least this pip, which Python 3.10.0 does not bring.
    for what in (["pip>=21.3"], ["--editable", f".[{EXTRAS}]"]):
        failed = _run([*pip, *what], checkout, {k: v for k, v in environment.items() if k not in _OURS})
        if failed:
            raise NotInstalled(f"`pip install {' '.join(what)}` failed:\n{failed}")


def _run(command: list[str], checkout: Path, environment: Mapping[str, str]) -> str:
    """Run a command that says nothing when all is well; returns its output when it failed, else nothing."""
    result = subprocess.run(
        command,
        cwd=checkout,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    return "" if result.returncode == 0 else result.stdout.strip() or f"exit code {result.returncode}"


def _python() -> str:
    return f"{sys.version} {sys.base_prefix}".replace("\n", " ")


def _tell(line: str) -> None:
    print(f"install: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        install(Path(__file__).resolve().parent.parent, os.environ)
    except (NotInstalled, OSError) as error:
        _tell(f"error: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        _tell("stopped; the next run goes on")
        sys.exit(130)
