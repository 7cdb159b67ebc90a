"""What the pages show on a command line is what happens: each block is run, or says why it is not."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import typer
from coreweave_inference.cli.application import application
from typer.core import TyperGroup

from tests.docs.pages import CHECKOUT, GENERATED, Block, arguments, blocks
from tests.engine.conftest import service
from tests.engine.workbench import Service
from tests.importing.accounts import account_of, small
from tests.shell import environment_of, run
from tests.storage.weights_files import LLAMA, LLAMA_70B, header

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
    environment = environment_of(service, tmp_path)
    if situation.endswith("account with objects"):
        with account_of(service.simulator) as account:
            small(account)
    place = SITUATIONS[situation](tmp_path, environment)

    for block in RUN[page, situation]:
        done = run("\n".join(block.commands), place, environment)

        assert done.returncode == 0, done.stdout
        assert "Traceback" not in done.stdout
        assert re.search(_pattern(block.printed), done.stdout, re.DOTALL), done.stdout


def _pattern(lines: list[str]) -> str:
    """Lines as they are printed, whatever their numbers, ids and times; `…` is anything in between."""
    parts = []
    for line in lines:
        words = re.escape(" ".join(line.split()))
        words = re.sub(r"[0-9a-f]{8}(\\-[0-9a-f]{4}){3}\\-[0-9a-f]{12}", r"[0-9a-f-]{36}", words)
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
    done = run(
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
    done = run(
        "git init -q && git add . && git commit -qm one && sed -i.before 's/max: [0-9]*/max: 3/' inference.yaml && "
        "git commit -qam two && cw-inference up --yes",
        stack,
        environment,
    )
    assert done.returncode == 0, done.stdout
    return stack


def _weights(place: Path, _environment: Mapping[str, str]) -> Path:
    """Two folders of weights that take no room: config.json, and a file of its full length without data."""
    for name, config, size in (("llama-3.1-8b", LLAMA, 14.96), ("llama-3.3-70b", LLAMA_70B, 131.4)):
        folder = place / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config))
        start, data = header({"model.layers.0.weight": ("BF16", (int(size * 2**29),))})
        with (folder / "model.safetensors").open("wb") as file:
            file.write(start)
            file.truncate(len(start) + data)
    return place


SITUATIONS = {
    "an empty folder": _empty,
    "folders of weights": _weights,
    "the stack above": _stack,
    "a stack that is up": _up,
    "an account with objects": _empty,
    "another account with objects": _empty,
}
