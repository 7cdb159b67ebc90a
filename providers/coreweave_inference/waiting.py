"""Judging whether an object serves what was written, and the one loop that looks again.

`judge` is pure: an object and what was seen of it before go in, a verdict comes out. `wait` owns time: it
looks at everything it waits for at once, so N objects take as long as the slowest one. Neither writes to
the service, prints, or knows Pulumi; looking, the clock and the reporting are arguments.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, Protocol

from .clock import Clock
from .errors import ServiceUnavailable, Throttled, Unreachable
from .spec import Kind
from .spec.normal_form import differences

LASTING_POLLS = 3
"""Looks in a row after which an ERROR, a missing object or a spec that is not the declared one counts."""

FIRST_PAUSE_SECONDS = 0.2
ON_THE_WAY = frozenset({"CREATING", "UPDATING", "UNSPECIFIED", ""})


class Condition(Protocol):
    """One line of a status; `status` is None where the service gave neither true nor false."""

    @property
    def type(self) -> str: ...
    @property
    def status(self) -> bool | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def zone(self) -> str: ...


class Live(Protocol):
    """What a judge reads of a live object."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def spec(self) -> Mapping[str, Any]: ...
    @property
    def status(self) -> str: ...
    @property
    def conditions(self) -> Sequence[Condition]: ...
    @property
    def updated_at(self) -> str: ...
    @property
    def allocated_instances(self) -> int: ...
    @property
    def pending_instances(self) -> int: ...


@dataclass(frozen=True)
class Revision:
    """One accepted write: told apart from every other one, and from a later write of the same spec.

    `written_at` is epoch seconds by our clock, `updated_before` the object's `updatedAt` before the write
    (empty for a creation).
    """

    nonce: str
    written_at: float
    updated_before: str

    @classmethod
    def of_write(cls, now: float, updated_before: str = "") -> Revision:
        """A fresh one for a write that was accepted at `now`."""
        return cls(uuid.uuid4().hex[:12], now, updated_before)

    def __str__(self) -> str:
        written = datetime.fromtimestamp(self.written_at, timezone.utc).isoformat(timespec="milliseconds")
        return " ".join(part for part in (self.nonce, written, self.updated_before) if part)

    @classmethod
    def parse(cls, text: str) -> Revision:
        """The inverse of `str`. What is not of that form is a write long ago."""
        parts = text.split(" ")
        try:
            written = datetime.fromisoformat(parts[1]).timestamp()
        except (IndexError, ValueError):
            written = 0.0
        return cls(parts[0], written, parts[2] if len(parts) > 2 else "")


@dataclass(frozen=True)
class Waiting:
    """On the way; `why` in the service's words where it gave some."""

    why: str


@dataclass(frozen=True)
class Ready:
    """Serves the revision written (or is settled: a disabled deployment); `note` is worth telling."""

    note: str = ""


@dataclass(frozen=True)
class Failed:
    """Final for this run."""

    why: str


Verdict = Waiting | Ready | Failed


@dataclass(frozen=True)
class Target:
    """One object that is waited for. `declared` is its declared normal form, None where it is not known."""

    kind: Kind
    id: str
    name: str
    revision: Revision
    timeout_seconds: float
    declared: Mapping[str, Any] | None = None

    @property
    def label(self) -> str:
        return f'{self.kind.noun} "{self.name}"'


@dataclass(frozen=True)
class History:
    """What earlier looks at one object have shown."""

    latched: bool = False
    errors: int = 0
    others_spec: int = 0
    missing: int = 0


@dataclass(frozen=True)
class Outcome:
    """How the wait for one object ended; a Waiting verdict means that its deadline passed or the run stopped."""

    target: Target
    verdict: Verdict
    live: Live | None
    seconds: float


