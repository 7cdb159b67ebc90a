"""Does an object serve the revision that was written? Pure: a live object and its history in, a verdict out.

Nothing here looks, sleeps or writes. The words, and which verdict follows from which look: "When a write counts as serving" in
docs/architecture.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from coreweave_inference.model import Kind
from coreweave_inference.model.normal_form import Difference, differences, get_path, sparse, with_path

from .observations import Condition, Failed, History, Live, Ready, Streak, Target, Verdict, Waiting

SHORTAGE = re.compile(r"quota|hardware|capacity(?!\s*-?(claim|type|class))", re.IGNORECASE)
"""Words for a claim that waits for its turn; not the object's own name nor the fields that begin with "capacity"."""

ON_THE_WAY = ("UPDATING", "CREATING")


def judge(
    target: Target, live: Live | None, history: History, now: float, settle_seconds: float
) -> tuple[Verdict, History]:
    """Does `live` serve the revision of `target`? `now` is monotonic, so that a clock that is set proves nothing.

    No status counts before the write shows: the object was seen UPDATING or CREATING, the conditions that make the
    status were set after the write by the service's clock, or `settle_seconds` passed since the write. That `updatedAt`
    moved is no proof: services move it as a sign of life, beside the status of before. ERROR, a missing object and a spec that differs from the declared
    one must last `LASTING_LOOKS` looks and `settle_seconds`; FAILED is final at once.
    """
    if live is None:
        history = replace(history, missing=history.missing.one_more(now))
        deleted = history.missing.lasts(now, settle_seconds)
        return Failed("was deleted") if deleted else Waiting("not in the list yet"), history
    history = history.seen(shows_write=_shows(target, live, now, settle_seconds))
    if live.status == "DELETING":
        return Failed("is being deleted"), history
    if not history.latched:
        return Waiting(f"{live.status} (previous revision)"), history
    return _judge_latched(target, live, history, now, settle_seconds)


def _shows(target: Target, live: Live, now: float, settle_seconds: float) -> bool:
    before = target.revision.updated_before
    if not before or now - target.written_at >= settle_seconds:
        return True
    moved, disabled = live.updated_at != before, live.spec.get("disabled")
    # A disabled deployment keeps the status of its last work, so that it shows UPDATING proves nothing.
    works = live.status in ON_THE_WAY and not disabled
    # What was on its way already may have ended that work after the write.
    newer = (disabled or not target.busy_before) and moved and _conditions_are_newer(target, live)
    return (works and (moved or not target.busy_before)) or newer


def _conditions_are_newer(target: Target, live: Live) -> bool:
    """Whether the conditions that make the status were set after the write: an old status has none of these.

    They have to be newer than those of before too: what dates them may run ahead of what dates answers.
    """
    kind = "ResourcesApplied" if live.spec.get("disabled") else "Ready"
    times = [condition.updated for condition in live.conditions if condition.type == kind]
    if target.service_time is None:
        return False
    latest = max(target.service_time, target.conditions_before)
    return bool(times) and all(time and time.timestamp() > latest for time in times)


def _judge_latched(
    target: Target, live: Live, history: History, now: float, settle_seconds: float
) -> tuple[Verdict, History]:
    if live.status == "FAILED":
        return _failed_unless_short_of_capacity(target, live), history
    if live.status == "ERROR":
        history = replace(history, errors=history.errors.one_more(now))
        if history.errors.lasts(now, settle_seconds):
            return _failed_unless_short_of_capacity(target, live), history
        return Waiting(_why_waiting(target.kind, live)), history
    history = replace(history, errors=Streak())
    if not _settled(target, live):
        return Waiting(_why_waiting(target.kind, live)), history
    return _judge_settled(target, live, history, now, settle_seconds)


def _judge_settled(
    target: Target, live: Live, history: History, now: float, settle_seconds: float
) -> tuple[Verdict, History]:
    pending = reduction_pending(target.kind, live, target.declared)
    wrong = () if pending else wrong_fields(target, live)
    if not wrong:
        return Ready(pending or _note(target.kind, live)), replace(history, others_spec=Streak())
    history = replace(history, others_spec=history.others_spec.one_more(now))
    if not history.others_spec.lasts(now, settle_seconds):
        return Waiting("spec is not the declared one yet"), history
    text = "; ".join(str(difference) for difference in wrong)
    return Failed(f"does not have the spec that was written: {text} (declared -> live)"), history


