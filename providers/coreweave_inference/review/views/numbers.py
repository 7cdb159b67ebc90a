"""Numbers as a reader sees them: money, ranges, and what they were before."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from coreweave_inference.fleet.instances import Prices
from coreweave_inference.review.capacity import Row, Side
from coreweave_inference.review.money import HOURS_PER_MONTH, Cost, Money

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
CENT = Decimal("0.01")


def money_text(amount: Decimal, currency: str, *, signed: bool = False) -> str:
    """`$12.62`, `+$12.62`; whole units from a thousand on."""
    size = abs(amount)
    digits = f"{size:,.0f}" if size >= 1000 else f"{size.quantize(CENT):,}"
    sign = "-" if amount < 0 else "+" if signed else ""
    mark = SIGNS.get(currency)
    return f"{sign}{mark}{digits}" if mark else f"{sign}{digits} {currency}"


def cost_text(cost: Cost | None, currency: str, hours: int = 1) -> str:
    """`$6.31`, `$6.31 to $25.24`, or the words that represent it."""
    if cost is None:
        return "-"
    if cost.words:
        return cost.words
    low, high = (money_text(amount * hours, currency) for amount in (cost.at_min, cost.at_max))
    return low if low == high else f"{low} to {high}"


def difference_text(money: Money, currency: str, hours: int = 1) -> str:
    """What changes, at min and at max: `+$6.31 to +$25.24`."""
    low = (money.after.at_min - money.before.at_min) * hours
    high = (money.after.at_max - money.before.at_max) * hours
    texts = [money_text(amount, currency, signed=True) if amount else "no change" for amount in (low, high)]
    return texts[0] if texts[0] == texts[1] else " to ".join(texts)


def price_note(prices: Prices) -> str:
    """Where the prices are from; its source is a foreign text."""
    return f"list prices of {prices.date.isoformat()}, not your contract; a month has {HOURS_PER_MONTH} hours"


HELD = "the second number counts disabled deployments as holding their GPUs: whether they give them back is not documented"


def change_text(before: str, after: str) -> str:
    """`4 → 8`, or one of them where they are equal."""
    return after if before == after else f"{before} → {after}"


def gpus_text(side: Side) -> str:
    """`8 to 32`, GPUs at min and at max."""
    found = str(side.at_min) if side.at_min == side.at_max else f"{side.at_min} to {side.at_max}"
    known = f"{found} + ?" if side.unknown else found
    return f"{known}, or {gpus_text(side.held)}" if side.held else known


def covered_texts(side: Side) -> tuple[str, str]:
    """What claims cover of what replicas want, at min and at max: `8 of 8`, `16 of 32`."""
    if side.held:
        here, held = covered_texts(replace(side, held=None)), covered_texts(side.held)
        return f"{here[0]}, or {held[0]}", f"{here[1]}, or {held[1]}"
    if not side.at_max:
        return "-", "-"
    return f"{side.covered_at_min} of {side.at_min}", f"{side.covered_at_max} of {side.at_max}"


def capacity_texts(row: Row) -> tuple[str, ...]:
    """GPUs of replicas, GPUs of claims, and what of the one the other covers, at min and at max; all now → after."""
    return (
        change_text(gpus_text(row.before), gpus_text(row.after)),
        change_text(str(row.before.claimed), str(row.after.claimed)),
        *map(change_text, covered_texts(row.before), covered_texts(row.after)),
    )
