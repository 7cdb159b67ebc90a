"""Sentences instead of properties, and how dangerous each is."""

from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.model import Kind
from coreweave_inference.model.shape import is_path, paths
from coreweave_inference.review.restarts import Effect, field_effects

from tests.review.previews import claim, deployment, gateway, review_of, same, sentences_of, step


def _with(inputs: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    top, _, rest = path.partition(".")
    if rest:
        return {**inputs, top: _with(inputs.get(top, {}), rest, value)}
    return {**inputs, top: value}


@pytest.mark.parametrize(
    ("path", "before", "after", "sentences"),
    [
        (
            "model.path",
            "models/a",
            "models/b",
            ["rolls all replicas of chat (model path)", "model path models/a → models/b"],
        ),
        (
            "runtime.version",
            "0.21.0",
            "0.22.0",
            ["rolls all replicas of chat (engine version)", "version 0.21.0 → 0.22.0"],
        ),
        (
            "runtime.engineConfig",
            {"max-model-len": "1"},
            {"enable-auto-tool-choice": ""},
            [
                "rolls all replicas of chat (engine options)",
                "takes out the engine option max-model-len (it was 1)",
                "switches the engine option enable-auto-tool-choice on",
            ],
        ),
        (
            "resources.gpuCount",
            1,
            2,
            ["rolls all replicas of chat (GPUs per replica)", "GPUs per replica 1 → 2"],
        ),
        (
            "autoscaling.concurrency",
            32,
            0,
            [
                "may restart the replicas of chat (concurrency): the documentation does not say",
                "resets concurrency to the service's default (it was 32)",
            ],
        ),
        ("autoscaling.priority", 5, None, ["resets priority to the service's default (it was 5)"]),
        ("autoscaling.max", 4, 6, ["max replicas 4 → 6"]),
        (
            "autoscaling.capacityClasses",
            ["CAPACITY_CLASS_RESERVED"],
            [],
            [
                "may restart the replicas of chat (capacity classes): the documentation does not say",
                "chat may run on claims and on unclaimed capacity, which is billed per GPU-hour",
            ],
        ),
        (
            "autoscaling.capacityClasses",
            [],
            ["CAPACITY_CLASS_RESERVED"],
            [
                "may restart the replicas of chat (capacity classes): the documentation does not say",
                "chat may run on capacity claims only",
            ],
        ),
        (
            "disabled",
            True,
            False,
            [
                "switches chat on again; whether it loads its weights first is not documented",
                "chat takes 100 % of acme/chat on public instead of no share (disabled)",
            ],
        ),
    ],
)
def test_a_changed_field_of_a_deployment_is_shown_as_what_it_does(
    path: str, before: Any, after: Any, sentences: list[str]
) -> None:
    found = review_of(
        same("gateway", "public", gateway()),
        step(
            "update",
            "deployment",
            "chat",
            _with(deployment(), path, before),
            _with(deployment(), path, after),
        ),
    )

    assert sentences_of(found) == {"chat": sentences}


def test_a_secret_that_changes_is_named_and_neither_value_is_shown() -> None:
    old, new = (
        {**deployment(), "runtime": {"engine": "vllm", "engineEnv": {"TOKEN": value}}} for value in "ab"
    )
    update = step("update", "deployment", "chat", old, new)
    update["detailedDiff"] = {"runtime.engineEnv.TOKEN": {"kind": "update"}}

    found = review_of(same("gateway", "public", gateway()), update)

    assert sentences_of(found)["chat"] == [
        "rolls all replicas of chat (environment)",
        "changes the environment variable TOKEN (its value is not shown)",
    ]


def test_every_field_of_a_deployment_has_a_row_on_restarts_with_a_source_unless_it_is_not_known() -> None:
    rows = {row.field: row for row in field_effects()}
    messages = {"runtime", "resources", "model", "autoscaling", "traffic"}

    assert {path for path in paths(Kind.DEPLOYMENT.model) if path not in messages} == set(rows)
    assert all(is_path(Kind.DEPLOYMENT.model, field) for field in rows)
    assert all(row.source for row in rows.values() if row.effect is not Effect.UNKNOWN)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "chat-dev",
            (
                "! replaces chat (asked for): the old one goes before the new one is asked for, and it loads its "
                "weights first, which takes minutes"
            ),
        ),
        (
            "other",
            "replaces chat (name): the new one comes first; it loads its weights first, which takes minutes",
        ),
    ],
)
def test_replacing_under_the_same_name_is_dangerous_since_the_old_one_goes_first(
    name: str, sentence: str
) -> None:
    found = review_of(
        same("gateway", "public", gateway()),
        step("replace", "deployment", "chat", deployment(), {**deployment(), "name": name}),
    )

    assert sentences_of(found)["chat"] == [sentence]