def _settled(target: Target, live: Live) -> bool:
    """READY; or, disabled, applied everywhere: such a deployment may never become READY."""
    if live.status == "READY":
        return True
    if target.kind is Kind.DEPLOYMENT and live.spec.get("disabled"):
        applied = [condition.status for condition in live.conditions if condition.type == "ResourcesApplied"]
        return bool(applied) and all(applied)
    return target.kind is Kind.CAPACITY_CLAIM and _holds_more_than_asked(live, target.declared)


def _holds_more_than_asked(live: Live, declared: Mapping[str, Any] | None) -> bool:
    asked = _count(declared or live.spec)
    return asked is not None and live.allocated_instances > asked and not live.pending_instances


def reduction_pending(kind: Kind, live: Live, declared: Mapping[str, Any] | None) -> str:
    """What to report of a claim that was reduced and keeps its count for a while, as the documentation says; else empty."""
    asked = _count(declared or live.spec)
    if kind is not Kind.CAPACITY_CLAIM or asked is None:
        return ""
    held = max(live.allocated_instances, _count(live.spec) or 0)
    return f"reduction to {asked} pending, {held} still billed" if held > asked else ""


def _count(spec: Mapping[str, Any]) -> int | None:
    try:
        return int(get_path(spec, "resources.instanceCount"))
    except (TypeError, ValueError, OverflowError):  # Left out, not known yet, or no number.
        return None


def wrong_fields(target: Target, live: Live) -> tuple[Difference, ...]:
    """Fields in which a live object is not as declared, those left to others apart; none where that is not known."""
    if target.declared is None:
        return ()
    declared, form = target.declared, sparse(target.kind, live.spec)
    for path in target.ignored:
        declared = with_path(declared, path, get_path(form, path))
    return unlike(target.kind, declared, form)


def unlike(kind: Kind, declared: Mapping[str, Any], live_spec: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Fields in which a live spec is not the declared one; names that a gateway kept are not among them.

    The service merges `additionalDns` and never returns write-only fields, so neither can be compared.
    """
    return tuple(
        difference
        for difference in differences(kind, declared, live_spec, write_only=False)
        if not _is_kept_dns(difference)
    )


def _is_kept_dns(difference: Difference) -> bool:
    return difference.path.endswith("additionalDns") and set(difference.left or ()) <= set(
        difference.right or ()
    )


def _failed_unless_short_of_capacity(target: Target, live: Live) -> Verdict:
    """A claim that waits for quota or hardware is waiting, whatever its status says: the service goes on when quota frees up."""
    unmet = describe_unmet_conditions(live)
    if target.kind is Kind.CAPACITY_CLAIM and SHORTAGE.search(unmet):
        return Waiting("; ".join(filter(None, (unmet, pending_counts(target.kind, live)))))
    return Failed(failure(live))


def failure(live: Live) -> str:
    """The status and every condition, for an object that has failed."""
    words = _conditions_in_words(live)
    return f"{live.status}: {words}" if words else f"{live.status}, and the service gives no condition"


def _why_waiting(kind: Kind, live: Live) -> str:
    return "; ".join(
        filter(None, (describe_unmet_conditions(live) or live.status, pending_counts(kind, live)))
    )


def pending_counts(kind: Kind, live: Live) -> str:
    """`1 allocated, 2 pending` for a claim whose instances are not all there; else nothing."""
    if kind is not Kind.CAPACITY_CLAIM or not live.pending_instances:
        return ""
    return f"{live.allocated_instances} allocated, {live.pending_instances} pending"


def _note(kind: Kind, live: Live) -> str:
    return pending_counts(kind, live) or ("disabled" if live.spec.get("disabled") else "")


def describe_unmet_conditions(live: Live) -> str:
    """The conditions that are not fulfilled, in the service's words: `Ready=False ModelNotFound: no object …`."""
    return "; ".join(_condition(c) for c in live.conditions if not c.status)


def _conditions_in_words(live: Live) -> str:
    """Every condition, those that are not fulfilled first; words that were given already are not repeated."""
    texts, given = [], set()
    for condition in sorted(live.conditions, key=lambda condition: bool(condition.status)):
        words = (condition.reason, condition.message, condition.zone)
        if not condition.status or words not in given:
            texts.append(_condition(condition))
        given.add(words)
    return "; ".join(texts)


def _condition(condition: Condition) -> str:
    state = {True: "True", False: "False", None: "?"}[condition.status]
    words = ": ".join(part for part in (condition.reason, condition.message) if part)
    zone = f" ({condition.zone})" if condition.zone else ""
    return f"{condition.type}={state} {words}".strip() + zone
