"""Commands as a user types them: a shell, a home of its own, a state in a folder, and the simulator as the service."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.engine.workbench import Service


def run(script: str, place: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The script in a folder, until its first command that fails; what it prints is in `stdout`."""
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


def environment_of(service: Service, place: Path) -> dict[str, str]:
    """Everything that a command reads; `place` is the home."""
    cli = shutil.which("pulumi")
    assert cli is not None, "the Pulumi CLI is not on PATH"
    (place / "backend").mkdir()
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(Path(cli).parent), os.defpath]),
        "HOME": str(place),
        "COREWEAVE_API_TOKEN": service.simulator.token,
        "COREWEAVE_API_ENDPOINT": service.url,
        "COREWEAVE_S3_ENDPOINT": service.url,
        "COREWEAVE_SETTLE_SECONDS": "0.6",
        "COREWEAVE_POLL_SECONDS": "0.3",
        "PULUMI_BACKEND_URL": (place / "backend").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        **{
            f"GIT_{who}_{what}": "ops@acme.test"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
