from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from coreweave_inference.simulator.data_plane_traffic import TrafficSplit
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.data_plane_fixtures import Caller, data_plane, error_of, gateway, member


@pytest.fixture
def caller() -> Iterator[Caller]:
    with data_plane() as running:
        yield running


def turns(split: TrafficSplit, weights: dict[str, int], count: int) -> list[str | None]:
    return [split.choose("group", weights) for _ in range(count)]


def test_a_thousand_requests_at_900_to_100_are_split_exactly() -> None:
    chosen = turns(TrafficSplit(), {"chat": 900, "canary": 100}, 1000)

    assert Counter(chosen) == {"chat": 900, "canary": 100}
    assert Counter(chosen[:10]) == {"chat": 9, "canary": 1}


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 12), min_size=1))
def test_over_a_whole_cycle_everyone_gets_exactly_its_weight(weights: dict[str, int]) -> None:
    chosen = turns(TrafficSplit(), weights, sum(weights.values()))

    assert Counter(chosen) == +Counter(weights)


def test_nobody_is_chosen_where_all_weights_are_zero_or_nobody_is_there() -> None:
    assert turns(TrafficSplit(), {"chat": 0}, 1) == [None]
    assert turns(TrafficSplit(), {}, 1) == [None]


def test_changed_weights_count_from_the_next_request_on() -> None:
    split = TrafficSplit()
    turns(split, {"chat": 900, "canary": 100}, 7)

    assert Counter(turns(split, {"chat": 500, "canary": 500}, 10)) == {"chat": 5, "canary": 5}


def test_groups_are_counted_apart() -> None:
    split = TrafficSplit()
    weights = {"first": 1, "second": 1}

    assert [split.choose(group, weights) for group in ("a", "b", "a", "b")] == [
        "first",
        "first",
        "second",
        "second",
    ]


def test_clients_measure_the_split_by_header(caller: Caller) -> None:
    caller.directory.put(
        gateway(), member("chat", weight=900), member("canary", weight=100), member("drained", weight=0)
    )

    assert caller.shares(50) == {"chat": 45, "canary": 5}


def test_only_members_that_serve_share_the_traffic(caller: Caller) -> None:
    caller.directory.put(gateway(), member("chat", weight=100), member("canary", weight=900, serving=False))

    assert caller.shares(5) == {"chat": 5}


def test_a_lone_deployment_at_weight_zero_gets_nothing(caller: Caller) -> None:
    caller.directory.put(gateway(), member("chat", weight=0))

    assert error_of(caller.chat()) == (503, "no_serving_deployment")


def test_deployments_of_other_models_do_not_share_the_traffic(caller: Caller) -> None:
    caller.directory.put(
        gateway(), member("chat", weight=1), member("code", model_name="acme/code", weight=999)
    )

    assert caller.shares(3) == {"chat": 3}


def test_only_the_share_of_a_member_without_readable_weights_fails(caller: Caller) -> None:
    caller.directory.put(
        gateway(), member("chat", weight=3), member("canary", weight=1, weights_readable=False)
    )

    statuses = Counter(caller.chat().status_code for _ in range(8))

    assert statuses == {200: 6, 520: 2}
