"""GPUs and what they cost: claims in full, replicas beyond them, and what nobody knows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.review import Review, default_prices, read_prices, review
from coreweave_inference.review.capacity import Side
from coreweave_inference.review.money import Cost
from coreweave_inference.review.views import as_markdown
from coreweave_inference.review.views.numbers import money_text

from tests.review.previews import H200, ZONE, claim, deployment, gateway, preview_of, review_of, same, step

H200_HOUR = Decimal("6.31")


def _stack(
    *deployments: dict[str, Any], claims: tuple[dict[str, Any], ...] = (), zones: tuple[str, ...] = (ZONE,)
) -> Review:
    """A stack that is made anew."""
    return review_of(
        same("gateway", "public", gateway(zones=zones)),
        *(step("create", "claim", f"c{n}", None, item) for n, item in enumerate(claims)),
        *(step("create", "deployment", f"d{n}", None, item) for n, item in enumerate(deployments)),
    )


def _sums(found: Review) -> tuple[Decimal, Decimal]:
    return found.money.after.at_min / H200_HOUR, found.money.after.at_max / H200_HOUR


@pytest.mark.parametrize(
    ("classes", "claims", "gpu_hours"),
    [
        ((), (), (2, 8)),
        (("ON_DEMAND",), (claim(1),), (8 + 2, 8 + 8)),
        (("RESERVED",), (claim(1),), (8, 8)),
        (("RESERVED",), (), (0, 0)),
        ((), (claim(1),), (8, 8)),
        (("RESERVED", "ON_DEMAND"), (claim(1),), (8, 8)),
        ((), (claim(1, instance="gd-8xl40s-i128"),), None),
        ((), (claim(1, zone="RNO2A"),), (8 + 2, 8 + 8)),
    ],
)
def test_claims_are_paid_in_full_and_replicas_only_beyond_them(
    classes: tuple[str, ...], claims: tuple[dict[str, Any], ...], gpu_hours: tuple[int, int] | None
) -> None:
    found = _stack(deployment(gpus=2, classes=classes), claims=claims)

    if gpu_hours is None:
        assert found.money.after == Cost(
            8 * Decimal("2.25") + 2 * H200_HOUR, 8 * Decimal("2.25") + 8 * H200_HOUR
        )
    else:
        assert _sums(found) == gpu_hours


def test_deployments_on_claims_only_take_them_before_those_that_may_run_elsewhere() -> None:
    found = _stack(
        deployment(least=1, most=8, classes=("RESERVED",)),
        deployment(least=4, most=6),
        claims=(claim(1),),
    )

    assert _sums(found) == (8, 8 + 6)
    (row,) = found.capacity
    assert row.after == Side(at_min=5, at_max=14, claimed=8, covered_at_min=5, covered_at_max=8)


def test_replicas_bound_to_fewer_zones_take_a_claim_before_those_that_may_go_anywhere() -> None:
    found = review_of(
        same("gateway", "public", gateway()),
        same("gateway", "everywhere", gateway("id-all", zones=())),
        same("claim", "c", claim(1)),
        same("deployment", "a-anywhere", deployment(least=8, most=8, gateways=("id-all",))),
        same("deployment", "b-bound", deployment(least=8, most=8)),
    )

    covered = {(row.zone, row.after.covered_at_max) for row in found.capacity}
    assert covered == {("any zone", 0), (ZONE, 8)}


def test_what_claims_cannot_hold_of_deployments_on_claims_only_is_short_and_costs_nothing() -> None:
    found = _stack(deployment(least=4, most=20, classes=("RESERVED",)), claims=(claim(2),))

    (row,) = found.capacity
    assert row.after.short_at_max == 4
    assert _sums(found) == (16, 16)
    assert "4 short at max" in as_markdown(found).text


@pytest.mark.parametrize(
    ("item", "note"),
    [
        (
            {"claims": (claim(1, kind="CUSTOMER"),)},
            "not in the sums: c0, billed at your own rate (CUSTOMER)",
        ),
        ({"claims": (claim(1, instance="b9000"),)}, "not in the sums: c0, of which no list price is known"),
        (
            {"claims": (claim(1, instance="gb300-4x"),)},
            "not in the sums: c0, of which no list price is known",
        ),
        (
            {"claims": (claim(1, zone="EU-SOUTH-04A"),)},
            "not in the sums: c0, of which no list price is known",
        ),
        (
            {"deployments": (deployment(instance="b9000"),)},
            "not in the sums: d0, of which no list price is known",
        ),
        (
            {"deployments": (deployment(gpus="04da6b54-80e4-46f7-96ec-b56ff0331ba9"),)},
            "not in the sums: d0, whose size is not known",
        ),  # type: ignore[arg-type]
    ],
)
def test_what_has_no_number_is_named_and_not_in_the_sums(item: dict[str, Any], note: str) -> None:
    found = _stack(*item.get("deployments", ()), claims=item.get("claims", ()))

    assert [str(sentence) for sentence in found.money.notes] == [note]
    assert _sums(found) == (0, 0)


def test_gpus_and_money_of_what_is_disabled_are_counted_both_ways() -> None:
    found = _stack(deployment(gpus=2), deployment(gpus=4, disabled=True, least=2, most=2))

    (row,) = found.capacity
    assert (row.after.at_min, row.after.at_max, row.after.unknown) == (2, 8, ())
    assert row.after.held == Side(at_min=10, at_max=16)
    assert _sums(found) == (2, 8)
    assert [str(sentence) for sentence in found.money.notes] == [
        "not in the sums: d1, disabled; what a disabled deployment costs is not documented",
        "if d1, disabled, still hold their GPUs, that is 50.48 to 50.48 USD more per hour",
    ]
    assert "2 to 8, or 10 to 16" in as_markdown(found).text
    assert "whether they give them back is not documented" in as_markdown(found).text


def test_a_claim_holds_what_is_disabled_or_does_not() -> None:
    found = _stack(
        deployment(least=8, most=8),
        deployment(least=8, most=8, disabled=True, classes=("RESERVED",)),
        claims=(claim(1),),
    )

    (row,) = found.capacity
    assert (row.after.covered_at_max, row.after.held) == (
        8,
        Side(at_min=16, at_max=16, claimed=8, covered_at_min=8, covered_at_max=8),
    )


def test_a_customer_claim_covers_replicas_like_any_other() -> None:
    found = _stack(deployment(), claims=(claim(1, kind="CUSTOMER"),))

    assert _sums(found) == (0, 0)


def test_instance_types_are_one_whatever_their_case() -> None:
    found = _stack(deployment(instance=H200.upper()), claims=(claim(1, instance=H200.upper()),))

    assert _sums(found) == (8, 8)
    assert [row.instance_type for row in found.capacity] == [H200]


def test_before_and_after_stand_side_by_side_per_hour_and_month() -> None:
    found = review_of(
        same("gateway", "public", gateway()),
        step("update", "deployment", "chat", deployment(gpus=2, most=2), deployment(gpus=2, most=4)),
    )

    text = as_markdown(found).text
    assert "| per hour | $12.62 to $25.24 | $12.62 to $50.48 | **no change to +$25.24** |" in text
    assert "| per month | $9,213 to $18,425 | $9,213 to $36,850 | **no change to +$18,425** |" in text
    assert "| `gd-8xh200ib-i128`<br>in `US-EAST-04A` | 2 to 4 → 2 to 8 | 0 |" in text


def test_the_packages_prices_are_those_of_the_pricing_page_on_their_date() -> None:
    prices = default_prices()

    assert prices.date.isoformat() == "2026-09-20"
    rates = {name: (item.gpus, item.per_gpu_hour) for name, item in prices.instances.items()}
    assert rates["gd-8xh100ib-i128"] == (8, Decimal("6.16"))
    assert rates["gb200-4x"] == (4, Decimal("10.50"))
    assert rates["gb300-4x"] == (4, None)


def test_users_replace_the_prices_and_their_date_and_currency() -> None:
    text = "{version: 1, date: 2030-01-02, currency: EUR, source: our contract, instances: {GD-8xH200ib-i128: {gpus: 8, perGpuHour: 2}}}"
    preview = preview_of(
        same("gateway", "public", gateway()), step("create", "claim", "h200", None, claim(1))
    )

    found = as_markdown(review([preview], prices=read_prices(text, "prices.yaml"))).text

    assert "| per hour | €0.00 | €16.00 | **+€16.00** |" in found
    assert "list prices of 2030-01-02, not your contract" in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "is no YAML"),
        ("{version: 1}", "date: Field required"),
        (
            "{version: 1, date: 2030-01-02, currency: EUR, source: x, instances: {a: {gpu: 8}}}",
            "instances.a.gpus",
        ),
    ],
)
def test_a_price_list_that_cannot_be_read_says_where(text: str, message: str) -> None:
    with pytest.raises(CoreWeaveError, match=message) as caught:
        read_prices(text, "ours.yaml")

    assert "ours.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("12.6200", "USD", "$12.62"),
        ("1218.4", "USD", "$1,218"),
        ("-3", "GBP", "-£3.00"),
        ("5", "CHF", "5.00 CHF"),
    ],
)
def test_money_is_written_as_readers_know_it(amount: str, currency: str, text: str) -> None:
    assert money_text(Decimal(amount), currency) == text
