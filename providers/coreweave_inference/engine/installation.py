"""The Pulumi CLI on PATH: finding it, and running one command of it so that a Ctrl-C reaches us and not it.

What the commands mean is not known here.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import semver
from pulumi.automation import CommandResult, PulumiCommand

from coreweave_inference.errors import CoreWeaveError, StartupError

from . import known_versions
from .engine_processes import recorded

# The Automation API warns of the events of an engine that was killed: that run has an error of its own.
warnings.filterwarnings("ignore", "Error in event stream", UserWarning)

OLDEST = semver.Version(3, 254, 0)
"""Import files and S3 backends behave as needed from here on."""

HOW_TO_GET = (
    "install it from https://www.pulumi.com/docs/install/ and have it on PATH (in a checkout of this package, "
    "`make install` gets one)"
)

Line = Callable[[str], Any]

_versions: dict[tuple[str, int, int], semver.Version] = {}


NOT_LOGGED_IN = "PULUMI_ACCESS_TOKEN must be set for login"
"""What the CLI says where no backend is chosen and it cannot ask."""
NO_BACKEND = (
    "no state backend is chosen; run `pulumi login` (`pulumi login --local` keeps the state on this machine), "
    "or set PULUMI_BACKEND_URL"
)

CUT_OFF = frozenset(
    {
        "error: failed to load checkpoint: EOF",
        "error: EOF",
        "error: failed to load checkpoint: place 1: unexpected end of JSON input",
    }
)
"""Of the attributes of a state and of a lock, and of an empty state. A provider that was killed is reported with more words
before the same."""
UNREADABLE = (
    "the state of the stack cannot be read: a full disk or a killed run left its file in the backend's folder empty; "
    "`cw-inference preview` puts it right from the backup beside it (.json.bak), unless a run holds the stack's lock; where the "
    "backup is empty too, restore the file from a copy, or delete both and let `cw-inference import --apply` record the objects again"
)


def is_cut_off(text: str) -> bool:
    """Whether this is what the CLI says of a file with empty attributes."""
    return any(line.strip() in CUT_OFF for line in text.splitlines())


def _ended(arguments: Sequence[str], code: int) -> str:
    command = f"pulumi {' '.join(arguments[:2])}"
    if code < 0:
        return f"{command} was killed (signal {-code}); run again: the next run goes on from there"
    return f"{command} ended with code {code}"


class CommandFailed(CoreWeaveError):
    """A command of the CLI ended with an error; `text` is all that it wrote on standard error."""

    failed = True

    def __init__(self, arguments: Sequence[str], result: CommandResult) -> None:
        self.text = result.stderr
        self.result = result
        super().__init__(
            (NO_BACKEND if NOT_LOGGED_IN in result.stderr else "")
            or (UNREADABLE if is_cut_off(result.stderr) else _reason(result.stderr))
            or _ended(arguments, result.code)
        )


class PulumiCli(PulumiCommand):
    """The CLI, as the Automation API drives it.

    Each command runs in a session of its own: a Ctrl-C on the terminal is ours to pass on. `more` arguments are added
    to the next engine run, for flags that the Automation API does not offer.
    """

    def __init__(self, path: str, version: semver.Version) -> None:
        self.command = path
        self.version = version
        self.more: tuple[str, ...] = ()
        self._running: subprocess.Popen[str] | None = None
        self._runs_engine = False

    @classmethod
    def found(cls, environ: Mapping[str, str]) -> PulumiCli:
        """The one on PATH. Raises StartupError where there is none, or an older one."""
        path = shutil.which("pulumi", path=environ.get("PATH"))
        if path is None:
            raise StartupError(f"the Pulumi CLI (pulumi) is not on PATH; {HOW_TO_GET}")
        version = _version(path, environ)
        if version < OLDEST:
            raise StartupError(f"{path} is version {version}; {OLDEST} or newer is needed; {HOW_TO_GET}")
        return cls(path, version)

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Line | None = None,
        on_error: Line | None = None,
        standard_input: str | None = None,
        seconds: float | None = None,
    ) -> CommandResult:
        """Run one command and wait for it, or end it after `seconds`. Raises CommandFailed."""
        arguments = [*args, *(self.more if "--exec-kind" in args else ()), "--non-interactive"]
        environment = {**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"}
        # Plugins lie beside the CLI in a release archive.
        environment["PATH"] = os.pathsep.join([os.path.dirname(self.command), environment.get("PATH", "")])
        self._runs_engine = "--exec-kind" in args
        try:
            result = self._finished(
                [self.command, *arguments], cwd, environment, standard_input, (on_output, on_error), seconds
            )
        except OSError as error:
            raise StartupError(
                f"{self.command} cannot be run in {cwd}: {error.strerror or error}; {HOW_TO_GET}"
            ) from error
        if result.code != 0:
            raise CommandFailed(args, result)
        return result

    def interrupt(self) -> None:
        """Ask the engine that runs now to stop, as a Ctrl-C does with `pulumi` itself; other commands are finished."""
        if self._runs_engine and self._running is not None and self._running.poll() is None:
            self._running.send_signal(signal.SIGINT)

    def _finished(
        self,
        command: list[str],
        cwd: str,
        environment: Mapping[str, str],
        standard_input: str | None,
        listeners: tuple[Line | None, Line | None],
        seconds: float | None,
    ) -> CommandResult:
        late = ""
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if standard_input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=dict(environment),
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as process:
            self._running = process
            readers = [_Reader(process.stdout, listeners[0]), _Reader(process.stderr, listeners[1])]
            if standard_input is not None and process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):  # Its own words say why it read no further.
                    process.stdin.write(standard_input)
                    process.stdin.flush()
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
            with recorded(command[1:], process.pid, environment) as codes:
                try:
                    code = process.wait(seconds)
                except subprocess.TimeoutExpired:
                    late = f"error: it did not end within {seconds:g} s"
                    process.kill()
                    code = process.wait()
                codes.append(code)
            if code < 0:
                _end_session(process.pid)
            output, error = (reader.text() for reader in readers)
            self._running = None
        return CommandResult(output, late or error, code)


def _version(path: str, environ: Mapping[str, str]) -> semver.Version:
    """What the CLI says it is; asked once for each file, or once in a process where the file does not decide."""
    try:
        file = os.stat(path)
        key = (path, file.st_size, file.st_mtime_ns)
        if key in _versions:
            return _versions[key]
        known = known_versions.known(path, environ) or ""
        number = known if semver.Version.is_valid(known) else _reported_version(path, environ)
    except OSError as error:
        raise StartupError(f"{path} cannot be run: {error.strerror or error}; {HOW_TO_GET}") from error
    _versions[key] = semver.Version.parse(number)
    return _versions[key]


def _reported_version(path: str, environ: Mapping[str, str]) -> str:
    asked = {**environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    answer = subprocess.run([path, "version"], env=asked, capture_output=True, text=True, check=False)
    number = answer.stdout.strip().removeprefix("v")
    if answer.returncode != 0 or not semver.Version.is_valid(number):
        raise StartupError(
            f"{path} does not tell its version: {(answer.stderr or answer.stdout).strip()[:300]}"
        )
    known_versions.note(path, number, environ)
    return number


class _Reader:
    """Collects the lines of a pipe in a thread of its own, and passes each on."""

    def __init__(self, pipe: IO[str] | None, listener: Line | None) -> None:
        self._pipe = pipe
        self._listener = listener
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """All of it, when the pipe is closed; what a plugin that outlives the CLI writes is not waited for."""
        self._thread.join(timeout=5)
        return "\n".join(self._lines)

    def _read(self) -> None:
        for line in self._pipe or ():
            self._lines.append(line.rstrip())
            if self._listener is not None:
                self._listener(line.rstrip())


def _end_session(leader: int) -> None:
    """End the plugins that a killed CLI left: some would stay for ever, and one may still be about to write.

    They are in its session, which has its number. Where there is no /proc they are left to end by themselves.
    """
    for directory in Path("/proc").glob("[0-9]*"):
        process = int(directory.name)
        with contextlib.suppress(OSError):
            if process != leader and os.getsid(process) == leader:
                os.kill(process, signal.SIGKILL)


def _reason(standard_error: str) -> str:
    """What the CLI says after `error:`, in one line."""
    text = re.sub(r"^warning:.*$", "", standard_error, flags=re.MULTILINE)
    return " ".join(text.replace("error: ", "", 1).split())
