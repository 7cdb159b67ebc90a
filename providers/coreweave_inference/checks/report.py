"""The checks, run: every rule over a view, accepted findings left out, and the acceptances themselves judged.

What is gathered before, and how a report is shown, is the matter of others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .acceptance import accepts, rules_on
from .finding import Finding, Severity
from .groups import groups_of
from .inherited import grouped, merged
from .memory import MemoryVerdict
from .registry import CODES, RULES
from .rule import Rule
from .view import View


@dataclass(frozen=True)
class Report:
    """`findings` count, worst first; `accepted` are those that the declaration accepts.

    `notes` are sentences on what could not be read; `traffic` has a line on each group of several members; `memory` says
    of each deployment of which that can be asked whether it fits into its GPUs.
    """

    findings: tuple[Finding, ...] = ()
    accepted: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    traffic: tuple[str, ...] = ()
    memory: tuple[MemoryVerdict, ...] = ()

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity is severity)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop a run."""
        return self.of(Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that a run shows."""
        return self.of(Severity.WARNING)


def run(view: View, notes: Iterable[str] = (), rules: Iterable[Rule] = RULES) -> Report:
    """Every rule over `view`."""
    found = list(dict.fromkeys(finding for rule in rules for finding in rule(view)))
    set_aside, counted = list[Finding](), list[Finding]()
    for group in grouped(view, found):
        if accepts(view, group[0]):  # For all who inherit it too.
            set_aside.append(merged(group))
            continue
        set_aside += [finding for finding in group if accepts(view, finding)]
        counted.append(merged([finding for finding in group if finding not in set_aside]))
    on_acceptance = [finding for rule in rules_on(found, CODES) for finding in rule(view)]
    return Report(
        findings=tuple(sorted([*counted, *on_acceptance], key=lambda finding: finding.order)),
        accepted=tuple(sorted(set_aside, key=lambda finding: finding.order)),
        notes=tuple(notes),
        traffic=tuple(_traffic(view)),
        memory=view.memory_verdicts(),
    )


def _traffic(view: View) -> Iterable[str]:
    for group in groups_of(view):
        if len(group.members) > 1 and group.shares is not None:
            parts = (
                f"{member.key} {share}" for member, share in zip(group.members, group.shares, strict=True)
            )
            yield f"{group.model_name} on {', '.join(group.gateways)}: {', '.join(parts)}"
