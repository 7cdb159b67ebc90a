"""`cw-inference doctor` and the set-up checks, as a user calls them."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from coreweave_inference.checks import Report
from coreweave_inference.clock import system
from coreweave_inference.doctor.account_checks import clocks
from coreweave_inference.doctor.categories import setup_categories
from coreweave_inference.doctor.check import Outcome, Problem, Result, run
from coreweave_inference.doctor.reference import checks, pages
from coreweave_inference.doctor.setup import SetUp
from coreweave_inference.simulator.faults import Fault
from typer.testing import Result as Done

from tests.cli.conftest import cw_inference
from tests.doctor.conftest import DEPLOYMENT_ID, Bench
from tests.simulator.inference_fixtures import READER, claim, environment_of

__all__ = ["cw_inference"]

CLI = shutil.which("pulumi")
Command = Callable[..., Done]


def variables(bench: Bench) -> dict[str, str]:
    return environment_of(bench.api.simulator, COREWEAVE_RETRY_SECONDS="0")


@pytest.mark.parametrize(
    ("seed", "arguments", "code"),
    [
        (lambda bench: None, (), 0),
        (
            lambda bench: bench.api.simulator.faults.add(
                Fault("status", "POST", "/completions", count=None, status=520)
            ),
            (),
            1,
        ),
        (
            lambda bench: bench.api.simulator.faults.add(
                Fault("status", "POST", "/completions", count=None, status=520)
            ),
            ("--no-completions",),
            0,
        ),
        (
            lambda bench: bench.api.simulator.world.set_status(DEPLOYMENT_ID, "STATUS_UPDATING", [], 1e12),
            (),
            5,
        ),
    ],
    ids=["healthy", "failed", "not asked", "in progress"],
)
def test_the_exit_code_says_what_is_the_worst(
    bench: Bench,
    cw_inference: Command,
    tmp_path: Path,
    seed: Callable[[Bench], None],
    arguments: tuple[str, ...],
    code: int,
) -> None:
    seed(bench)

    done = cw_inference("doctor", str(tmp_path), *arguments, **variables(bench))
    document = json.loads(
        cw_inference("doctor", str(tmp_path), "--json", *arguments, **variables(bench)).stdout
    )

    assert (done.exit_code, document["first"] is None) == (code, code == 0)
    assert {"version", "ok", "errors", "findings", "first", "checks", "counts"} == set(document)
    assert bench.api.simulator.token not in done.output
    assert max(map(len, done.output.splitlines())) <= 80


def test_a_target_that_nobody_has_gets_the_nearest_name(
    bench: Bench, cw_inference: Command, tmp_path: Path
) -> None:
    done = cw_inference("doctor", str(tmp_path), "--target", "cannary", **variables(bench))

    assert done.exit_code == 2
    assert 'did you mean "canary"?' in done.stderr


def test_every_check_has_a_page_and_every_page_a_check(cw_inference: Command) -> None:
    codes = [check.code for check in checks()]

    explained = cw_inference("doctor", "--explain", "weights-policy")
    unknown = cw_inference("doctor", "--explain", "weights-polic")

    assert sorted(codes) == sorted(pages())
    assert len(set(codes)) == len(codes)
    assert "most common cause" in explained.stdout
    assert (unknown.exit_code, 'did you mean "weights-policy"?' in unknown.stderr) == (2, True)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A stack directory with a backend of its own."""
    (tmp_path / "Pulumi.yaml").write_text("name: serving\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  coreweave:identity: 5f1c0f6a4d\n")
    (tmp_path / "backend").mkdir()
    return tmp_path


