"""A live object and what was seen of it before go in, a verdict comes out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from coreweave_inference.api.client import ApiObject, Condition
from coreweave_inference.model import Kind
from coreweave_inference.waiting import (
    Failed,
    History,
    Ready,
    Revision,
    Target,
    Verdict,
    Waiting,
    describe_unmet_conditions,
    judge,
    newest_condition,
    reduction_pending,
)

from tests.waiting.lives import AFTER, BEFORE, SETTLE, WRITTEN_AT, claim_of, live, spec, target

EACH_KIND = pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name.lower())
APPLIED = Condition("ResourcesApplied", True, "Applied", "all resources are applied")
IDLE = Condition("Ready", False, "Reconciling", "Deployment is being reconciled")


def once(of: Target, seen: ApiObject | None, after: float = SETTLE) -> Verdict:
    """The verdict of a first look, `after` seconds past the write: by default when every status counts."""
    return judge(of, seen, History(), WRITTEN_AT + after, SETTLE)[0]


def looks(
    of: Target, seen: list[ApiObject | None], every: float = 10.0, start: float = SETTLE
) -> list[Verdict]:
    """The verdicts of several looks in a row, the first of them `start` seconds past the write."""
    verdicts, history = [], History()
    for place, one in enumerate(seen):
        verdict, history = judge(of, one, history, WRITTEN_AT + start + place * every, SETTLE)
        verdicts.append(verdict)
    return verdicts


@EACH_KIND
@pytest.mark.parametrize("status", ["READY", "FAILED", "ERROR"])
def test_an_updated_at_that_moved_alone_proves_nothing(kind: Kind, status: str) -> None:
    sign_of_life = live(kind, status, Condition("Ready", True, last_update_time=BEFORE))
    of = target(kind, service_time=WRITTEN_AT + 1.0)

    assert once(of, sign_of_life, after=SETTLE - 0.1) == Waiting(f"{status} (previous revision)")
    assert once(of, sign_of_life, after=SETTLE) != Waiting(f"{status} (previous revision)")


@EACH_KIND
def test_a_ready_with_conditions_newer_than_the_write_serves_at_once(kind: Kind) -> None:
    def judged(
        *times: str, service_time: float | None = WRITTEN_AT + 1.0, updated_at: str = AFTER
    ) -> Verdict:
        conditions = [Condition("Ready", True, last_update_time=time) for time in times]
        seen = live(kind, "READY", *conditions, updated_at=updated_at)
        return once(target(kind, service_time=service_time), seen, after=1.0)

    stale = Waiting("READY (previous revision)")
    assert judged(AFTER) == Ready()
    assert judged(AFTER, AFTER) == Ready()
    assert [judged(), judged(BEFORE), judged(AFTER, BEFORE), judged("no time")] == [stale] * 4
    assert judged(AFTER, service_time=None) == stale
    assert judged(AFTER, updated_at=BEFORE) == stale
    assert judged(AFTER, service_time=WRITTEN_AT + 60.0) == stale


@EACH_KIND
def test_conditions_of_before_the_write_prove_nothing_where_their_clock_runs_ahead(kind: Kind) -> None:
    seen = live(kind, "READY", Condition("Ready", True, last_update_time=AFTER))
    of = target(kind, service_time=WRITTEN_AT - 5400.0)

    assert once(of, seen, after=1.0) == Ready()
    assert once(replace(of, conditions_before=newest_condition(seen)), seen, after=1.0) == Waiting(
        "READY (previous revision)"
    )


@EACH_KIND
def test_newer_conditions_of_what_was_under_way_before_the_write_prove_nothing(kind: Kind) -> None:
    done = live(kind, "READY", Condition("Ready", True, last_update_time=AFTER))
    of = target(kind, service_time=WRITTEN_AT + 1.0)

    assert once(of, done, after=5.0) == Ready()
    assert once(replace(of, busy_before=True), done, after=5.0) == Waiting("READY (previous revision)")


@EACH_KIND
def test_an_update_that_was_under_way_before_the_write_proves_nothing(kind: Kind) -> None:
    of = target(kind, busy_before=True)
    earlier, own = live(kind, "UPDATING", updated_at=BEFORE), live(kind, "UPDATING")

    assert once(of, earlier, after=5.0) == Waiting("UPDATING (previous revision)")
    assert once(of, own, after=5.0) == Waiting("UPDATING")


@EACH_KIND
@pytest.mark.parametrize("status", ["READY", "FAILED", "ERROR", "UNSPECIFIED"])
def test_no_status_counts_while_the_object_is_as_it_was_before_the_write(kind: Kind, status: str) -> None:
    stale = live(kind, status, updated_at=BEFORE)

    assert once(target(kind), stale, after=5.0) == Waiting(f"{status} (previous revision)")


@EACH_KIND
def test_after_the_settle_seconds_a_ready_counts_although_nothing_moved(kind: Kind) -> None:
    unmoved = live(kind, "READY", updated_at=BEFORE)

    assert once(target(kind), unmoved, after=SETTLE - 0.1) == Waiting("READY (previous revision)")
    assert once(target(kind), unmoved, after=SETTLE) == Ready()


@EACH_KIND
@pytest.mark.parametrize("on_the_way", ["UPDATING", "CREATING"])
def test_once_seen_on_the_way_a_ready_with_the_old_updated_at_counts(kind: Kind, on_the_way: str) -> None:
    moving = live(kind, on_the_way, updated_at=BEFORE)
    done = live(kind, "READY", updated_at=BEFORE)

    assert looks(target(kind), [moving, done], every=0.2, start=0.0) == [Waiting(on_the_way), Ready()]


def test_a_creation_needs_no_latch_since_nothing_was_there_before() -> None:
    created = Revision("f00", WRITTEN_AT, "")

    assert once(target(Kind.GATEWAY, revision=created), live(Kind.GATEWAY, "READY"), after=0.0) == Ready()


@EACH_KIND
@pytest.mark.parametrize("status", ["CREATING", "UPDATING", "UNSPECIFIED", "STATUS_PAUSED"])
def test_what_is_on_the_way_or_unheard_of_is_waited_for(kind: Kind, status: str) -> None:
    assert once(target(kind), live(kind, status)) == Waiting(status)


def test_creating_with_applied_resources_is_not_ready_yet() -> None:
    creating = live(Kind.DEPLOYMENT, "CREATING", APPLIED, IDLE)

    assert once(target(Kind.DEPLOYMENT), creating) == Waiting(
        "Ready=False Reconciling: Deployment is being reconciled"
    )


def test_a_disabled_deployment_is_done_when_its_resources_are_applied() -> None:
    off = spec(Kind.DEPLOYMENT, disabled=True)
    applied = live(Kind.DEPLOYMENT, "UPDATING", APPLIED, IDLE, spec=off)

    assert once(target(Kind.DEPLOYMENT, declared=off), applied) == Ready("disabled")


def test_a_disabled_deployment_is_not_done_while_one_zone_has_not_applied_it() -> None:
    off = spec(Kind.DEPLOYMENT, disabled=True)
    east = Condition("ResourcesApplied", True, "Applied", "", "US-EAST-04A")
    west = Condition("ResourcesApplied", False, "Reconciling", "on its way", "US-WEST-04A")
    half = live(Kind.DEPLOYMENT, "UPDATING", east, west, spec=off)

    assert once(target(Kind.DEPLOYMENT, declared=off), half) == Waiting(
        "ResourcesApplied=False Reconciling: on its way (US-WEST-04A)"
    )


def test_applied_resources_of_the_previous_revision_do_not_make_a_disabled_deployment_done() -> None:
    off = spec(Kind.DEPLOYMENT, disabled=True)
    stale = live(Kind.DEPLOYMENT, "READY", APPLIED, spec=off, updated_at=BEFORE)

    verdict = once(target(Kind.DEPLOYMENT, declared=off), stale, after=5.0)
    assert verdict == Waiting("READY (previous revision)")


@EACH_KIND
def test_failed_is_final_at_once_and_gives_every_condition_once(kind: Kind) -> None:
    broken = live(
        kind,
        "FAILED",
        APPLIED,
        Condition("ModelNotFound", True, "ModelNotFound", "bucket holds no objects", "US-EAST-04A"),
        Condition("Ready", False, "ModelNotFound", "bucket holds no objects", "US-EAST-04A"),
    )

    assert once(target(kind), broken) == Failed(
        "FAILED: Ready=False ModelNotFound: bucket holds no objects (US-EAST-04A); "
        "ResourcesApplied=True Applied: all resources are applied"
    )


def test_a_failure_that_only_a_fulfilled_condition_shows_is_reported() -> None:
    broken = live(Kind.DEPLOYMENT, "FAILED", Condition("ModelNotFound", True, "", "no such path"))

    assert once(target(Kind.DEPLOYMENT), broken) == Failed("FAILED: ModelNotFound=True no such path")


def test_a_failure_without_conditions_says_so() -> None:
    assert once(target(Kind.DEPLOYMENT), live(Kind.DEPLOYMENT, "FAILED")) == Failed(
        "FAILED, and the service gives no condition"
    )


@EACH_KIND
def test_an_error_counts_when_it_lasts_three_looks_and_the_settle_seconds(kind: Kind) -> None:
    error = live(kind, "ERROR", Condition("Ready", False, "Crash", "exit 1"))
    waiting, failed = Waiting("Ready=False Crash: exit 1"), Failed("ERROR: Ready=False Crash: exit 1")

    assert looks(target(kind), [error] * 3) == [waiting, waiting, failed]
    assert looks(target(kind), [error] * 3, every=30.0) == [waiting, waiting, failed]
    assert looks(target(kind), [error] * 4, every=5.0) == [waiting, waiting, waiting, failed]


@EACH_KIND
def test_an_error_that_passes_is_no_failure_and_does_not_count_later(kind: Kind) -> None:
    error, moving = live(kind, "ERROR"), live(kind, "UPDATING")

    verdicts = looks(target(kind), [error, error, moving, error, error, live(kind, "READY")])

    assert [type(verdict) for verdict in verdicts] == [Waiting] * 5 + [Ready]


@EACH_KIND
def test_what_is_being_deleted_will_never_serve(kind: Kind) -> None:
    assert once(target(kind), live(kind, "DELETING")) == Failed("is being deleted")


@EACH_KIND
def test_an_object_is_deleted_only_when_it_stays_away(kind: Kind) -> None:
    away = Waiting("not in the list yet")

    assert looks(target(kind), [None] * 3) == [away, away, Failed("was deleted")]
    assert looks(target(kind), [None] * 4, every=0.2) == [away] * 4
    assert looks(target(kind), [None, None, live(kind, "CREATING"), None, None])[-1] == away


@pytest.mark.parametrize(
    "condition",
    [
        Condition("Ready", False, "QuotaExceeded", "zone is at its limit"),
        Condition("Ready", False, "Waiting", "waiting for hardware"),
        Condition("Ready", False, "InsufficientCapacity", ""),
        Condition("Ready", None, "", "no capacity in US-EAST-04A"),
    ],
)
@pytest.mark.parametrize("status", ["CREATING", "ERROR", "FAILED"])
def test_a_claim_short_of_quota_or_hardware_is_waiting(status: str, condition: Condition) -> None:
    short = live(Kind.CAPACITY_CLAIM, status, condition)

    verdicts = looks(target(Kind.CAPACITY_CLAIM), [short] * 4)

    assert verdicts == [Waiting(describe_unmet_conditions(short))] * 4


@pytest.mark.parametrize(
    "message", ["CapacityClaim is broken", "capacity type is refused", "the capacity claim cannot be placed"]
)
def test_the_names_of_a_claim_and_of_its_fields_are_not_a_shortage(message: str) -> None:
    broken = live(Kind.CAPACITY_CLAIM, "FAILED", Condition("Ready", False, "Broken", message))

    assert once(target(Kind.CAPACITY_CLAIM), broken) == Failed(f"FAILED: Ready=False Broken: {message}")


def test_a_deployment_short_of_hardware_has_failed_when_the_service_says_so() -> None:
    short = live(Kind.DEPLOYMENT, "FAILED", Condition("Ready", False, "NoCapacity", "no hardware"))

    assert once(target(Kind.DEPLOYMENT), short) == Failed("FAILED: Ready=False NoCapacity: no hardware")


def test_a_ready_claim_shows_what_it_still_waits_for() -> None:
    half = live(Kind.CAPACITY_CLAIM, "READY", allocated_instances=1, pending_instances=1)

    assert once(target(Kind.CAPACITY_CLAIM), half) == Ready("1 allocated, 1 pending")


@pytest.mark.parametrize("status", ["READY", "UPDATING"])
@pytest.mark.parametrize("shown_count", [1, 3])
def test_a_reduction_that_is_pending_is_no_reason_to_wait(status: str, shown_count: int) -> None:
    held = live(Kind.CAPACITY_CLAIM, status, spec=claim_of(shown_count), allocated_instances=3)

    verdict = once(target(Kind.CAPACITY_CLAIM, declared=claim_of(1)), held)

    assert verdict == Ready("reduction to 1 pending, 3 still billed")


def test_a_reduction_with_the_count_old_in_the_spec_alone_is_reported() -> None:
    held = live(Kind.CAPACITY_CLAIM, "READY", spec=claim_of(3))

    assert (
        reduction_pending(Kind.CAPACITY_CLAIM, held, claim_of(1)) == "reduction to 1 pending, 3 still billed"
    )
    assert reduction_pending(Kind.CAPACITY_CLAIM, held, None) == ""
    assert reduction_pending(Kind.CAPACITY_CLAIM, replace(held, spec={"resources": 5}), None) == ""
    assert reduction_pending(Kind.DEPLOYMENT, live(Kind.DEPLOYMENT, "READY"), None) == ""


def test_a_growing_claim_is_no_reduction() -> None:
    growing = live(
        Kind.CAPACITY_CLAIM, "UPDATING", spec=claim_of(4), allocated_instances=2, pending_instances=2
    )

    assert once(target(Kind.CAPACITY_CLAIM, declared=claim_of(4)), growing) == Waiting(
        "UPDATING; 2 allocated, 2 pending"
    )


def test_a_spec_that_is_not_the_declared_one_fails_only_when_it_stays() -> None:
    wanted = spec(Kind.DEPLOYMENT, traffic={"weight": 900})
    other = live(Kind.DEPLOYMENT, "READY")
    yet = Waiting("spec is not the declared one yet")

    verdicts = looks(target(Kind.DEPLOYMENT, declared=wanted), [other] * 3)

    assert verdicts == [
        yet,
        yet,
        Failed("does not have the spec that was written: traffic.weight: 900 -> 100 (declared -> live)"),
    ]


def test_a_spec_that_arrives_late_is_ready_and_forgets_the_wait() -> None:
    wanted = spec(Kind.DEPLOYMENT, traffic={"weight": 900})
    other, right = live(Kind.DEPLOYMENT, "READY"), live(Kind.DEPLOYMENT, "READY", spec=wanted)
    of = target(Kind.DEPLOYMENT, declared=wanted)

    assert looks(of, [other, other, right])[-1] == Ready()
    assert looks(of, [other, other, right, other])[-1] == Waiting("spec is not the declared one yet")


def test_without_a_declared_spec_only_the_status_is_judged() -> None:
    assert once(target(Kind.DEPLOYMENT, declared=None), live(Kind.DEPLOYMENT, "READY")) == Ready()


@pytest.mark.parametrize("path", ["traffic.weight", "traffic"])
def test_fields_that_are_left_to_others_are_right_as_they_are(path: str) -> None:
    moved = live(Kind.DEPLOYMENT, "READY", spec=spec(Kind.DEPLOYMENT, traffic={"weight": 7}))

    assert once(target(Kind.DEPLOYMENT, ignored=(path,)), moved) == Ready()


def test_conditions_are_reported_in_the_words_of_the_service() -> None:
    shown = live(
        Kind.DEPLOYMENT,
        "CREATING",
        APPLIED,
        Condition("Ready", False, "Pulling", "", "US-EAST-04A"),
        Condition("Healthy", None, "", ""),
    )

    assert describe_unmet_conditions(shown) == "Ready=False Pulling (US-EAST-04A); Healthy=?"
