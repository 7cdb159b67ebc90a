"""The parts of a comment that are lists: errors, findings, drift, warnings, what does not change."""

from __future__ import annotations

from coreweave_inference.review.drift import OVERWRITTEN, Drift
from coreweave_inference.review.findings import NO, FoundProblem
from coreweave_inference.review.phrases import shown
from coreweave_inference.review.reviewing import Review

from .escaping import code, noun, prose
from .fitting import Section

NAMES_A_LINE = 12


def errors(review: Review) -> Section:
    """Why a preview failed; without it nothing else can be trusted to be all."""
    items = tuple(f"- {code(e.stack)}: {prose(text)}" for e in review.errors for text in e.errors)
    return Section(("### ⛔ The preview failed", "", "What follows is only what was seen before.", ""), items)


def warnings(review: Review) -> Section:
    """What the engine and the providers warned about."""
    items = tuple(f"- {code(w.stack)}: {prose(text)}" for w in review.warnings for text in w.errors)
    return folded("Warnings of the preview", items)


def new_findings(review: Review) -> Section:
    """Findings that the base does not have."""
    return Section(("### New findings", ""), tuple(_finding(item) for item in review.findings.new))


def old_findings(review: Review) -> Section:
    """Findings that were there before, and those that go."""
    found = review.findings
    items = (
        *(f"- {prose('the checks could not be made: ' + reason)}" for reason in found.missing),
        *(_finding(item) for item in found.old),
        *(f"{_finding(item)} *(fixed)*" for item in found.fixed),
    )
    return folded("Findings that were there before" if found.compared else "Findings", tuple(items))


def memory(review: Review) -> Section:
    """Deployments that fit into their GPUs otherwise than before."""
    opening = ("### GPU memory", "", "| deployment | now | after | why |", "|---|---|---|---|")
    items = tuple(
        f"| {prose(item.object)} | {prose(item.before)} | {_emphasised(item.after)} | {prose(item.why)} |"
        for item in review.findings.moved_memory
    )
    return Section(opening, items)


def _emphasised(verdict: str) -> str:
    return f"**{prose(verdict)}**" if verdict == NO else prose(verdict)


def drift(review: Review) -> Section:
    """What others changed, and what becomes of it."""
    opening = (
        "### Changed outside",
        "",
        "| object | field | recorded | live now | a run makes it |",
        "|---|---|---|---|---|",
    )
    return Section(opening, tuple(_drift(item) for item in review.drift))


def unchanged(review: Review) -> Section:
    """The names of everything that stays."""
    by_kind: dict[str, list[str]] = {}
    for kind, name in review.unchanged:
        by_kind.setdefault(kind, []).append(name)
    items = tuple(
        f"- {noun(kind)}: {', '.join(code(name) for name in sorted(names)[start : start + NAMES_A_LINE])}"
        for kind, names in sorted(by_kind.items())
        for start in range(0, len(names), NAMES_A_LINE)
    )
    return folded(f"{len(review.unchanged)} unchanged", items)


def folded(summary: str, items: tuple[str, ...]) -> Section:
    """A section that opens on a click; `summary` is ours."""
    return Section(("<details>", f"<summary>{summary}</summary>", ""), items, ("", "</details>"))


def _finding(finding: FoundProblem) -> str:
    place = (
        f" at {code(finding.place)}" if finding.place else f" at {code(finding.path)}" if finding.path else ""
    )
    subject = f" {prose(finding.object)}" if finding.object else ""
    sentence = prose("; ".join(part for part in (finding.what, finding.why, finding.do) if part))
    return f"- {prose(finding.severity)} {code(finding.code)}{subject}{place}: {sentence}"


def _drift(item: Drift) -> str:
    if not item.path:
        return f"| {noun(item.noun)} {code(item.label)} | - | there | **deleted** | {item.what} |"
    overwritten = f"**{code(shown(item.declared))}** (overwritten)"
    becomes = overwritten if item.what == OVERWRITTEN else item.what
    cells = (code(item.path), code(shown(item.recorded)), code(shown(item.live)), becomes)
    return f"| {noun(item.noun)} {code(item.label)} | {' | '.join(cells)} |"
