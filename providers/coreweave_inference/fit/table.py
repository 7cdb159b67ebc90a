"""The same question on every instance type: the fewest GPUs with which it fits, and their price. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from coreweave_inference.fleet.instances import default_prices, hardware_of

from .answer import Fit, Verdict
from .remedies import COUNTS, RANK
from .verdict import Gpus, Question, fit

WHOLE_NODE = 8
"""GPUs of an instance from which on replicas have several instances."""


@dataclass(frozen=True)
class Row:
    """One instance type; `fit` is `None` where its memory is not known. `price`: list price of all its GPUs, for an hour."""

    instance_type: str
    gpu: str
    gpus: int
    fit: Fit | None
    price: Decimal | None = None

    @property
    def rank(self) -> tuple[int, bool]:
        """How good the verdict is, 0 the best; what the engine refuses after what does not fit."""
        if self.fit is None:
            return RANK[Verdict.NO] + 1, False
        return RANK[self.fit.verdict], bool(self.fit.refused)

    @property
    def order(self) -> tuple[tuple[int, bool], bool, Decimal, int, str]:
        """What fits first, the cheapest of it before the others, what has no list price last."""
        return (self.rank, self.price is None, self.price or Decimal(0), self.gpus, self.instance_type)


def table(question: Question, instance_types: Iterable[str] = ()) -> tuple[Row, ...]:
    """A row for each instance type, best first; without any, for all that are known."""
    names = tuple(instance_types) or tuple(default_prices().instances)
    return tuple(sorted((_row(question, name) for name in dict.fromkeys(names)), key=lambda row: row.order))


def _row(question: Question, name: str) -> Row:
    hardware, rate = hardware_of(name), default_prices().rate(name)
    if hardware is None:
        return Row(name, "", 0, None)
    best: Row | None = None
    for count in _counts(question, hardware.gpus):
        found = fit(replace(question, gpus=Gpus(hardware.gpu, hardware.memory, count)))
        row = Row(name, hardware.gpu, count, found, None if rate is None else rate * count)
        if best is None or row.rank < best.rank:
            best = row
    return best or Row(name, hardware.gpu, 0, None)


def _counts(question: Question, most: int) -> Iterator[int]:
    """The numbers of GPUs that the parallel sizes can share: of one instance, or of several where that is asked for."""
    options = question.options
    each = options.pipeline * options.data
    for count in COUNTS:
        fixed = options.tensor is None or count == options.tensor * each
        if (
            (count <= most or (most >= WHOLE_NODE and count <= question.gpus.count))
            and count % each == 0
            and fixed
        ):
            yield count
