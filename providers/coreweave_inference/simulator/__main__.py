"""`python -m coreweave_inference.simulator`: the service until SIGINT or SIGTERM; one JSON line says where it is."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from typing import Any

from .behaviour import KNOBS, Behaviour
from .clock import Clock
from .server import Simulator


def main(arguments: list[str] | None = None, stop: threading.Event | None = None) -> int:
    """Serve until `stop` is set, or without one until a signal; returns the exit status."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    try:
        behaviour = Behaviour().changed({knob: options[knob] for knob in KNOBS if options[knob] is not None})
        clock = Clock(speed=options["speed"])
    except ValueError as error:
        parser.error(str(error))
    stop = stop or _set_by_signals()
    with Simulator(behaviour, options["port"], options["host"], clock) as simulator:
        print(json.dumps(announcement(simulator)), flush=True)
        stop.wait()
    return 0


def _set_by_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def announcement(simulator: Simulator) -> dict[str, Any]:
    """Where the service is and which tokens it knows."""
    organisations = [
        {
            "id": organisation.id,
            "tokens": [{"token": token.secret, "role": token.role} for token in organisation.tokens],
        }
        for organisation in simulator.behaviour.organisations
    ]
    return {
        "url": simulator.url,
        "s3Endpoint": simulator.url,
        "token": simulator.token,
        "organisations": organisations,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="coreweave_inference.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds per second")
    knobs = parser.add_argument_group("behaviour", "values are JSON; text may stand without quotes")
    for knob in KNOBS:
        knobs.add_argument(f"--{knob.replace('_', '-')}", dest=knob, type=_value, metavar="VALUE")
    return parser


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    raise SystemExit(main())
