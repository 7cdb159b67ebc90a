"""What becomes of a gateway, and who has to run because of it."""

from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.review import Review, review
from coreweave_inference.review.views import as_markdown

from tests.review.previews import deployment, gateway, preview_of, review_of, same, sentences_of, step

LATER = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"coreWeaveAuth": None, "weightsAndBiasesAuth": {}}, "! changes how clients of public authenticate"),
        (
            {"bodyBasedRouting": None, "pathBasedRouting": {}},
            "! changes how public finds the model of a request",
        ),
        ({"zones": ["RNO2A"]}, "! moves gateway public from US-EAST-04A to RNO2A"),
        ({"zones": ["US-EAST-04A", "RNO2A"]}, "gateway public runs in RNO2A too"),
        (
            {"endpointConfiguration": {"additionalDns": []}},
            "takes the DNS names a.example out of public; the service keeps them until the gateway is replaced",
        ),
    ],
)
def test_a_changed_gateway_is_shown_as_what_clients_notice(change: dict[str, Any], sentence: str) -> None:
    before = gateway(endpointConfiguration={"additionalDns": ["a.example"]})

    found = review_of(step("update", "gateway", "public", before, {**before, **change}))

    assert sentences_of(found)["public"][0].startswith(sentence)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"zones": LATER}, "! moves gateway n from US-EAST-04A to (known later)"),
        (
            {"endpointConfiguration": {"additionalDns": LATER}},
            "endpointConfiguration.additionalDns a.example → (known later)",
        ),
    ],
)
def test_a_gateway_whose_place_is_known_later_is_shown_as_such(
    changes: dict[str, Any], sentence: str
) -> None:
    old = gateway(endpointConfiguration={"additionalDns": ["a.example"]})

    assert sentence in sentences_of(review_of(step("update", "gateway", "n", old, {**old, **changes})))["n"]


def two_stacks(gateways: dict[str, Any], deployments: dict[str, Any]) -> Review:
    """A stack that has a gateway, and one whose deployments are behind it."""
    return review([preview_of(gateways), preview_of(deployments)])


OLD = gateway("old")
THEIRS = deployment(gateways=("old",))


@pytest.mark.parametrize(
    ("operation", "new"),
    [("replace", gateway("new", name="other")), ("delete", None)],
    ids=["replace", "delete"],
)
def test_a_gateway_that_goes_says_which_other_stacks_run_and_in_which_order(operation: str, new: Any) -> None:
    goes = step(operation, "gateway", "public", OLD, new, stack="platform")
    left = two_stacks(goes, same("deployment", "chat", THEIRS, stack="models"))
    moved = two_stacks(
        goes, step("update", "deployment", "chat", THEIRS, deployment(gateways=("third",)), stack="models")
    )
    alone = review_of(goes)

    order = {
        "replace": (
            "first run serving/platform with the new gateway under a key of its own, then serving/models with its deployments "
            "on that one, then serving/platform without the former"
        ),
        "delete": "first run serving/models without it, then serving/platform",
    }[operation]
    (said,) = [
        sentence for sentence in sentences_of(left)["public (serving/platform)"] if "first" in sentence
    ]
    assert said.startswith("! chat (serving/models) stay")
    assert said.endswith(order)
    (said,) = [
        sentence for sentence in sentences_of(moved)["public (serving/platform)"] if "first" in sentence
    ]
    assert said.endswith("run serving/models first, then serving/platform")
    assert not said.startswith("!")
    assert not [sentence for sentence in sentences_of(alone)["public"] if "first" in sentence]


def test_deployments_of_other_stacks_stay_behind_a_gateway_that_is_replaced_until_they_run() -> None:
    goes = step("replace", "gateway", "public", OLD, gateway("new", name="other"), stack="platform")
    found = two_stacks(goes, same("deployment", "chat", THEIRS, stack="models"))

    (group,) = found.groups
    assert (group.gateway, group.changed) == ("public (serving/platform)", False)
    assert [(row.zone, row.before == row.after) for row in found.capacity] == [("US-EAST-04A", True)]
    assert "get no answer" not in as_markdown(found).text
