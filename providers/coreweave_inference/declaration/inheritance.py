"""`extends`: an entry inherits from another of the same section, and says what differs.

Mappings merge at every depth, lists and everything else replace, `null` removes. Pure; knows no field but its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coreweave_inference.model.fields import shortened
from coreweave_inference.model.violations import nearest

from .origin import Report

EXTENDS = "extends"
NEVER_INHERITED = ("name", "traffic", "options", EXTENDS)
LONGEST_CHAIN = 20


def merged(base: Any, over: Any) -> Any:
    """`over` laid on `base`; the answer holds no `None` that `over` brought."""
    if not isinstance(over, Mapping):
        return over
    below = base if isinstance(base, Mapping) else {}
    both = dict(below)
    for name, value in over.items():
        if value is None:
            both.pop(name, None)
        else:
            both[name] = merged(below.get(name), value)
    return both


@dataclass(frozen=True)
class Inheritance:
    """The entries of one section, and who extends whom."""

    section: str
    entries: Mapping[str, Mapping[str, Any]]
    report: Report

    def chains(self) -> dict[str, tuple[str, ...]]:
        """For each entry itself and its bases, nearest first.

        Entries that extend nothing, themselves or too long a chain are reported; they and what extends them are left
        out, since nothing true is known of them.
        """
        chains = {key: self._chain(key) for key in self.entries}
        return {key: chain for key, chain in chains.items() if chain}

    def resolved(self, chain: tuple[str, ...]) -> dict[str, Any]:
        """The entry that a chain begins with, with everything it inherits."""
        values = dict(self.entries[chain[-1]])
        for key in reversed(chain[:-1]):
            inherited = {name: value for name, value in values.items() if name not in NEVER_INHERITED}
            values = merged(inherited, self.entries[key])
        return values

    def _chain(self, key: str) -> tuple[str, ...]:
        chain = [key]
        while (base := self.entries[chain[-1]].get(EXTENDS)) is not None:
            problem = self._problem(chain, base)
            if problem:
                if len(chain) in (1, LONGEST_CHAIN) or base == key:
                    self.report.add((self.section, key, EXTENDS), *problem)
                return ()
            chain.append(base)
        return tuple(chain)

    def _problem(self, chain: list[str], base: Any) -> tuple[str, str] | None:
        """What is wrong, and what to do, with a chain that goes on with `base`."""
        if not isinstance(base, str):
            return "is not the name of an entry", f"name another entry of {self.section}"
        if base not in self.entries:
            right = nearest(base, (key for key in self.entries if key not in chain))
            do = f'did you mean "{right}"?' if right else f"name another entry of {self.section}"
            return f'extends "{shortened(base)}", which is not declared', do
        if base in chain:
            return f"extends itself: {' -> '.join([*chain, base])}", "break the circle"
        if len(chain) == LONGEST_CHAIN:
            return f"extends through more than {LONGEST_CHAIN} entries", "extend a nearer one"
        return None
