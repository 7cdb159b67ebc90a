"""What goes wrong in one round: faults of the service, its other ways to speak, and who is killed when.

Pure: random numbers go in, a plan comes out. Who carries it out is `killing` and `rounds`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from coreweave_inference.simulator.faults import Fault

WRITES = ("POST", "PATCH", "PUT", "DELETE")
API = "^/v1alpha1/inference/"
STATUSES = (429, 500, 502, 503, 520)
KEEPS_A_KILL_OPEN_SECONDS = 0.3
COUNTED_KNOBS = {"heartbeats": "heartbeat_seconds", "hidden deletions": "lists_hide_deleting"}
"""Ways of the service that are counted as kinds of faults, though they are none."""
MORE_THAN_IS_READ = 70
"""MiB of an answer that is unpacked: more than the API client takes."""


@dataclass(frozen=True)
class OnWrite(Fault):
    """A fault that only writes meet, whatever their method. `due` is set as soon as a request meets it."""

    due: threading.Event = field(default_factory=threading.Event, compare=False)
    _seen: list[str] = field(default_factory=list, compare=False)

    def matches(self, method: str, path: str) -> bool:
        """Whether the request writes; minting a key does not."""
        if method not in WRITES or "access-key" in path or re.search(self.path, path) is None:
            return False
        self._seen.append(path)
        if len(self._seen) == self.nth:
            self.due.set()
        return True


@dataclass(frozen=True)
class Kill:
    """Who is ended at which write: `provider`, `engine` and `command` by SIGKILL, the command of a `closed terminal` by
    SIGHUP; `ctrl-c` once or `ctrl-c twice`.
    """

    who: str
    fault: OnWrite

    def __str__(self) -> str:
        return f"kill {self.who} {self.fault.when} write {self.fault.nth}"


@dataclass(frozen=True)
class Plan:
    """What goes wrong; `kinds` are the words that are counted."""

    faults: tuple[Fault, ...]
    knobs: Mapping[str, Any]
    kill: Kill | None
    expire_keys: bool
    clock_step_seconds: int
    """How far the wall clock of this machine jumps ahead during the run."""
    second_run: bool
    """Whether somebody begins another `cw-inference up` of the stack meanwhile."""
    kinds: tuple[str, ...]

    def __str__(self) -> str:
        report = [_report(fault) for fault in self.faults]
        return "; ".join(
            [
                *report,
                *([str(self.kill)] if self.kill else []),
                *(["a second run"] if self.second_run else []),
                f"clock step {self.clock_step_seconds} s",
                f"knobs {dict(self.knobs)}",
            ]
        )


def planned(random: Random) -> Plan:
    """None to three faults, and a kill in about half of the rounds."""
    kinds = random.sample(sorted(FAULTS), random.choice((0, 1, 1, 2, 3)))
    faults = [FAULTS[kind](random) for kind in kinds]
    kill = _kill(random) if random.random() < 0.55 or not faults else None
    if kill is not None:
        faults.insert(0, kill.fault)
    expire = random.random() < 0.1
    step = random.choice((0,) * 9 + (60, 4000))
    counted = [*kinds, *([f"kill {kill.who}"] if kill else []), *(["expired key"] if expire else [])]
    second = random.random() < 0.06
    counted += [*(["clock step"] if step else []), *(["second run"] if second else [])]
    knobs = _knobs(random)
    counted += [name for name, knob in COUNTED_KNOBS.items() if knobs[knob]]
    return Plan(tuple(faults), knobs, kill, expire, step, second, tuple(counted))


def _kill(random: Random) -> Kill:
    ways = {"provider": 4, "engine": 4, "command": 1, "closed terminal": 1, "ctrl-c": 2, "ctrl-c twice": 1}
    who = random.choices(tuple(ways), tuple(ways.values()))[0]
    when = random.choice(("before", "after"))
    fault = OnWrite("delay", nth=random.randint(1, 7), seconds=KEEPS_A_KILL_OPEN_SECONDS, when=when)  # type: ignore[arg-type]
    return Kill(who, fault)


def _knobs(random: Random) -> dict[str, Any]:
    """Ways in which the real service may be: each is as right as the others."""
    shown = random.choice(("MANAGED", "SERVERLESS"))
    return {
        "emit_zero_values": random.random() < 0.5,
        "strict_fields": random.random() < 0.4,
        "identical_patch_is_silent": random.random() < 0.3,
        "gzip": random.random() < 0.7,
        "managed_name_shown": shown,
        "missing_policy": random.choice(("ready-520", "failed")),
        "key_delay_seconds": random.choice((0.0,) * 7 + (0.2,)),
        "stale_status_seconds": random.choice((0.05, 0.2, 0.4)),
        "deployment_update_seconds": random.choice((0.05, 0.3)),
        "heartbeat_seconds": random.choice((0.0, 0.0, 0.03, 0.5)),
        "lists_hide_deleting": random.random() < 0.3,
    }


def _lost_answer(random: Random) -> Fault:
    return OnWrite("lose-answer", nth=random.randint(1, 6), count=random.randint(1, 2))


def _status(random: Random) -> Fault:
    body = random.choice(("status", "html", "empty"))
    kind = random.choice((Fault, OnWrite))
    first, count, status = random.randint(1, 12), random.randint(1, 4), random.choice(STATUSES)
    return kind("status", nth=first, count=count, status=status, body=body)  # type: ignore[arg-type]


def _throttled(random: Random) -> Fault:
    headers = random.choice(({}, {"Retry-After": "1"}))
    return OnWrite(
        "status", nth=random.randint(1, 5), count=random.randint(1, 3), status=429, headers=headers
    )


def _over_quota(random: Random) -> Fault:
    return Fault("status", "POST", API, nth=random.randint(1, 4), status=429, body="quota")


def _reset(random: Random) -> Fault:
    return random.choice((Fault, OnWrite))("reset", nth=random.randint(1, 10), count=random.randint(1, 4))


def _stall(random: Random) -> Fault:
    when = random.choice(("before", "after"))
    seconds = random.choice((0.4, 1.3))
    return OnWrite("delay", nth=random.randint(1, 5), seconds=seconds, when=when)  # type: ignore[arg-type]


def _truncated(random: Random) -> Fault:
    kind = random.choice((Fault, OnWrite))
    return kind("truncate", path=API, nth=random.randint(1, 8), count=random.randint(1, 3))


def _stale(random: Random) -> Fault:
    return Fault("stale", "PATCH", API, seconds=random.choice((0.1, 0.5)), count=None)


def _reordered(random: Random) -> Fault:
    return Fault("reorder", "GET", API, nth=random.randint(1, 4), count=random.choice((3, None)))


def _renamed_enums(random: Random) -> Fault:
    names: dict[str, str] = random.choice(
        (
            {"CAPACITY_TYPE_MANAGED": "CAPACITY_TYPE_SERVERLESS"},
            {"STATUS_UPDATING": "STATUS_RECONCILING", "STATUS_CREATING": "STATUS_PROVISIONING"},
            {"STATUS_READY": "STATUS_HEALTHY"},
        )
    )
    return Fault("rename-enums", None, API, nth=random.randint(1, 6), count=random.randint(1, 5), names=names)


def _unknown_fields(random: Random) -> Fault:
    fields = {"sinceNextYear": True, "budget": {"limit": 3}}
    return Fault("add-fields", None, API, count=random.choice((4, None)), fields=fields)


def _lists_fail(random: Random) -> Fault:
    status, count = random.choice((500, 503)), random.randint(2, 8)
    return Fault("status", "GET", f"{API}[a-z]+$", nth=random.randint(2, 6), count=count, status=status)


def _trickle(random: Random) -> Fault:
    kind = random.choice((Fault, OnWrite))
    return kind("trickle", path=API, nth=random.randint(1, 8), count=random.randint(1, 2), seconds=0.03)


def _swell(random: Random) -> Fault:
    kind = random.choice((Fault, OnWrite))
    return kind("swell", path=API, nth=random.randint(1, 8), count=1, megabytes=MORE_THAN_IS_READ)


def _lagging_reads(random: Random) -> Fault:
    where = random.choice((API, f"{API}[a-z]+$"))
    return Fault(
        "hide", "GET", where, nth=random.randint(1, 8), count=None, seconds=random.choice((0.2, 0.5))
    )


def _wrong_object(random: Random) -> Fault:
    return Fault("wrong-object", "POST", API, nth=random.randint(1, 4), count=random.randint(1, 2))


FAULTS: Mapping[str, Callable[[Random], Fault]] = {
    "lost answer": _lost_answer,
    "error status": _status,
    "throttled": _throttled,
    "over quota": _over_quota,
    "reset connection": _reset,
    "stall": _stall,
    "truncated JSON": _truncated,
    "stale status": _stale,
    "reordered lists": _reordered,
    "renamed enums": _renamed_enums,
    "unknown fields": _unknown_fields,
    "failing lists": _lists_fail,
    "trickling answer": _trickle,
    "huge answer": _swell,
    "lagging reads": _lagging_reads,
    "wrong object": _wrong_object,
}


def _report(fault: Fault) -> str:
    where = f"{fault.method or ('writes' if isinstance(fault, OnWrite) else 'any')} {fault.path}".strip()
    more = {"status": f" {fault.status} {fault.body}", "delay": f" {fault.seconds} s {fault.when}"}
    count = "all" if fault.count is None else fault.count
    return f"{fault.action}{more.get(fault.action, '')} on {where} from {fault.nth}, {count}x"
