from __future__ import annotations

import json

import pytest
from coreweave_inference.engine.events import (
    Change,
    Message,
    Progress,
    Step,
    error_text,
    label_of,
    of_event,
    of_progress_line,
    outputs_in,
)
from coreweave_inference.engine.plans import with_adoptions
from coreweave_inference.engine.preview_document import PreviewDocument
from coreweave_inference.engine.properties import readable_at
from coreweave_inference.engine.results import FRAME, Record, Result, counts_of, following, once, standing
from coreweave_inference.model.paths import location_of
from pulumi.automation import EngineEvent

CHAT = "urn:pulumi:dev::serving::pulumi-python:dynamic/coreweave/inference:Deployment::chat"


def test_a_step_lists_its_changes_and_hides_hidden_ones() -> None:
    event = EngineEvent.from_json(
        {
            "resourcePreEvent": {
                "metadata": {
                    "op": "update",
                    "urn": CHAT,
                    "type": "t",
                    "provider": "p",
                    "old": {
                        "type": "t",
                        "urn": CHAT,
                        "id": "id-1",
                        "inputs": {},
                        "outputs": {"traffic": {"weight": 900}},
                    },
                    "new": {
                        "type": "t",
                        "urn": CHAT,
                        "id": "id-1",
                        "inputs": {"traffic": {"weight": 500}},
                        "outputs": {},
                    },
                    "detailedDiff": {
                        "traffic.weight": {"diffKind": "update", "inputDiff": False},
                        "__identity": {"diffKind": "update", "inputDiff": False},
                    },
                }
            }
        }
    )

    assert of_event(event) == Step(
        CHAT, "update", "started", (Change("traffic.weight", 900, 500),), id="id-1"
    )


def test_a_refused_declaration_is_its_reason_and_marked() -> None:
    text = "pulumi-python:dynamic/coreweave/inference:Deployment resource 'chat' has a problem: traffic.weight: 1001 is above 1000"
    event = EngineEvent.from_json(
        {"diagnosticEvent": {"message": text, "severity": "error", "urn": CHAT, "color": "never"}}
    )

    assert of_event(event) == Message("error", "traffic.weight: 1001 is above 1000", CHAT, refused=True)


def test_debug_lines_of_the_engine_are_nothing() -> None:
    event = EngineEvent.from_json(
        {"diagnosticEvent": {"message": "rpc", "severity": "debug", "color": "never"}}
    )

    assert of_event(event) is None
    assert outputs_in(event) is None


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ('CoreWeave: deployment "chat": no\n\n', 'deployment "chat": no'),
        ("exception calling application:\n  CoreWeave: gone\n", "gone"),
        (
            "an unhandled error occurred: inference.yaml: 1 fault\nline 3: no\n",
            "inference.yaml: 1 fault\nline 3: no",
        ),
        ("something of the engine's", "something of the engine's"),
    ],
)
def test_errors_lose_what_is_around_them(said: str, read: str) -> None:
    assert error_text(said) == read


def test_paths_of_the_engine_are_followed_through_dotted_keys_and_lists() -> None:
    values = {"runtime": {"engineConfig": {"a.b": [1, {"c": 2}]}}}

    assert location_of('runtime.engineConfig["a.b"][1].c') == ("runtime", "engineConfig", "a.b", 1, "c")
    assert readable_at(values, 'runtime.engineConfig["a.b"][1].c') == 2
    assert readable_at(values, "runtime.engineConfig.none[3]") is None


def test_a_progress_line_that_is_not_whole_is_left_out() -> None:
    whole = '{"urn": "u", "status": "CREATING", "verdict": "waiting", "message": "m", "seconds": 1.5, "kind": "x"}'

    assert of_progress_line(whole) == Progress("u", "CREATING", "waiting", "m", 1.5)
    assert of_progress_line(whole[:-5]) is None
    assert of_progress_line("[]") is None


def test_a_record_keeps_the_last_word_on_a_step_with_the_changes_of_its_start() -> None:
    record = Record()
    change = (Change("traffic.weight", 900, 500),)
    for run_event in (
        Step(CHAT, "update", "started", change, id="id-1"),
        Step(CHAT, "update", "done"),
        Message("error", "update failed"),
        Message("error", 'deployment "chat": no', CHAT),
        Message("error", 'deployment "chat": no', CHAT),
        Message("info", "passing", CHAT, ephemeral=True),
        Step(CHAT, "same", "done"),
    ):
        record.add(run_event)

    assert record.steps() == (Step(CHAT, "update", "done", change, id="id-1"),)
    assert record.errors() == ('deployment "chat": no',)
    assert [message.text for message in record.messages] == ["update failed", 'deployment "chat": no']


