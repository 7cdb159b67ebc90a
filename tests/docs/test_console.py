"""What the pages show on a command line is what happens: each block is run, or says why it is not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import typer
from coreweave_inference.cli.application import application
from typer.core import TyperGroup

from tests.docs.pages import CHECKOUT, GENERATED, Block, arguments, blocks
from tests.engine.conftest import service
from tests.engine.workbench import Service

__all__ = ["service"]

ALL = list(blocks())
RUN: dict[tuple[str, str], list[Block]] = {}
for found in ALL:
    if found.kind == "run in":
        RUN.setdefault((found.page, found.remark), []).append(found)
CALLS = sorted({words for block in ALL for line in block.commands if (words := tuple(arguments(line) or ()))})
BUCKET = "acme-weights"


def test_each_block_is_run_or_says_why_it_is_not() -> None:
    assert [(block.page, block.text) for block in ALL if not block.kind and block.page not in GENERATED] == []


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_the_command_line_takes_each_call_that_a_page_shows(words: tuple[str, ...]) -> None:
    command, rest = typer.main.get_command(application), list(words)
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        command = command.commands[rest.pop(0)]

    if not isinstance(command, TyperGroup):
        command.make_context("cw-inference", rest).close()


@pytest.mark.thorough
@pytest.mark.parametrize(("page", "situation"), RUN, ids=lambda words: words.rpartition("/")[2])
def test_the_blocks_of_a_page_do_what_they_show(
    service: Service, tmp_path: Path, page: str, situation: str
) -> None:
    environment = _environment(service, tmp_path)
    place = SITUATIONS[situation](tmp_path, environment)

    for block in RUN[page, situation]:
        run = _run("\n".join(block.commands), place, environment)

        assert run.returncode == 0, run.stdout
        assert "Traceback" not in run.stdout
        assert re.search(_pattern(block.printed), run.stdout, re.DOTALL), run.stdout


def _pattern(lines: list[str]) -> str:
    """Lines as they are printed, whatever their numbers, ids and times; `…` is anything in between."""
    parts = []
    for line in lines:
        words = re.escape(" ".join(line.split()))
        words = re.sub(r"[0-9a-f]{8}\\-[0-9a-f\\-]{27,31}", r"[0-9a-f-]{36}", words)
        words = re.sub(r"(?<![A-Za-z])\d+(?:\\\.\d+)?(?=\\ s\b)", r"[0-9.]+", words)
        parts.append(
            words.replace("\\ ", r"\s+").replace("https://api\\.coreweave\\.com", r"\S+").replace("…", ".*")
        )
    return r"\s*\n\s*".join(parts)


def _empty(place: Path, _environment: Mapping[str, str]) -> Path:
    return place


def _stack(place: Path, environment: Mapping[str, str]) -> Path:
    """The quickstart before its first run, its weights pushed."""
    stack, weights = place / "quickstart", place / "weights"
    shutil.copytree(CHECKOUT / "stacks" / "quickstart", stack)
    weights.mkdir()
    (weights / "config.json").write_text("{}")
    done = _run(
        f"cw-inference init . --stack dev && cw-inference up --yes --only buckets && "
        f"cw-inference weights push {weights} {BUCKET} models/llama-3.1-8b",
        stack,
        environment,
    )
    assert done.returncode == 0, done.stdout
    return stack


def _up(place: Path, environment: Mapping[str, str]) -> Path:
    """The quickstart, up, in a repository whose last commit changed it."""
    stack = _stack(place, environment)
    done = _run(
        "git init -q && git add . && git commit -qm one && sed -i.before 's/max: [0-9]*/max: 3/' inference.yaml && "
        "git commit -qam two && cw-inference up --yes",
        stack,
        environment,
    )
    assert done.returncode == 0, done.stdout
    return stack


SITUATIONS = {"an empty folder": _empty, "the stack above": _stack, "a stack that is up": _up}


def _run(script: str, place: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


def _environment(service: Service, place: Path) -> dict[str, str]:
    cli = shutil.which("pulumi")
    assert cli is not None, "the Pulumi CLI is not on PATH"
    (place / "backend").mkdir()
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(Path(cli).parent), os.defpath]),
        "HOME": str(place),
        "COREWEAVE_API_TOKEN": service.simulator.token,
        "COREWEAVE_API_ENDPOINT": service.url,
        "COREWEAVE_S3_ENDPOINT": service.url,
        "COREWEAVE_SETTLE_SECONDS": "0.6",
        "COREWEAVE_POLL_SECONDS": "0.3",
        "PULUMI_BACKEND_URL": (place / "backend").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        **{
            f"GIT_{who}_{what}": "ops@acme.test"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
