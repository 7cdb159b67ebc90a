"""A stack directory, the real engine on it, and the real simulator as its service.

The engine runs as the Automation API runs it: the CLI, and the program in this process behind a language server. It
is started here directly, since each of the Automation API's runs starts three more CLIs to ask what nobody wants to
know. Nothing of the caller's environment reaches it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import coreweave_inference as cw
import yaml
from coreweave_inference.engine.environment import environment_with
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault
from coreweave_inference.simulator.journal import Entry

from tests.engine.language_server import language_server
from tests.engine.runs import Run
from tests.processes.python import QUICK_ENGINE, quick_python
from tests.processes.server import PROVIDER_PID
from tests.processes.vault import SECRETS_PROVIDER, vault
from tests.simulator.inference_fixtures import environment_of, s3_client
from tests.starting_points import StartingPoint

PROJECT = "serving"
ORGANIZATION = "ab1cd2"
READER = "CW-SECRET-simulator-reader"
STRANGER = "CW-SECRET-simulator-stranger"
LONGEST_RUN_SECONDS = 120.0
QUICK = {
    "COREWEAVE_POLL_SECONDS": "0.2",
    "COREWEAVE_SETTLE_SECONDS": "0.6",
    "COREWEAVE_DEADLINE_SECONDS": "20",
    "COREWEAVE_GATEWAY_DEADLINE_SECONDS": "10",
    "COREWEAVE_GONE_DEADLINE_SECONDS": "10",
    "COREWEAVE_RETRY_SECONDS": "1",
}

ENDPOINTS = ("COREWEAVE_API_ENDPOINT", "COREWEAVE_S3_ENDPOINT")

Program = Callable[[], Any]


class Service:
    """The simulator, and what a test does to it from outside of any stack."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.url = simulator.url
        self.s3 = s3_client(simulator)

    def make_bucket(self, name: str = "acme-weights") -> None:
        """A bucket that somebody made by hand."""
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "US-EAST-04A"})

    def put_weights(self, *paths: str, bucket: str = "acme-weights") -> None:
        """A weights file under each path."""
        for path in paths:
            self.s3.put_object(Bucket=bucket, Key=f"{path}/config.json", Body=b"{}")

    def sids(self, bucket: str = "acme-weights") -> list[str]:
        """The Sids of a bucket's policy; none without a policy."""
        try:
            document = json.loads(self.s3.get_bucket_policy(Bucket=bucket)["Policy"])
        except self.s3.exceptions.ClientError:
            return []
        return sorted(statement["Sid"] for statement in document["Statement"])

    def live(self, kind: str) -> dict[str, Any]:
        """The live objects of a kind, by name."""
        return {found["spec"]["name"]: found for found in self.simulator.control.account()[kind]}

    def account(self) -> dict[str, list[str]]:
        """The names of all that is in the account."""
        found = self.simulator.control.account()
        buckets = [bucket["name"] for bucket in found.pop("buckets")]
        named = {kind: sorted(item["spec"]["name"] for item in items) for kind, items in found.items()}
        return {kind: names for kind, names in {**named, "buckets": buckets}.items() if names}

    def edit(self, kind: str, name: str, changes: Mapping[str, Any]) -> None:
        """Change a live object as a colleague would in the console."""
        self.simulator.world.edit(self.live(kind)[name]["spec"]["id"], changes)

    def turn(self, **knobs: Any) -> None:
        """Turn some of the service's knobs."""
        self.simulator.behaviour = self.simulator.behaviour.changed(knobs)

    def misbehave(self, action: Any, method: str, path: str, **more: Any) -> None:
        """Let requests meet a fault."""
        self.simulator.faults.add(Fault(action, method, path, **more))

    def requests(self) -> tuple[Entry, ...]:
        """All requests so far."""
        return tuple(self.simulator.journal.entries())


