"""Readiness: one row that waits until everything it covers serves the revision that was written, or fails the run.

Its inputs name the objects and their revisions; a revision is new for each accepted write, so a run that failed
stays a difference until it is mended. Waiting is `waiting`'s; here is what a run adds: one LIST per kind and look
for everybody, one more attempt for what failed before this run, and whether the service may read the weights.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pulumi
import pulumi.dynamic
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from coreweave_inference.errors import CoreWeaveError, NotReady, one_line
from coreweave_inference.spec import UNKNOWN, Kind
from coreweave_inference.spec.identity import labels
from coreweave_inference.spec.normal_form import (
    complete,
    get_path,
    has_unknown,
    patch_body,
    sparse,
    unknown_fields,
    with_path,
    with_unknown_fields,
)
from coreweave_inference.waiting import Failed, Live, Outcome, Ready, Revision, Target, wait

from .account import account_of
from .api_resource import ApiResource
from .deletion_guard import (
    FORMER,
    OWNED,
    former_deployments,
    refuse_removals,
    refuse_teardown,
    same_record,
)
from .health import KINDS, Access, health_of, weights_access
from .host import one_line_errors
from .object_provider import HostedProvider
from .program import MODULE, current_program, urn_of, with_dependencies
from .session import Session, current
from .targets import merge_records, run_targets, targeted
from .values import FORMAT, URN, for_engine, plain
from .wait_report import WaitReport

HEALTH = "health"
"""Key of a covered object's entry, present while it is broken."""
PARTIAL = "__partial"
"""Hidden input: the patterns of the targets that the run is limited to; `objects` are those of them alone."""