@pytest.mark.parametrize("framing", FRAME)
def test_what_the_engine_says_of_a_whole_run_is_no_second_error(framing: str) -> None:
    record = Record()

    record.add(Message("error", framing))
    alone = record.errors()
    record.add(Message("error", "the account cannot be used"))

    assert alone == (framing,)
    assert record.errors() == ("the account cannot be used",)


def test_a_replacement_counts_once_and_what_is_kept_is_not_deleted() -> None:
    steps = [
        Step("a", "create-replacement", "done"),
        Step("a", "replace", "done"),
        Step("a", "delete-replaced", "done"),
        Step("b", "delete", "done", kept=True),
        Step("c", "create", "failed"),
        Step("d", "same", "done"),
    ]

    assert counts_of(steps) == {"replace": 1, "keep": 1, "same": 1}


def test_two_runs_that_were_one_add_up() -> None:
    first = Result("destroy", "serving", "dev", ok=True, counts={"delete": 1}, seconds=1.25)
    second = Result(
        "up", "serving", "dev", ok=False, counts={"same": 2, "delete": 1}, errors=("no",), seconds=2.0
    )

    assert following(first, second) == Result(
        "up", "serving", "dev", ok=False, counts={"same": 2, "delete": 2}, errors=("no",), seconds=3.25
    )


def test_the_fields_of_a_creation_are_listed_with_its_secrets_masked_at_any_depth() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}
    new = {
        "type": "t",
        "urn": CHAT,
        "id": "",
        "inputs": {"__urn": CHAT, "runtime": {"engineEnv": {"A-B": secret}, "engine": "vllm"}},
        "outputs": {},
    }
    metadata = {"op": "create", "urn": CHAT, "type": "t", "provider": "p", "old": None, "new": new}

    step = of_event(EngineEvent.from_json({"resourcePreEvent": {"metadata": metadata}}))

    assert isinstance(step, Step)
    assert step.changes == (
        Change('runtime.engineEnv["A-B"]', None, "[secret]"),
        Change("runtime.engine", None, "vllm"),
        Change("traffic.weight", None, 0),
    )
    assert readable_at(new["inputs"], "runtime.engineEnv") == {"A-B": "[secret]"}  # type: ignore[arg-type]


@pytest.mark.parametrize(("operation", "op"), [("up", "refresh"), ("refresh", "delete")])
def test_an_object_that_a_refresh_does_not_find_is_drift(operation: str, op: str) -> None:
    old = {"type": "t", "urn": CHAT, "id": "id-1", "inputs": {}, "outputs": {}}
    metadata = {"op": "refresh", "urn": CHAT, "type": "t", "provider": "p", "old": old}
    record = Record(refreshing=operation == "refresh")

    record.document.add(EngineEvent.from_json({"resourcePreEvent": {"metadata": {**metadata, "new": old}}}))
    record.document.add(
        EngineEvent.from_json({"resOutputsEvent": {"metadata": {**metadata, "op": op, "new": None}}})
    )

    drift = record.result(operation, "serving", "dev", ok=False).drift
    assert [(found.urn, found.path, found.live, found.id) for found in drift] == [(CHAT, "", "gone", "id-1")]


def test_a_weight_of_zero_shows_in_a_plan_though_the_service_leaves_it_out() -> None:
    metadata = {"op": "create", "urn": CHAT, "type": "t", "provider": "p", "keys": [], "diffs": []}
    new = {"type": "t", "urn": CHAT, "custom": True, "id": "", "parent": "", "provider": "", "outputs": {}}
    created = EngineEvent.from_json(
        {
            "resourcePreEvent": {
                "metadata": {**metadata, "new": {**new, "inputs": {"name": "chat", "traffic": {}}}}
            }
        }
    )
    raised = EngineEvent.from_json(
        {
            "resourcePreEvent": {
                "metadata": {
                    **metadata,
                    "op": "update",
                    "old": {**new, "inputs": {"name": "chat"}},
                    "new": {**new, "inputs": {"name": "chat", "traffic": {"weight": 100}}},
                    "detailedDiff": {"traffic": {"diffKind": "add", "inputDiff": True}},
                }
            }
        }
    )

    steps = [of_event(event) for event in (created, raised)]

    assert [step.changes for step in steps if isinstance(step, Step)] == [
        (Change("name", None, "chat"), Change("traffic.weight", None, 0)),
        (Change("traffic.weight", 0, 100),),
    ]


