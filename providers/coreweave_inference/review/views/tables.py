"""The parts of a comment that are tables: traffic groups with their graphs, GPUs, money."""

from __future__ import annotations

from coreweave_inference.fleet.shares import percent
from coreweave_inference.review.capacity import Row
from coreweave_inference.review.groups import Group, Member, Membership
from coreweave_inference.review.money import HOURS_PER_MONTH, Line
from coreweave_inference.review.reviewing import Review

from .escaping import code
from .fitting import Section
from .mermaid import graphs
from .numbers import HELD, capacity_texts, cost_text, difference_text


def traffic(review: Review) -> Section:
    """Every group of several members whose clients notice something."""
    items = tuple(_group(group, review) for group in _noticed(review) if len(group.members) > 1)
    return Section(("### Traffic", ""), items)


def lone_members(review: Review) -> Section:
    """The same for groups of one member, in one table."""
    lone = [group for group in _noticed(review) if len(group.members) == 1]
    heading = ("",) if any(len(group.members) > 1 for group in _noticed(review)) else ("### Traffic", "")
    head = ("| clients of | on | member | now | after | |", "|---|---|---|---|---|---|")
    return Section((*heading, *head), tuple(_lone(group, review) for group in lone))


def traffic_graphs(review: Review) -> Section:
    """The groups as pictures, folded."""
    opening = ("<details>", "<summary>graph</summary>", "")
    return Section(opening, tuple(f"{graph}\n" for graph in graphs(_noticed(review))), ("</details>",))


def _noticed(review: Review) -> list[Group]:
    return [group for group in review.groups if group.changed or group.gateway in review.replaced_gateways]


def effect_on_clients(group: Group, *, replaced: bool) -> str:
    """One sentence on the clients of a group; also for a terminal."""
    if not group.before:
        return "new: clients can ask for it when the run is done"
    if group.serves_before and not group.serves_after:
        return "**clients get no answer any more**"
    if group.becomes_uncertain:
        return "**whether anybody answers is not certain**: a member alone with weight 0 gets nothing or all (documented both ways)"
    moved = group.moved
    if moved is None:
        found = "how many of the requests go elsewhere is not known"
    elif moved:
        found = f"{percent(moved)} of the requests go to another deployment"
    else:
        found = "the shares stay"
    return f"**every client needs the new endpoint**; {found}" if replaced else found


def _group(group: Group, review: Review) -> str:
    effect = effect_on_clients(group, replaced=group.gateway in review.replaced_gateways)
    lines = [
        f"Clients of {code(group.model)} on {code(group.gateway)}: {effect}",
        "",
        "| member | now | after |",
        "|---|---|---|",
        *(f"| {_member(member)} |" for member in group.members),
        "",
    ]
    return "\n".join(lines)


def _lone(group: Group, review: Review) -> str:
    effect = effect_on_clients(group, replaced=group.gateway in review.replaced_gateways)
    return f"| {code(group.model)} | {code(group.gateway)} | {_member(group.members[0])} | {effect} |"


def _member(member: Member) -> str:
    before, after = _share(member.before), _share(member.after)
    return f"{code(member.label)} | {before} | {after if before == after else f'**{after}**'}"


def _share(share: Membership) -> str:
    weight = "" if share.weight is None else f" (weight {share.weight})"
    return f"{share.text}{weight}"


def capacity(review: Review) -> Section:
    """GPUs by instance type and zone; without rows where nothing of it changes."""
    changed = tuple(row for row in review.capacity if row.before != row.after)
    opening = (
        "### GPUs",
        "",
        "| GPUs of | for replicas, min to max | claimed | on claims at min | at max |",
        "|---|---|---|---|---|",
    )
    return Section(opening, tuple(_row(row) for row in changed), short=True)


def _row(row: Row) -> str:
    cells = (f"{code(row.instance_type)}<br>in {code(row.zone)}", *capacity_texts(row))
    return f"| {' | '.join(cells)}{_open_ends(row)} |"


def _open_ends(row: Row) -> str:
    short = f"; {row.after.short_at_max} short at max" if row.after.short_at_max else ""
    names = ", ".join(code(name) for name in row.after.unknown)
    unknown = f"; not counted: {names}" if names else ""
    return f"{short}{unknown}{f'; {HELD}' if row.before.held or row.after.held else ''}"


def money(review: Review) -> Section:
    """Sums per hour and month; without rows where nothing of it changes."""
    if not review.money.changed:
        return Section((), ())
    currency = review.prices.currency
    opening = ("### Money", "", "| at min to at max | now | after | change |", "|---|---|---|---|")
    notes = tuple(f"- {note.render(code)}" for note in review.money.notes)
    rows = tuple(
        f"| {word} | {cost_text(review.money.before, currency, hours)} | {cost_text(review.money.after, currency, hours)} "
        f"| **{difference_text(review.money, currency, hours)}** |"
        for word, hours in (("per hour", 1), ("per month", HOURS_PER_MONTH))
    )
    return Section(opening, rows, ("", *notes) if notes else (), short=True)


def cost_lines(review: Review) -> Section:
    """What the sums are made of."""
    if not review.money.changed:
        return Section((), ())
    opening = (
        "<details>",
        "<summary>what the sums are made of, per hour</summary>",
        "",
        "| | | now | after |",
        "|---|---|---|---|",
    )
    rows = tuple(_line(line, review.prices.currency) for line in review.money.lines)
    return Section(opening, rows, ("", "</details>"))


def _line(line: Line, currency: str) -> str:
    before, after = cost_text(line.before, currency), cost_text(line.after, currency)
    return f"| {line.what} | {code(line.label)} | {before} | {after} |"
