"""Previews become a review: what changes and how bad it is, traffic, GPUs, money, drift and findings, in order.

The review is data; how it looks is the views' matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from coreweave_inference.fleet.instances import Prices, default_prices

from .capacity import Row, rows, usage
from .consequences import consequences_of
from .consequences.other import unjudged
from .context import ReviewContext
from .drift import Drift, drift
from .findings import Findings, FoundProblem
from .fleet import fleet_of
from .groups import Group, groups
from .money import Money, money
from .reading import Preview, Resource, labelled
from .verdicts import Consequence, Danger, Outcome

NO_FINDINGS = Findings()
OPERATIONS = ("create", "import", "update", "replace", "delete", "same")


@dataclass(frozen=True)
class Change:
    """One resource that a run would touch, and what that leads to, the worst first."""

    stack: str
    noun: str
    label: str
    operation: str
    consequences: tuple[Consequence, ...]

    @property
    def danger(self) -> Danger:
        """Its worst consequence."""
        return min(
            (c.danger for c in self.consequences), key=lambda danger: danger.rank, default=Danger.PLAIN
        )


@dataclass(frozen=True)
class StackErrors:
    """Why a stack's preview failed."""

    stack: str
    errors: tuple[str, ...]


@dataclass(frozen=True)
class Review:
    """Everything a reviewer needs, in an order that does not depend on the input's.

    `incomplete` names stacks whose unchanged resources are not in their preview, so that shares and sums lack them.
    """

    stacks: tuple[str, ...]
    errors: tuple[StackErrors, ...]
    warnings: tuple[StackErrors, ...]
    changes: tuple[Change, ...]
    unchanged: tuple[tuple[str, str], ...]
    groups: tuple[Group, ...]
    replaced_gateways: tuple[str, ...]
    capacity: tuple[Row, ...]
    money: Money
    drift: tuple[Drift, ...]
    findings: Findings
    incomplete: tuple[str, ...]
    not_refreshed: tuple[str, ...]
    prices: Prices

    @property
    def counts(self) -> Mapping[str, int]:
        """Resources by operation; those that stay are `same`."""
        found = dict.fromkeys(OPERATIONS, 0)
        for change in self.changes:
            found[change.operation] += 1
        found["same"] = len(self.unchanged)
        return found

    @property
    def dangerous(self) -> tuple[Change, ...]:
        """The changes with a dangerous consequence."""
        return tuple(change for change in self.changes if change.danger is Danger.DANGEROUS)

    @property
    def new_errors(self) -> tuple[FoundProblem, ...]:
        """New findings that would stop a run."""
        return tuple(finding for finding in self.findings.new if finding.severity == "error")

    @property
    def outcome(self) -> Outcome:
        """What it all comes to."""
        if self.errors:
            return Outcome.ERROR
        if self.dangerous or self.new_errors or self.findings.unstartable:
            return Outcome.DANGEROUS
        if self.changes or self.findings.new or self.drift:
            return Outcome.CHANGES
        return Outcome.NOTHING


def review(
    previews: Iterable[Preview], findings: Findings = NO_FINDINGS, prices: Prices | None = None
) -> Review:
    """The review of all those stacks together. Raises CoreWeaveError where two previews are of one stack."""
    ordered = labelled(previews)
    prices = prices or default_prices()
    resources = [resource for preview in ordered for resource in preview.resources]
    before = fleet_of((resource, resource.before) for resource in resources)
    after = fleet_of(((resource, resource.after) for resource in resources), before)
    context = ReviewContext(before, after, groups(before, after))
    old, new = usage(before, prices), usage(after, prices)
    touched = [resource for resource in resources if _is_touched(resource, resources)]
    return Review(
        stacks=tuple(preview.stack for preview in ordered),
        errors=tuple(StackErrors(p.stack, p.errors) for p in ordered if p.errors),
        warnings=tuple(_warnings(ordered, findings)),
        changes=tuple(sorted((_change(resource, context) for resource in touched), key=_worst_first)),
        unchanged=tuple(
            (r.noun, r.label) for r in resources if r.operation == "same" and r.noun != "readiness"
        ),
        groups=context.groups,
        replaced_gateways=tuple(
            sorted(r.label for r in resources if r.noun == "gateway" and r.operation == "replace")
        ),
        capacity=rows(before, after, old, new),
        money=money(before, after, old, new, prices),
        drift=drift(resources),
        findings=findings,
        incomplete=tuple(p.stack for p in ordered if not p.complete and not p.errors),
        not_refreshed=tuple(p.stack for p in ordered if not p.refreshed),
        prices=prices,
    )


def _warnings(previews: Iterable[Preview], findings: Findings) -> Iterator[StackErrors]:
    """What the previews warned about, without what is among the findings."""
    for preview in previews:
        kept = tuple(text for text in preview.warnings if not findings.includes(text))
        if kept:
            yield StackErrors(preview.stack, kept)


def _is_touched(resource: Resource, resources: Iterable[Resource]) -> bool:
    """`Readiness` follows everything else, so it counts only where it is all that a run would do about an object."""
    if resource.noun != "readiness":
        return resource.changes
    changed = {f"{r.noun} {r.name}" for r in resources if r.changes and r.stack == resource.stack}
    return resource.operation == "update" and not changed.issuperset(unjudged(resource))


def _change(resource: Resource, context: ReviewContext) -> Change:
    return Change(
        resource.stack, resource.noun, resource.label, resource.operation, consequences_of(resource, context)
    )


def _worst_first(change: Change) -> tuple[int, str, str, str]:
    return (change.danger.rank, change.stack, change.noun, change.label)