def test_deleting_a_claim_names_who_is_evicted_and_who_has_nowhere_to_go() -> None:
    found = review_of(
        same("gateway", "public", gateway()),
        step("delete", "claim", "h200", claim()),
        same("deployment", "chat-a", deployment(classes=("RESERVED",))),
        same("deployment", "chat-b", deployment()),
        same("deployment", "chat-c", deployment(classes=("ON_DEMAND",))),
        same("deployment", "chat-d", deployment(instance="gd-8xh100ib-i128")),
    )

    assert sentences_of(found)["h200"] == [
        "! evicts chat-a from claim h200: allowed on claims only, and no claim is left for them",
        "! evicts chat-b from claim h200: the service moves them to other capacity, if there is any",
    ]


def test_a_claim_that_nobody_uses_goes_without_danger() -> None:
    found = review_of(step("delete", "claim", "h200", claim()))

    assert sentences_of(found)["h200"] == ["deletes claim h200; no deployment that stays can run on it"]


def test_a_claim_that_shrinks_may_bill_its_old_count_for_a_while() -> None:
    found = review_of(
        same("gateway", "public", gateway()),
        step("update", "claim", "h200", claim(3), claim(1)),
        same("deployment", "chat", deployment()),
        same("deployment", "resting", deployment(disabled=True)),
        step("create", "deployment", "new", None, deployment()),
    )

    assert sentences_of(found)["h200"] == [
        "claim h200 shrinks from 3 to 1 instance; the service may keep the old count, and its bill, for a while",
        "chat may lose replicas that run on h200",
    ]


@pytest.mark.parametrize(
    ("old", "state", "sentence"),
    [
        ({"name": "w"}, {"retainOnDelete": True}, "leaves the bucket w and its weights alone"),
        ({"name": "w"}, {}, "! deletes the bucket w, if it is empty"),
        (
            {"name": "w", "forceDestroy": True},
            {},
            "! empties the bucket w and deletes it, all versions of all weights (forceDestroy)",
        ),
    ],
)
def test_deleting_a_bucket_says_what_becomes_of_the_weights(
    old: dict[str, Any], state: dict[str, Any], sentence: str
) -> None:
    assert sentences_of(review_of(step("delete", "bucket", "weights", old, **state))) == {
        "weights": [sentence]
    }


@pytest.mark.parametrize(
    ("prefixes", "locked_out"), [(["models/chat"], False), (["other"], True), (["models/c"], True)]
)
def test_a_policy_that_no_longer_covers_a_deployments_weights_is_dangerous(
    prefixes: list[str], locked_out: bool
) -> None:
    policy = {"bucket": "acme-weights", "prefixes": ["models"]}

    found = review_of(
        same("gateway", "public", gateway()),
        same("deployment", "chat", deployment()),
        step("update", "policy", "p", policy, {**policy, "prefixes": prefixes}),
    )

    words = "! the inference service may no longer read the weights of chat: replicas that start later fail"
    assert (words in sentences_of(found)["p"]) is locked_out


def test_a_resource_of_another_package_is_shown_by_its_type_and_its_differences() -> None:
    found = review_of(
        step(
            "update",
            "aws:s3/bucket:Bucket",
            "logs",
            {"tags": {"a": "1"}, "x": [1, 2]},
            {"tags": {"a": "2"}, "x": [2, 1]},
        )
    )

    assert sentences_of(found)["logs"] == ["updates aws:s3/bucket:Bucket logs", "tags.a 1 → 2"]


