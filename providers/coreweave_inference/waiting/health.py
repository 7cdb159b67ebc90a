"""Whether objects that served before still do: a look at all of them, and further ones at what may only be a blip.

Nothing here writes, reports or knows Pulumi.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from coreweave_inference.clock import Clock
from coreweave_inference.errors import ServiceUnavailable, Throttled, Unreachable

from .judging import judge
from .observations import Failed, History, Live, Target
from .watching import Look, pauses

LONGEST_SETTLES = 4
"""Settle times after which an object that is in doubt is left out: nothing certain is known of it."""


def broken(
    targets: Iterable[Target],
    look: Look,
    look_again: Look,
    clock: Clock,
    *,
    poll_seconds: float,
    settle_seconds: float,
    stopped: Callable[[], bool] = lambda: False,
) -> dict[str, str]:
    """Why each of `targets` that is broken is, by id: FAILED, being deleted, or ERROR that lasts as `judge` asks.

    What is on its way is not broken, and what is missing is for the object's own resource to report. `look` serves the
    first look, `look_again` those after it. Only an ERROR takes more than one look, and then some settle times.
    """
    start = clock.monotonic()
    rests = pauses(lambda: clock.monotonic() - start, poll_seconds)
    histories = {target.id: History() for target in targets}
    doubtful, found = list(targets), dict[str, str]()
    while doubtful:
        live = _seen(doubtful, look)
        if live is None:
            return found
        doubtful = [t for t in doubtful if _is_in_doubt(t, live, histories, found, clock, settle_seconds)]
        late = clock.monotonic() - start > LONGEST_SETTLES * settle_seconds
        if not doubtful or late or stopped():
            return found
        clock.sleep(min(next(rests), max(settle_seconds, 0.1)))
        look = look_again
    return found


def _is_in_doubt(
    target: Target,
    live: Mapping[str, Live],
    histories: dict[str, History],
    found: dict[str, str],
    clock: Clock,
    settle_seconds: float,
) -> bool:
    """Judge one look; a verdict that is final goes into `found`."""
    seen = live.get(target.id)
    if seen is None:
        return False
    verdict, histories[target.id] = judge(
        target, seen, histories[target.id], clock.monotonic(), settle_seconds
    )
    if isinstance(verdict, Failed):
        found[target.id] = verdict.why
        return False
    errors = histories[target.id].errors
    return bool(errors.looks) and not errors.lasts(clock.monotonic(), settle_seconds)


def _seen(targets: Iterable[Target], look: Look) -> dict[str, Live] | None:
    """The live objects by id; None where the service cannot be asked at the moment."""
    try:
        return {id_: live for kind in {t.kind for t in targets} for id_, live in look(kind).items()}
    except (Unreachable, ServiceUnavailable, Throttled):
        return None
