"""A run imports what it uses: seconds of each program and provider process depend on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import coreweave_inference
import pytest

OWN = "coreweave_inference."
NO_RUN = (
    f"{OWN}simulator",
    f"{OWN}review",
    f"{OWN}cli",
    f"{OWN}doctor",
    f"{OWN}importing",
    "httpx._main",
    "rich",
)
NO_PROVIDER = (
    *NO_RUN,
    f"{OWN}checks",
    f"{OWN}declaration",
    f"{OWN}discovery",
    f"{OWN}fit",
    f"{OWN}stack",
    "boto3",
)
PROVIDERS = (
    "account",
    "capacity_claim",
    "deployment",
    "gateway",
    "inference_bucket_policy",
    "readiness",
    "weights_bucket",
)


def imported_by(code: str) -> list[str]:
    code = f"{code}\nimport json, sys; print(json.dumps(sorted(n for n, m in sys.modules.items() if m is not None)))"
    package = str(Path(coreweave_inference.__file__).parent.parent)
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": package}
    done = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def within(names: list[str], packages: tuple[str, ...]) -> list[str]:
    return [name for name in names if any(name == one or name.startswith(f"{one}.") for one in packages)]


def test_a_provider_process_imports_neither_checks_nor_declarations_nor_what_shows_results() -> None:
    found = imported_by("\n".join(f"import {OWN}resources.{name}" for name in PROVIDERS))

    assert within(found, NO_PROVIDER) == []


def test_a_program_imports_nothing_of_simulator_review_and_command_line() -> None:
    assert within(imported_by("import coreweave_inference as cw; cw.load"), NO_RUN) == []


def test_a_check_of_files_imports_neither_the_engine_s_library_nor_the_network_s() -> None:
    found = imported_by(f"import {OWN}cli.checking, {OWN}cli.check_report")

    assert within(found, ("pulumi", "grpc", "httpx", "boto3", "botocore", *NO_RUN[:2])) == []


@pytest.mark.parametrize("collects", [True, False])
def test_an_import_leaves_the_collection_of_garbage_as_it_was(collects: bool) -> None:
    code = f"import gc\nif not {collects}: gc.disable()\nimport coreweave_inference as cw; cw.load\nassert gc.isenabled() is {collects}"

    assert imported_by(code)
