"""A review on a terminal: the same parts as in a comment, without folding.

Texts by others are put in as plain text with control characters written out, never as markup.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from coreweave_inference.review.money import HOURS_PER_MONTH
from coreweave_inference.review.phrases import shown, visible
from coreweave_inference.review.reviewing import Change, Review
from coreweave_inference.review.verdicts import Danger

from .markdown import counts
from .numbers import HELD, capacity_texts, cost_text, difference_text, price_note
from .tables import effect_on_clients

STYLES = {Danger.DANGEROUS: "bold red", Danger.CAUTION: "yellow", Danger.PLAIN: ""}

CAPACITY = ("instance type", "zone", "min to max", "claimed", "on claims at min", "at max")


def print_review(review: Review, console: Console) -> None:
    """Print it; `console` decides on colours and width."""
    stacks = ", ".join(visible(stack) for stack in review.stacks)
    console.print(Text(f"{'; '.join(counts(review))} in {stacks}", style="bold"))
    for failed in review.errors:
        for error in failed.errors:
            console.print(Text(f"error: {visible(failed.stack)}: {visible(error)}", style="bold red"))
    for change in review.changes:
        _print_change(change, console)
    _print_traffic(review, console)
    _print_table(console, "GPUs", CAPACITY, _capacity(review))
    if any(
        side.held for row in review.capacity if row.before != row.after for side in (row.before, row.after)
    ):
        console.print(Text(HELD))
    _print_money(review, console)
    memory = ((item.object, item.before, item.after, item.why) for item in review.findings.moved_memory)
    _print_table(console, "GPU memory", ("deployment", "now", "after", "why"), memory)
    drift = (
        (d.label, d.path or "-", shown(d.recorded), shown(d.live), shown(d.declared), d.what)
        for d in review.drift
    )
    _print_table(
        console, "changed outside", ("object", "field", "recorded", "live", "declared", "a run"), drift
    )
    for reason in review.findings.missing:
        console.print(Text(visible(f"the checks could not be made: {reason}"), style="yellow"))
    before = "old " if review.findings.compared else ""
    for word, findings in (("new ", review.findings.new), (before, review.findings.old)):
        for finding in findings:
            line = f"{word}{finding.severity} {finding.code} {finding.object}: {finding.what}; {finding.do}"
            console.print(Text(visible(line)))


def _print_change(change: Change, console: Console) -> None:
    console.print(
        Text(
            f"{change.operation} {visible(change.noun)} {visible(change.label)}", style=STYLES[change.danger]
        )
    )
    for consequence in change.consequences:
        console.print(Text(f"    {consequence.sentence}", style=STYLES[consequence.danger]))


def _print_traffic(review: Review, console: Console) -> None:
    for group in review.groups:
        replaced = group.gateway in review.replaced_gateways
        if not (group.changed or replaced):
            continue
        effect = effect_on_clients(group, replaced=replaced).replace("**", "")
        rows = ((member.label, member.before.text, member.after.text) for member in group.members)
        _print_table(console, f"{group.model} on {group.gateway}: {effect}", ("member", "now", "after"), rows)


def _capacity(review: Review) -> Iterable[tuple[str, ...]]:
    for row in review.capacity:
        if row.before != row.after:
            yield (row.instance_type, row.zone, *capacity_texts(row))


def _print_money(review: Review, console: Console) -> None:
    if not review.money.changed:
        return
    currency, money = review.prices.currency, review.money
    rows = [
        (
            word,
            cost_text(money.before, currency, h),
            cost_text(money.after, currency, h),
            difference_text(money, currency, h),
        )
        for word, h in (("per hour", 1), ("per month", HOURS_PER_MONTH))
    ]
    _print_table(console, f"money ({price_note(review.prices)})", ("", "now", "after", "change"), rows)
    for note in money.notes:
        console.print(Text(str(note)))


def _print_table(
    console: Console, title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]
) -> None:
    lines = list(rows)
    if not lines:
        return
    console.print(Text(f"\n{visible(title)}", style="bold"))
    table = Table()
    for name in head:
        table.add_column(Text(name), overflow="fold")
    for line in lines:
        table.add_row(*(Text(visible(cell)) for cell in line))
    console.print(table)
