"""The GitHub workflows of the examples: valid, pinned, careful with secrets, and calling what exists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from coreweave_inference.cli.application import application
from coreweave_inference.review import default_prices
from coreweave_inference.settings.resolution import ENDPOINT_KEY, S3_ENDPOINT_KEY, resolve
from typer.testing import CliRunner

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "github-workflow"
WORKFLOWS = sorted((EXAMPLE / ".github" / "workflows").glob("*.yml"))
ACTION = EXAMPLE / ".github" / "actions" / "prepare" / "action.yml"
FILES = [*WORKFLOWS, ACTION]
ENDPOINTS = (ENDPOINT_KEY, S3_ENDPOINT_KEY)


def _load(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def _steps(path: Path) -> list[dict[str, Any]]:
    document = _load(path)
    jobs = document["jobs"].values() if "jobs" in document else [document["runs"]]
    return [step for job in jobs for step in job["steps"]]


def test_there_is_one_for_each_occasion() -> None:
    assert [path.stem for path in WORKFLOWS] == ["deploy", "drift", "environment", "review"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_a_commit_or_lies_in_the_repository(path: Path) -> None:
    used = [step["uses"] for step in _steps(path) if "uses" in step]

    assert used
    assert [
        name
        for name in used
        if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}|\./\.github/actions/prepare", name)
    ] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_jobs_have_a_time_limit_few_permissions_and_no_expression_in_a_script(path: Path) -> None:
    document = _load(path)

    assert document["permissions"] == {"contents": "read"}
    assert [name for name, job in document["jobs"].items() if "timeout-minutes" not in job] == []
    assert [step["run"] for step in _steps(path) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_workflow_runs_a_strangers_code_with_secrets(path: Path) -> None:
    document = _load(path)
    triggers = document[True]  # YAML 1.1 reads `on` as true

    assert "pull_request_target" not in str(triggers)
    if "pull_request" not in str(triggers):
        return
    own = "github.event.pull_request.head.repo.full_name == github.repository"
    with_secrets = {name: job for name, job in document["jobs"].items() if "secrets." in str(job)}
    assert with_secrets
    assert [name for name, job in with_secrets.items() if own not in job["if"]] == []


REPOSITORY = "acme/serving"
THIEF = "import os; open(os.environ['LOOT'], 'w').write(repr(dict(os.environ)))\n"


def _pull_request(head: str) -> dict[str, Any]:
    """What an expression of a workflow sees of a pull request that carries the label `environment`."""
    return {
        "github.repository": REPOSITORY,
        "github.event.pull_request.head.repo.full_name": head,
        "github.event.pull_request.labels.*.name": ["environment"],
        "github.event.label.name": "environment",
        "vars.PULL_REQUEST_ENVIRONMENTS": "on",
    }


def _starts(job: dict[str, Any], context: dict[str, Any]) -> bool:
    """Whether a job's `if` holds."""

    def in_python(match: re.Match[str]) -> str:
        word = match[0]
        return {"&&": " and ", "||": " or "}.get(word) or (repr(context[word]) if "." in word else word)

    condition = str(job.get("if", "1 == 1"))
    expression = re.sub(r"'[^']*'|&&|\|\||[A-Za-z_][\w*]*(?:\.[\w*]+)*", in_python, condition)
    return bool(eval(expression, {"contains": lambda found, word: word in found}))


def _jobs_of_pull_requests() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        document = _load(path)
        if "pull_request" in str(document[True]):
            yield from document["jobs"].items()


def _with_reviewers() -> set[str]:
    """The environments that the README protects with an approval of each commit."""
    rows = re.findall(r"^\| (`[^|]*) \| required reviewers:", (EXAMPLE / "README.md").read_text(), re.M)
    return {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}