def looked_at(bench: Bench, stack: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> dict[str, Result]:
    assert CLI is not None, "the Pulumi CLI is not on PATH"
    environ = {
        "PATH": str(Path(CLI).parent),
        "PULUMI_BACKEND_URL": f"file://{stack / 'backend'}",
        "PULUMI_HOME": str(stack / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "",
        **more.pop("environ", {}),
    }
    environ = {name: value for name, value in environ.items() if value is not None}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    setup = SetUp(
        stack, "dev", lambda name: bench.settings, lambda offline: Report(), environ=environ, **more
    )
    with closing(setup):
        return {result.code: result for result in run(setup_categories(setup), system)}


def test_a_machine_that_is_set_up_has_no_finding(
    bench: Bench, stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = looked_at(bench, stack, monkeypatch)

    assert [result for result in found.values() if result.is_finding] == []
    assert found["token-role"].detail == "reads and writes"
    assert {entry.method for entry in bench.api.simulator.journal.entries()[-3:]} <= {"GET", "PATCH"}


@pytest.mark.parametrize(
    ("apart", "outcome"),
    [(0.0, None), (-59.0, None), (90.0, Outcome.WARNING), (-90.0, Outcome.WARNING), (3600.0, Outcome.FAILED)],
)
def test_a_clock_that_is_off_is_a_finding(apart: float, outcome: Outcome | None) -> None:
    try:
        clocks(apart)
        found = None
    except Problem as problem:
        found = problem.outcome

    assert found is outcome


def test_a_service_on_this_machine_has_no_clock_to_compare_with(
    bench: Bench, stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulator's may run faster, or be stepped."""
    bench.api.simulator.clock.advance(3600)

    assert looked_at(bench, stack, monkeypatch)["clock"].outcome is Outcome.SKIPPED


@pytest.mark.parametrize(("listens", "code"), [(False, "api-reachable"), (True, "token-role")])
def test_a_service_that_does_not_answer_is_one_finding_within_seconds(
    bench: Bench, stack: Path, monkeypatch: pytest.MonkeyPatch, listens: bool, code: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1] if listens else 1
        waits = {"request_timeout_seconds": 0.5, "retry_seconds": 0.0} if listens else {"retry_seconds": 60.0}
        bench.use(endpoint=f"http://127.0.0.1:{port}", **waits)

        found = looked_at(bench, stack, monkeypatch)

    assert [code for code, result in found.items() if result.is_finding] == [code]
    assert sum(result.seconds for result in found.values()) < 10


def test_what_is_missing_before_a_run_is_named(
    bench: Bench, stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.api.simulator.behaviour = bench.api.simulator.behaviour.changed({"claims_wait_for_hardware": True})
    bench.api.create("capacityclaims", claim(id="77777777-7777-4777-8777-777777777777", name="waiting"))
    bench.use_token(READER)
    (stack / "Pulumi.dev.yaml").write_text(
        "encryptionsalt: v1:abc\nconfig:\n  coreweave:identity: 5f1c0f6a4d\n"
    )
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)

    found = looked_at(
        bench,
        stack,
        monkeypatch,
        environ={"PULUMI_CONFIG_PASSPHRASE": None},
    )

    findings = {code: result.outcome for code, result in found.items() if result.is_finding}
    assert findings == {
        "passphrase": Outcome.FAILED,
        "token-role": Outcome.WARNING,
        "quota": Outcome.WARNING,
    }
    assert found["quota"].subject == 'capacity claim "waiting"'


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (lambda stack: (stack / "Pulumi.yaml").unlink(), "stack-directory"),
        (
            lambda stack: (stack / "Pulumi.yaml").write_text(
                "name: a\nruntime: {name: python, options: {virtualenv: v}}\n"
            ),
            "program-python",
        ),
    ],
)
def test_a_directory_that_cannot_run_is_the_first_finding(
    bench: Bench, stack: Path, monkeypatch: pytest.MonkeyPatch, break_it: Callable[[Path], Any], code: str
) -> None:
    (stack / "v" / "bin").mkdir(parents=True)
    break_it(stack)

    found = looked_at(bench, stack, monkeypatch)

    assert next(result.code for result in found.values() if result.is_finding) == code


def test_without_the_cli_or_with_a_bad_token_what_follows_is_not_asked(
    bench: Bench, stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_cli = looked_at(bench, stack, monkeypatch, environ={"PATH": "/nowhere"})
    bench.use_token("CW-SECRET-nobody")
    bad = looked_at(bench, stack, monkeypatch)

    assert no_cli["pulumi-cli"].outcome is Outcome.FAILED
    assert "token" not in no_cli
    assert "does not accept the token" in bad["token-role"].what
    assert [code for code, result in bad.items() if result.is_finding] == ["token-role"]
    assert "CW-SECRET" not in repr(bad)


def test_a_finding_of_the_checks_is_one_of_the_declaration(
    bench: Bench, stack: Path, cw_inference: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stack / "inference.yaml").write_text(
        "version: 1\ngateways:\n  public: {zones: [US-EAST-04A], coreWeaveAuthh: {}}\n"
    )
    environ = {"PULUMI_BACKEND_URL": f"file://{stack / 'backend'}", "PULUMI_CONFIG_PASSPHRASE": ""}

    done = cw_inference(
        "doctor", str(stack), "--stack", "dev", "--before", "--json", **variables(bench), **environ
    )

    document = json.loads(done.stdout)
    assert done.exit_code == 2
    (finding,) = (item for item in document["findings"] if item["code"] == "declaration")
    assert 'unknown key "coreWeaveAuthh"' in finding["what"]


def test_settings_that_name_a_stranger_as_endpoint_are_refused_before_anything_is_sent(
    bench: Bench, stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.settings = replace(bench.settings, endpoint_doubt="nobody vouches for it")
    bench.api.simulator.journal.clear()

    found = looked_at(bench, stack, monkeypatch)

    assert found["token"].what == "nobody vouches for it"
    assert bench.api.simulator.journal.entries() == []
