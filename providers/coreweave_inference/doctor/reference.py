"""The page of each check: what it looks at, and what fixes it; for `--explain` and for the reference page. Pure but for its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from .account_checks import SERVICE
from .bucket_checks import BUCKET_CHECKS
from .check import Check
from .completions import COMPLETION
from .drift_checks import AS_DECLARED
from .machine_checks import DECLARATION, MACHINE
from .model_checks import CLAIM_CHECKS, MEMBER_CHECKS, group_checks
from .observed_checks import FIGURES, OBSERVABILITY
from .service_checks import gateway_checks, service_checks

FILE = Path(__file__).with_name("pages.yaml")
SUBJECTS: tuple[tuple[str, tuple[Check[Any], ...]], ...] = (
    ("The service", service_checks(0)),
    ("What was declared", (AS_DECLARED,)),
    ("Logs and metrics", (*OBSERVABILITY, *FIGURES)),
    ("Gateways", gateway_checks(0)),
    ("Capacity claims", CLAIM_CHECKS),
    ("Buckets", BUCKET_CHECKS),
    ("Models", group_checks(0)),
    ("Deployments", MEMBER_CHECKS),
    ("Completions", (COMPLETION,)),
    ("Before anything runs (`--before`)", (*MACHINE, *SERVICE, *DECLARATION)),
)
INTRODUCTION = """# Checks of `cw-inference doctor`

Generated from the checks by `make docs`; a test keeps it current. How to use it: [find out why a model does not
answer](how-to/doctor.md). `cw-inference doctor --explain CODE` prints the same for one check.
"""


@dataclass(frozen=True)
class Page:
    """`text` says what is read, `fix` is a command or a part of a declaration."""

    text: str
    fix: str


@cache
def pages() -> Mapping[str, Page]:
    """A page for each code."""
    content: dict[str, dict[str, str]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {code: Page(entry["text"], entry["fix"]) for code, entry in content.items()}


def checks() -> Iterator[Check[Any]]:
    """Every check there is."""
    for _, found in SUBJECTS:
        yield from found


def explained(code: str) -> list[str] | None:
    """A page as lines of text; None where there is no such check."""
    check = next((found for found in checks() if found.code == code), None)
    if check is None:
        return None
    found = pages()[code]
    return [
        f"{code}: {check.description}",
        "",
        found.text,
        "",
        "fix:",
        *(f"  {line}" for line in found.fix.splitlines()),
    ]


def page() -> str:
    """The whole reference page, as Markdown."""
    parts = [INTRODUCTION]
    for subject, found in SUBJECTS:
        parts.append(f"## {subject}\n\n{_table(found)}")
        parts.extend(_section(check) for check in found)
    return "\n".join(parts)


def _table(found: Iterable[Check[Any]]) -> str:
    rows = "\n".join(
        f"| [{check.code}](#{check.code}) | {check.description} | {_how(check)} |" for check in found
    )
    return f"| code | holds when | where it does not |\n|---|---|---|\n{rows}\n"


def _how(check: Check[Any]) -> str:
    return "warning" if check.warning else "the rest of the subject is skipped" if check.fatal else "failed"


def _section(check: Check[Any]) -> str:
    found = pages()[check.code]
    language = "yaml" if ":\n" in f"{found.fix}\n" else "text"
    return f"### {check.code}\n\n{found.text}\n\n```{language}\n{found.fix}\n```\n"