@pytest.mark.parametrize("head", [REPOSITORY, "stranger/serving"])
def test_a_pull_request_that_changes_the_program_never_meets_a_secret_before_somebody_approved_it(
    tmp_path: Path, head: str
) -> None:
    stack, loot, summary = tmp_path / "stacks" / "serving", tmp_path / "loot", tmp_path / "summary.md"
    shutil.copytree(EXAMPLE.parent / "one-model", stack)
    (stack / "__main__.py").write_text(THIEF)
    (stack / "Pulumi.prod.yaml").write_text("config:\n  coreweave:endpoint: https://collector.example\n")
    started = {name: job for name, job in _jobs_of_pull_requests() if _starts(job, _pull_request(head))}
    at_once = {name: job for name, job in started.items() if job.get("environment") not in _with_reviewers()}

    for job in at_once.values():
        for script in (step["run"] for step in job["steps"] if "run" in step):
            variables = {**job["env"], "GITHUB_STEP_SUMMARY": str(summary), "LOOT": str(loot)}
            path = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
            command = ["bash", "-e", "-o", "pipefail", "-c", script]
            subprocess.run(command, cwd=tmp_path, env={**variables, "PATH": path}, check=True)

    assert set(at_once) == {"check"}
    assert set(started) == ({"check", "review", "environment"} if head == REPOSITORY else {"check"})
    assert "secrets." not in str(at_once)
    assert "0 errors" in summary.read_text()
    assert not loot.exists()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_secret_is_that_of_an_environment_and_the_readme_names_it(path: Path) -> None:
    text = (EXAMPLE / "README.md").read_text()

    for job in _load(path)["jobs"].values():
        if "secrets." not in str(job):
            continue
        name = "prod" if job["environment"] == "${{ matrix.stack }}" else job["environment"]
        assert re.search(rf"^\| .*`{name}`.* \| (required reviewers|deployment branch)", text, re.M)
        assert [
            secret for secret in re.findall(r"secrets\.(\w+)", str(job)) if f"`{secret}`" not in text
        ] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_job_with_a_token_says_itself_where_it_goes(path: Path) -> None:
    with_token = [job["env"] for job in _load(path)["jobs"].values() if "COREWEAVE_API_TOKEN" in str(job)]

    assert with_token
    for variables in with_token:
        settings = resolve(
            {**variables, "COREWEAVE_API_TOKEN": "t"}, dict.fromkeys(ENDPOINTS, "https://collector.example")
        )
        assert (settings.endpoint, settings.s3_endpoint) == (
            "https://api.coreweave.com",
            "https://cwobject.com",
        )
        settings.require_trusted()


def test_runs_that_write_a_stack_exclude_each_other_and_are_never_cut_off() -> None:
    groups = {
        path.stem: (_load(path).get("concurrency") or next(iter(_load(path)["jobs"].values()))["concurrency"])
        for path in WORKFLOWS
        if path.stem != "review"
    }

    assert {name: group["cancel-in-progress"] for name, group in groups.items()} == dict.fromkeys(
        groups, False
    )
    assert groups["deploy"]["group"] == groups["drift"]["group"]
    assert all(group["group"].startswith("stack-") for group in groups.values())


def test_an_environment_for_each_pull_request_is_off_and_says_what_it_costs() -> None:
    text = (EXAMPLE / ".github" / "workflows" / "environment.yml").read_text()
    job = _load(EXAMPLE / ".github" / "workflows" / "environment.yml")["jobs"]["environment"]
    instance = default_prices().instances["gd-8xh200ib-i128"]
    assert instance.per_gpu_hour is not None
    per_hour = instance.per_gpu_hour * instance.gpus

    assert job["if"].startswith("vars.PULL_REQUEST_ENVIRONMENTS == 'on'")
    for page in (text, (EXAMPLE / "README.md").read_text()):
        assert f"{per_hour:.2f}" in page
        assert f"{per_hour * 730:,.0f}" in page
        assert default_prices().date.isoformat() in page


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_command_and_option_that_a_workflow_uses_exists(path: Path) -> None:
    scripts = "\n".join(step.get("run", "") for step in _steps(path)).replace("\\\n", " ")
    calls = re.findall(r"cw-inference (\w+)([^|>\n]*)", scripts)

    assert calls
    for command, arguments in calls:
        text = CliRunner().invoke(application, [command, "--help"], terminal_width=200).output
        assert [option for option in re.findall(r"--[a-z-]+", arguments) if option not in text] == []
