"""The engine version of a deployment that does not say."""

from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.api.client import ApiObject
from coreweave_inference.model import UNKNOWN, Kind
from coreweave_inference.model.versions import newest
from coreweave_inference.provider.versions import of_group, offered
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([], None),
        (["main", "v1.2.3", "0.22"], None),
        (["0.9.0", "0.22.0", "0.21.9"], "0.22.0"),
        (["0.22.0+crwv.2", "0.22.0+crwv.10", "0.22.0"], "0.22.0+crwv.10"),
        (["0.22.0+crwv.2", "0.22.1-rc.1"], "0.22.0+crwv.2"),
        (["1.0.0-rc.2", "1.0.0-rc.10"], "1.0.0-rc.10"),
        (["0.22.0+a", "0.22.0"], "0.22.0+a"),
        (["nightly", "0.20.0"], "0.20.0"),
    ],
)
def test_the_newest_is_the_highest_release_and_build_numbers_break_ties(
    versions: list[str], expected: str | None
) -> None:
    assert newest(versions) == expected
    assert newest(list(reversed(versions))) == expected


@given(st.lists(st.tuples(*[st.integers(0, 30)] * 3), min_size=1))
def test_the_newest_release_is_the_greatest_triple(triples: list[tuple[int, int, int]]) -> None:
    assert newest(".".join(map(str, triple)) for triple in triples) == ".".join(map(str, max(triples)))


def test_what_is_offered_is_read_from_the_parameters_and_missing_parts_mean_unknown() -> None:
    answer = {"runtimeParameters": {"runtimeVersions": {"vllm": {"versions": ["1.0.0"]}, "odd": {}}}}

    assert offered(answer, "vllm") == ("1.0.0",)
    assert [offered(answer, "odd"), offered(answer, "sglang"), offered({}, "vllm")] == [(), (), ()]
    assert offered({"runtimeParameters": None}, "vllm") == ()


def member(version: str | None, weight: int | None, **changes: Any) -> ApiObject:
    spec = {
        "model": {"name": changes.get("model", "acme/chat")},
        "gatewayIds": changes.get("gateways", ["g1"]),
        "runtime": {"engine": changes.get("engine", "vllm"), **({"version": version} if version else {})},
        **({"traffic": {"weight": weight}} if weight is not None else {}),
    }
    return ApiObject(Kind.DEPLOYMENT, version or "", "", spec, changes.get("status", "READY"))


NEW = {"model": {"name": "acme/chat"}, "gatewayIds": ["g1", "g2"], "runtime": {"engine": "vllm"}}


def test_a_new_member_takes_the_version_that_most_of_its_groups_traffic_runs() -> None:
    members = [member("1.0.0", None), member("1.2.0", 900), member("1.3.0", 100)]

    assert of_group(NEW, members) == "1.2.0"


@pytest.mark.parametrize(
    "stranger",
    [
        member("9.0.0", 1000, model="acme/other"),
        member("9.0.0", 1000, gateways=["g3"]),
        member("9.0.0", 1000, engine="dynamo-vllm"),
        member("9.0.0", 1000, status="DELETING"),
    ],
)
def test_other_models_gateways_and_engines_and_what_is_going_are_no_members(stranger: ApiObject) -> None:
    assert of_group(NEW, [stranger]) is None
    assert of_group(NEW, [stranger, member("1.0.0", 1)]) == "1.0.0"


def test_without_members_the_group_says_nothing() -> None:
    assert of_group(NEW, []) is None
    assert of_group({}, [member("1.0.0", 1)]) is None


@pytest.mark.parametrize("unknown", [{"gatewayIds": UNKNOWN}, {"gatewayIds": [UNKNOWN]}, {"model": UNKNOWN}])
def test_a_group_that_is_not_known_yet_says_nothing(unknown: dict[str, Any]) -> None:
    assert of_group({**NEW, **unknown}, [member("1.0.0", 1)]) is None