class ReadinessProvider(HostedProvider):
    """Judges objects; owns none. State format: the module and the name of this class are part of it."""

    @one_line_errors
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Inputs are made by the program; there is nothing to refuse."""
        return CheckResult(for_engine(plain(news)), [])

    @one_line_errors
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """A difference while a covered object has a revision that was not seen to serve."""
        old, new = plain(olds), plain(news)
        if new.get(OWNED) is not UNKNOWN:
            going = targeted(old.get(OWNED), new[PARTIAL]) if new.get(PARTIAL) else old.get(OWNED)
            refuse_removals(current(), {**old, OWNED: going}, new)
        if has_unknown(new.get("objects")) or _not_judged(old, new):
            return DiffResult(changes=None)
        removed = set(_objects(old)) - set(_objects(new))
        same = bool(new.get(PARTIAL)) or (not removed and same_record(old.get(OWNED), new.get(OWNED)))
        return DiffResult(changes=False if same else None)

    @one_line_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait for everything covered."""
        new = plain(props)
        return CreateResult("readiness", _judged(current(), {}, new))

    @one_line_errors
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Wait for what was written since the last time that all served."""
        old, new = plain(olds), plain(news)
        run = current()
        former = former_deployments(old, new)
        return UpdateResult({**_judged(run, old, new), **({FORMER: former} if former else {})})

    @one_line_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """With the reason at each covered object that served and broke since: the next `up` waits for those again."""
        old = plain(props)
        current().hold_plan()
        objects = {label: _without_health(item) for label, item in (old.get("objects") or {}).items()}
        for label, why in health_of(current(), objects).items():
            objects[label] = {**objects[label], HEALTH: why}
        inputs = {"objects": objects, **{key: old[key] for key in (URN, OWNED) if key in old}}
        return ReadResult(id_, {**old, **inputs}, inputs)

    @one_line_errors
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """It goes before everything else: whatever must not be deleted refuses here, before the first deletion."""
        run, old = current(), plain(props)
        if old.get("objects"):
            run.guard_organization("what this stack made", str(old.get("organizationId") or ""))
        refuse_teardown(run, old)


def _objects(props: Mapping[str, Any]) -> Mapping[str, Any]:
    """What it covers; nothing where that is not known at all: an object that is no target of a run and does not exist."""
    objects = props.get("objects")
    return objects if isinstance(objects, Mapping) else {}


def _not_judged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    before = _objects(old)
    return {
        label: covered
        for label, covered in _objects(new).items()
        if _judged_part(before.get(label)) != _judged_part(covered)
    }


def _judged_part(covered: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """A program declares no health: so what is recorded as broken differs until it was seen to serve again."""
    return tuple((covered or {}).get(key) for key in ("id", "revision", HEALTH))


def _without_health(covered: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in covered.items() if key != HEALTH}


def _judged(run: Session, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    covered = {label: item for label, item in _not_judged(old, new).items() if item.get("wait", True)}
    if covered:
        report = WaitReport(run, str(new.get(URN, "")), covered)
        outcomes = wait(
            [_target(run, item) for item in covered.values()],
            lambda kind: run.lists.look(kind, max_age_seconds=0.1),
            run.waits,
            poll_seconds=run.settings.poll_seconds,
            settle_seconds=run.settings.settle_seconds,
            report=report,
            mend=lambda target, live: _sent_once_more(run, target, live),
            stopped=run.stopped,
        )
        accepted = frozenset(item["id"] for item in covered.values() if item.get("unreadable"))
        _raise_unless_ready(run, outcomes, accepted)
        report.tell_notes(outcomes)
    # Recorded, so that a destroy with another account's token is refused before anything of the state goes.
    organization = run.organization(str(old.get("organizationId") or ""))
    # A run with targets says nothing of the other objects: what was judged of them stays so.
    kept = {key: value for key, value in new.items() if key != PARTIAL}
    if new.get(PARTIAL):
        kept["objects"] = {**_objects(old), **_objects(new)}
        kept[OWNED] = merge_records(old.get(OWNED), new.get(OWNED))
    return {**kept, "organizationId": organization, "format": FORMAT}


def _target(run: Session, item: Mapping[str, Any]) -> Target:
    id_ = item["id"]
    timeout = item.get("timeoutSeconds") or run.settings.deadline_seconds
    kind = KINDS[item["kind"]]
    revision = Revision.parse(item.get("revision") or "")
    declared, ignored = run.memory.declared.get(id_), run.memory.ignored.get(id_, ())
    write = run.written_at(id_, revision)
    return Target(
        kind,
        id_,
        item["name"],
        revision,
        float(timeout),
        declared,
        ignored,
        written_at=write.at,
        service_time=write.service_time,
        busy_before=write.busy_before,
    )


def _sent_once_more(run: Session, target: Target, live: Live) -> Target | None:
    """The complete spec again, for what was FAILED before this run: its weights or its policy may be mended."""
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
    revision = run.wrote(live, live.updated_at)
    write = run.written_at(target.id, revision)
    return replace(
        target,
        revision=revision,
        written_at=write.at,
        service_time=write.service_time,
        busy_before=write.busy_before,
    )


def _raise_unless_ready(run: Session, outcomes: Sequence[Outcome], accepted: Collection[str]) -> None:
    access = weights_access(run)
    wrong = [text for outcome in outcomes if (text := _what_is_wrong(run, outcome, accepted, access))]
    if not wrong:
        return
    kept = "what was to be removed stays until a run ends ready, and nothing was lost"
    raise NotReady("; ".join([*wrong, kept if run.stopped() else f"{kept}: mend it and run again"]))


def _what_is_wrong(run: Session, outcome: Outcome, accepted: Collection[str], access: Access) -> str:
    target, verdict = outcome.target, outcome.verdict
    if isinstance(verdict, Ready):
        return _unreadable_weights(run, outcome, access, accepted=target.id in accepted)
    if isinstance(verdict, Failed):
        return f"{target.label} ({target.id}): {one_line(verdict.why)}"
    if run.stopped() and not outcome.late:
        return f"{target.label}: stopped while {one_line(verdict.why)}; the next run waits on"
    return (
        f"{target.label} ({target.id}) is not ready after {outcome.seconds:.0f} s: {one_line(verdict.why)}; slow is not "
        "broken: it is left running, and the next run waits on (options.timeout changes the limit)"
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
        run.log.note("", f"{target.label}: the policy of its bucket could not be looked at: {error}")
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


class Readiness(pulumi.dynamic.Resource, module=MODULE, name="Readiness"):
    """Waits until what it covers serves; without `of`, everything that the program declared so far.

    `unreadable`: deployments that count as ready although the inference service may not read their weights.
    """

    def __init__(
        self,
        name: str = "ready",
        *,
        of: Sequence[ApiResource] | None = None,
        unreadable: Sequence[ApiResource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        program = current_program()
        covered = list(program.objects if of is None else of)
        program.covered.update(covered)
        targets, carried = run_targets(), covered
        if targets is not None:
            # It depends on what exists too, so that a destroy still begins with it.
            carried = [r for r in covered if targets.may_use(*_label(r))]
            covered = [r for r in covered if targets.covers(*_label(r))]
        objects = {
            label: {**_covered(resource), **({"unreadable": True} if resource in unreadable else {})}
            for label, resource in _labelled(covered)
        }
        owned = [
            (r, e)
            for r, e in program.owned
            if targets is None or targets.may_use(type(r).__name__, e["name"])
        ]
        props = {
            "objects": objects,
            OWNED: [entry for _, entry in owned],
            URN: urn_of("Readiness", name, opts),
            **({PARTIAL: list(targets.targets)} if targets else {}),
        }
        # After everything that is there already: so a destroy deletes it first, and it refuses before the others go.
        own = with_dependencies(opts, [account_of(program), *carried, *(resource for resource, _ in owned)])
        super().__init__(ReadinessProvider(), name, props, own)


def _label(resource: ApiResource) -> tuple[str, str]:
    return type(resource).__name__, resource.resource_name


def _labelled(resources: Sequence[ApiResource]) -> Iterator[tuple[str, ApiResource]]:
    for kind in Kind:
        of_kind = [resource for resource in resources if resource.kind is kind]
        for label, resource in zip(labels([found.place for found in of_kind]), of_kind, strict=True):
            yield f"{kind.noun} {label}", resource


def _covered(resource: ApiResource) -> dict[str, Any]:
    return {
        "kind": resource.kind.noun,
        "id": resource.api_id,
        "name": resource.place.key,
        "revision": resource.revision,
        "urn": resource.planned_urn,
        **({} if resource.wait else {"wait": False}),
        **({"timeoutSeconds": resource.timeout_seconds} if resource.timeout_seconds else {}),
    }
