"""An import in words: the lines on a terminal, and the page that it writes. No secret is among them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from coreweave_inference.errors import plural
from coreweave_inference.model.kinds import Kind

from .entries import EXISTING_BUCKETS, EXISTING_GATEWAYS
from .matching import BUCKET
from .plan import ImportPlan
from .proof import READINESS

EMPTY = "the next preview is empty"
TO_DO = (
    (
        {"adds"},
        "what is added is declared and not there: remove its entry, or let the next `up` create it",
    ),
    (
        {"refuses"},
        "what is refused exists already: import it too (without --only, or with its name there), or remove its entry",
    ),
    (
        {"adopts"},
        "what is adopted is declared with `adopt` and not imported now: the next `up` adopts it, and writes the fields that differ",
    ),
    (
        {"changes", "replaces"},
        "what changes is declared otherwise than it is: declare what is live, or let the next `up` write it",
    ),
    (
        {"removes"},
        "what is removed is in the state and not declared: declare it, or the next `up` deletes it",
    ),
    (
        {READINESS},
        "what does not serve is waited for by the next `up`: `cw-inference doctor` says why; fix it, or say `wait: false` in its options",
    ),
)
"""By what a preview would do with objects, what the user can do about it."""


def verdict(plan: ImportPlan) -> str:
    """What the next preview would show, in one line."""
    if plan.proof.is_empty:
        count = len({*plan.environment, *plan.unreadable})
        return (
            f"{EMPTY}, once {_counted_of(count, 'variable')} {'is' if count == 1 else 'are'} exported"
            if count
            else EMPTY
        )
    changes, findings = len(plan.proof.expected), len(plan.proof.stops)
    shows = f"the next preview shows {_counted_of(changes, 'change')}"
    return f"{shows}, and {_counted_of(findings, 'finding')} would stop the next run" if findings else shows


def _counted_of(count: int, noun: str) -> str:
    return plural(count, noun) if count else f"no {noun}s"


def lines(plan: ImportPlan) -> list[str]:
    """What an import finds, for a terminal."""
    return [
        *_counted(plan),
        *(f"  not imported: {line}" for line in _left_out(plan)),
        *notes(plan),
        f"proof: {verdict(plan)}",
        *(f"  {line}" for one in plan.proof.expected for line in str(one).splitlines()),
        *(f"  not known: {text}" for text in plan.proof.open),
        *(f"  {text}" for text in plan.proof.stops),
        *what_to_do(plan),
    ]


def what_to_do(plan: ImportPlan) -> list[str]:
    """How to go on where the next preview is not empty."""
    found = {one.what if one.label != READINESS else READINESS for one in plan.proof.expected}
    stops = ["  fix what stops the next run, or list it under `accept`"] if plan.proof.stops else []
    return [*(f"  {text}" for kinds, text in TO_DO if found & kinds), *stops]


def _counted(plan: ImportPlan) -> list[str]:
    found = {kind.noun: sum(one.live.kind is kind for one in plan.objects) for kind in Kind}
    found = {"bucket": len(plan.buckets), **found}
    counts = [plural(count, noun) for noun, count in found.items() if count]
    there = len(plan.present) + len(plan.present_buckets)
    present = [f"{there} already in the stack"] if there else []
    return [f"to import: {', '.join(counts) or 'nothing'}{f' ({present[0]})' if present else ''}"]


def notes(plan: ImportPlan) -> list[str]:
    """What the user has to do or should know beside the proof."""
    found = []
    used = [entry.key for entry in plan.entries if entry.section == EXISTING_GATEWAYS]
    if used:
        found.append(f"  used and not imported: gateways {', '.join(used)} (under `existing.gateways`)")
    found += [
        f'  bucket "{entry.key}": {entry.comments[0]} (under `existing.buckets`)'
        for entry in plan.entries
        if entry.section == EXISTING_BUCKETS
    ]
    found += [f"  {line}" for line in plan.doubts]
    found += [
        f"  export before each run: {name} ({plan.sources[name]} has its value now)"
        for name in sorted(plan.environment)
    ]
    if plan.unreadable:
        found.append(
            f"  export before each run: {', '.join(sorted(plan.unreadable))} (the service never returns it; remove the "
            "entry if there is none)"
        )
    return found


def page(plan: ImportPlan, context: str, commands: Sequence[str]) -> str:
    """The report as a file."""
    imported = [
        *((f'bucket "{one.declared.key}"', one.live.name, one.live.zone) for one in plan.buckets),
        *(
            (
                f'{one.live.kind.noun} "{one.declared.key}"',
                one.live.id,
                _status(one.live.status, one.live.why),
            )
            for one in plan.objects
        ),
    ]
    comments = [
        f"- {'.'.join(entry.section)}.{entry.key}: {comment}"
        for entry in plan.entries
        for comment in entry.comments
    ]
    parts = [
        f"# Import into {context}\n",
        f"Proof: {verdict(plan)}.\n",
        _listed(
            [
                *(str(one).replace("\n", "\n  ") for one in plan.proof.expected),
                *(f"not known: {text}" for text in plan.proof.open),
                *plan.proof.stops,
                *(line.strip() for line in what_to_do(plan)),
            ],
            end="\n",
        ),
        _section("Imported", _table(imported)),
        _section("Already in the stack", _listed([*_buckets(plan), *(live.label for live in plan.present)])),
        _section("Not imported", _listed(_left_out(plan))),
        _section("To know", "\n".join([*(f"- {line.strip()}" for line in notes(plan)), *comments])),
        _section("Next", "\n".join(f"    {command}" for command in commands)),
    ]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def commands_after(directory: str, stack: str, file: str, only: str, *, applied: bool) -> list[str]:
    """The commands that come next."""
    place = [directory] if directory not in ("", ".") else []
    options = [*place, "--stack", stack]
    preview = shlex.join(["cw-inference", "preview", *options])
    if applied:
        return [preview]
    inside = [
        "pulumi",
        "import",
        "--file",
        file,
        "--generate-code=false",
        "--protect=false",
        "--stack",
        stack,
    ]
    return [
        shlex.join(["cw-inference", "import", *options, *(["--only", only] if only else []), "--apply"]),
        f"# or with Pulumi alone, in the stack directory: {shlex.join(inside)}",
        preview,
    ]


def _left_out(plan: ImportPlan) -> list[str]:
    """What is not imported, those with the same reason on one line."""
    by_reason: dict[str, list[str]] = {}
    for label, why in plan.left_out.items():
        by_reason.setdefault(why, []).append(label)
    return [f"{', '.join(labels)}: {why}" for why, labels in by_reason.items()]


def _buckets(plan: ImportPlan) -> list[str]:
    return [f'{BUCKET} "{name}"' for name in plan.present_buckets]


def _status(status: str, why: str) -> str:
    return why or status  # The reason begins with the status.


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}\n" if text else ""


def _listed(items: Iterable[str], end: str = "") -> str:
    found = "\n".join(f"- {item}" for item in items)
    return f"{found}{end}" if found else ""


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    written = [" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    return "\n".join(["| object | id | |", "|---|---|---|", *(f"| {row} |" for row in written)])
