"""A deployment's own log lines and figures, whatever the service calls them: names are discovered, and which were used is reported.

Reads are an argument; nothing here knows the network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from coreweave_inference.clock import Clock
from coreweave_inference.errors import Unreachable, one_line, plural

SINCE_SECONDS = 3600.0
MINUTES = 15
MOST_LINES = 200
MOST_LABELS = 30
MOST_METRICS = 30
MOST_SECONDS = 20.0
SHOWN_LINES = 3
LONGEST_LINE = 240
WORDS = ("deployment", "inference", "model", "name", "app", "id", "instance", "pod")
"""What the name of a label that tells deployments apart may hold; the likeliest first. All labels are tried."""
TROUBLE = re.compile(
    r"\berror\b|exception|traceback|fatal|out of memory|\boom\b|needs? [\d.]+ ?gib|killed|denied",
    re.IGNORECASE,
)
REQUESTS = (re.compile(r"request_success_total$"), re.compile(r"requests?(_\w+)?_total$"))
ERRORS = (
    re.compile(r"request\w*_(errors?|failures?|failed)_total$"),
    re.compile(r"(errors?|failures?)_total$"),
)
LATENCY = (
    re.compile(r"e2e_request_latency_seconds_sum$"),
    re.compile(r"request\w*(latency|duration)\w*_sum$"),
)


class Reads(Protocol):
    """The reads of logs and metrics. Each raises CoreWeaveError."""

    def log_labels(self) -> list[str]:
        """Names of the labels of log streams."""
        ...

    def log_label_values(self, name: str) -> list[str]:
        """The values that log streams have for label `name`."""
        ...

    def lines(self, selector: str, since: float, limit: int) -> list[tuple[float, str]]:
        """At most `limit` of the newest lines since `since` (epoch seconds), oldest first, each with its time in epoch seconds."""
        ...

    def metric_names(self) -> list[str]:
        """Every value of `__name__`: the metrics that the token may read."""
        ...

    def series(self, metric: str) -> list[Mapping[str, str]]:
        """The labels of each series of a metric, name to value."""
        ...

    def value(self, query: str) -> float | None:
        """The first sample of a PromQL query, now; None for no data."""
        ...


class Bounded:
    """The same reads, each asked once, and none any more once they took `seconds` in all: they are evidence, and not the verdict."""

    def __init__(self, reads: Reads, clock: Clock, seconds: float = MOST_SECONDS) -> None:
        self._reads, self._clock, self._left = reads, clock, seconds
        self._known: dict[tuple[Any, ...], Any] = {}

    def log_labels(self) -> list[str]:
        """Names of the labels of log streams."""
        return list(self._once(self._reads.log_labels))

    def log_label_values(self, name: str) -> list[str]:
        """The values that log streams have for label `name`."""
        return list(self._once(self._reads.log_label_values, name))

    def lines(self, selector: str, since: float, limit: int) -> list[tuple[float, str]]:
        """At most `limit` of the newest lines since `since` (epoch seconds), oldest first, each with its time in epoch seconds."""
        return list(self._once(self._reads.lines, selector, since, limit))

    def metric_names(self) -> list[str]:
        """Every value of `__name__`: the metrics that the token may read."""
        return list(self._once(self._reads.metric_names))

    def series(self, metric: str) -> list[Mapping[str, str]]:
        """The labels of each series of a metric, name to value."""
        return list(self._once(self._reads.series, metric))

    def value(self, query: str) -> float | None:
        """The first sample of a PromQL query, now; None for no data."""
        found: float | None = self._once(self._reads.value, query)
        return found

    def _once(self, read: Callable[..., Any], *arguments: Any) -> Any:
        key = (read.__name__, *arguments)
        if key not in self._known:
            if self._left <= 0:
                raise Unreachable("logs and metrics answer too slowly, so no more of them is read")
            started = self._clock.monotonic()
            try:
                self._known[key] = read(*arguments)
            finally:
                self._left -= self._clock.monotonic() - started
        return self._known[key]


@dataclass(frozen=True)
class Named:
    """A label and the value by which a deployment is known."""

    label: str
    value: str

    @property
    def selector(self) -> str:
        """`{label="value"}`."""
        return f"{{{self.label}={json.dumps(self.value)}}}"


@dataclass(frozen=True)
class Log:
    """The last lines that report trouble, and where they were found."""

    lines: tuple[str, ...]
    found_by: Named | None

    def __str__(self) -> str:
        return " | ".join(self.lines)


def log_of(reads: Reads, id_: str, name: str, now: float) -> Log:
    """The last error lines of a deployment's engine in the last hour; the last lines of all where none reports trouble."""
    named = label_of_logs(reads, id_, name)
    if named is None:
        return Log((), None)
    lines = [
        one_line(text, LONGEST_LINE)
        for _, text in reads.lines(named.selector, now - SINCE_SECONDS, MOST_LINES)
    ]
    trouble = [line for line in lines if TROUBLE.search(line)]
    return Log(tuple((trouble or lines)[-SHOWN_LINES:]), named)


def label_of_logs(reads: Reads, id_: str, name: str) -> Named | None:
    """The label of log streams whose values have the deployment; None where no label has it."""
    for label in likeliest(reads.log_labels()):
        value = _value(reads.log_label_values(label), id_, name)
        if value:
            return Named(label, value)
    return None


def likeliest(labels: Iterable[str]) -> list[str]:
    """Labels in the order in which they are tried."""

    def rank(label: str) -> tuple[int, str]:
        return (
            min((at for at, word in enumerate(WORDS) if word in label.lower()), default=len(WORDS)),
            label,
        )

    return sorted(labels, key=rank)[:MOST_LABELS]


def _value(values: Iterable[str], id_: str, name: str) -> str:
    there = list(values)
    return next((wanted for wanted in (id_, name) if wanted in there), "")


def figures_of(reads: Reads, names: Sequence[str], id_: str, name: str) -> str:
    """Requests, errors and mean latency of the last minutes, with the metrics they come from; empty where there are none."""
    figures, used = [], []
    for word, patterns in (("request", REQUESTS), ("error", ERRORS)):
        metric, named = _metric(reads, names, patterns, id_, name)
        total = None if named is None else reads.value(_increase(metric, named))
        if total is not None:
            figures.append(plural(round(total), word))
            used.append(metric)
    metric, named = _metric(reads, names, LATENCY, id_, name)
    if named is not None:
        seconds = reads.value(_increase(metric, named))
        count = reads.value(_increase(f"{metric.removesuffix('_sum')}_count", named))
        if seconds is not None and count:
            figures.append(f"mean latency {seconds / count:.2f} s")
            used.append(metric)
    return f"{', '.join(figures)} in {MINUTES} min ({', '.join(used)})" if figures else ""


def _metric(
    reads: Reads, names: Sequence[str], patterns: Sequence[re.Pattern[str]], id_: str, name: str
) -> tuple[str, Named | None]:
    """The first metric of that meaning which has the deployment, and by which label."""
    for pattern in patterns:
        for metric in sorted(found for found in names if pattern.search(found))[:MOST_METRICS]:
            for labels in reads.series(metric):
                for label in likeliest(key for key in labels if key != "__name__"):
                    if labels[label] in (id_, name):
                        return metric, Named(label, labels[label])
    return "", None


def _increase(metric: str, named: Named) -> str:
    return f"sum(increase({metric}{named.selector}[{MINUTES}m]))"
