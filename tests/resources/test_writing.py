"""One complete PATCH, or none: what is compared before it and after it."""

from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.api.client import ApiObject
from coreweave_inference.errors import ChangedOutside, CoreWeaveError
from coreweave_inference.model import Kind
from coreweave_inference.model.normal_form import sparse
from coreweave_inference.provider.session import Session
from coreweave_inference.provider.writing import WriteResult, put, refuse_foreign_changes, request_body
from coreweave_inference.settings.resolution import resolve
from coreweave_inference.waiting import Revision

from tests.waiting.hand_clock import HandClock
from tests.waiting.lives import ID, live, spec

DEPLOYMENT = Kind.DEPLOYMENT
WHAT = 'deployment "chat"'


@pytest.fixture
def run() -> Session:
    return Session(resolve({"COREWEAVE_API_TOKEN": "t"}, {}), HandClock())


def weighing(weight: int, **more: Any) -> dict[str, Any]:
    return spec(DEPLOYMENT, traffic={"weight": weight}, **more)


def written(run: Session, aim: dict[str, Any], before: ApiObject, answer: ApiObject | None) -> WriteResult:
    """`put` with a service that answers so; None: it must not be asked."""

    def patch(body: dict[str, Any]) -> ApiObject:
        assert answer is not None, "nothing was to be sent"
        return answer

    def form(of: ApiObject) -> dict[str, Any]:
        return sparse(DEPLOYMENT, of.spec)

    return put(run, DEPLOYMENT, WHAT, sparse(DEPLOYMENT, aim), before, form(before), form, patch)


def test_nothing_is_sent_when_the_live_spec_is_the_declared_one(run: Session) -> None:
    before = live(DEPLOYMENT, "READY", spec=weighing(7, disabled=False, id=ID))

    done = written(run, weighing(7), before, None)

    assert done.live is before
    assert done.revision.updated_before == before.updated_at
    assert run.memory.written == set()


def test_a_write_is_distinguished_by_its_time_and_by_what_was_there_before(run: Session) -> None:
    before = live(DEPLOYMENT, "READY", updated_at="t1")
    after = live(DEPLOYMENT, "READY", spec=weighing(7), updated_at="t1")

    done = written(run, weighing(7), before, after)

    assert done == WriteResult(after, Revision(done.revision.nonce, run.clock.now(), "t1"))
    assert run.memory.written == {ID}


def test_what_the_answer_shows_is_not_taken_for_this_write(run: Session) -> None:
    """An attempt before it, whose answer was lost, moved the date; its work being done proves nothing for this one."""
    before = live(DEPLOYMENT, "READY", updated_at="t1")
    after = live(DEPLOYMENT, "READY", spec=weighing(7), updated_at="t2")

    done = written(run, weighing(7), before, after)

    assert done.revision.updated_before == "t2"


def test_a_field_that_was_accepted_and_not_taken_is_an_error_naming_it(run: Session) -> None:
    before = live(DEPLOYMENT, "READY")
    aim = weighing(7, autoscaling={"concurrency": 32})

    with pytest.raises(CoreWeaveError) as caught:
        written(run, aim, before, live(DEPLOYMENT, "READY", spec=weighing(7)))

    assert str(caught.value) == (
        'deployment "chat": the service accepted the change and did not take autoscaling.concurrency: 32 -> 0 '
        "(declared -> live); it may not know the field, or another version of it may be meant"
    )


def test_a_body_writes_every_field_out_and_sends_back_what_a_newer_api_has() -> None:
    shown = live(
        DEPLOYMENT,
        "READY",
        spec=spec(DEPLOYMENT, id=ID, organizationId="ab1cd2", sparkle={"on": True}, traffic={"mirror": "x"}),
    )

    body = request_body(DEPLOYMENT, sparse(DEPLOYMENT, weighing(0)), shown)

    assert body == {
        "name": "chat",
        "gatewayIds": ["22222222-2222-4222-8222-222222222222"],
        "runtime": {"engine": "vllm", "version": "0.22.0+crwv.2", "engineConfig": {}, "engineEnv": {}},
        "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 8},
        "model": {"name": "acme/chat", "bucket": "acme-weights", "path": "models/chat"},
        "autoscaling": {"min": 1, "max": 3, "priority": 0, "capacityClasses": [], "concurrency": 0},
        "traffic": {"weight": 0, "mirror": "x"},
        "disabled": False,
        "sparkle": {"on": True},
    }


def test_a_claims_body_has_neither_id_nor_name() -> None:
    claim = live(Kind.CAPACITY_CLAIM, "READY")

    body = request_body(Kind.CAPACITY_CLAIM, sparse(Kind.CAPACITY_CLAIM, claim.spec), claim)

    assert body == {"resources": claim.spec["resources"]}


def refused(recorded: dict[str, Any], aim: dict[str, Any], now: dict[str, Any]) -> str:
    try:
        refuse_foreign_changes(DEPLOYMENT, WHAT, recorded, aim, now)
    except ChangedOutside as error:
        return str(error)
    return ""


def test_a_write_that_would_undo_what_others_changed_is_refused() -> None:
    assert refused(weighing(100), weighing(100, disabled=True), weighing(7)) == (
        'deployment "chat" was changed outside since the last refresh: traffic.weight: 100 -> 7 (last seen -> live); '
        "nothing was written, because it would undo that; run again with --refresh to see it in the preview first"
    )


@pytest.mark.parametrize(
    ("recorded", "aim", "now"),
    [
        (weighing(100), weighing(900), weighing(100)),
        (weighing(100), weighing(7), weighing(7)),
        (weighing(100), weighing(100), weighing(100)),
        (weighing(100), weighing(7, disabled=True), weighing(7)),
    ],
    ids=["nobody did", "they did what we want", "nothing at all", "they did part of it"],
)
def test_a_write_that_undoes_nothing_goes_on(
    recorded: dict[str, Any], aim: dict[str, Any], now: dict[str, Any]
) -> None:
    assert refused(recorded, aim, now) == ""
