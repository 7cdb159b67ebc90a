"""What a preview's JSON has, and what it does not."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.review import Outcome, read_preview, review
from coreweave_inference.review.drift import Drift
from coreweave_inference.review.views import as_document, as_markdown

from tests.review.previews import deployment, gateway, preview_of, review_of, same, step, text_of


def test_the_document_is_found_among_what_else_the_cli_prints() -> None:
    text = f"warning: a new version\n{text_of(same('gateway', 'public', gateway()))}\n{{not json"

    assert [resource.name for resource in read_preview(text, "x").resources] == ["public"]


@pytest.mark.parametrize("text", ["", "no preview", "[]", '{"steps": 3}', "{"])
def test_what_is_no_preview_is_refused_with_how_to_make_one(text: str) -> None:
    with pytest.raises(
        CoreWeaveError, match=r"^preview.json holds no preview: .*pulumi preview --json --show-sames"
    ):
        read_preview(text, "preview.json")


def test_two_previews_of_one_stack_are_refused() -> None:
    preview = preview_of(same("gateway", "public", gateway()))

    with pytest.raises(CoreWeaveError, match="two previews are of the same stack serving/dev"):
        review([preview, preview])


def test_a_fault_is_reported_once_and_a_traceback_by_its_last_line() -> None:
    fault = "error: inference.yaml: 1 fault\n"
    document = {
        "steps": [],
        "diagnostics": [
            {"severity": "error", "message": fault},
            {
                "severity": "error",
                "message": f"error: an unhandled error occurred: {fault.removeprefix('error: ')}",
            },
            {
                "severity": "error",
                "message": "error: Failed: Traceback (most recent call last):\n  File\nKeyError: 'x'\n",
            },
            {"severity": "error", "message": "error: preview failed\n"},
        ],
    }

    found = read_preview(json.dumps(document), "stacks/a")

    assert found.errors == ("Failed: KeyError: 'x'", "inference.yaml: 1 fault")
    assert review([found]).outcome is Outcome.ERROR


def test_a_failed_preview_counts_nothing_as_unchanged_that_it_did_not_come_to() -> None:
    text = text_of(
        step("refresh", "deployment", "chat", deployment(), deployment()),
        errors=("a fault",),
    )

    assert review([read_preview(text, "x")]).unchanged == ()


def test_without_a_list_of_what_stays_the_comment_says_what_it_lacks() -> None:
    document = json.loads(text_of(step("update", "deployment", "chat", deployment(), deployment(weight=5))))

    found = review([read_preview(json.dumps({**document, "changeSummary": {"same": 4, "update": 1}}), "x")])

    assert found.incomplete == ("serving/dev",)
    assert "(`--show-sames`), so shares and sums lack them" in as_markdown(found).text


def test_drift_is_what_differs_between_the_recorded_and_the_refreshed_state() -> None:
    recorded, live = deployment(most=4, weight=100), deployment(most=9, weight=200)
    found = review_of(
        step("refresh", "deployment", "chat", recorded, recorded),
        step("update", "deployment", "chat", live, deployment(most=4, weight=200)),
        step("refresh", "deployment", "gone", recorded, recorded),
        step("create", "deployment", "gone", None, recorded),
        step("refresh", "deployment", "forgotten", recorded, recorded),
        step("refresh", "gateway", "public", gateway(), gateway()),
        same("gateway", "public", gateway()),
    )

    assert [tuple(asdict(item).values())[1:7] for item in found.drift] == [
        ("chat", "autoscaling.max", 4, 9, 4, "overwritten"),
        ("chat", "traffic.weight", 100, 200, 200, "kept: it is declared so by now"),
        ("forgotten", "", "there", "gone", None, "deleted, and not declared any more"),
        ("gone", "", "there", "gone", None, "created again"),
    ]
    assert isinstance(found.drift[0], Drift)
    assert "| **`4`** (overwritten) |" in as_markdown(found).text


def test_an_object_that_an_alias_keeps_under_another_name_is_not_called_gone() -> None:
    read, kept = same("gateway", "public", gateway()), same("gateway", "front", gateway())
    kept["oldState"] = {**kept["oldState"], "urn": read["urn"]}
    steps = [{**read, "op": "refresh"}, kept]

    found = review_of(*steps)
    anew = review_of(*steps, step("create", "gateway", "public", None, gateway()))

    assert found.drift == anew.drift == ()


@pytest.mark.parametrize(
    ("undone", "what"),
    [(["runtime.engineEnv.TOKEN"], "overwritten"), ([], "kept: it is declared so by now")],
)
def test_a_secret_that_others_changed_is_overwritten_where_the_engine_changes_it_too(
    undone: list[str], what: str
) -> None:
    recorded, live, declared = (
        {**deployment(most=most), "runtime": {"engine": "vllm", "engineEnv": {"TOKEN": "[secret]"}}}
        for most in (4, 4, 5)
    )
    found, again = (
        step("refresh", "deployment", "chat", recorded, live),
        step("update", "deployment", "chat", live, declared),
    )
    found["detailedDiff"] = {"runtime.engineEnv.TOKEN": {"kind": "update"}}
    again["detailedDiff"] = {path: {"kind": "update"} for path in [*undone, "autoscaling.max"]}

    (drifted,) = review_of(found, again).drift

    assert (drifted.path, drifted.what) == ('runtime.engineEnv["TOKEN"]', what)


def test_two_specs_that_mean_the_same_are_no_drift() -> None:
    recorded = deployment()
    live = {**deployment(), "disabled": False}

    found = review_of(
        step("refresh", "deployment", "chat", recorded, recorded), same("deployment", "chat", live)
    )

    assert found.drift == ()
    assert found.outcome is Outcome.NOTHING


def test_the_engines_hidden_keys_and_secrets_are_nowhere_in_a_review() -> None:
    signed = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"sesame"'}
    env = {"runtime": {"engine": "vllm", "engineEnv": {"TOKEN": "sesame"}}, "__provider": "gASsesame"}

    found = review_of(
        step("update", "deployment", "chat", {**deployment(), **env}, {**deployment(most=9), **env}),
        step("update", "aws:x:Y", "y", {"password": signed}, {"password": "[secret]", "p": 1}),
    )

    assert "sesame" not in json.dumps(as_document(found)) + as_markdown(found).complete


def test_a_deployment_kept_by_its_own_option_stays_and_bills() -> None:
    found = review_of(step("delete", "deployment", "chat", deployment(), retainOnDelete=True))

    (change,) = found.changes
    assert (
        str(change.consequences[0].sentence)
        == "leaves chat alone: it stays in the account and goes on billing"
    )


@pytest.mark.parametrize(
    "steps",
    [
        [step("refresh", "pulumi:pulumi:StackReference", "acme/platform/dev", {"name": "x"}, {"name": "x"})],
        [
            step("refresh", "aws:s3/bucket:Bucket", "theirs", {"a": 1}, {"a": 2}, external=True),
            step("read", "aws:s3/bucket:Bucket", "theirs", None, {"a": 2}),
        ],
    ],
)
def test_what_a_program_only_reads_is_neither_a_change_nor_drift(steps: list[dict[str, Any]]) -> None:
    found = review_of(same("gateway", "public", gateway()), *steps)

    assert (found.changes, found.drift, found.outcome) == ((), (), Outcome.NOTHING)
