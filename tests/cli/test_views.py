from __future__ import annotations

import threading
from collections.abc import Iterable
from io import StringIO

from coreweave_inference.cli.announcing import Previewing
from coreweave_inference.cli.documents import document
from coreweave_inference.cli.formatting import changed, outputs, plan
from coreweave_inference.cli.rows import Ready, Row, Rows, status_of
from coreweave_inference.cli.views import Lines, LiveTable, waiting_line
from coreweave_inference.engine.events import Change, Message, Progress, Retry, RunEvent, Step
from coreweave_inference.engine.results import Record, Result
from coreweave_inference.review.drift import Drift
from rich.console import Console

TYPES = "urn:pulumi:dev::serving::pulumi-python:dynamic/coreweave/inference:"
CHAT, PUBLIC = f"{TYPES}Deployment::chat", f"{TYPES}Gateway::public"
BUCKET, READY = f"{TYPES}WeightsBucket::weights", f"{TYPES}Readiness::ready"
RUN: tuple[RunEvent, ...] = (
    Step(PUBLIC, "same", "started", id="id-g"),
    Step(PUBLIC, "same", "done", id="id-g"),
    Step(CHAT, "update", "started", (Change("traffic.weight", 900, 500),)),
    Step(CHAT, "update", "done"),
    Step(READY, "update", "started"),
    Progress(PUBLIC, "READY", "ready"),
    Progress(CHAT, "UPDATING", "waiting", "Ready=False Reconciling", 0.2),
    Progress(CHAT, "UPDATING", "waiting", "Ready=False Reconciling", 0.4),
)
END: tuple[RunEvent, ...] = (
    Progress(CHAT, "READY", "ready", "", 1.0),
    Step(READY, "update", "done"),
    Message("warning", "something stays", CHAT),
)


class Time:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 1.0
        return self.seconds


def rows_of(run_events: Iterable[RunEvent]) -> Rows:
    rows = Rows(Time())
    for run_event in run_events:
        rows.add(run_event)
    return rows


def test_rows_follow_an_object_from_its_write_to_its_readiness() -> None:
    during = {row.urn: (row.state, status_of(row), row.message) for row in rows_of(RUN).rows()}
    after = {row.urn: (row.state, status_of(row), row.message) for row in rows_of((*RUN, *END)).rows()}

    assert during == {
        PUBLIC: ("done", "READY", ""),
        CHAT: ("waiting", "UPDATING", "Ready=False Reconciling"),
        READY: ("running", "updating", ""),
    }
    assert after == {
        PUBLIC: ("done", "READY", ""),
        CHAT: ("done", "READY", ""),
        READY: ("done", "updated", ""),
    }


def test_a_failed_step_keeps_its_error_beside_it() -> None:
    rows = rows_of(
        (
            Step(CHAT, "create", "started"),
            Message("error", "no weights\n", CHAT),
            Step(CHAT, "create", "failed"),
        )
    )

    (row,) = rows.rows()
    assert (row.state, row.status, row.message) == ("failed", "failed", "no weights")


def test_an_age_stops_when_a_row_is_done() -> None:
    row = Row(CHAT, "deployment", "create", "running", since=10.0)

    assert (row.age(25.0), Row(CHAT, "deployment", "create", "done", 10.0, 12.0).age(25.0)) == (15.0, 2.0)


def test_an_age_stops_when_its_object_is_ready_though_each_look_reports_it_again() -> None:
    now = [0.0]
    rows = Rows(lambda: now[0])

    def at(seconds: float, *run_events: RunEvent) -> None:
        now[0] = seconds
        for run_event in run_events:
            rows.add(run_event)

    at(1, Step(CHAT, "create", "started"), Step(PUBLIC, "create", "started"))
    at(2, Step(CHAT, "create", "done"), Step(PUBLIC, "create", "done"))
    at(5, Progress(PUBLIC, "READY", "ready"), Progress(CHAT, "CREATING", "waiting"))
    at(9, Progress(PUBLIC, "READY", "ready"), Progress(CHAT, "READY", "ready"))
    at(30, Progress(PUBLIC, "READY", "ready"), Progress(CHAT, "READY", "ready"))

    assert {row.urn: row.age(60) for row in rows.rows()} == {PUBLIC: 4, CHAT: 8}


def test_the_heartbeat_tells_how_many_are_ready_and_who_is_not() -> None:
    rows = rows_of(RUN)

    assert rows.ready() == Ready(1, 2, 0.4, ('deployment "chat"',))
    assert waiting_line(rows) == 'ready 1/2, 0 s: waiting for deployment "chat"'
    assert waiting_line(rows_of((*RUN, *END))) == "still running; last: readiness (updated)"
    assert (
        waiting_line(rows_of((Step(BUCKET, "create", "started"),)))
        == 'still running: weights bucket "weights" (creating)'
    )