def judge(
    target: Target, live: Live | None, history: History, now: float, settle_seconds: float
) -> tuple[Verdict, History]:
    """Does `live` serve the revision of `target`?

    No status counts before the write shows: the object was seen UPDATING or CREATING, its `updatedAt` moved, or
    `settle_seconds` passed since the write. ERROR, a missing object and a spec that differs from the declared
    one must last `LASTING_POLLS` looks; FAILED is final at once.
    """
    if live is None:
        history = replace(history, missing=history.missing + 1)
        return _after(history.missing, Waiting("not in the list yet"), Failed("is gone")), history
    history = replace(
        history, missing=0, latched=history.latched or _shows(target.revision, live, now, settle_seconds)
    )
    if live.status == "DELETING":
        return Failed("is being deleted"), history
    if not history.latched:
        return Waiting(f"{live.status} of the revision before"), history
    return _judge_latched(target, live, history)


def _shows(revision: Revision, live: Live, now: float, settle_seconds: float) -> bool:
    return (
        live.status in ("UPDATING", "CREATING")
        or live.updated_at != revision.updated_before
        or now - revision.written_at >= settle_seconds
    )


def _judge_latched(target: Target, live: Live, history: History) -> tuple[Verdict, History]:
    if live.status == "FAILED":
        return _failed_unless_short_of_capacity(target, live), history
    if live.status == "ERROR":
        history = replace(history, errors=history.errors + 1)
        failed = _failed_unless_short_of_capacity(target, live)
        return _after(history.errors, Waiting(told(live) or "ERROR"), failed), history
    history = replace(history, errors=0)
    if not _settled(target.kind, live):
        return Waiting(told(live) or live.status), history
    return _judge_settled(target, live, history)


def _judge_settled(target: Target, live: Live, history: History) -> tuple[Verdict, History]:
    pending = reduction_pending(target.kind, live, target.declared)
    if pending:
        return Ready(pending), history
    wrong = () if target.declared is None else unlike(target.kind, target.declared, live.spec)
    if not wrong:
        return Ready(_note(target.kind, live)), replace(history, others_spec=0)
    history = replace(history, others_spec=history.others_spec + 1)
    text = "; ".join(str(difference) for difference in wrong)
    failed = Failed(f"does not have the spec that was written: {text} (declared -> live)")
    return _after(history.others_spec, Waiting("spec is not the declared one yet"), failed), history


def _after(count: int, before: Verdict, lasting: Verdict) -> Verdict:
    return lasting if count >= LASTING_POLLS else before


def _settled(kind: Kind, live: Live) -> bool:
    """READY; or, disabled, applied: such a deployment may never become READY (B9)."""
    if live.status == "READY":
        return True
    if kind is Kind.DEPLOYMENT and live.spec.get("disabled"):
        return any(c.type == "ResourcesApplied" and c.status for c in live.conditions)
    return kind is Kind.CAPACITY_CLAIM and _holds_more_than_asked(live)


def _holds_more_than_asked(live: Live) -> bool:
    asked = _count(live.spec)
    return asked is not None and live.allocated_instances > asked and not live.pending_instances


def reduction_pending(kind: Kind, live: Live, declared: Mapping[str, Any] | None) -> str:
    """What to tell of a claim that was reduced and keeps its count for a while (seed), else nothing."""
    asked = _count(declared or live.spec)
    if kind is not Kind.CAPACITY_CLAIM or asked is None:
        return ""
    held = max(live.allocated_instances, _count(live.spec) or 0)
    return f"reduction to {asked} pending, {held} still billed" if held > asked else ""


def _count(spec: Mapping[str, Any]) -> int | None:
    count = (spec.get("resources") or {}).get("instanceCount")
    return None if count is None else int(count)


def unlike(kind: Kind, declared: Mapping[str, Any], live_spec: Mapping[str, Any]) -> tuple[Any, ...]:
    """Fields in which a live spec is not the declared one; names that a gateway kept are not among them.

    The service merges `additionalDns` and never returns write-only fields, so neither can be compared (wire forms).
    """
    return tuple(
        difference
        for difference in differences(kind, declared, live_spec, write_only=False)
        if not (
            difference.path.endswith("additionalDns")
            and set(difference.left or ()) <= set(difference.right or ())
        )
    )


def _failed_unless_short_of_capacity(target: Target, live: Live) -> Verdict:
    """A claim that waits for quota or hardware is waiting, whatever its status says (seed: until quota frees up)."""
    words = told(live)
    if target.kind is Kind.CAPACITY_CLAIM and any(
        word in words.lower() for word in ("quota", "capacity", "hardware")
    ):
        return Waiting(words)
    return Failed(
        f"{live.status}: {words}" if words else f"{live.status}, and the service gives no condition"
    )


