"""Builds the wheel and tries it where nothing else is installed: does it hold all that a user needs?

What it does once installed is the test suite's business.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

_IMPORT = "import coreweave_inference, pathlib; p = pathlib.Path(coreweave_inference.__file__); print(p)"


def main(checkout: Path) -> int:
    """Build, install without extras, and use; returns the exit code of the first step that fails, else 0."""
    build = checkout / "build"
    for name in ("dist", "venv"):
        shutil.rmtree(build / name, ignore_errors=True)
    build.mkdir(exist_ok=True)
    _step("building the sdist and, from it, the wheel")
    _quietly([sys.executable, "-m", "build", "--outdir", str(build / "dist"), str(checkout)], build)
    [wheel] = (build / "dist").glob("*.whl")
    _step("looking for links of its README that lead nowhere")
    with ZipFile(wheel) as opened:
        [metadata] = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        prose = re.sub(r"(?ms)^```.*?^```$", "", opened.read(metadata).decode())
    if nowhere := [link for link in re.findall(r"\]\(([^)\s]+)\)", prose) if not link.startswith("https://")]:
        _step(
            f"error: the README of {wheel.name} links to {', '.join(nowhere)}, which a package index does not have"
        )
        return 1
    _step(f"installing {wheel.name} without extras")
    venv.create(build / "venv", with_pip=True)
    programs = build / "venv" / "bin"
    _quietly([str(programs / "python"), "-m", "pip", "install", "--quiet", str(wheel)], build)
    _step("importing it, looking for its types, asking cw-inference for help")
    imported = Path(_quietly([str(programs / "python"), "-c", _IMPORT], build).strip())
    if build / "venv" not in imported.parents or not imported.with_name("py.typed").is_file():
        _step(f"error: {imported} is not the installed wheel, or has no py.typed beside it")
        return 1
    _quietly([str(programs / "cw-inference"), "--help"], build)
    return 0


def _quietly(command: list[str], cwd: Path) -> str:
    """Run a command and return what it printed; when it fails, show that and raise."""
    result = subprocess.run(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode != 0:
        print(result.stdout, file=sys.stderr, flush=True)
        result.check_returncode()
    return result.stdout


def _step(line: str) -> None:
    print(f"wheel: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(Path(__file__).resolve().parent.parent))
    except subprocess.CalledProcessError as error:
        _step(f"error: `{' '.join(error.cmd)}` ended with {error.returncode}")
        sys.exit(1)
