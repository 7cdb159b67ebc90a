"""When an `up` may end with its plan: nothing that it could record differs from what the last one left."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from coreweave_inference.engine import plans, settled
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.engine.results import Result
from coreweave_inference.engine.selection import Selection

LOAD = "import coreweave_inference as cw\n\nstack = cw.load()\n"
GATEWAY = {"urn": "urn:pulumi:dev::serving::Gateway::public", "type": "Gateway", "id": "a"}
READY = {"urn": "urn:pulumi:dev::serving::Readiness::ready", "type": "Readiness", "id": "readiness"}


def state_with(*dependencies: str, **more: Any) -> dict[str, Any]:
    return {"deployment": {"resources": [GATEWAY, {**READY, "dependencies": list(dependencies), **more}]}}


STATE = state_with(GATEWAY["urn"])


def directory_with(place: Path, program: str) -> StackDirectory:
    (place / "Pulumi.yaml").write_text("name: serving\nruntime: python\n")
    (place / "__main__.py").write_text(program)
    return StackDirectory.at(place)


def is_noted(directory: StackDirectory, place: Path, state: Mapping[str, Any]) -> bool:
    preview = Result("preview", "serving", "dev", ok=True)
    plan = plans.plan_of(directory, "dev", copy.deepcopy(dict(state)), Selection(), None, "salt", (), preview)
    return settled.is_noted(plan, state, directory, "dev", {"HOME": str(place)})


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(state_with(), id="an order is taken out of the state"),
        pytest.param(state_with(GATEWAY["urn"], protect=True), id="a protection is put into it"),
        pytest.param(state_with(GATEWAY["urn"], retainOnDelete=True), id="an object is to be kept"),
        pytest.param(state_with(GATEWAY["urn"], parent=GATEWAY["urn"]), id="it has another parent"),
    ],
)
def test_a_state_in_which_anything_differs_is_not_the_one_that_the_last_up_left(
    tmp_path: Path, now: Mapping[str, Any]
) -> None:
    directory = directory_with(tmp_path, LOAD)
    settled.note(directory, "dev", STATE, {"HOME": str(tmp_path)})

    assert is_noted(directory, tmp_path, STATE)
    assert not is_noted(directory, tmp_path, now)


def test_another_version_of_this_package_may_record_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = directory_with(tmp_path, LOAD)
    settled.note(directory, "dev", STATE, {"HOME": str(tmp_path)})
    monkeypatch.setattr(settled, "__version__", "999.0.0")

    assert not is_noted(directory, tmp_path, STATE)


@pytest.mark.parametrize(
    ("program", "ends"),
    [
        (LOAD, True),
        (f'"""All that is declared."""\n\n{LOAD}', True),
        ("import coreweave_inference\n\ncoreweave_inference.load()\n", True),
        (f"import os\n{LOAD}", False),
        (LOAD.replace("load()", "load(os.environ)"), False),
        (f"{LOAD}if not pulumi.runtime.is_dry_run():\n    open('made', 'w')\n", False),
        (LOAD.replace("coreweave_inference", "mine"), False),
        ("a program that Python cannot read", False),
    ],
)
def test_a_program_that_does_more_than_to_load_a_file_is_run(
    tmp_path: Path, program: str, ends: bool
) -> None:
    directory = directory_with(tmp_path, program)
    settled.note(directory, "dev", STATE, {"HOME": str(tmp_path)})

    assert is_noted(directory, tmp_path, STATE) is ends
