"""`simulate`: the service on a loopback port, and the variables that point everything at it."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from coreweave_inference.errors import did_you_mean, one_line

from .exits import usage_error
from .formatting import cut
from .output import print_lines

LONGEST_DEFAULT = 40
MODULES_OF_THE_EXTRA = ("moto", "starlette", "uvicorn")


def simulate(*, port: int, speed: float, settings: list[str], state: Path | None, as_json: bool) -> None:
    """Serve until SIGINT or SIGTERM."""
    try:
        from coreweave_inference.simulator import Behaviour, Simulator
        from coreweave_inference.simulator.clock import Clock
        from coreweave_inference.simulator.state_file import StateFile
    except ModuleNotFoundError as error:
        raise _without_the_extra(error, as_json=as_json) from error
    if "help" in settings:
        print_lines(_settings())
        return
    try:
        kept = None if state is None else StateFile(state)
        behaviour = (kept.behaviour() if kept else Behaviour()).changed(dict(_knobs(settings)))
        clock = Clock(speed=speed, start=kept.now if kept else None)
        port = port or (kept.kept.port if kept else 0)
        simulator = Simulator(behaviour, port, clock=clock, state=kept)
    except ValueError as error:
        if state is not None and str(error).startswith(str(state)):
            raise usage_error(f"--state {error}", as_json=as_json) from error
        raise usage_error(f"{error}; `--set help` lists the settings", as_json=as_json) from error
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with simulator:
            _announce(simulator.url, simulator.token, state, as_json=as_json)
            stop.wait()
    except ValueError as error:
        raise usage_error(f"--state {error}", as_json=as_json) from error
    except OSError as error:
        if error.filename is not None:
            raise usage_error(
                f"--state {state}: cannot be written: {error.strerror}", as_json=as_json
            ) from error
        raise usage_error(
            f"port {port} cannot be used: {error.strerror or error}", as_json=as_json
        ) from error


def _without_the_extra(error: ModuleNotFoundError, *, as_json: bool) -> BaseException:
    if (error.name or "").partition(".")[0] not in MODULES_OF_THE_EXTRA:
        return error
    text = f"the simulator needs more packages ({error.name} is missing): pip install 'coreweave-inference[simulator]'"
    return usage_error(text, as_json=as_json)


def _settings() -> Iterator[str]:
    """Every setting with its default and what it means."""
    from coreweave_inference.simulator.behaviour import Behaviour, meanings

    defaults = Behaviour().as_json()
    for name, meaning in meanings().items():
        shown = json.dumps(defaults[name])
        yield f"{name}={cut(shown, LONGEST_DEFAULT)}"
        yield f"    {meaning}"


def _knobs(settings: Iterable[str]) -> Iterable[tuple[str, Any]]:
    from coreweave_inference.simulator.behaviour import KNOBS

    for text in settings:
        name, sign, value = text.partition("=")
        if not sign:
            raise ValueError(f'--set "{one_line(text)}" needs the form KNOB=VALUE')
        if name not in KNOBS:
            meant = did_you_mean(name, KNOBS)
            raise ValueError(f'--set "{one_line(name)}": no such setting; {meant}'.rstrip("; "))
        try:
            yield name, json.loads(value)
        except ValueError:
            yield name, value


def _announce(url: str, token: str, state: Path | None, *, as_json: bool) -> None:
    variables = {
        "COREWEAVE_API_ENDPOINT": url,
        "COREWEAVE_S3_ENDPOINT": url,
        "COREWEAVE_OBSERVE_ENDPOINT": url,
        "COREWEAVE_API_TOKEN": token,
    }
    if as_json:
        print(
            json.dumps({"url": url, "s3Endpoint": url, "token": token, "environment": variables}), flush=True
        )
        return
    for name, value in variables.items():
        print(f"export {name}={value}")
    after = f"keeps everything in {state}" if state else "forgets everything"
    print(f"# The service answers at {url}; Ctrl-C ends it and {after}.", flush=True)
