"""Findings of the checks, read from JSON, and which of them are new.

What is worth finding is the checks' matter; here they are only read and compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.json_text import read_json

SEVERITIES = ("error", "warning", "note")
UNKNOWN, NO = "unknown", "does not fit"
"""The verdicts on memory that say nothing, and with which an engine will not start."""


@dataclass(frozen=True)
class FoundProblem:
    """One finding; `line` counts from 1, 0 where it is not known."""

    code: str
    severity: str
    object: str
    path: str
    file: str
    line: int
    what: str
    why: str
    do: str

    @property
    def order(self) -> tuple[Any, ...]:
        """Worst first, then by place."""
        return (_rank(self.severity), self.file, self.path, self.code, self.what, self.line)

    @property
    def place(self) -> str:
        """`inference.yaml:31`."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file


@dataclass(frozen=True)
class MemoryVerdict:
    """Whether a deployment fits into its GPUs: before the run ("" where nothing is known of that), and after it."""

    object: str
    before: str
    after: str
    why: str


@dataclass(frozen=True)
class Findings:
    """`new` are not among the old ones. Without old findings to compare with all of them are `old`, and not `compared`."""

    new: tuple[FoundProblem, ...] = ()
    old: tuple[FoundProblem, ...] = ()
    fixed: tuple[FoundProblem, ...] = ()
    missing: tuple[str, ...] = ()
    """Why the findings of a stack could not be had: then none of them is known to be fixed."""
    memory: tuple[MemoryVerdict, ...] = ()
    compared: bool = True

    @property
    def unstartable(self) -> tuple[MemoryVerdict, ...]:
        """The deployments that a change makes too large for their GPUs, or that vLLM refuses after it."""
        return tuple(item for item in self.moved_memory if item.after == NO)

    @property
    def moved_memory(self) -> tuple[MemoryVerdict, ...]:
        """The verdicts that a change moves; what is not known on one side moves nothing."""
        return tuple(
            item
            for item in self.memory
            if item.before and UNKNOWN not in (item.before, item.after) and item.before != item.after
        )

    def includes(self, message: str) -> bool:
        """Whether a message of the engine says what one of the findings says."""
        return any(
            message.startswith(f"{found.code} ") and found.what[:200] in message
            for found in (*self.new, *self.old)
        )


def read_findings(text: str, source: str) -> tuple[FoundProblem, ...]:
    """The findings that `cw-inference check --json` printed. Raises CoreWeaveError."""
    try:
        document = read_json(text)
    except ValueError as error:
        raise CoreWeaveError(f"{source} is no JSON: {error}") from error
    items = document.get("findings") if isinstance(document, Mapping) else document
    if not isinstance(items, list) or not all(
        isinstance(item, Mapping) and item.get("code") for item in items
    ):
        raise CoreWeaveError(
            f"{source} holds no findings; make it with `cw-inference check --json > {source}`"
        )
    return findings_from(items)


def read_memory(text: str) -> tuple[MemoryVerdict, ...]:
    """The verdicts on memory that `cw-inference check --json` printed; none of an earlier version's document."""
    try:
        document = read_json(text)
    except ValueError:
        return ()
    found = document.get("memory") if isinstance(document, Mapping) else None
    return memory_from(item for item in found if isinstance(item, Mapping)) if isinstance(found, list) else ()


def memory_from(items: Iterable[Mapping[str, Any]]) -> tuple[MemoryVerdict, ...]:
    """Verdicts on memory as the checks give them as data, in order."""
    names = ("object", "before", "verdict", "why")
    return tuple(
        sorted(
            (MemoryVerdict(*(str(item.get(name) or "") for name in names)) for item in items),
            key=lambda found: found.object,
        )
    )


def findings_from(items: Iterable[Mapping[str, Any]]) -> tuple[FoundProblem, ...]:
    """Findings as the checks give them as data, in order."""
    return tuple(sorted((_finding(item) for item in items), key=lambda found: found.order))


def compare_findings(
    found: Iterable[FoundProblem],
    before: Iterable[FoundProblem] | None,
    missing: Iterable[str] = (),
    memory: tuple[MemoryVerdict, ...] = (),
) -> Findings:
    """Findings apart: new, old and fixed. A moved line does not make one new. `before` None: nothing to compare with.

    `missing` says why findings of some stack could not be had.
    """
    now, reasons = sorted(found, key=lambda item: item.order), tuple(missing)
    if before is None:
        return Findings(old=tuple(now), missing=reasons, memory=memory, compared=False)
    earlier = sorted(before, key=lambda item: item.order)
    old, new = _split(now, Counter(map(_same, earlier)))
    _, fixed = _split(earlier, Counter(map(_same, now)))
    return Findings(tuple(new), tuple(old), () if reasons else tuple(fixed), reasons, memory)


def _split(
    found: Iterable[FoundProblem], known: Counter[tuple[str, ...]]
) -> tuple[list[FoundProblem], list[FoundProblem]]:
    """Those that are known, each as often as it is known, and the others."""
    left = known.copy()
    inside: list[FoundProblem] = []
    outside: list[FoundProblem] = []
    for item in found:
        is_known = left[_same(item)] > 0
        left[_same(item)] -= 1
        (inside if is_known else outside).append(item)
    return inside, outside


def _same(finding: FoundProblem) -> tuple[str, ...]:
    return (finding.code, finding.object, finding.path, finding.what)


def _finding(item: Mapping[str, Any]) -> FoundProblem:
    origin = item.get("origin") if isinstance(item.get("origin"), Mapping) else item
    line = (origin or {}).get("line")
    texts = {
        key: str(item.get(key) or "") for key in ("code", "severity", "object", "path", "what", "why", "do")
    }
    return FoundProblem(
        file=str((origin or {}).get("file") or ""), line=line if isinstance(line, int) else 0, **texts
    )


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
