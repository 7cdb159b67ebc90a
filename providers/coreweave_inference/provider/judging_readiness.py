"""What `Readiness` does in a run: one LIST per kind and look for everybody, one more attempt for what failed before this
run, and whether the service may read the weights. Waiting itself is `waiting`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from coreweave_inference.errors import CoreWeaveError, NotReady, one_line
from coreweave_inference.model import Kind
from coreweave_inference.model.kinds import BY_NOUN
from coreweave_inference.model.normal_form import (
    complete,
    get_path,
    patch_body,
    sparse,
    unknown_fields,
    with_path,
    with_unknown_fields,
)
from coreweave_inference.waiting import Failed, Live, Outcome, Ready, Revision, Target, wait

from .deletion_guard import OWNED, merge_records
from .health import Access, weights_access
from .session import Session
from .values import FORMAT, PARTIAL, URN
from .wait_report import WaitReport

HEALTH = "health"
"""Key of a covered object's entry, present while it is broken."""


def objects_of(props: Mapping[str, Any]) -> Mapping[str, Any]:
    """What it covers; nothing where that is not known at all: an object that is no target of a run and does not exist."""
    objects = props.get("objects")
    return objects if isinstance(objects, Mapping) else {}


def not_judged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What is covered and was not seen to serve as it is declared now, by its label."""
    before = objects_of(old)
    return {
        label: covered
        for label, covered in objects_of(new).items()
        if _judged_part(before.get(label)) != _judged_part(covered)
    }


def _judged_part(covered: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """A program declares no health: so what is recorded as broken differs until it was seen to serve again."""
    return tuple((covered or {}).get(key) for key in ("id", "revision", HEALTH))


def not_made(props: Mapping[str, Any]) -> list[str]:
    """Labels of what is covered and has no id: its creation failed in a run that went on (`--continue-on-error`)."""
    return [label for label, covered in objects_of(props).items() if not covered.get("id")]


def without_health(covered: Mapping[str, Any]) -> dict[str, Any]:
    """A covered object's entry as a program declares it."""
    return {key: value for key, value in covered.items() if key != HEALTH}


