"""One object per id: whatever is lost on the way, a creation ends in one object or in an error that says what it met."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from coreweave_inference.api.client import ApiObject, InferenceApi
from coreweave_inference.errors import AlreadyExists, CoreWeaveError, NotOurs, Refused, Unreachable
from coreweave_inference.model import Kind
from coreweave_inference.model.identity import salted
from coreweave_inference.provider.creation import CreateOutcome, create
from coreweave_inference.provider.session import RUN_DIRECTORY, Session
from coreweave_inference.settings.resolution import resolve
from coreweave_inference.settings.secret import Secret
from coreweave_inference.waiting import Revision

from tests.resources.service import NotedLog, urn
from tests.waiting.hand_clock import HandClock

OWN = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
BODY = {"name": "public-dev", "coreWeaveAuth": {}, "pathBasedRouting": {}}
DECLARED = {**BODY, "apiId": OWN, "__urn": urn("Gateway", "public")}
Handler = Callable[[httpx.Request], httpx.Response]


class Account:
    """Gateways in memory behind the API's transport; `before` may answer a request in the account's place."""

    def __init__(self) -> None:
        self.clock = HandClock(then=self._settle)
        self.objects: dict[str, dict[str, Any]] = {}
        self.gone_at: dict[str, float] = {}
        self.posts: list[str] = []
        self.before: list[Handler] = []
        self.hidden_ids: set[str] = set()
        self.lag = 0
        """How many looks show nothing."""
        api = InferenceApi(
            "https://api.example",
            Secret("CW-SECRET-x"),
            transport=httpx.MockTransport(self._answer),
            clock=self.clock,
            retry_seconds=0.0,
        )
        settings = resolve({"COREWEAVE_API_TOKEN": "t", "COREWEAVE_API_ENDPOINT": "https://api.example"}, {})
        self.log = NotedLog()
        self.run = Session(settings, self.clock, self.log, api)

    def holds(
        self, id_: str, name: str = "public-dev", status: str = "READY", age_seconds: float = 60.0
    ) -> None:
        created = datetime.fromtimestamp(self.clock.now() - age_seconds, timezone.utc).strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        )
        self.objects[id_] = {
            "spec": {**BODY, "id": id_, "name": name, "organizationId": "ab1cd2"},
            "status": {"status": f"STATUS_{status}", "createdAt": created, "updatedAt": created},
        }

    def created(self, update: Callable[[ApiObject], CreateOutcome] | None = None) -> CreateOutcome:
        return create(
            self.run,
            Kind.GATEWAY,
            DECLARED,
            BODY,
            lambda body: self.run.api.create(Kind.GATEWAY, body),
            update or (lambda live: pytest.fail("nothing was to be adopted")),
        )

    def _settle(self, now: float) -> None:
        for id_ in [id_ for id_, at in self.gone_at.items() if now >= at]:
            self.objects.pop(id_, None)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and (self.lag > 0 or not request.url.path.endswith("gateways")):
            self.lag -= 1
            held = self.objects.get(request.url.path.rpartition("/")[2])
            if request.url.path.endswith("gateways") or held is None or self.lag >= 0:
                empty = request.url.path.endswith("gateways")
                return httpx.Response(200, json={"items": []}) if empty else httpx.Response(404)
            return httpx.Response(200, json={"gateway": held})
        if request.method == "GET":
            date = format_datetime(datetime.fromtimestamp(self.clock.now(), timezone.utc), usegmt=True)
            return httpx.Response(200, json={"items": list(self.objects.values())}, headers={"Date": date})
        body = json.loads(request.content)
        self.posts.append(body["id"])
        if self.before:
            return self.before.pop(0)(request)
        return self.accept(request)

    def accept(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        names = {held["spec"]["name"] for held in self.objects.values()}
        if body["id"] in self.objects or body["id"] in self.hidden_ids or body["name"] in names:
            return httpx.Response(409, json={"code": 6, "message": "in use", "details": []})
        self.holds(body["id"], body["name"], "CREATING", age_seconds=0)
        return httpx.Response(200, json={"gateway": self.objects[body["id"]]})

    def lose(self, request: httpx.Request) -> httpx.Response:
        self.accept(request)
        raise httpx.ReadError("connection reset")


@pytest.fixture
def account() -> Account:
    return Account()


def taken(live: ApiObject) -> CreateOutcome:
    return CreateOutcome(live.id, live, Revision("taken", 0.0, live.updated_at))


def test_a_creation_is_one_post_under_our_own_id(account: Account) -> None:
    made = account.created()

    assert (made.id, made.live.status, account.posts) == (OWN, "CREATING", [OWN])
    assert made.revision.updated_before == ""
    assert account.run.memory.written == {OWN}


def test_a_lost_answer_is_found_by_its_id_and_makes_no_second_object(account: Account) -> None:
    account.before = [account.lose]

    made = account.created(taken)

    assert (made.id, list(account.objects), account.posts) == (OWN, [OWN], [OWN])
    assert account.log.notes == [f'gateway "public": adopted, an earlier attempt had made it ({OWN})']


def test_a_lost_answer_whose_object_is_shown_late_makes_no_second_object(account: Account) -> None:
    account.before, account.lag = [account.lose], 4

    made = account.created(taken)

    assert (made.id, list(account.objects), account.posts) == (OWN, [OWN], [OWN])
    assert account.log.warnings == []


def test_an_answer_with_another_object_counts_as_none_and_ours_is_found(account: Account) -> None:
    def answer_with_another(request: httpx.Request) -> httpx.Response:
        account.accept(request)
        account.holds(OTHER, name="somebody-s")
        return httpx.Response(200, json={"gateway": account.objects[OTHER]})

    account.before = [answer_with_another]

    made = account.created(taken)

    assert made.id == OWN
    assert account.run.memory.written == set()


def test_an_id_in_upper_case_is_the_same_id(account: Account) -> None:
    def in_upper_case(request: httpx.Request) -> httpx.Response:
        account.accept(request)
        held = account.objects[OWN]
        return httpx.Response(200, json={"gateway": {**held, "spec": {**held["spec"], "id": OWN.upper()}}})

    account.before = [in_upper_case]

    assert account.created().id == OWN


def test_what_is_not_shown_for_a_while_is_there_and_what_is_not_shown_for_the_settle_time_is_not(
    account: Account,
) -> None:
    account.holds(OWN)
    account.lag = 4

    found = account.run.live_or_missing_for_long(Kind.GATEWAY, OWN.upper())
    began = account.clock.now()
    missing = account.run.live_or_missing_for_long(Kind.GATEWAY, OTHER)

    assert found is not None
    assert found.id == OWN
    assert missing is None
    assert account.clock.now() - began >= account.run.settings.settle_seconds


def test_what_never_arrived_is_an_error_and_nothing_is_made(account: Account) -> None:
    def reset(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    account.before = [reset]

    with pytest.raises(Unreachable):
        account.created()

    assert account.objects == {}


def test_a_503_after_which_the_object_is_there_counts_as_done(account: Account) -> None:
    def late(request: httpx.Request) -> httpx.Response:
        account.accept(request)
        return httpx.Response(503)

    account.before = [late]

    assert account.created(taken).id == OWN


def test_our_own_id_from_a_run_that_died_is_adopted_and_brought_up_to_date(account: Account) -> None:
    account.holds(OWN, age_seconds=1800)
    account.run.memory.earlier_run = True
    brought: list[str] = []

    def bring(live: ApiObject) -> CreateOutcome:
        brought.append(live.id)
        return taken(live)

    assert account.created(bring).revision.nonce == "taken"
    assert brought == [OWN]


@pytest.mark.parametrize(("age_seconds", "earlier_run"), [(7200, True), (1800, False)])
def test_our_own_id_without_proof_is_refused_and_left_alone(
    account: Account, age_seconds: float, earlier_run: bool
) -> None:
    account.holds(OWN, age_seconds=age_seconds)
    account.run.memory.earlier_run = earlier_run

    with pytest.raises(NotOurs, match=f"COREWEAVE_TAKE_OVER={OWN}"):
        account.created()


def test_a_user_may_allow_an_old_object_to_be_adopted(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.holds(OWN, age_seconds=7200)
    monkeypatch.setenv("COREWEAVE_TAKE_OVER", f" {OTHER}, {OWN} ")

    assert account.created(taken).id == OWN


def test_a_name_in_use_is_refused_with_how_to_proceed(account: Account) -> None:
    account.holds(OTHER, age_seconds=60)

    with pytest.raises(NotOurs) as caught:
        account.created()

    assert f'gateway "public": the name "public-dev" is in use by gateway {OTHER}' in str(caught.value)
    assert f"COREWEAVE_TAKE_OVER={OTHER}" in str(caught.value)
    assert isinstance(caught.value.__cause__, AlreadyExists)


def test_a_namesake_that_an_earlier_run_left_pending_is_adopted_under_its_own_id(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.holds(OTHER, age_seconds=7200)
    monkeypatch.setenv("COREWEAVE_TAKE_OVER", OTHER)

    made = account.created(taken)

    assert (made.id, list(account.objects)) == (OTHER, [OTHER])
    assert account.log.notes == [f'gateway "public": adopted, an earlier run had set it aside ({OTHER})']


@pytest.mark.parametrize("predecessor", [OWN, OTHER])
def test_a_predecessor_that_is_going_is_waited_for(account: Account, predecessor: str) -> None:
    account.holds(predecessor, status="DELETING", age_seconds=1e6)
    account.gone_at[predecessor] = account.clock.now() + 5

    made = account.created()

    assert (made.id, account.posts) == (OWN, [OWN, OWN])
    settle = account.run.settings.settle_seconds
    assert settle + 5 <= sum(account.clock.slept) < settle + 8
    assert account.log.rows[0] == (
        urn("Gateway", "public"),
        f"waiting for its predecessor ({predecessor}) to be deleted",
    )


def test_a_predecessor_that_does_not_go_is_an_error_after_the_deadline(account: Account) -> None:
    account.holds(OWN, status="DELETING")

    with pytest.raises(
        CoreWeaveError, match=r'gateway "public-dev" is deleted but not confirmed after 1200 s'
    ):
        account.created()


def test_an_id_that_is_refused_and_shown_by_nobody_is_salted_once(account: Account) -> None:
    account.hidden_ids = {OWN}

    made = account.created()

    assert (made.id, account.posts) == (salted(OWN), [OWN, salted(OWN)])
    (warning,) = account.log.warnings
    assert warning.startswith(
        f'gateway "public": the service refuses the id {OWN} and does not show who has it; '
    )


def test_after_a_crash_the_salted_object_is_found_again(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COREWEAVE_TAKE_OVER", salted(OWN))
    account.hidden_ids = {OWN}
    account.holds(salted(OWN))

    assert account.created(taken).id == salted(OWN)


def test_a_salted_id_that_is_refused_too_is_an_error_and_what_was_noted_stays_noted(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    account.hidden_ids = {OWN, salted(OWN)}
    monkeypatch.setenv(RUN_DIRECTORY, str(tmp_path))

    with pytest.raises(
        NotOurs,
        match=f"the ids {OWN} and {salted(OWN)} are reported as taken, but no list shows such an object",
    ):
        account.created()

    notes = [json.loads(line) for line in (tmp_path / "attempts.jsonl").read_text().splitlines()]
    assert notes
    assert all(note["inputs"] for note in notes)


def test_a_refused_request_is_reported_as_it_is(account: Account) -> None:
    account.before = [lambda request: httpx.Response(400, json={"code": 3, "message": "bad zone"})]

    with pytest.raises(Refused, match="bad zone"):
        account.created()
