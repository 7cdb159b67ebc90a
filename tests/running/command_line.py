"""`cw-inference` as a process of its own: a state backend, a home and an environment that nobody else has."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import coreweave_inference
from coreweave_inference.engine import local_backend, settled
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.simulator import Simulator

from tests.processes.python import QUICK_ENGINE, quick_python
from tests.processes.server import PYTHON
from tests.processes.vault import SECRETS_PROVIDER, vault
from tests.simulator.inference_fixtures import environment_of
from tests.starting_points import StartingPoint

PROJECT = """\
name: serving
runtime: {name: python, options: {toolchain: pip}}
options: {refresh: always}
"""
CLAIM = (
    "  {name}: {{instanceId: gd-8xh200ib-i128, instanceCount: 1, capacityType: CAPACITY_TYPE_SERVERLESS, "
    "zones: [US-EAST-04A]}}\n"
)
GATEWAY = "  {name}: {{zones: [US-EAST-04A], coreWeaveAuth: {{}}, bodyBasedRouting: {{apiType: API_TYPE_OPENAI}}}}\n"
LONGEST_SECONDS = 120.0


def claims(*names: str) -> str:
    """A declaration's section of capacity claims, one instance each."""
    return "capacityClaims:\n" + "".join(CLAIM.format(name=name) for name in names)


def gateways(*names: str) -> str:
    """A declaration's section of gateways."""
    return "gateways:\n" + "".join(GATEWAY.format(name=name) for name in names)


class Stack:
    """A stack directory with the stack `dev`, in front of a simulator; commands run as a user would run them."""

    def __init__(self, place: Path, simulator: Simulator, **variables: str) -> None:
        self.simulator = simulator
        self.path = place / "stack"
        self.backend = place / "backend"
        self.home = place / "home"
        for folder in (self.path, self.backend, self.home):
            folder.mkdir()
        (self.path / "Pulumi.yaml").write_text(PROJECT)
        (self.path / "Pulumi.dev.yaml").write_text("config:\n  coreweave:identity: 5f1c0f6a4d\n")
        (self.path / "__main__.py").write_text("import coreweave_inference as cw\n\nstack = cw.load()\n")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHONPATH": str(Path(coreweave_inference.__file__).parent.parent),
            "PULUMI_BACKEND_URL": f"file://{self.backend}",
            "PULUMI_HOME": str(self.home),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "GOGC": QUICK_ENGINE,
            **vault(),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **environment_of(simulator),
            "COREWEAVE_POLL_SECONDS": "5",
            "COREWEAVE_SETTLE_SECONDS": "0.3",
            **variables,
        }

    def declare(self, *sections: str) -> None:
        """Write the declaration."""
        (self.path / "inference.yaml").write_text("version: 1\n" + "".join(sections))

    def bring_up(self, *sections: str) -> None:
        """Write the declaration, and be as after the first `up` of it, which ended well."""
        self.declare(*sections)

        def up() -> None:
            self.pulumi("stack", "init", "--no-select", "dev", f"--secrets-provider={SECRETS_PROVIDER}")
            done = self.run("up", "--yes")
            assert done.returncode == 0, done.stderr

        notes = self.home / ".local" / "state"
        how = {**self.environment, **dict.fromkeys(vault())}
        if not StartingPoint(self.simulator, self.path, self.backend, notes).after(up, how):
            state = local_backend.exported(self.environment, "serving", "dev")
            settled.note(StackDirectory.at(self.path), "dev", state, self.environment)

    def run(self, *arguments: str, stack: str | None = "dev") -> subprocess.CompletedProcess[str]:
        """Run one command to its end, without a terminal."""
        with self.started(*arguments, stack=stack, python=quick_python()) as process:
            output, error = process.communicate(timeout=LONGEST_SECONDS)
        return subprocess.CompletedProcess(arguments, process.returncode, output, error)

    def document(self, *arguments: str) -> dict[str, Any]:
        """The JSON document of a command; nothing else may stand on its standard output."""
        done = self.run(*arguments, "--json")
        document: dict[str, Any] = json.loads(done.stdout)
        return {**document, "code": done.returncode, "stderr": done.stderr}

    @contextmanager
    def started(
        self, *arguments: str, stack: str | None = "dev", python: str = sys.executable
    ) -> Iterator[subprocess.Popen[str]]:
        """A command that runs; killed if it still does at the end. One that gets no signal takes a `quick_python`."""
        command = [python, "-m", "coreweave_inference.cli", *arguments]
        process = subprocess.Popen(
            [*command, *(["--stack", stack] if stack else [])],
            cwd=self.path,
            env={**self.environment, PYTHON: quick_python()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def engine_process(self) -> int:
        """The process id of the engine that holds the stack's lock."""
        locks = until(lambda: list(self.backend.glob(".pulumi/locks/**/*.json")))
        return int(json.loads(locks[0].read_text())["pid"])

    def kill_engine(self) -> None:
        """End the engine as a crash would."""
        os.kill(self.engine_process(), signal.SIGKILL)

    def kill_providers(self) -> None:
        """End the provider processes of the engine as a crash would."""
        session = self.engine_process()
        for directory in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (directory / "cmdline").read_text()
                if "pulumi.dynamic" in command and os.getsid(int(directory.name)) == session:
                    os.kill(int(directory.name), signal.SIGKILL)

    def pulumi(self, *arguments: str, standard_input: str | None = None) -> str:
        """What a command of the CLI prints in the stack directory."""
        pulumi = shutil.which("pulumi")
        assert pulumi is not None, "these tests need the Pulumi CLI on PATH"
        answer = subprocess.run(
            [pulumi, *arguments],
            cwd=self.path,
            env=self.environment,
            input=standard_input,
            capture_output=True,
            text=True,
            check=True,
        )
        return answer.stdout

    def state(self) -> dict[str, Any]:
        """The stack's deployment as the backend holds it."""
        state = local_backend.exported(self.environment, "serving", "dev")
        assert state is not None
        deployment: dict[str, Any] = state["deployment"]
        return deployment

    def names(self) -> set[str]:
        """Names of this package's resources in the state."""
        return {
            resource["urn"].rsplit("::", 1)[-1]
            for resource in self.state().get("resources", ())
            if "coreweave/inference" in resource["type"]
        }


def until(found: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What `found` gives as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return result


def read_until(process: subprocess.Popen[str], words: str) -> list[str]:
    """The lines of a command's output up to the one that holds `words`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if words in line:
            return lines
    raise AssertionError(f"the command ended without saying {words!r}: {lines}")