def judge(run: Session, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Wait for what is not judged yet; the outputs to record. Raises NotReady."""
    covered = {
        label: item
        for label, item in not_judged(old, new).items()
        if item.get("wait", True) and item.get("id")
    }
    missing = not_made(new)
    if covered or missing:
        report = WaitReport(run, str(new.get(URN, "")), covered)
        outcomes = wait(
            [_target(run, item) for item in covered.values()],
            lambda kind: run.lists.look(kind, max_age_seconds=0.1),
            run.waits,
            poll_seconds=run.settings.poll_seconds,
            settle_seconds=run.settings.settle_seconds,
            report=report,
            resend=lambda target, live: _sent_once_more(run, target, live),
            find=lambda target: run.live(target.kind, target.id),
            refine=run.with_time_of_write,
            stopped=run.stopped,
        )
        accepted = frozenset(item["id"] for item in covered.values() if item.get("unreadable"))
        _raise_unless_ready(run, outcomes, accepted, missing)
        report.report_notes(outcomes)
    # Recorded, so that a destroy with another account's token is refused before anything of the state goes.
    organization = run.organization(str(old.get("organizationId") or ""))
    # A run with targets says nothing of the other objects: what was judged of them stays so.
    kept = {key: value for key, value in new.items() if key != PARTIAL}
    if new.get(PARTIAL):
        kept["objects"] = {**objects_of(old), **objects_of(new)}
        kept[OWNED] = merge_records(old.get(OWNED), new.get(OWNED))
    return {**kept, "organizationId": organization, "format": FORMAT}


def _target(run: Session, item: Mapping[str, Any]) -> Target:
    id_ = item["id"]
    timeout = item.get("timeoutSeconds") or run.settings.deadline_seconds
    kind = BY_NOUN[item["kind"]]
    revision = Revision.parse(item.get("revision") or "")
    declared, ignored = run.memory.declared.get(id_), run.memory.ignored.get(id_, ())
    target = Target(kind, id_, item["name"], revision, float(timeout), declared, ignored)
    return _since_write(run, target, revision)


def _since_write(run: Session, target: Target, revision: Revision) -> Target:
    """The target with its last write, and what is known of the time of it."""
    write = run.written_at(target.id, revision)
    return replace(
        target,
        revision=revision,
        written_at=write.at,
        service_time=write.service_time,
        busy_before=write.busy_before,
        conditions_before=write.conditions_before,
    )


def _sent_once_more(run: Session, target: Target, live: Live) -> Target | None:
    """The complete spec again, for what was FAILED before this run: its weights or its policy may be fixed."""
    declared = target.declared
    if target.id in run.memory.written or declared is None or live.status not in ("FAILED", "ERROR"):
        return None
    if run.agreement.moved(target.kind, target.id, live.spec):
        return None  # Others changed it since the plan: what is declared would undo that.
    for path in target.ignored:
        declared = with_path(declared, path, get_path(sparse(target.kind, live.spec), path))
    body = with_unknown_fields(complete(target.kind, declared), unknown_fields(target.kind, live.spec))
    try:
        run.api.update(target.kind, target.id, patch_body(target.kind, body))
    except CoreWeaveError as error:
        run.log.warning("", f"{target.label}: could not be sent once more: {error}")
        return None
    run.memory.written.add(target.id)
    return _since_write(run, target, run.wrote(live, live.updated_at))


def _raise_unless_ready(
    run: Session, outcomes: Sequence[Outcome], accepted: Collection[str], missing: Sequence[str]
) -> None:
    access = weights_access(lambda bucket: run.storage().policy(bucket))
    wrong = [text for outcome in outcomes if (text := _what_is_wrong(run, outcome, accepted, access))]
    wrong.extend(f"{label}: was not made" for label in missing)
    if not wrong:
        return
    kept = "deletions are postponed until the stack is ready"
    raise NotReady("; ".join([*wrong, kept if run.stopped() else f"{kept}: fix it and run again"]))


def _what_is_wrong(run: Session, outcome: Outcome, accepted: Collection[str], access: Access) -> str:
    target, verdict = outcome.target, outcome.verdict
    if isinstance(verdict, Ready):
        return _unreadable_weights(run, outcome, access, accepted=target.id in accepted)
    if isinstance(verdict, Failed):
        return f"{target.label} ({target.id}): {one_line(verdict.why)}"
    if run.stopped() and not outcome.late:
        return f"{target.label}: stopped while {one_line(verdict.why)}; run again to keep waiting"
    return (
        f"{target.label} ({target.id}) is not ready after {outcome.seconds:.0f} s: {one_line(verdict.why)}; still in "
        "progress, left running: run again to keep waiting (options.timeout changes the limit)"
    )


def _unreadable_weights(run: Session, outcome: Outcome, access: Access, *, accepted: bool) -> str:
    """READY says nothing about the weights: without a bucket policy such a deployment answers 520 (documentation).

    What cannot be judged, or is accepted, is a warning.
    """
    target, live = outcome.target, outcome.live
    if target.kind is not Kind.DEPLOYMENT or live is None:
        return ""
    bucket, path = get_path(live.spec, "model.bucket"), get_path(live.spec, "model.path")
    try:
        decision = access(live)
    except CoreWeaveError as error:
        run.log.note("", f"{target.label}: could not read the policy of its bucket: {error}")
        return ""
    if decision is None or decision.allowed:
        return ""
    if decision.allowed is None:
        run.log.warning(
            "",
            f'{target.label} ({target.id}): READY; whether the inference service may read "{path}" in bucket '
            f'"{bucket}" is not known: {decision.why}; send it a request to see whether it serves',
        )
        return ""
    wrong = (
        f'{target.label} ({target.id}) is READY, but the inference service may not read "{path}" in bucket "{bucket}": '
        f"{decision.why}; its requests would fail with 520; declare `policy` with a prefix that covers it, or have the "
        f"bucket's owner put what `cw-inference policy {bucket}` prints"
    )
    if accepted:
        run.log.warning("", f"{wrong}; not waited for, because the finding is accepted")
    return "" if accepted else wrong