def test_a_resource_inside_of_a_component_is_called_after_it() -> None:
    urn = "urn:pulumi:dev::serving::acme:a:Chat$pulumi-python:dynamic/coreweave/inference:Gateway::public"

    assert label_of(urn) == 'gateway "public (acme:a:Chat)"'
    assert label_of(CHAT) == 'deployment "chat"'


def test_one_error_for_all_resources_is_reported_once() -> None:
    token = "does not accept the token from COREWEAVE_API_TOKEN [GET /x -> 401]"
    moved = 'the plan no longer holds: gateway "a": deleted outside; nothing was written'

    assert once(
        [f'gateway "a": http://x {token}', f"http://x {token}", f'gateway "b": http://x {token}']
    ) == (f"http://x {token}",)
    assert once([moved, "the plan no longer holds", "another"]) == (moved, "another")
    assert once(["the plan no longer holds"]) == ("the plan no longer holds",)


def test_a_key_that_is_renamed_back_is_no_deletion_and_another_object_s_entry_is_one() -> None:
    start = "urn:pulumi:dev::serving::pulumi-python:dynamic/coreweave/inference:"
    preview = Result(
        "preview",
        "serving",
        "dev",
        ok=True,
        steps=(
            Step(f"{start}Gateway::front", "create", "done"),
            Step(f"{start}Gateway::entry", "delete", "done", id="x"),
            Step(f"{start}Gateway::other", "delete", "done", id="y"),
            Step(f"{start}WeightsBucket::weights", "same", "done", id="acme"),
            Step(f"{start}InferenceBucketPolicy::weights-policy", "delete", "done", id="acme"),
        ),
    )
    seen = [
        {"urn": f"{start}Gateway::front", "kind": "gateway", "fields": {}, "id": "x", "name": "n"},
        {"adopts": f"{start}Gateway::front", "changes": []},
    ]

    shown = with_adoptions(preview, map(json.dumps, seen))
    run = standing([Step(f"{start}Gateway::front", "create", "done", id="x"), *preview.steps[1:]])

    assert shown.counts == {"adopt": 1, "delete": 2, "same": 1}
    assert [step.name for step in run] == ["front", "other", "weights", "weights-policy"]


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        ("INFO", [Change("autoscaling.max", 2, 3)]),
        ("DEBUG", [Change("autoscaling.max", 2, 3), Change("runtime.engineEnv.LEVEL", "[secret]", "DEBUG")]),
    ],
)
def test_a_plain_value_of_the_environment_is_a_change_only_where_it_was_declared_otherwise(
    declared: str, shown: list[Change]
) -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}
    of_type = {"type": "t", "urn": CHAT, "id": "1"}
    before = {"autoscaling": {"max": 2}, "runtime": {"engineEnv": {"LEVEL": "INFO"}}}
    after = {"autoscaling": {"max": 3}, "runtime": {"engineEnv": {"LEVEL": declared}}}
    outputs = {"autoscaling": {"max": 2}, "runtime": {"engineEnv": {"LEVEL": secret}}}
    metadata = {
        "op": "update",
        "urn": CHAT,
        "type": "t",
        "provider": "p",
        "old": {**of_type, "inputs": before, "outputs": outputs},
        "new": {**of_type, "inputs": after, "outputs": {}},
        "detailedDiff": {path: {"diffKind": "update", "inputDiff": False} for path in PATHS_OF_AN_UPDATE},
    }
    event = EngineEvent.from_json({"resourcePreEvent": {"metadata": metadata}})
    document = PreviewDocument()

    step = of_event(event)
    document.add(event)

    assert isinstance(step, Step)
    assert list(step.changes) == shown
    assert document.data()["steps"][0]["detailedDiff"] == [change.path for change in shown]


PATHS_OF_AN_UPDATE = ("autoscaling.max", "runtime.engineEnv.LEVEL")
