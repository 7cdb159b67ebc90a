"""The reference page of the checks, as Markdown, made of the rules and what their pages say. Pure but for those pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .pages import Page, base, pages
from .registry import SUBJECTS
from .rule import Rule

INTRODUCTION = """# Checks

Generated from the rules by `make docs`; a test keeps it current and runs every example.

`cw-inference check [DIR] [--stack NAME]` says what in a declaration cannot work or will surprise. The same checks run in
the program, before any resource is declared: an error stops `preview` and `up`, a warning shows there. With a token the
account's objects, what the service offers, bucket policies and weights are read too, each asked for once; with a
stack its last state. Without a token, or with `--offline`, the rest is checked and one note says what was not. What is
not known never makes an error.

A finding that is known and lived with is accepted in the declaration:

```yaml
accept:
- {code: claim-larger-than-max, object: h200, reason: "growth until March", until: 2027-03-31}
```

`object` is a key, or kind and key as in `deployment chat`. The entry is itself a finding once it is unused or its last
day has passed.

Which changes restart replicas: [one table](resources.md#which-changes-restart-replicas) for checks and reviews.

All examples are laid over this declaration, as an overlay would be, and each fix over its example:
"""

CAPTIONS: tuple[tuple[str, str], ...] = (
    ("before", "The last run left (laid over the declaration above)"),
    ("declaration", "The declaration says"),
    ("live", "Others have in the account"),
    ("catalogue", "The service offers"),
    ("buckets", "In object storage"),
    ("today", "Today is"),
)


def page() -> str:
    """The whole page."""
    parts = [f"{INTRODUCTION}\n{_block(base())}"]
    for subject, rules in SUBJECTS:
        parts.append(f"## {subject}\n\n{_table(rules)}")
        parts.extend(_section(rule, pages()[rule.code]) for rule in rules)
    return "\n".join(parts)


def _table(rules: tuple[Rule, ...]) -> str:
    rows = "\n".join(
        f"| [{rule.code}](#{rule.code}) | {rule.severity.value} | {rule.title} |" for rule in rules
    )
    return f"| code | severity | finds |\n|---|---|---|\n{rows}\n"


def _section(rule: Rule, page: Page) -> str:
    example = "\n".join(_parts(page.example))
    fix = "\n".join(_block(text) for text in page.fix.values())
    return f"### {rule.code}\n\n{rule.title} ({rule.severity.value}). {page.text}\n\n{example}\n{_fixed(page.fix)}:\n\n{fix}"


def _fixed(fix: Mapping[str, str]) -> str:
    """What the blocks of a fix are."""
    if tuple(fix) == ("declaration",):
        return "Fix"
    return "Fix " + ("in object storage" if "buckets" in fix else "at the service")


def _parts(parts: Mapping[str, str]) -> Iterator[str]:
    for part, caption in CAPTIONS:
        if part in parts:
            yield (
                f"{caption}:\n\n{_block(parts[part])}"
                if parts[part].strip()
                else f"{caption}: nothing more.\n"
            )


def _block(text: str) -> str:
    return f"```yaml\n{text.strip()}\n```\n"
