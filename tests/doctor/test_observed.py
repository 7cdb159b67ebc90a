"""Logs and metrics whose names nobody published: what is found of a deployment, and what is said where nothing can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from coreweave_inference.api.observability import Observability
from coreweave_inference.doctor.check import Outcome, Result
from coreweave_inference.doctor.observed import (
    LONGEST_LINE,
    MOST_LABELS,
    Bounded,
    figures_of,
    label_of_logs,
    likeliest,
    log_of,
)
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.simulator.faults import Fault
from coreweave_inference.simulator.records import Condition

from tests.doctor.conftest import DEPLOYMENT_ID, Bench
from tests.doctor.faults import status
from tests.simulator.inference_fixtures import READER

NOW = 1_800_000_000.0
OOM = "ERROR 11-27 10:00:00 engine.py:321 ValueError: needs 8.0 GiB, has 4.45"


@dataclass
class Service:
    """Logs and metrics in memory."""

    labels: Mapping[str, list[str]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    metrics: Mapping[str, list[Mapping[str, str]]] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)

    def log_labels(self) -> list[str]:
        return list(self.labels)

    def log_label_values(self, name: str) -> list[str]:
        return self.labels[name]

    def lines(self, selector: str, since: float, limit: int) -> list[tuple[float, str]]:
        assert selector in ('{dep="id-1"}', '{app="chat"}')
        return [(NOW + at, text) for at, text in enumerate(self.log)][-limit:]

    def metric_names(self) -> list[str]:
        return list(self.metrics)

    def series(self, metric: str) -> list[Mapping[str, str]]:
        return self.metrics[metric]

    def value(self, query: str) -> float | None:
        return next((value for name, value in self.values.items() if f"({name}{{" in query), None)


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({"cluster": ["a"], "dep": ["id-0", "id-1"]}, ("dep", "id-1")),
        ({"app": ["chat", "other"]}, ("app", "chat")),
        ({"inference_deployment": ["chat"], "pod": ["id-1"]}, ("inference_deployment", "chat")),
        ({"app": ["chat-2"]}, None),
        ({}, None),
    ],
)
def test_the_label_that_has_the_deployment_is_found_by_its_values(
    labels: dict[str, list[str]], found: tuple[str, str] | None
) -> None:
    named = label_of_logs(Service(labels), "id-1", "chat")

    assert (named and (named.label, named.value)) == found


def test_likely_names_are_tried_first_and_not_without_end() -> None:
    many = [f"x{at}" for at in range(100)]

    assert likeliest(["cluster", "pod_name", "deployment_id", *many])[0] == "deployment_id"
    assert len(likeliest(many)) == MOST_LABELS


def test_the_last_lines_that_report_trouble_are_shown_else_the_last_of_all() -> None:
    noise = [f"INFO step {at}" for at in range(10)]

    trouble = log_of(Service({"dep": ["id-1"]}, [OOM, *noise]), "id-1", "chat", NOW)
    quiet = log_of(Service({"dep": ["id-1"]}, noise), "id-1", "chat", NOW)

    assert trouble.lines == (OOM,)
    assert quiet.lines == ("INFO step 7", "INFO step 8", "INFO step 9")


def test_figures_say_which_metrics_they_come_from() -> None:
    own: list[Mapping[str, str]] = [{"__name__": "x", "app": "chat"}]
    service = Service(
        metrics={
            "vllm:request_success_total": own,
            "vllm:e2e_request_latency_seconds_sum": own,
            "gateway_requests_errors_total": [{"app": "other"}],
            "process_errors_total": own,
        },
        values={
            "vllm:request_success_total": 20.0,
            "process_errors_total": 3.0,
            "vllm:e2e_request_latency_seconds_sum": 10.0,
            "vllm:e2e_request_latency_seconds_count": 20.0,
        },
    )

    found = figures_of(service, service.metric_names(), "id-1", "chat")

    assert found.startswith(
        "20 requests, 3 errors, mean latency 0.50 s in 15 min (vllm:request_success_total, "
    )
    assert figures_of(Service(), (), "id-1", "chat") == ""


def by_code(results: tuple[Result, ...]) -> dict[tuple[str, str], Result]:
    return {(result.code, result.subject): result for result in results}


@pytest.mark.parametrize("label", ["inference_deployment_id", "dep", "x"])
def test_a_failed_deployment_shows_the_engine_s_last_error_lines(bench: Bench, label: str) -> None:
    bench.api.simulator.behaviour = bench.api.simulator.behaviour.changed({"observability_label": label})
    status(DEPLOYMENT_ID, "STATUS_FAILED", Condition("Ready", False, "EngineFailed", "see the log"))(bench)
    bench.api.simulator.control.write_log(DEPLOYMENT_ID, OOM)

    first = bench.first()
    found = by_code(bench.results())

    assert first.code == "deployment-state"
    assert "needs 8.0 GiB, has 4.45" in first.why
    assert f"(by {label})" in found["engine-log", 'deployment "chat"'].detail


def test_requests_errors_and_latency_are_shown_where_they_were_measured(bench: Bench) -> None:
    bench.results()

    found = by_code(bench.results())["traffic-figures", 'deployment "chat"']

    assert found.outcome is Outcome.PASSED
    assert "requests, 0 errors, mean latency 0.00 s in 15 min (vllm:request_success_total" in found.detail


def refuse_agent(bench: Bench) -> None:
    bench.api.simulator.faults.add(Fault("status", "GET", "/loki/", status=403, body="html", count=None))


@pytest.mark.parametrize(
    ("seed", "reason"),
    [
        (lambda bench: bench.use_token(READER), "the token lacks the role Observability Viewer"),
        (refuse_agent, "set COREWEAVE_OBSERVE_USER_AGENT"),
        (lambda bench: bench.use(observe_endpoint=""), "COREWEAVE_OBSERVE_ENDPOINT names where they are"),
        (lambda bench: bench.use(observe_endpoint="http://127.0.0.1:1"), "gives no answer"),
    ],
    ids=["role", "agent", "nowhere", "closed"],
)
def test_what_cannot_be_read_is_one_line_and_the_other_checks_go_on(
    bench: Bench, seed: Callable[[Bench], None], reason: str
) -> None:
    seed(bench)

    results = bench.results()

    (one,) = (result for result in results if result.code == "observability")
    assert (one.outcome, reason in one.detail) == (Outcome.SKIPPED, True)
    assert not any(result.code in ("engine-log", "traffic-figures") for result in results)
    assert any(result.code == "completion" and result.outcome is Outcome.PASSED for result in results)


def test_the_values_of_engine_env_are_not_shown_where_a_log_repeats_them_also_where_a_line_is_cut(
    bench: Bench,
) -> None:
    value = "hf_added-outside-0123456789"
    bench.api.simulator.world.edit(DEPLOYMENT_ID, {"runtime": {"engineEnv": {"HF_TOKEN": value}}})
    status(DEPLOYMENT_ID, "STATUS_FAILED")(bench)
    for start in ("ERROR", f"ERROR {'x' * (LONGEST_LINE - 12)}"):
        bench.api.simulator.control.write_log(DEPLOYMENT_ID, f"{start} {value} was refused")

    results = bench.results()

    assert "ERROR *** was refused" in by_code(results)["deployment-state", 'deployment "chat"'].why
    assert "hf_" not in repr(results)


def test_the_token_is_not_shown_where_a_log_repeats_it(bench: Bench) -> None:
    token = bench.api.simulator.token
    status(DEPLOYMENT_ID, "STATUS_FAILED")(bench)
    bench.api.simulator.control.write_log(DEPLOYMENT_ID, f"ERROR refused the key {token}")

    results = bench.results()

    assert "refused the key ***" in by_code(results)["deployment-state", 'deployment "chat"'].why
    assert token not in repr(results)


class Slow(Service):
    """Each read takes 8 seconds of a clock that moves by nothing else, and is counted."""

    now, asked = 0.0, 0

    def monotonic(self) -> float:
        return self.now

    def log_label_values(self, name: str) -> list[str]:
        self.now, self.asked = self.now + 8, self.asked + 1
        return super().log_label_values(name)


def test_slow_logs_are_read_for_a_time_and_no_read_is_made_twice() -> None:
    slow = Slow({f"x{number}": ["other"] for number in range(20)})
    reads = Bounded(slow, slow, seconds=20)  # type: ignore[arg-type]

    for _ in range(2):
        with pytest.raises(CoreWeaveError, match="too slowly"):
            log_of(reads, "id-1", "chat", NOW)

    assert slow.asked == 3


@pytest.mark.parametrize(
    "data",
    [
        {"result": 5},
        {"result": [{"values": 5}, 7, {"values": [["9" * 400, "far"], [None, 1], 5]}]},
        {"result": [{"value": [1, "NaN"]}]},
        {"result": [{"value": [1, "+Inf"]}]},
    ],
    ids=["no list", "no lines", "not a number", "infinite"],
)
def test_answers_of_another_form_are_no_lines_and_no_figures(
    bench: Bench, data: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Observability(bench.settings) as reads:
        monkeypatch.setattr(reads, "_read", lambda *_: data)

        assert (reads.lines("{}", NOW, 9), reads.value("x")) == ([], None)
