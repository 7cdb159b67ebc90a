"""Files of plans: what is read as one, and how one is written."""

from __future__ import annotations

import json
import resource
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
from coreweave_inference.engine import plans
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.engine.results import Result
from coreweave_inference.engine.selection import Selection
from coreweave_inference.errors import StartupError
from coreweave_inference.provider.values import DELETED


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "damaged"),
        ("{}", "damaged"),
        ('{"version": 99}', "version 99"),
        (f'{{"version": {plans.VERSION}, "objects": ' + "[" * 100_000, "damaged"),
        ('{"version": 1}', "version 1 of a plan"),
        (None, "cannot be read"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_plan_is_named(tmp_path: Path, content: str | None, word: str) -> None:
    file = tmp_path / "plan.json"
    if content is not None:
        file.write_text(content)

    with pytest.raises(StartupError, match=word):
        read(file)


def saved(directory: Path, **changed: Any) -> Path:
    """A plan of `serving/dev`, with these entries of its file changed."""
    file = directory / "plan.json"
    preview = Result("preview", "serving", "dev", ok=True)
    digests = {"state": "0", "declaration": "0", "salt": "0"}
    plans.save(
        plans.Plan(
            plans.VERSION,
            "serving",
            "dev",
            **digests,
            selection=Selection(),
            refresh=None,
            objects={},
            declared={},
            preview=preview,
        ),
        file,
    )
    content = {**json.loads(file.read_text()), **changed}
    content.pop(plans.DIGEST)
    file.write_text(json.dumps({**content, plans.DIGEST: plans.digest_of(content)}))
    return file


def read(file: Path) -> plans.Plan:
    (file.parent / "Pulumi.yaml").write_text("name: serving\nruntime: python\n")
    return plans.read(file, StackDirectory.at(file.parent), "dev")


WHOLE = {"urn": "urn:pulumi:dev::serving::t::n", "name": "n", "spec": None, "deleting": False}


@pytest.mark.parametrize(
    "changed",
    [
        {"objects": {"gateway": {"x": {}}}},
        {"objects": {"gateway": {"x": {**WHOLE, "urn": "public"}}}},
        {"objects": {"gateways": {"x": WHOLE}}},
        {"preview": {"operation": "preview", "project": "serving", "stack": "dev", "ok": False}},
        {"preview": {"ok": True}},
        {"selection": {"only": "x"}},
        {"selection": {"only": "buckets", "targets": ["chat"]}},
        {"declared": {"x": {"y": 1}}},
    ],
    ids=str,
)
def test_a_plan_with_a_part_that_no_preview_writes_is_damaged(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    assert read(saved(tmp_path, objects={"gateway": {"x": WHOLE}})).objects["gateway"]["x"]["name"] == "n"

    with pytest.raises(StartupError, match="damaged"):
        read(saved(tmp_path, **changed))


@pytest.mark.parametrize("part", ["preview", "objects", "digest"])
def test_a_plan_whose_file_was_edited_is_refused_and_one_that_was_only_laid_out_anew_is_not(
    tmp_path: Path, part: str
) -> None:
    file = saved(tmp_path, objects={"gateway": {"x": WHOLE}})
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content, indent=4, sort_keys=True))
    laid_out = read(file)

    content["preview"]["counts"] = {"delete": 1} if part == "preview" else {}
    if part == "objects":
        content["objects"]["gateway"]["x"]["name"] = "another"
    elif part == "digest":
        del content["digest"]
    file.write_text(json.dumps(content))

    assert laid_out.preview.counts == {}
    with pytest.raises(StartupError, match="was edited since it was saved") as refused:
        read(file)
    assert len(str(refused.value).splitlines()) == 1


def test_a_plan_of_another_stack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="serving/prod"):
        read(saved(tmp_path, stack="prod"))


def test_a_plan_file_is_its_owners_alone_and_a_failed_one_leaves_the_former(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("former")
    file.chmod(0o644)
    plan = read(saved(tmp_path))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_text(), sorted(tmp_path.iterdir())

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, limit[1]))
    try:
        with pytest.raises(StartupError, match="cannot be written"):
            plans.save(plan, file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, former)

    assert (file.read_text(), sorted(tmp_path.iterdir())) == before


def test_a_plan_holds_where_the_run_confirms_deletions_that_were_noted_before() -> None:
    def state(outputs: dict[str, object]) -> dict[str, Any]:
        account = {"urn": "urn:pulumi:dev::serving::coreweave::account", "outputs": outputs}
        return {"deployment": {"resources": [account]}}

    plain, noted = (
        state({"organizationId": "ab1cd2"}),
        state({"organizationId": "ab1cd2", DELETED: {"id": {}}}),
    )

    assert (
        plans.state_digest(noted)
        == plans.state_digest(plain)
        != plans.state_digest(state({"organizationId": "xy9zw8"}))
    )
