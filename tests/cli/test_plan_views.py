from __future__ import annotations

from coreweave_inference.cli.documents import document
from coreweave_inference.cli.formatting import changed, outputs, plan
from coreweave_inference.engine.events import Change, Message, Step
from coreweave_inference.engine.results import Record, Result
from coreweave_inference.review.drift import Drift

from tests.cli.run_events import BUCKET, CHAT, PUBLIC, READY, TYPES


def test_a_plan_shows_fields_and_counts() -> None:
    result = Result(
        "preview",
        "serving",
        "dev",
        ok=True,
        counts={"update": 2, "same": 1, "keep": 1},
        steps=(
            Step(PUBLIC, "same", "done"),
            Step(CHAT, "update", "done", (Change("traffic.weight", 900, 500),)),
            Step(READY, "update", "done", (Change('objects["deployment chat"].revision', "a", "b"),)),
            Step(BUCKET, "delete", "done", kept=True),
        ),
        drift=(Drift("gateway", "public", "zones", ["A"], None, ["A"], "overwritten", PUBLIC),),
    )

    assert plan(result) == [
        '! changed outside: gateway "public"',
        '    zones: ["A"] -> (none)',
        '~ update   deployment "chat"',
        "    traffic.weight: 900 -> 500",
        "~ update   readiness",
        '    waits until these serve: deployment "chat"',
        '  keep     weights bucket "weights"',
        "2 to update, 1 to keep, 1 unchanged",
    ]


def test_a_plan_does_not_wait_for_what_it_deletes() -> None:
    gone = tuple(Change(f'objects["gateway public"].{key}', key, None) for key in ("id", "name", "revision"))
    revision = Change('objects["deployment chat"].revision', "a", "[unknown]")

    removal, both = (
        plan(Result("preview", "serving", "dev", ok=True, steps=(Step(READY, "update", "done", changes),)))
        for changes in (gone, (*gone, revision))
    )

    assert removal[1] == '    no longer waits for: gateway "public"'
    assert both[1:3] == [
        '    waits until these serve: deployment "chat"',
        '    no longer waits for: gateway "public"',
    ]


def test_a_change_that_is_too_long_for_a_terminal_takes_two_lines_and_diff_shows_everything() -> None:
    classes = ["CAPACITY_CLASS_RESERVED", "CAPACITY_CLASS_ON_DEMAND"]
    steps = (
        Step(f"{TYPES}Account::account", "update", "done", (Change("owned", 1, 2),)),
        Step(CHAT, "update", "done", (Change("autoscaling.capacityClasses", classes[:1], classes),)),
        Step(READY, "update", "done", (Change('objects["deployment chat"].revision', "a", "b"),)),
    )
    result = Result("preview", "serving", "dev", ok=True, counts={"update": 3}, steps=steps)

    short, full = plan(result), plan(result, full=True)

    assert short[2:4] == [
        '    autoscaling.capacityClasses: ["CAPACITY_CLASS_RESERVED"]',
        '      -> ["CAPACITY_CLASS_RESERVED", "CAPACITY_CLASS_ON_DEMAND"]',
    ]
    assert full == [
        "~ update   account",
        "    owned: 1 -> 2",
        '~ update   deployment "chat"',
        '    autoscaling.capacityClasses: ["CAPACITY_CLASS_RESERVED"] -> ["CAPACITY_CLASS_RESERVED", "CAPACITY_CLASS_ON_DEMAND"]',
        "~ update   readiness",
        '    objects["deployment chat"].revision: a -> b',
        "3 to update",
    ]


def test_a_plan_has_one_order_whatever_the_engines_was() -> None:
    steps = [
        *(Step(urn, "create", "done", id="") for urn in (READY, f"{TYPES}Deployment::b", CHAT, PUBLIC)),
        Step(BUCKET, "same", "done", id="acme-weights"),
        *(
            Step(f"{TYPES}{name}", "delete", "done")
            for name in ("Gateway::a", "Deployment::old", "Gateway::b")
        ),
    ]
    shown = set()
    for order in (steps, steps[::-1], steps[3:] + steps[:3]):
        record = Record()
        for step in order:
            record.add(step)
        shown.add(tuple(plan(record.result("preview", "serving", "dev", ok=True))))

    assert shown == {
        (
            '+ create   gateway "public"',
            '+ create   deployment "b"',
            '+ create   deployment "chat"',
            "+ create   readiness",
            "    waits until every object serves",
            '- delete   deployment "old"',
            '- delete   gateway "a"',
            '- delete   gateway "b"',
            "4 to create, 3 to delete, 1 unchanged",
        )
    }


def test_values_are_cut_and_unknown_ones_shown_in_words() -> None:
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

    assert changed(Change("a", "", unknown)) == 'a: "" -> (known when it is made)'
    assert changed(Change("a", None, "x" * 200)) == f"a: (none) -> {'x' * 79}…"


def test_where_to_call_is_the_models_or_else_the_gateways() -> None:
    gateways = {"public": {"endpoints": ["https://g"]}}

    assert outputs({"gateways": gateways, "models": {"acme/chat": {"baseUrls": ["https://g/v1"]}}}) == [
        "model acme/chat: https://g/v1"
    ]
    assert outputs({"gateways": gateways, "models": {}}) == ["gateway public: https://g"]


def test_a_document_has_the_same_keys_whatever_happened() -> None:
    result = Result("up", "serving", "dev", ok=False, errors=("no",), messages=(Message("error", "no"),))

    assert document(result) == {
        "operation": "up",
        "project": "serving",
        "stack": "dev",
        "ok": False,
        "stopped": False,
        "counts": {},
        "steps": [],
        "drift": [],
        "messages": [],
        "findings": [],
        "errors": ["no"],
        "outputs": {},
        "repairs": [],
        "seconds": 0.0,
    }


def test_a_creation_shows_its_fields_a_line_for_each_property_and_all_of_them_in_full() -> None:
    fields = (
        Change("apiId", None, "id-1"),
        Change("autoscaling.max", None, 4),
        Change("autoscaling.min", None, 1),
        Change('runtime.engineEnv["TOKEN"]', None, "[secret]"),
        Change("zones", None, ["A", "04da6b54-80e4-46f7-96ec-b56ff0331ba9"]),
    )
    result = Result(
        "preview",
        "serving",
        "dev",
        ok=True,
        counts={"create": 1},
        steps=(Step(CHAT, "create", "done", fields),),
    )

    assert plan(result) == [
        '+ create   deployment "chat"',
        "    autoscaling: max 4, min 1",
        '    runtime: engineEnv["TOKEN"] [secret]',
        '    zones: ["A", "(known when it is made)"]',
        "1 to create",
    ]
    assert plan(result, full=True)[1:4] == [
        "    apiId: id-1",
        "    autoscaling.max: 4",
        "    autoscaling.min: 1",
    ]


def test_a_replacement_shows_its_fields_once_and_what_was_deleted_outside_is_shown_so() -> None:
    changes = (Change("name", "a", "b"),)
    steps = tuple(
        Step(PUBLIC, op, "done", changes) for op in ("create-replacement", "replace", "delete-replaced")
    )
    result = Result(
        "preview",
        "serving",
        "dev",
        ok=True,
        counts={"replace": 1},
        steps=steps,
        drift=(Drift("deployment", "chat", "", "there", "gone", None, "created again", CHAT),),
    )

    assert plan(result) == [
        '! deleted outside: deployment "chat"',
        '± replace  gateway "public"',
        "    name: a -> b",
        "1 to replace",
    ]
