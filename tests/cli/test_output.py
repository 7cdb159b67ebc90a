"""Output that fails, and what others wrote in it: a command does what it does either way, and raises nothing."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from coreweave_inference.checks import Finding, Report, Severity
from coreweave_inference.checks.finding import About
from coreweave_inference.cli import check_report, formatting
from coreweave_inference.cli.documents import document as document_of
from coreweave_inference.cli.exits import print_error
from coreweave_inference.cli.output import print_document, print_lines, say
from coreweave_inference.cli.views import Lines
from coreweave_inference.cli.wrapping import wrapped
from coreweave_inference.declaration import Origin
from coreweave_inference.engine.events import Change, Message, Progress, Step, of_progress_line
from coreweave_inference.engine.results import Result
from coreweave_inference.errors import CoreWeaveError, Fault, InvalidDeclaration
from coreweave_inference.fleet.deletions import DELETES, Deletion, Owned
from coreweave_inference.model.findings import as_finding
from coreweave_inference.review.drift import Drift

HOSTILE = "a\x1b[31mb\x07c\u202ed\x9be"
STEERING = ("\x1b", "\x07", "\u202e", "\x9b")


def _run(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    command = f'"{sys.executable}" -m coreweave_inference.cli {script}'
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **variables}
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "redirection",
    [
        ">&- 2>&- <&-",
        ">/dev/full 2>/dev/full",
        *(
            pytest.param(one, marks=pytest.mark.thorough)
            for one in (">&-", "2>&-", ">/dev/full", "2>/dev/full")
        ),
    ],
)
def test_output_that_cannot_be_written_changes_neither_what_is_done_nor_the_exit_code(
    tmp_path: Path, redirection: str
) -> None:
    made = _run(f"init stack {redirection}", tmp_path)
    again = _run(f"init stack {redirection}", tmp_path)

    assert (made.returncode, again.returncode) == (0, 2)
    assert (tmp_path / "stack" / "inference.yaml").is_file()
    assert b"Traceback" not in made.stderr + again.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "latin-1"},
        pytest.param({"LC_ALL": "C"}, marks=pytest.mark.thorough),
        pytest.param({"PYTHONIOENCODING": "ascii"}, marks=pytest.mark.thorough),
    ],
)
def test_a_character_that_the_encoding_lacks_is_written_out(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    made = _run("init größe", tmp_path, **variables)
    refused = _run("init größe --stack …", tmp_path, **variables)

    assert made.returncode == 0, made.stderr
    assert b"export COREWEAVE_API_TOKEN=" in made.stdout
    assert refused.returncode == 2
    assert b"Traceback" not in refused.stderr


def test_what_others_wrote_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{HOSTILE}\nnext [bold]line[/bold]")
    shown = capsys.readouterr().out
    error = str(CoreWeaveError(HOSTILE))
    faults = str(InvalidDeclaration([Fault(HOSTILE), Fault("second")]))
    progress = of_progress_line(json.dumps({"urn": "u", "message": HOSTILE}))

    assert progress is not None
    for text in (shown, error, faults, progress.message):
        assert not any(sign in text for sign in STEERING), text
        assert "[31mb" in text
    assert shown.endswith("\nnext [bold]line[/bold]\n")
    assert faults.endswith("\nsecond")


FORGING = 'chat\n::error::forged\r\nerror: gateway "x": forged\u2028::add-mask::x ##[error]y ##vso[z]'
BEGINNINGS = ("::", "error: gateway", "warning: forged")


def _fault() -> Fault:
    return Fault(f"the name {FORGING}", f"gateways.{FORGING}", f"rename {FORGING}", "inference.yaml", 3)


def _result(*messages: Message) -> Result:
    urn = "urn:pulumi:dev::serving::pulumi-python:dynamic/coreweave/inference:Gateway::public"
    change = Change(f'tags["{FORGING}"]', FORGING, f"{FORGING}2")
    steps = (Step(urn, "update", "done", (change,)), Step(urn, "delete", "done", kept=True, id=FORGING))
    drift = (Drift("gateway", FORGING, f'tags["{FORGING}"]', FORGING, f"{FORGING}2", None, "keeps", urn),)
    errors = (str(CoreWeaveError(FORGING)),)
    outputs = {"gateways": {FORGING: {"endpoints": [FORGING]}}}
    return Result(
        "up",
        "serving",
        "dev",
        ok=True,
        steps=steps,
        drift=drift,
        messages=messages,
        errors=errors,
        outputs=outputs,
    )


def test_a_line_break_in_what_others_wrote_begins_no_line_and_no_command_of_a_pipeline(
    capsys: pytest.CaptureFixture[str],
) -> None:
    about, origin = About("gateway", FORGING), Origin("inference.yaml", 3)
    finding = Finding("code", Severity.ERROR, about, FORGING, FORGING, FORGING, FORGING, origin)
    result = _result(Message("warning", FORGING))
    view = Lines()
    view(Message("warning", FORGING))
    view(Step("urn:pulumi:dev::serving::x:Gateway::public", "create", "started"))
    view(Progress("urn:pulumi:dev::serving::x:Gateway::public", FORGING, "waiting", FORGING))
    print_lines(
        [
            *formatting.plan(result, full=True),
            *formatting.plan(result),
            *formatting.outputs(result.outputs),
            *formatting.destroy_plan(
                [Deletion(Owned("gateway", FORGING, FORGING), DELETES, users=(FORGING,))]
            ),
            *check_report.text(Report((finding,), notes=(FORGING,), traffic=(FORGING,))),
            str(finding),
        ]
    )
    for text in (*result.errors, str(InvalidDeclaration([_fault()]))):
        print_error(text)
    say(f"  ::warning::x\n{FORGING}")
    progress = of_progress_line(json.dumps({"urn": "u", "message": FORGING}))

    printed = capsys.readouterr()
    lines = (printed.out + printed.err).splitlines()
    assert progress is not None
    assert len(progress.message.splitlines()) == 1
    assert len(lines) > 25
    assert [line for line in lines[:-3] if line.lstrip().startswith(BEGINNINGS)] == []
    assert [line for line in lines if line.lstrip().startswith("::") or "##" in line] == []


def test_what_others_wrote_stays_as_it_is_in_a_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    result = _result(Message("warning", FORGING))

    print_document(document_of(result))
    print_error("refused", as_json=True, findings=[as_finding(_fault())])

    document, refused = map(json.loads, capsys.readouterr().out.splitlines())
    assert document["steps"][0]["changes"][0]["before"] == FORGING
    assert document["messages"][0]["text"] == FORGING
    assert refused["findings"][0]["what"] == f"the name {FORGING}"
    print_document(document_of(result))
    assert "##" not in capsys.readouterr().out


PAINT = """\
from coreweave_inference.cli.output import print_plan
print_plan(['+ create   gateway "public"', "    zones: x", "~ update   a", "- delete   b", "1 to create\\x1b[31m"])
"""


def _on_a_terminal(**variables: str) -> str:
    own, other = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **variables}
    subprocess.run([sys.executable, "-c", PAINT], stdout=other, env=environment, timeout=60, check=True)
    os.close(other)
    text = b""
    with contextlib.suppress(OSError):  # The other side is closed, and everything was read.
        while part := os.read(own, 65536):
            text += part
    os.close(own)
    return text.decode().replace("\r\n", "\n")


def test_a_plan_has_colours_on_a_terminal_alone_and_where_nobody_disabled_them() -> None:
    plain = '+ create   gateway "public"\n    zones: x\n~ update   a\n- delete   b\n1 to create [31m\n'
    piped = subprocess.run([sys.executable, "-c", PAINT], capture_output=True, text=True, check=True)

    assert _on_a_terminal(TERM="xterm").splitlines() == [
        '\x1b[32m+ create   gateway "public"\x1b[0m',
        "    zones: x",
        "\x1b[33m~ update   a\x1b[0m",
        "\x1b[31m- delete   b\x1b[0m",
        "1 to create [31m",
    ]
    assert {_on_a_terminal(TERM="xterm", NO_COLOR="1"), _on_a_terminal(TERM="dumb"), piped.stdout} == {plain}


def test_a_long_line_is_broken_between_words_and_never_in_a_command_or_an_address() -> None:
    command = "`cw-inference policy acme-weights --prefix models/chat`"
    line = f"  why: run {command}, and see https://gateway.example/v1/chat/completions"

    assert list(wrapped([line, "short", ""], 40, hang=4)) == [
        "  why: run",
        f"      {command},",
        "      and see",
        "      https://gateway.example/v1/chat/completions",
        "short",
        "",
    ]
