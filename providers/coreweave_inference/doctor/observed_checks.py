"""Checks of logs and metrics: evidence beside the other checks, and one line where the token may not read them."""

from __future__ import annotations

from coreweave_inference.api.observability import ROLE
from coreweave_inference.errors import CoreWeaveError, Forbidden, Unauthorized, one_line, plural

from .check import Check, Problem, Skip
from .observed import Bounded, Log, figures_of, log_of
from .running import Running, Subject

HOW = "give the token the role Observability Viewer in the Cloud Console (docs/access.md)"


def readable(running: Running) -> str:
    """Logs and metrics can be read; what the other checks then use."""
    reads = running.reads.observability()
    if reads is None:
        raise Skip(
            "not read: this service is not CoreWeave's own; COREWEAVE_OBSERVE_ENDPOINT names where they are"
        )
    reads = Bounded(reads, running.clock)
    try:
        labels, names = reads.log_labels(), reads.metric_names()
    except (Forbidden, Unauthorized):
        raise Skip(f"not read: the token lacks the role {ROLE}; {HOW}") from None
    except CoreWeaveError as error:
        raise Skip(f"not read: {one_line(str(error), 200)}") from None
    running.observed = reads
    running.metric_names = tuple(names)
    return f"{plural(len(labels), 'label')} of logs, {plural(len(names), 'metric')}"


def engine_log(subject: Subject) -> str:
    """The last error lines of a deployment that does not serve."""
    found = log_lines(subject)
    if found is None:
        raise Skip("not read")
    if not found.lines:
        raise Skip("no line of it was found in the last hour")
    assert found.found_by is not None
    return f"{found} (by {found.found_by.label})"


def log_lines(subject: Subject) -> Log | None:
    """The engine's last error lines; None where logs cannot be read."""
    running, live = subject.running, subject.live
    if running.observed is None or live is None:
        return None
    try:
        return log_of(running.observed, live.id, live.name, running.now)
    except CoreWeaveError:
        return None


def figures(subject: Subject) -> str:
    """Requests, errors and latency as the service measured them."""
    running, live = subject.running, subject.live
    if running.observed is None or live is None:
        raise Skip("not read")
    try:
        found = figures_of(running.observed, running.metric_names, live.id, live.name)
    except CoreWeaveError as error:
        raise Skip(f"could not be read: {one_line(str(error), 200)}") from None
    if not found:
        raise Skip("no metric of it was found")
    return found


def with_log(problem: Problem, subject: Subject) -> Problem:
    """A problem of a deployment with the engine's last error lines as its reason, where they can be read."""
    found = log_lines(subject)
    if found is not None and found.lines:
        from_log = f"the engine's log: {found}"
        problem.why = f"{problem.why}; {from_log}" if problem.why else from_log
    return problem


OBSERVABILITY: tuple[Check[Running], ...] = (
    Check("observability", "logs and metrics can be read", readable),
)
FIGURES: tuple[Check[Subject], ...] = (
    Check("engine-log", "the last error lines of its engine", engine_log),
    Check("traffic-figures", "requests, errors and latency as measured", figures),
)