def test_readiness_that_only_follows_a_change_is_not_shown() -> None:
    def objects(revision: str) -> dict[str, Any]:
        return {"objects": {"deployment chat": {"id": "i", "revision": revision}}}

    followed = review_of(
        step("update", "deployment", "chat", deployment(), deployment(most=5)),
        step("update", "readiness", "ready", objects("1"), objects("04da6b54-80e4-46f7-96ec-b56ff0331ba9")),
    )
    alone = review_of(
        same("deployment", "chat", deployment()),
        step("update", "readiness", "ready", objects("1"), objects("2")),
    )

    assert set(sentences_of(followed)) == {"chat"}
    assert sentences_of(alone) == {
        "ready": ["waits again for deployment chat, which the last run did not see ready"]
    }


@pytest.mark.parametrize(
    ("weight", "words"), [(100, "is FAILED while it has traffic"), (0, "does not serve")]
)
def test_a_failed_deployment_that_has_traffic_is_named_as_such(weight: int, words: str) -> None:
    def objects(**health: str) -> dict[str, Any]:
        return {"objects": {"deployment chat": {"id": "i", "revision": "1", **health}}}

    chat, other = deployment(weight=weight), {**deployment(), "apiId": "id-other", "name": "other-dev"}
    found = review_of(
        same("gateway", "public", gateway()),
        same("deployment", "chat", chat),
        same("deployment", "other", other),
        step("update", "readiness", "ready", objects(health="FAILED: no weights"), objects()),
    )

    (sentence,) = sentences_of(found)["ready"]
    assert sentence.startswith(f"waits for deployment chat, which {words}")
    assert sentence.endswith("FAILED: no weights")


def test_dangerous_changes_come_first_and_then_those_worth_a_look() -> None:
    found = review_of(
        same("gateway", "public", gateway()),
        step("update", "deployment", "a", deployment(), deployment(most=5)),
        step(
            "update",
            "deployment",
            "b",
            deployment(),
            {**deployment(), "runtime": {"engine": "vllm", "version": "1.0.0"}},
        ),
        step("delete", "bucket", "z", {"name": "w"}),
    )

    assert [(change.label, change.danger.value) for change in found.changes] == [
        ("z", "dangerous"),
        ("b", "caution"),
        ("a", "plain"),
    ]


LATER, SECRET = "04da6b54-80e4-46f7-96ec-b56ff0331ba9", "[secret]"


@pytest.mark.parametrize(("value", "words"), [(LATER, "(known later)"), (SECRET, "(hidden)")])
@pytest.mark.parametrize(
    ("path", "before", "sentence"),
    [
        ("gatewayIds", ["id-public"], "gatewayIds id-public → {}"),
        (
            "autoscaling.capacityClasses",
            ["CAPACITY_CLASS_RESERVED"],
            "capacity classes CAPACITY_CLASS_RESERVED → {}",
        ),
        ("autoscaling.max", 4, "max replicas 4 → {}"),
        ("runtime.engineConfig", {"seed": "1"}, 'engine option (all) {{"seed": "1"}} → {}'),
        (
            "runtime.engineEnv",
            {"A": "1"},
            "changes the environment variables (all) (their values are not shown)",
        ),
        ("disabled", False, "disabled false → {}"),
    ],
)
def test_a_value_that_is_hidden_or_known_later_is_not_looked_into(
    path: str, before: Any, sentence: str, value: str, words: str
) -> None:
    old = _with(deployment(), path, before)

    assert (
        sentence.format(words)
        in sentences_of(review_of(step("update", "deployment", "n", old, _with(old, path, value))))["n"]
    )


def test_a_deployment_that_moves_to_another_claim_is_not_evicted_from_the_one_that_goes() -> None:
    moves = step("update", "deployment", "chat", deployment(), deployment(instance="gd-8xh100ib-i128"))
    found = review_of(same("gateway", "public", gateway()), step("delete", "claim", "h200", claim()), moves)

    assert sentences_of(found)["h200"] == ["deletes claim h200; no deployment that stays can run on it"]
