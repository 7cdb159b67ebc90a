from __future__ import annotations

import threading
from collections.abc import Iterable
from io import StringIO

from coreweave_inference.cli.announcing import Previewing
from coreweave_inference.cli.formatting import plan
from coreweave_inference.cli.rows import Ready, Row, Rows, status_of
from coreweave_inference.cli.views import Lines, LiveTable, waiting_line
from coreweave_inference.engine.events import Change, Message, Progress, Retry, RunEvent, Step
from coreweave_inference.engine.results import Result
from rich.console import Console

from tests.cli.run_events import BUCKET, CHAT, END, PUBLIC, READY, RUN, TYPES

TEAM = "urn:pulumi:dev::serving::acme:index:Team::a"


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


def test_the_heartbeat_shows_how_many_are_ready_and_who_is_not() -> None:
    rows = rows_of(RUN)

    assert rows.ready() == Ready(1, 2, 0.4, ('deployment "chat"',))
    assert waiting_line(rows) == 'ready 1/2, 0 s: waiting for deployment "chat"'
    assert waiting_line(rows_of((*RUN, *END))) == "still running; last: readiness (updated)"
    assert (
        waiting_line(rows_of((Step(BUCKET, "create", "started"),)))
        == waiting_line(rows_of((Step(TEAM, "same", "started"), Step(BUCKET, "create", "started"))))
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