def until(look: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """What `look` gives once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.005)
    return found


class Running:
    """A run of the engine that has begun."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        provider: Path,
        requests: Callable[[], tuple[Entry, ...]],
        finish: Callable[[], Run],
    ) -> None:
        self._process = process
        self._provider = provider
        self._requests = requests
        self.finish = finish

    def sent(self, method: str, path: str) -> Entry:
        """The run's first request of that kind, once it was handled; its answer may be on its way still."""

        def handled() -> Entry | None:
            found = (e for e in self._requests() if e.method == method and re.search(path, e.path))
            return next((entry for entry in found if entry.status is not None), None)

        entry: Entry = until(handled, f"{method} {path}")
        return entry

    @property
    def provider_id(self) -> int:
        """The process id of the run's provider."""
        return int(self._provider.read_text())

    def kill_provider(self) -> None:
        """SIGKILL to the provider."""
        os.kill(self.provider_id, signal.SIGKILL)

    def kill_engine(self) -> None:
        """SIGKILL to the engine."""
        self._process.kill()

    def interrupt(self) -> None:
        """A Ctrl-C, as far as it reaches the engine."""
        self._process.send_signal(signal.SIGINT)


class Workbench:
    """One stack of a directory. `variables` are on top of a hermetic environment; None takes one away."""

    def __init__(
        self,
        service: Service,
        directory: Path,
        stack: str = "dev",
        project: str = PROJECT,
        **variables: str | None,
    ) -> None:
        self.service = service
        self.directory = directory
        self.stack = stack
        self.project = project
        self.program: Program = lambda: cw.load(self.directory / "inference.yaml")
        self.environment = {**_environment(service, directory), **variables}
        self._runs = 0
        (directory / "Pulumi.yaml").write_text(f"name: {project}\nruntime: python\n")
        self._provider_launcher()
        self._starting_point().after(self._init, stack, account=False)

    def declare(self, document: Mapping[str, Any] | str) -> None:
        """Write inference.yaml."""
        text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
        (self.directory / "inference.yaml").write_text(text)

    def bring_up(self, document: Mapping[str, Any] | str) -> None:
        """Declare it, and be as after the first `up` of that, which ended well."""
        self.declare(document)

        def up() -> None:
            run = self.up()
            assert run.ok, run.output

        self._starting_point().after(up, self.stack, {**self.environment, **dict.fromkeys(vault())})

    def preview(self, *flags: str) -> Run:
        """`pulumi preview`."""
        return self._run("preview", *flags)

    def up(self, *flags: str) -> Run:
        """`pulumi up`."""
        return self._run("up", "--yes", "--skip-preview", *flags)

    def refresh(self, *flags: str) -> Run:
        """`pulumi refresh`."""
        return self._run("refresh", "--yes", "--skip-preview", *flags)

    def destroy(self, *flags: str) -> Run:
        """`pulumi destroy`."""
        return self._run("destroy", "--yes", "--skip-preview", *flags)

    @contextlib.contextmanager
    def going_up(self) -> Iterator[Running]:
        """An `up` that goes on while the test does something else."""
        with self._started("up", "--yes", "--skip-preview") as running:
            yield running

    @contextlib.contextmanager
    def going_down(self) -> Iterator[Running]:
        """A `destroy` that goes on while the test does something else."""
        with self._started("destroy", "--yes", "--skip-preview") as running:
            yield running

    def state_text(self) -> str:
        """The state file as it lies in the backend."""
        return self._state_file.read_text() if self._state_file.exists() else ""

    def state(self) -> dict[str, dict[str, Any]]:
        """Our resources in the state, by name: what was declared, and what is known of them."""
        resources = json.loads(self.state_text())["checkpoint"]["latest"].get("resources") or ()
        ours = (item for item in resources if item["type"].startswith("pulumi-python:dynamic/"))
        return {
            item["urn"].rsplit("::", 1)[-1]: {
                key: item.get(key) for key in ("urn", "id", "inputs", "outputs")
            }
            for item in ours
        }

    def outputs(self) -> dict[str, Any]:
        """`pulumi stack output`."""
        outputs: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json", "--stack", self.stack))
        return outputs

    def pulumi(self, *arguments: str) -> str:
        """Any other command of the CLI; what it prints."""
        command = ["pulumi", *arguments, "--non-interactive"]
        found = subprocess.run(
            command, cwd=self.directory, env=self._variables(), capture_output=True, check=True
        )
        return found.stdout.decode()

    def _init(self) -> None:
        self.pulumi("stack", "init", self.stack, f"--secrets-provider={SECRETS_PROVIDER}")

    def _starting_point(self) -> StartingPoint:
        backend = Path((self.environment["PULUMI_BACKEND_URL"] or "").removeprefix("file://"))
        files = (
            self.directory / name for name in ("Pulumi.yaml", f"Pulumi.{self.stack}.yaml", "inference.yaml")
        )
        return StartingPoint(self.service.simulator, backend, *files)

    def _declares(self) -> Any:
        """The program, in this process: it looks for the stack where the providers do, and has no token to ask with."""
        found = self._variables()
        with environment_with({name: found[name] for name in ENDPOINTS if name in found}):
            return self.program()

    def _run(self, *arguments: str) -> Run:
        with self._started(*arguments) as running:
            return running.finish()

    @contextlib.contextmanager
    def _started(self, *arguments: str) -> Iterator[Running]:
        self._runs += 1
        events, output = (self.directory / f"run-{self._runs}.{kind}" for kind in ("events", "output"))
        seen = len(self.service.requests())
        with language_server(self._declares) as address, output.open("wb") as printed:
            command = [
                "pulumi",
                *arguments,
                "--stack",
                self.stack,
                f"--client={address}",
                "--non-interactive",
            ]
            process = subprocess.Popen(
                [*command, "--exec-kind=auto.inline", f"--event-log={events}"],
                cwd=self.directory,
                env=self._variables(),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )

            def requests() -> tuple[Entry, ...]:
                return self.service.requests()[seen:]

            def finish() -> Run:
                ok = process.wait(LONGEST_RUN_SECONDS) == 0
                text = events.read_text() if events.exists() else ""
                lines = tuple(json.loads(line) for line in text.splitlines())
                return Run(ok, output.read_text(), lines, requests())

            try:
                yield Running(process, self.directory / "provider.pid", requests, finish)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()

    @property
    def _state_file(self) -> Path:
        return self.directory / "state" / ".pulumi" / "stacks" / self.project / f"{self.stack}.json"

    def _provider_launcher(self) -> None:
        """The Python that providers run in, after it has written down which process it is."""
        pid = self.directory / "provider.pid"
        script = self.directory / "python-for-providers"
        script.write_text(
            f'#!/bin/sh\necho $$ > "{pid}"\nexport {PROVIDER_PID}="{pid}"\nexec "{quick_python()}" "$@"\n'
        )
        script.chmod(0o755)

    def _variables(self) -> dict[str, str]:
        return {name: value for name, value in self.environment.items() if value is not None}


def _environment(service: Service, directory: Path) -> dict[str, str | None]:
    cli = shutil.which("pulumi")
    assert cli, "the Pulumi CLI is not on PATH; `make test` gets it"
    (directory / "state").mkdir(exist_ok=True)
    home = directory / "home"
    home.mkdir(exist_ok=True)
    return {
        "PATH": os.pathsep.join([str(Path(cli).parent), os.defpath]),
        "HOME": str(home),
        "PYTHONPATH": str(Path(cw.__file__).parents[1]),
        "PULUMI_HOME": str(home / ".pulumi"),
        "PULUMI_BACKEND_URL": f"file://{directory / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_PYTHON_CMD": str(directory / "python-for-providers"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_OPTION_COLOR": "never",
        "GOGC": QUICK_ENGINE,
        **vault(),
        "PULUMI_DEBUG_COMMANDS": "true",  # --client and --event-log are hidden without it.
        **environment_of(service.simulator),
        **QUICK,
    }
