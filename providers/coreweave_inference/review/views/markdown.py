"""A review as one pull request comment: what is dangerous first, what does not change folded away.

Nothing that others wrote is put in but through `escaping`.
"""

from __future__ import annotations

from dataclasses import dataclass

from coreweave_inference.errors import plural
from coreweave_inference.review.drift import drifted_objects
from coreweave_inference.review.reviewing import Change, Review
from coreweave_inference.review.verdicts import Consequence, Danger

from . import sections, tables
from .escaping import code, noun, prose
from .fitting import LIMIT, Section, complete, fitted
from .numbers import price_note

MARKER = "<!-- cw-inference review -->"
"""The first line of every comment; nothing that others wrote can be such a line."""

MANY = 20
"""More changes than this are folded away, where they are not dangerous."""

VERBS = ("create", "import", "update", "replace", "delete")


@dataclass(frozen=True)
class Comment:
    """`text` is short enough to be posted; `complete` is all of it, for an artifact where `text` is cut."""

    text: str
    complete: str


def as_markdown(review: Review, artifact: str = "") -> Comment:
    """The comment; `artifact` is named as the place of what does not fit."""
    head = f"{MARKER}\n{first_line(review)}"
    parts = [section for section in _sections(review) if section.items]
    foot = _foot(review)
    where = f": see {code(artifact)}" if artifact else "; `--artifact FILE` writes all of it"
    rest = f"**{{count}} more entries do not fit into a comment{where}**"
    return Comment(fitted(head, parts, foot, rest, LIMIT), complete(head, parts, foot))


def first_line(review: Review) -> str:
    """The counts, the worst first."""
    stacks = ", ".join(code(stack) for stack in review.stacks[:5])
    more = f" and {len(review.stacks) - 5} more" if len(review.stacks) > 5 else ""
    return f"**{'; '.join(counts(review))}** in {stacks}{more}"


def counts(review: Review) -> list[str]:
    """What there is of each, without what there is none of; also for a terminal."""
    found = []
    if review.errors:
        found.append(f"⛔ {plural(len(review.errors), 'preview')} failed")
    if review.dangerous:
        found.append(f"⚠️ {len(review.dangerous)} dangerous")
    if review.new_errors:
        found.append(f"⚠️ {plural(len(review.new_errors), 'new error')} found")
    if review.findings.unstartable:
        found.append(f"⚠️ {len(review.findings.unstartable)} that will not fit or start")
    todo = [f"{review.counts[verb]} to {verb}" for verb in VERBS if review.counts[verb]]
    if todo or not review.errors:
        found.append(", ".join(todo) or "no changes")
    if review.unchanged:
        found.append(f"{len(review.unchanged)} unchanged")
    if review.drift:
        found.append(f"{drifted_objects(review.drift)} changed outside")
    if len(review.findings.new) > len(review.new_errors):
        found.append(plural(len(review.findings.new) - len(review.new_errors), "new finding"))
    return found


def nothing_changes(review: Review) -> str:
    """What an old comment is replaced with when nothing changes any more."""
    stacks = ", ".join(code(stack) for stack in review.stacks)
    return f"{MARKER}\n**No changes any more** in {stacks}: the earlier changes of this pull request were reverted.\n"


def no_review(reason: str) -> str:
    """What is in the comment where a review could not be made: nothing that an earlier one reported still holds."""
    return f"{MARKER}\n**⛔ The review could not be made**, so what this change does is not known.\n\n{prose(reason)}\n"


def _sections(review: Review) -> list[Section]:
    return [
        sections.errors(review),
        _changes("### ⚠️ Dangerous", review.dangerous, folded=False),
        sections.new_findings(review),
        _changes("### Changes", _harmless(review), folded=len(_harmless(review)) > MANY),
        tables.traffic(review),
        tables.lone_members(review),
        tables.traffic_graphs(review),
        tables.capacity(review),
        sections.memory(review),
        tables.money(review),
        tables.cost_lines(review),
        sections.drift(review),
        sections.old_findings(review),
        sections.warnings(review),
        sections.unchanged(review),
    ]


def _harmless(review: Review) -> tuple[Change, ...]:
    return tuple(change for change in review.changes if change.danger is not Danger.DANGEROUS)


def _changes(heading: str, changes: tuple[Change, ...], *, folded: bool) -> Section:
    items = tuple(_change(change) for change in changes)
    if not folded:
        return Section((heading, ""), items)
    opening = (heading, "", "<details>", f"<summary>{len(changes)} resources</summary>", "")
    return Section(opening, items, ("", "</details>"))


def _change(change: Change) -> str:
    first = f"- {change.operation} {noun(change.noun)} {code(change.label)}"
    return "\n".join([first, *(f"  - {_consequence(c)}" for c in change.consequences)])


def _consequence(consequence: Consequence) -> str:
    text = consequence.sentence.render(code)
    return f"**{text}**" if consequence.danger is Danger.DANGEROUS else text


def _foot(review: Review) -> str:
    notes = []
    if review.money.changed:
        notes.append(f"Money: {price_note(review.prices)} ({code(review.prices.source)}).")
    if any(group.changed for group in review.groups):
        notes.append(
            "Shares count the deployments of these stacks; others with the same model name are not seen."
        )
    if review.incomplete:
        names = ", ".join(code(stack) for stack in review.incomplete)
        notes.append(
            f"Unchanged resources of {names} are not in the preview (`--show-sames`), so shares and sums lack them."
        )
    if review.not_refreshed and review.changes:
        names = ", ".join(code(stack) for stack in review.not_refreshed)
        notes.append(f"{names}: previewed without `--refresh`, so changes made outside do not show.")
    return f"<sub>{' '.join(notes)}</sub>" if notes else ""
