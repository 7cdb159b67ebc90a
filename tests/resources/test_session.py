"""What one provider process shares: lists, proof that something was deleted, and the run's directory."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import httpx
import pytest
from coreweave_inference.api.client import ApiObject, InferenceApi
from coreweave_inference.clock import system
from coreweave_inference.errors import CannotProveGone, SettingsError
from coreweave_inference.model import Kind
from coreweave_inference.provider import session
from coreweave_inference.provider.adoption import Adopt, decide
from coreweave_inference.provider.creation import proof_of
from coreweave_inference.provider.lists import Lists
from coreweave_inference.settings.secret import Secret
from coreweave_inference.simulator import Simulator
from coreweave_inference.waiting import Revision

from tests.resources.service import ORGANIZATION, Run, run_against
from tests.simulator.inference_fixtures import STRANGER, Api
from tests.simulator.inference_fixtures import gateway as gateway_body
from tests.waiting.hand_clock import HandClock


@pytest.fixture
def api(simulator: Simulator) -> Iterator[Api]:
    api = Api(simulator)
    with api.http:
        yield api


def counted(clock: HandClock) -> tuple[Lists, list[str]]:
    calls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(200, json={})

    api = InferenceApi("https://api.example", Secret("t"), transport=httpx.MockTransport(answer), clock=clock)
    return Lists(api, clock), calls


def test_a_list_is_asked_for_once_by_all_who_accept_its_age() -> None:
    clock = HandClock()
    lists, calls = counted(clock)

    lists.look(Kind.GATEWAY, 1.0)
    clock.sleep(0.9)
    lists.look(Kind.GATEWAY, 1.0)
    assert len(calls) == 1

    clock.sleep(0.2)
    lists.look(Kind.GATEWAY, 1.0)
    lists.look(Kind.GATEWAY)
    lists.look(Kind.DEPLOYMENT, 60.0)
    assert [path.rsplit("/")[-1] for path in calls] == ["gateways", "gateways", "gateways", "deployments"]


def test_threads_that_look_at_once_share_one_list() -> None:
    started, answered = threading.Event(), threading.Event()
    calls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        started.set()
        answered.wait(5)
        return httpx.Response(200, json={})

    api = InferenceApi("https://api.example", Secret("t"), transport=httpx.MockTransport(answer))
    lists = Lists(api, system)
    threads = [threading.Thread(target=lists.look, args=(Kind.GATEWAY, 30.0)) for _ in range(4)]
    for thread in threads:
        thread.start()
    started.wait(5)
    answered.set()
    for thread in threads:
        thread.join(5)

    assert len(calls) == 1


def test_a_profile_that_asks_somebody_for_its_keys_does_not_hold_the_other_threads_up(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, config = tmp_path / "keys", tmp_path / "config"
    os.mkfifo(keys)
    config.write_text(f"[profile slow]\ncredential_process = cat {keys}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv(session.RUN_DIRECTORY, str(tmp_path))

    with run_against(simulator, COREWEAVE_S3_PROFILE="slow") as run:
        thread = threading.Thread(target=run.storage, daemon=True)
        thread.start()
        with keys.open("w") as asked:  # Opens once somebody reads: the profile's program runs.
            other = threading.Thread(target=run.progress, args=("urn",), daemon=True)
            other.start()
            other.join(5)
            went_on = not other.is_alive()
            asked.write('{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b"}')
        thread.join(30)

    assert went_on
    assert not thread.is_alive()


def test_another_endpoint_than_the_recorded_one_is_an_error(run: Run, simulator: Simulator) -> None:
    run.guard_endpoint("")
    run.guard_endpoint(simulator.url)

    with pytest.raises(SettingsError) as caught:
        run.guard_endpoint("https://api.example")

    assert str(caught.value) == (
        f"this stack lives at https://api.example, but COREWEAVE_API_ENDPOINT says {simulator.url}; set it back, or "
        "use a stack of its own for the other service"
    )


def test_a_404_is_believed_when_the_token_sees_the_organization(run: Run, api: Api) -> None:
    api.create("gateways", gateway_body())

    run.prove_deleted('deployment "chat"', "some-id", ORGANIZATION)


def test_a_404_is_still_believed_when_the_last_object_went_in_this_run(run: Run, api: Api) -> None:
    api.create("gateways", gateway_body())
    run.organizations_seen()
    run.api.delete(Kind.GATEWAY, gateway_body()["id"])
    run.clock.sleep(120)

    assert run.api.list(Kind.GATEWAY) == []
    run.prove_deleted('deployment "chat"', "some-id", ORGANIZATION)


def test_a_404_is_believed_for_what_this_process_deleted_and_where_the_user_says_so(
    run: Run, simulator: Simulator
) -> None:
    run.memory.deleted["some-id"] = (Kind.DEPLOYMENT, "chat")
    run.prove_deleted('deployment "chat"', "some-id", ORGANIZATION)

    with run_against(simulator, COREWEAVE_ACCEPT_GONE="1") as accepting:
        accepting.prove_deleted('deployment "chat"', "some-id", ORGANIZATION)


def test_a_404_of_another_account_is_not_taken_as_deleted_and_the_reason_is_given_once(
    simulator: Simulator, api: Api
) -> None:
    stranger = Api(simulator, STRANGER)
    with stranger.http:
        stranger.create("gateways", gateway_body())

    with run_against(simulator, token=STRANGER) as run:
        with pytest.raises(CannotProveGone) as first:
            run.prove_deleted('deployment "chat"', "id-1", ORGANIZATION)
        with pytest.raises(CannotProveGone) as second:
            run.prove_deleted('gateway "public"', "id-2", ORGANIZATION)

    assert str(first.value) == (
        f'deployment "chat" of organization {ORGANIZATION} is not found, but the token of COREWEAVE_API_TOKEN sees an '
        f"account of organization cw12ab at {simulator.url}: this is not taken as a proof that it was deleted, and the "
        "state is left as it is; use the token of that organization, or, if the object really was deleted, run once "
        "with COREWEAVE_ACCEPT_GONE=1"
    )
    assert str(second.value) == 'gateway "public": not judged deleted, for the reason given for the first one'


@pytest.mark.parametrize("recorded", ["", ORGANIZATION])
def test_an_empty_account_proves_nothing(run: Run, recorded: str) -> None:
    with pytest.raises(CannotProveGone, match="sees an empty account"):
        run.prove_deleted('deployment "chat"', "some-id", recorded)


def test_parameters_are_asked_for_once_and_a_failure_is_a_warning(run: Run, simulator: Simulator) -> None:
    simulator.behaviour = simulator.behaviour.changed({"parameters_fail": True})

    assert run.parameters(Kind.DEPLOYMENT) == {}
    asked = len(simulator.journal.entries(path="/parameters"))
    assert run.parameters(Kind.DEPLOYMENT) == {}

    assert len(simulator.journal.entries(path="/parameters")) == asked
    (warning,) = run.log.warnings
    assert warning.startswith("the catalogue of deployments could not be read, so it was not checked: ")


def test_the_retry_budget_of_the_settings_reaches_the_client(simulator: Simulator) -> None:
    simulator.behaviour = simulator.behaviour.changed({"parameters_fail": True})

    with run_against(simulator, COREWEAVE_RETRY_SECONDS="0") as run:
        run.parameters(Kind.DEPLOYMENT)

    assert len(simulator.journal.entries(path="/parameters")) == 1


def test_progress_goes_to_the_runs_directory_and_a_file_there_stops_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.progress("urn:1", status="READY")
    assert not run.stopped()
    monkeypatch.setenv(session.RUN_DIRECTORY, str(tmp_path))

    run.progress("urn:1", status="READY")
    run.progress("urn:2", status="FAILED")

    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    assert [(line["urn"], line["status"]) for line in lines] == [("urn:1", "READY"), ("urn:2", "FAILED")]
    assert not run.stopped()
    (tmp_path / "stop").touch()
    assert run.stopped()


@pytest.mark.parametrize("ahead", [-5400.0, 0.0, 5400.0], ids=["behind", "right", "ahead"])
def test_age_and_readiness_are_judged_by_the_service_s_clock_whether_this_one_is_behind_or_ahead_of_it(
    simulator: Simulator, ahead: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def service_runs_by_its_own_clock(run: Run) -> Run:
        monkeypatch.setattr(run.time, "now", lambda: simulator.clock.now() + ahead)
        run.lists.look(Kind.GATEWAY)
        return run

    with run_against(simulator) as first:
        revision = Revision.of_write(service_runs_by_its_own_clock(first).service_now())
        first.time.sleep(40.0)
    with run_against(simulator) as run:
        service_runs_by_its_own_clock(run).memory.earlier_run = True
        written = run.written_at("chat", Revision.parse(str(revision)))
        proof = proof_of(run)

        assert 38 <= run.clock.monotonic() - written.at <= 42
        assert proof.now is not None
        assert abs(proof.now - simulator.clock.now()) <= 2
        spec = {"name": "chat-dev"}
        for age, adopts in ((3500.0, True), (3700.0, False)):
            created = datetime.fromtimestamp(simulator.clock.now() - age, timezone.utc).isoformat()
            live = ApiObject(Kind.GATEWAY, "1", "chat-dev", spec, "READY", created_at=created)
            assert isinstance(decide(Kind.GATEWAY, "1", spec, [live], proof), Adopt) is adopts
