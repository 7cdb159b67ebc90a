"""The loop that looks again, on a clock that only moves when it sleeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from coreweave_inference.api.client import ApiObject
from coreweave_inference.errors import (
    CoreWeaveError,
    Forbidden,
    ServiceUnavailable,
    SettingsError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from coreweave_inference.model import Kind
from coreweave_inference.waiting import Failed, Live, Outcome, Ready, Revision, Target, Waiting, wait

from tests.waiting.hand_clock import HandClock
from tests.waiting.lives import BEFORE, live, target

Answer = Mapping[str, ApiObject] | CoreWeaveError


class Service:
    """Answers the looks at each kind with one list after the other; the last one stays."""

    def __init__(self, **lists: list[Answer]) -> None:
        self._lists = {Kind[name.upper()]: list(answers) for name, answers in lists.items()}
        self.looks: list[Kind] = []

    def look(self, kind: Kind) -> Mapping[str, ApiObject]:
        self.looks.append(kind)
        answers = self._lists[kind]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, CoreWeaveError):
            raise answer
        return answer


def listed(*objects: ApiObject) -> dict[str, ApiObject]:
    return {one.id: one for one in objects}


def named(kind: Kind, name: str, status: str) -> ApiObject:
    return live(kind, status, id=name, name=name)


def on(kind: Kind, name: str, timeout_seconds: float = 60.0) -> Target:
    return target(kind, id=name, name=name, timeout_seconds=timeout_seconds, revision=CREATED)


def waited(
    targets: Sequence[Target], service: Service, clock: HandClock, **options: Any
) -> tuple[Outcome, ...]:
    return wait(targets, service.look, clock, **{"poll_seconds": 10.0, "settle_seconds": 15.0, **options})


CREATED = Revision("f00", 0.0, "")
CREATING = listed(named(Kind.DEPLOYMENT, "chat", "CREATING"))
READY = listed(named(Kind.DEPLOYMENT, "chat", "READY"))


def test_nothing_to_wait_for_is_done_at_once() -> None:
    clock = HandClock()

    assert waited([], Service(), clock) == ()
    assert clock.slept == []


def test_what_is_ready_at_the_first_look_costs_no_sleep() -> None:
    clock = HandClock()

    (outcome,) = waited([on(Kind.DEPLOYMENT, "chat")], Service(deployment=[READY]), clock)

    assert outcome == Outcome(on(Kind.DEPLOYMENT, "chat"), Ready(), READY["chat"], 0.0)
    assert clock.slept == []


def test_pauses_are_short_at_first_then_a_tenth_of_the_wait_and_never_beyond_the_poll_seconds() -> None:
    clock = HandClock()
    service = Service(deployment=[*[CREATING] * 12, READY])

    waited([on(Kind.DEPLOYMENT, "chat")], service, clock, poll_seconds=0.25)

    assert clock.slept == [*[0.2] * 10, 0.2, 0.22]

    clock = HandClock()
    waited([on(Kind.DEPLOYMENT, "chat", 400.0)], Service(deployment=[CREATING]), clock)

    grown = [earlier for earlier, later in zip(clock.slept, clock.slept[1:], strict=False) if later < earlier]
    assert clock.slept[-2:-1] == [10.0]
    assert grown == [10.0], "only the last pause, cut at the deadline, may be shorter than the one before"
    assert sum(clock.slept) == pytest.approx(400.0)


def test_there_is_one_look_per_kind_and_round_however_many_objects_are_waited_for() -> None:
    names = [f"chat-{number}" for number in range(50)]
    service = Service(
        gateway=[listed(named(Kind.GATEWAY, "public", "READY"))],
        deployment=[
            listed(*[named(Kind.DEPLOYMENT, name, "CREATING") for name in names]),
            listed(*[named(Kind.DEPLOYMENT, name, "READY") for name in names]),
        ],
    )
    targets = [on(Kind.GATEWAY, "public"), *[on(Kind.DEPLOYMENT, name) for name in names]]

    outcomes = waited(targets, service, HandClock())

    assert {outcome.verdict for outcome in outcomes} == {Ready()}
    assert service.looks == [Kind.DEPLOYMENT, Kind.GATEWAY, Kind.DEPLOYMENT]


@pytest.mark.parametrize("blip", [Unreachable("reset"), ServiceUnavailable("503"), Throttled("slow down")])
def test_an_answer_that_fails_in_passing_does_not_end_a_wait(blip: CoreWeaveError) -> None:
    service = Service(deployment=[CREATING, blip, blip, READY])

    (outcome,) = waited([on(Kind.DEPLOYMENT, "chat")], service, HandClock())

    assert outcome.verdict == Ready()


def test_a_service_that_never_answers_is_named_at_the_deadline() -> None:
    service = Service(deployment=[Unreachable("connection reset")])

    (outcome,) = waited([on(Kind.DEPLOYMENT, "chat", 5.0)], service, HandClock())

    assert outcome.verdict == Waiting("could not be read: connection reset")


@pytest.mark.parametrize("error", [Unauthorized("no"), Forbidden("no"), SettingsError("no")])
def test_an_answer_that_will_not_change_ends_the_wait(error: CoreWeaveError) -> None:
    with pytest.raises(type(error)):
        waited([on(Kind.DEPLOYMENT, "chat")], Service(deployment=[CREATING, error]), HandClock())


def test_a_deadline_ends_the_wait_and_not_the_object() -> None:
    clock = HandClock()

    (outcome,) = waited([on(Kind.DEPLOYMENT, "chat", 1.0)], Service(deployment=[CREATING]), clock)

    assert outcome.verdict == Waiting("CREATING")
    assert outcome.live == CREATING["chat"]
    assert outcome.seconds == pytest.approx(1.0)
    assert clock.slept == [0.2, 0.2, 0.2, 0.2, 0.2]


def test_what_is_late_is_reported_at_its_own_deadline_and_the_others_are_waited_for() -> None:
    both = listed(named(Kind.DEPLOYMENT, "slow", "CREATING"), named(Kind.DEPLOYMENT, "quick", "CREATING"))
    done = listed(named(Kind.DEPLOYMENT, "slow", "READY"), named(Kind.DEPLOYMENT, "quick", "READY"))
    reports: list[tuple[float, bool]] = []
    clock = HandClock()

    class Later(Service):
        def look(self, kind: Kind) -> Mapping[str, ApiObject]:
            return done if sum(clock.slept) >= 20 else both

    outcomes = waited(
        [on(Kind.DEPLOYMENT, "quick", 3.0), on(Kind.DEPLOYMENT, "slow", 30.0)],
        Later(),
        clock,
        report=lambda outcomes: reports.append((outcomes[0].seconds, outcomes[0].late)),
    )

    assert next(seconds for seconds, late in reports if late) == pytest.approx(3.0)
    assert {seconds for seconds, late in reports if late} == {outcomes[0].seconds}
    assert [(outcome.verdict, outcome.late) for outcome in outcomes] == [
        (Waiting("CREATING"), True),
        (Ready(), False),
    ]
    assert 20.0 <= sum(clock.slept) < 30.0


def test_the_longest_deadline_of_what_is_pending_ends_the_wait() -> None:
    both = listed(named(Kind.DEPLOYMENT, "slow", "CREATING"), named(Kind.DEPLOYMENT, "quick", "CREATING"))
    clock = HandClock()

    outcomes = waited(
        [on(Kind.DEPLOYMENT, "quick", 3.0), on(Kind.DEPLOYMENT, "slow", 30.0)],
        Service(deployment=[both]),
        clock,
    )

    assert sum(clock.slept) == pytest.approx(30.0)
    assert [(outcome.verdict, outcome.late) for outcome in outcomes] == [(Waiting("CREATING"), True)] * 2


def test_a_long_deadline_of_what_is_done_keeps_nobody_waiting() -> None:
    half = listed(named(Kind.DEPLOYMENT, "slow", "READY"), named(Kind.DEPLOYMENT, "quick", "CREATING"))
    clock = HandClock()

    waited(
        [on(Kind.DEPLOYMENT, "quick", 3.0), on(Kind.DEPLOYMENT, "slow", 30.0)],
        Service(deployment=[half]),
        clock,
    )

    assert sum(clock.slept) == pytest.approx(3.0)


def test_one_that_failed_does_not_end_the_wait_for_the_others() -> None:
    first = listed(named(Kind.DEPLOYMENT, "bad", "FAILED"), named(Kind.DEPLOYMENT, "good", "CREATING"))
    second = listed(named(Kind.DEPLOYMENT, "good", "READY"))

    outcomes = waited(
        [on(Kind.DEPLOYMENT, "bad"), on(Kind.DEPLOYMENT, "good")],
        Service(deployment=[first, second]),
        HandClock(),
    )

    assert [outcome.verdict for outcome in outcomes] == [
        Failed("FAILED, and the service gives no condition"),
        Ready(),
    ]


def test_each_round_is_reported() -> None:
    reports: list[list[str]] = []

    waited(
        [on(Kind.DEPLOYMENT, "chat")],
        Service(deployment=[CREATING, READY]),
        HandClock(),
        report=lambda outcomes: reports.append([type(outcome.verdict).__name__ for outcome in outcomes]),
    )

    assert reports == [["Waiting"], ["Ready"]]


def test_a_run_that_is_stopped_waits_no_longer() -> None:
    clock = HandClock()

    (outcome,) = waited(
        [on(Kind.DEPLOYMENT, "chat")], Service(deployment=[CREATING]), clock, stopped=lambda: True
    )

    assert outcome.verdict == Waiting("CREATING")
    assert clock.slept == []


def test_a_failed_object_is_fixed_once_and_judged_by_its_new_revision() -> None:
    broken = live(Kind.DEPLOYMENT, "FAILED", id="chat", updated_at="t1")
    moving = live(Kind.DEPLOYMENT, "UPDATING", id="chat", updated_at="t1")
    good = live(Kind.DEPLOYMENT, "READY", id="chat", updated_at="t2")
    resent: list[str] = []
    said: list[str] = []

    def resend(of: Target, seen: Live) -> Target:
        resent.append(seen.status)
        return replace(
            of, revision=Revision("new", 1_800_000_000.0, "t1"), written_at=HandClock().monotonic()
        )

    (outcome,) = waited(
        [on(Kind.DEPLOYMENT, "chat")],
        Service(deployment=[listed(one) for one in (broken, broken, moving, good)]),
        HandClock(),
        resend=resend,
        report=lambda outcomes: said.append(getattr(outcomes[0].verdict, "why", "")),
    )

    assert outcome.verdict == Ready()
    assert outcome.target.revision.nonce == "new"
    assert resent == ["FAILED"]
    assert said[0] == "its spec was sent again, after FAILED, and the service gives no condition"
    assert said[1] == "FAILED (previous revision)"


def test_what_fails_again_after_it_was_fixed_has_failed() -> None:
    broken = live(Kind.DEPLOYMENT, "FAILED", id="chat", updated_at=BEFORE)
    again = live(Kind.DEPLOYMENT, "FAILED", id="chat", updated_at="t2")
    count: list[int] = []
    clock = HandClock()

    def resend(of: Target, seen: Live) -> Target:
        count.append(1)
        return replace(of, revision=Revision("new", 1_800_000_000.0, BEFORE), written_at=clock.monotonic())

    (outcome,) = waited(
        [target(Kind.DEPLOYMENT, id="chat", revision=Revision("old", 0.0, ""))],
        Service(deployment=[listed(broken), listed(again)]),
        clock,
        resend=resend,
    )

    assert outcome.verdict == Failed("FAILED, and the service gives no condition")
    assert count == [1]


@pytest.mark.parametrize("blip", [False, True])
def test_what_no_list_shows_for_longer_than_the_settle_time_is_asked_for_by_its_id_before_it_is_called_deleted(
    blip: bool,
) -> None:
    ready = named(Kind.DEPLOYMENT, "hidden", "READY")
    answers: list[ApiObject | CoreWeaveError] = [Unreachable("no answer"), ready] if blip else [ready]
    asked: list[str] = []

    def find(of: Target) -> Live | None:
        asked.append(of.id)
        if of.id == "deleted":
            return None
        answer = answers.pop(0)
        if isinstance(answer, CoreWeaveError):
            raise answer
        return answer

    hidden, deleted = waited(
        [on(Kind.DEPLOYMENT, "hidden"), on(Kind.DEPLOYMENT, "deleted")],
        Service(deployment=[{}]),
        HandClock(),
        find=find,
    )

    assert (hidden.verdict, hidden.live) == (Ready(), ready)
    assert deleted.verdict == Failed("was deleted")
    assert asked.count("deleted") == 1


def test_what_nobody_fixes_and_what_is_deleted_stays_failed() -> None:
    asked: list[str] = []

    def resend(of: Target, seen: Live) -> None:
        asked.append(seen.status)

    outcomes = waited(
        [on(Kind.DEPLOYMENT, "bad"), on(Kind.DEPLOYMENT, "gone")],
        Service(deployment=[listed(named(Kind.DEPLOYMENT, "bad", "FAILED"))]),
        HandClock(),
        resend=resend,
        settle_seconds=0.0,
    )

    assert [type(outcome.verdict) for outcome in outcomes] == [Failed, Failed]
    assert asked == ["FAILED"]