def _note(kind: Kind, live: Live) -> str:
    if kind is Kind.CAPACITY_CLAIM and live.pending_instances:
        return f"{live.allocated_instances} allocated, {live.pending_instances} pending"
    return "disabled" if live.spec.get("disabled") else ""


def told(live: Live) -> str:
    """The conditions that are not fulfilled, in the service's words: `Ready=False ModelNotFound: no object …`."""
    return "; ".join(_condition(c) for c in live.conditions if not c.status)


def _condition(condition: Condition) -> str:
    state = {True: "True", False: "False", None: "?"}[condition.status]
    words = ": ".join(part for part in (condition.reason, condition.message) if part)
    zone = f" ({condition.zone})" if condition.zone else ""
    return f"{condition.type}={state} {words}{zone}".strip()


def pauses(elapsed: Callable[[], float], longest_seconds: float) -> Iterator[float]:
    """Seconds between two looks: short at first, then a tenth of what has passed, at most `longest_seconds`."""
    while True:
        yield min(longest_seconds, max(FIRST_PAUSE_SECONDS, elapsed() / 10))


@dataclass
class _Watch:
    target: Target
    history: History = History()
    verdict: Verdict = Waiting("not looked at yet")
    live: Live | None = None
    mended: bool = False

    @property
    def pending(self) -> bool:
        return isinstance(self.verdict, Waiting)


Look = Callable[[Kind], Mapping[str, Live]]
Report = Callable[[Sequence[Outcome]], None]
Mend = Callable[[Target, Live], Target | None]


def wait(
    targets: Iterable[Target],
    look: Look,
    clock: Clock,
    *,
    poll_seconds: float,
    settle_seconds: float,
    report: Report = lambda outcomes: None,
    mend: Mend = lambda target, live: None,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[Outcome, ...]:
    """Look at all `targets` until each is ready or failed, its deadline passed, or `stopped` says so.

    One look per kind and round. An answer that fails in passing (503, a reset connection) does not end a wait;
    any other error of `look` does. `mend` may write to a failed object once and return its new target.
    """
    start = clock.monotonic()
    watches = [_Watch(target) for target in targets]
    rests = pauses(lambda: clock.monotonic() - start, poll_seconds)
    while True:
        _look_at_all(watches, look, clock, settle_seconds, mend)
        elapsed = clock.monotonic() - start
        outcomes = tuple(Outcome(w.target, w.verdict, w.live, elapsed) for w in watches)
        report(outcomes)
        remaining = _remaining(watches, elapsed)
        if remaining <= 0 or stopped():
            return outcomes
        clock.sleep(min(next(rests), remaining))


def _remaining(watches: Sequence[_Watch], elapsed: float) -> float:
    """Seconds until the last deadline of what is pending; 0 when nothing is."""
    pending = [w.target.timeout_seconds - elapsed for w in watches if w.pending]
    return max(pending, default=-math.inf)


def _look_at_all(
    watches: Sequence[_Watch], look: Look, clock: Clock, settle_seconds: float, mend: Mend
) -> None:
    pending = [watch for watch in watches if watch.pending]
    for kind in sorted({watch.target.kind for watch in pending}, key=lambda kind: kind.path):
        try:
            live = look(kind)
        except (Unreachable, ServiceUnavailable, Throttled):
            continue
        for watch in pending:
            if watch.target.kind is kind:
                _update(watch, live.get(watch.target.id), clock.now(), settle_seconds, mend)


def _update(watch: _Watch, live: Live | None, now: float, settle_seconds: float, mend: Mend) -> None:
    watch.live = live
    watch.verdict, watch.history = judge(watch.target, live, watch.history, now, settle_seconds)
    if isinstance(watch.verdict, Failed) and live is not None and not watch.mended:
        watch.mended = True
        target = mend(watch.target, live)
        if target is not None:
            why = f"its spec was sent once more, after {watch.verdict.why}"
            watch.target, watch.history, watch.verdict = target, History(), Waiting(why)