def test_plain_lines_are_one_per_change_of_state() -> None:
    said: list[str] = []
    view = Lines(lambda line, flush: said.append(line))

    for run_event in (*RUN, *END):
        view(run_event)

    assert [line.replace("0.0 s", "N s") for line in said] == [
        'deployment "chat": updating',
        'deployment "chat": updated (N s)',
        "readiness: updating",
        'deployment "chat": waiting (UPDATING, 0 s): Ready=False Reconciling',
        'deployment "chat": ready (READY, 1 s)',
        "readiness: updated (N s)",
        "warning: something stays",
    ]


def test_a_request_that_is_sent_again_is_shown_with_its_object_on_a_terminal_and_in_a_log() -> None:
    said: list[str] = []
    text = "POST /v1alpha1/inference/deployments: answered 503; retrying in 0.5 s"
    lines = Lines(lambda line, flush: said.append(line))
    console = Console(file=StringIO(), width=120, color_system=None)
    table = LiveTable(console)
    announced: list[str] = []
    previewing = Previewing(announced.append)

    for run_event in (Step(CHAT, "create", "started"), Retry(CHAT, text), Retry("", text), Retry("", text)):
        for watch in (lines, table, previewing):
            watch(run_event)
    console.print(table.table())

    assert said == ['deployment "chat": creating', f'deployment "chat": {text}', text]
    assert announced == [text]
    assert console.file.getvalue().count("retrying in 0.5 s") == 2  # type: ignore[attr-defined]


def test_a_reason_that_the_run_ends_with_is_not_in_its_log_too() -> None:
    said: list[str] = []
    view = Lines(lambda line, flush: said.append(line))

    for run_event in (*RUN, Progress(CHAT, "FAILED", "failed", "ModelNotFound: no such path", 2.0)):
        view(run_event)
    view(Message("error", "ModelNotFound: no such path", READY))

    assert said[-1] == 'deployment "chat": failed (FAILED, 2 s)'
    assert not [line for line in said if "ModelNotFound" in line]


def test_plain_lines_come_at_least_every_heartbeat() -> None:
    beats = threading.Event()

    def say(line: str, flush: bool) -> None:
        if line == "still running: the engine is starting":
            beats.set()

    with Lines(say, heartbeat_seconds=0.01).running():
        assert beats.wait(10)


def test_the_live_table_shows_what_changes_and_leaves_out_what_is_unchanged() -> None:
    console = Console(file=StringIO(), width=120, color_system=None)
    view = LiveTable(console)
    for run_event in RUN:
        view(run_event)

    console.print(view.table())
    shown = console.file.getvalue().splitlines()  # type: ignore[attr-defined]

    assert [line.split() for line in shown] == [
        ["object", "what", "status", "age", "message"],
        ["deployment", '"chat"', "update", "UPDATING", "0", "s", "Ready=False", "Reconciling"],
        ["readiness", "update", "updating", "0", "s"],
        ["ready", "1/2,", "0", "s:", "waiting", "for", "deployment", '"chat"'],
    ]


def test_the_live_table_and_a_plan_fit_80_columns_and_lose_nothing() -> None:
    console = Console(file=StringIO(), width=80, color_system=None)
    long = f"{TYPES}InferenceBucketPolicy::weights-of-the-whole-company-policy"
    view = LiveTable(console)
    for run_event in (
        *RUN,
        Step(long, "create", "started"),
        Progress(CHAT, "UPDATING", "waiting", "w" * 200),
    ):
        view(run_event)
    made = tuple(Change(f"resources.{name}", None, "x" * 20) for name in ("a", "b", "c", "d"))
    steps = (Step(CHAT, "create", "done", made), Step(READY, "create", "done"))

    console.print(view.table())
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    lines = plan(Result("preview", "serving", "dev", ok=True, steps=steps))

    assert all(len(line.rstrip()) <= 80 for line in (*shown.splitlines(), *lines))
    assert shown.count("w") > 200
    assert "UPDATING" in shown
    assert "creating" in shown


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


def test_values_are_cut_and_unknown_ones_said_in_words() -> None:
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


def test_a_replacement_shows_its_fields_once_and_what_was_deleted_outside_is_said_so() -> None:
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
        drift=(Drift("deployment", "chat", "", "there", "gone", None, "made again", CHAT),),
    )

    assert plan(result) == [
        '! deleted outside: deployment "chat"',
        '± replace  gateway "public"',
        "    name: a -> b",
        "1 to replace",
    ]
