"""What is gathered for the checks: each thing asked for once, and whatever cannot be read is not known."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest
from coreweave_inference.api.client import InferenceApi
from coreweave_inference.checks import PlainObject, Severity
from coreweave_inference.discovery import Recent, Sources, checks_for, checks_for_objects, last_objects
from coreweave_inference.discovery.account import account
from coreweave_inference.errors import Unreachable
from coreweave_inference.model import UNKNOWN, Kind
from coreweave_inference.model.normal_form import complete
from coreweave_inference.settings.resolution import resolve
from coreweave_inference.settings.secret import Secret
from coreweave_inference.simulator import Behaviour, Simulator
from coreweave_inference.simulator.faults import Fault

from tests.checks.situations import THEY, WE, declared, objects
from tests.simulator.inference_fixtures import environment_of, s3_client
from tests.waiting.hand_clock import HandClock

NEXT = "gateways: {next: {zones: [RNO2A], coreWeaveAuth: {}, pathBasedRouting: {}}}"
PARSER = 'deployments: {chat: {runtime: {engineConfig: {tool-call-parser: qwen3_coder, enable-auto-tool-choice: ""}}}}'
WRITTEN = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Behaviour()) as running:
        yield running


@pytest.fixture
def environment(simulator):
    return environment_of(simulator, COREWEAVE_RETRY_SECONDS="0.5")


@pytest.fixture
def checked(environment):
    def check(*overlays, **more):
        settings = resolve({**environment, **more}, {})
        return checks_for(declared(*overlays), Sources(settings, WE, environ={}))

    return check


@pytest.fixture
def weights(simulator):
    """A bucket that somebody made, with two models and no policy."""
    client = s3_client(simulator)
    client.create_bucket(
        Bucket="acme-weights", CreateBucketConfiguration={"LocationConstraint": "US-EAST-04A"}
    )
    for model in ("chat-v1", "chat-v2"):
        client.put_object(
            Bucket="acme-weights", Key=f"models/{model}/config.json", Body=b'{"model_type": "llama"}'
        )
    yield client
    client.close()


def test_each_thing_is_asked_for_once(simulator, checked):
    checked("deployments: {third: {extends: chat, model: {name: acme/third}, traffic: {weight: 1}}}")

    asked = [entry.path.split("?")[0] for entry in simulator.journal.entries() if "/inference/" in entry.path]
    assert sorted(asked) == sorted(
        f"/v1alpha1/inference/{kind.path}{end}" for kind in Kind for end in ("", "/parameters")
    )


@pytest.mark.usefixtures("weights")
def test_a_run_takes_what_its_plan_was_made_of_a_minute_long_and_asks_anew_for_anything_else(
    simulator, environment
):
    clock, recent = HandClock(), Recent()

    one, other = declared(PARSER), declared()

    def asked(declaration):
        simulator.journal.clear()
        sources = Sources(resolve(environment, {}), WE, recent=recent, clock=clock, environ={})
        found = checks_for(declaration, sources)
        return found.findings, bool(simulator.journal.entries())

    planned, first = asked(one)
    clock.time += 60.0

    assert (bool(planned), first) == (True, True)
    assert asked(one) == (planned, False)
    assert asked(other)[1]
    assert not asked(other)[1]
    recent.forget()
    assert asked(other)[1]
    clock.time += 60.1
    assert asked(other)[1]


@pytest.mark.parametrize("path", ["/v1alpha1/inference/deployments/parameters", "acme-weights", "gateways$"])
def test_what_could_not_be_read_is_asked_for_again(simulator, environment, weights, path):
    recent = Recent()
    sources = Sources(
        resolve({**environment, "COREWEAVE_RETRY_SECONDS": "0"}, {}), WE, recent=recent, environ={}
    )
    fault = Fault("status", "GET", path, count=None, status=503)
    simulator.faults.add(fault)
    checks_for(declared(), sources)
    simulator.journal.clear()

    checks_for(declared(), sources)

    assert simulator.journal.entries("GET", path)


def test_a_sound_declaration_in_front_of_its_weights_has_no_error(checked, weights):
    assert checked().errors == ()


def test_weights_and_parsers_are_judged_by_what_lies_in_the_bucket(checked, weights):
    codes = {finding.code for finding in checked(PARSER).findings}

    assert "engine-parser-family" in codes


def test_a_path_without_objects_is_an_error(checked, weights):
    report = checked("deployments: {chat: {model: {path: models/chat-v9}}}")

    assert [finding.code for finding in report.errors] == ["weights-missing"]


def test_a_bucket_that_does_not_exist_is_distinguished_from_one_that_cannot_be_read(simulator, checked):
    assert {finding.code for finding in checked().errors} == {"weights-bucket-missing"}

    simulator.faults.add(Fault("status", None, "acme-weights", count=None, status=503))
    assert checked(COREWEAVE_RETRY_SECONDS="0").errors == ()


@pytest.mark.usefixtures("weights")
def test_a_failing_parameters_call_is_a_warning_and_its_rules_say_nothing(simulator, checked):
    simulator.faults.add(Fault(503, "GET", "/v1alpha1/inference/deployments/parameters"))

    report = checked("deployments: {chat: {runtime: {version: 9.9.9}}}", COREWEAVE_RETRY_SECONDS="0")

    assert report.errors == ()
    assert [finding.code for finding in report.warnings] == ["catalogue-unread"]


@pytest.mark.parametrize(
    ("overlay", "narrowed"),
    [
        ("", True),
        ("gateways: {public: {zones: [US-EAST-04A, RNO2A]}}", False),
        (NEXT, True),
        (f"{NEXT}\ndeployments: {{chat: {{gateways: [public, next]}}, canary: null}}", False),
    ],
)
def test_instance_types_are_those_of_the_zones_of_the_gateways_that_are_used(
    simulator, checked, overlay, narrowed
):
    (ours,) = (found for found in objects(declared(), WE) if found.kind is Kind.GATEWAY)
    with InferenceApi(simulator.url, Secret(simulator.token)) as api:
        api.create(ours.kind, {"id": ours.id, **complete(ours.kind, ours.spec)})

    checked(overlay)

    (asked,) = (e.query for e in simulator.journal.entries() if "deployments/parameters" in e.path)
    assert asked == (f"gatewayIds={ours.id}" if narrowed else "")


@pytest.mark.usefixtures("weights")
def test_live_objects_of_others_are_seen(simulator, checked):
    ours = declared()
    with InferenceApi(simulator.url, Secret(simulator.token)) as api:
        for found in objects(ours, WE):
            if found.kind is Kind.GATEWAY:
                api.create(found.kind, {"id": found.id, **complete(found.kind, found.spec)})
                gateway = found.id
        (theirs,) = (o for o in objects(ours, THEY) if o.key == "canary")
        runtime = {**theirs.spec["runtime"], "version": "0.22.0+crwv.2"}
        spec = {**theirs.spec, "gatewayIds": [gateway], "runtime": runtime}
        api.create(Kind.DEPLOYMENT, {"id": theirs.id, **complete(Kind.DEPLOYMENT, spec)})

    codes = [finding.code for finding in checked().errors]

    assert codes == ["traffic-foreign-group", "traffic-foreign-group"]


@pytest.mark.parametrize("settings", [None, resolve({}, {}, require_token=False)])
def test_without_a_token_one_note_lists_what_was_not_read(settings):
    report = checks_for(declared(), Sources(settings, environ={}))

    assert report.findings == ()
    assert len(report.notes) == 1
    assert "nothing was asked of the service" in report.notes[0]


def test_the_objects_of_a_python_program_are_checked_with_outputs_unknown():
    chat = PlainObject(
        Kind.DEPLOYMENT,
        "chat",
        {
            "gatewayIds": [UNKNOWN],
            "model": {"name": "acme/chat", "bucket": UNKNOWN, "path": "models/chat"},
            "runtime": {"engine": "vllm", "engineConfig": {"enable-auto-tool-choice": ""}},
        },
    )

    report = checks_for_objects([chat], Sources(environ={}))

    assert [(finding.code, finding.severity) for finding in report.findings] == [
        ("engine-tool-parser", Severity.ERROR)
    ]


class Account:
    """An account of which some lists cannot be had."""

    def __init__(self, *failing):
        self.failing = failing

    def list(self, kind):
        if kind in self.failing:
            raise Unreachable("no answer")
        return []

    def parameters(self, kind, gateway_ids=()):
        return {}


def test_what_a_program_has_listed_already_is_not_listed_again():
    with ThreadPoolExecutor(2) as pool:
        found = account(Account(*Kind), pool, {kind: [] for kind in Kind})

    assert found.live == ()


def test_half_an_account_is_not_known():
    with ThreadPoolExecutor(2) as pool:
        whole, half = account(Account(), pool), account(Account(Kind.GATEWAY), pool)

    assert whole.live == ()
    assert half.live is None
    assert half.notes == ("the account's gateways could not be listed: no answer",)


def test_the_last_state_gives_our_objects_with_secrets_unknown():
    urn = "urn:pulumi:dev::serving::pulumi-python:dynamic/coreweave/inference:Deployment::chat"
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}
    outputs = {
        "name": "chat-dev",
        "runtime": {"engineEnv": {"TOKEN": secret}},
        "disabled": False,
        "revision": "r",
    }
    resource = {"urn": urn, "type": urn.split("::")[2], "id": "i", "outputs": outputs}
    other = {"urn": "urn:pulumi:dev::serving::pulumi:pulumi:Stack::x", "type": "pulumi:pulumi:Stack"}

    (found,) = (
        last_objects({"deployment": {"resources": [other, resource, {**resource, "delete": True}]}}) or ()
    )

    assert (found.kind, found.key, found.id) == (Kind.DEPLOYMENT, "chat", "i")
    assert found.spec == {"name": "chat-dev", "runtime": {"engineEnv": {"TOKEN": UNKNOWN}}, "disabled": False}
    assert last_objects(None) is None
    assert last_objects({}) == ()
