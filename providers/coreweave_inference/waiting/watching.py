"""The one loop that looks again: at everything that is waited for, until each has its verdict or no time is left.

How to look, the clock, what to do with a failed object and whom to tell are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from coreweave_inference.clock import Clock
from coreweave_inference.errors import ServiceUnavailable, Throttled, Unreachable
from coreweave_inference.model import Kind

from .judging import judge
from .observations import Failed, History, Live, Outcome, Target, Verdict, Waiting

FIRST_PAUSE_SECONDS = 0.2

Look = Callable[[Kind], Mapping[str, Live]]
Report = Callable[[Sequence[Outcome]], None]
Resend = Callable[[Target, Live], Target | None]
Find = Callable[[Target], Live | None]
Refine = Callable[[Target], Target]


def pauses(elapsed: Callable[[], float], longest_seconds: float) -> Iterator[float]:
    """Seconds between two looks: short at first, then a tenth of what has passed, at most `longest_seconds`."""
    while True:
        yield min(longest_seconds, max(FIRST_PAUSE_SECONDS, elapsed() / 10))


@dataclass
class _Watch:
    target: Target
    history: History = field(default_factory=History)
    verdict: Verdict = field(default_factory=lambda: Waiting("not read yet"))
    live: Live | None = None
    resent: bool = False
    late_after: float | None = None

    @property
    def pending(self) -> bool:
        return isinstance(self.verdict, Waiting) and self.late_after is None

    def outcome(self, elapsed: float) -> Outcome:
        if self.late_after is not None:
            return Outcome(self.target, self.verdict, self.live, self.late_after, late=True)
        return Outcome(self.target, self.verdict, self.live, elapsed)


def wait(
    targets: Iterable[Target],
    look: Look,
    clock: Clock,
    *,
    poll_seconds: float,
    settle_seconds: float,
    report: Report = lambda outcomes: None,
    resend: Resend = lambda target, live: None,
    find: Find = lambda target: None,
    refine: Refine = lambda target: target,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[Outcome, ...]:
    """Look at all `targets` until each is ready or failed, its deadline passed, or `stopped` says so.

    What is late is read no more: it did not become ready in its time, whatever the others still need. One look per kind and
    round, and at least as long as that took before the next one. An answer that fails in passing (503, a reset connection)
    does not end a wait; any other error of `look` does. `find` asks for one object by its id before it is called missing: a LIST may leave it out for
    longer than the settle time. `resend` may write to a failed object once and return its new target. `refine` gives a target
    with what has become known of its write since.
    """
    start = clock.monotonic()
    watches = [_Watch(target) for target in targets]
    rests = pauses(lambda: clock.monotonic() - start, poll_seconds)
    while True:
        began = clock.monotonic()
        _look_at_all(watches, look, clock, settle_seconds, resend, find, refine)
        took = min(clock.monotonic() - began, poll_seconds)  # More is a service that answers late.
        elapsed = clock.monotonic() - start
        remaining = _remaining(watches, elapsed)
        outcomes = tuple(watch.outcome(elapsed) for watch in watches)
        report(outcomes)
        if remaining is None or stopped():
            return outcomes
        settles = _until_all_settled(watches, clock.monotonic(), settle_seconds)
        clock.sleep(min(max(next(rests), took), remaining, settles))


def _remaining(watches: Sequence[_Watch], elapsed: float) -> float | None:
    """Seconds until the next deadline of what is pending, None when nothing is; marks what is late by now."""
    for watch in watches:
        if watch.pending and elapsed >= watch.target.timeout_seconds:
            watch.late_after = elapsed
    return min((watch.target.timeout_seconds - elapsed for watch in watches if watch.pending), default=None)


def _until_all_settled(watches: Sequence[_Watch], now: float, settle_seconds: float) -> float:
    """Seconds until every status counts of what no write has shown of yet; no time limit where that has passed."""
    unproven = [
        w.target.written_at + settle_seconds - now for w in watches if w.pending and not w.history.latched
    ]
    left = max(unproven, default=0.0)
    return left if left > 0 else inf


def _look_at_all(
    watches: Sequence[_Watch],
    look: Look,
    clock: Clock,
    settle_seconds: float,
    resend: Resend,
    find: Find,
    refine: Refine,
) -> None:
    pending = [watch for watch in watches if watch.pending]
    for kind in sorted({watch.target.kind for watch in pending}, key=lambda kind: kind.path):
        mine = [watch for watch in pending if watch.target.kind is kind]
        try:
            live = look(kind)
        except (Unreachable, ServiceUnavailable, Throttled) as error:
            for watch in mine:
                watch.verdict = Waiting(f"could not be read: {error}")
            continue
        for watch in mine:
            if not watch.history.latched:
                watch.target = refine(watch.target)
            try:
                _update(watch, live.get(watch.target.id), clock.monotonic(), settle_seconds, resend, find)
            except (Unreachable, ServiceUnavailable, Throttled) as error:
                watch.verdict = Waiting(f"could not be read: {error}")


def _update(
    watch: _Watch, live: Live | None, now: float, settle_seconds: float, resend: Resend, find: Find
) -> None:
    verdict, history = judge(watch.target, live, watch.history, now, settle_seconds)
    if live is None and isinstance(verdict, Failed) and (live := find(watch.target)) is not None:
        verdict, history = judge(watch.target, live, watch.history, now, settle_seconds)
    watch.live, watch.verdict, watch.history = live, verdict, history
    if isinstance(watch.verdict, Failed) and live is not None and not watch.resent:
        watch.resent = True
        target = resend(watch.target, live)
        if target is not None:
            why = f"its spec was sent again, after {watch.verdict.why}"
            watch.target, watch.history, watch.verdict = target, History(), Waiting(why)
