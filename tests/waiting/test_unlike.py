"""In which fields a live spec is not the declared one, as far as the service can show that."""

from __future__ import annotations

from typing import Any

from coreweave_inference.model import Kind
from coreweave_inference.waiting import unlike

from tests.waiting.lives import spec


def gateway_with(*names: str) -> dict[str, Any]:
    return spec(Kind.GATEWAY, endpointConfiguration={"additionalDns": list(names)})


def test_names_that_a_gateway_kept_are_not_a_difference_but_a_missing_one_is() -> None:
    kept = unlike(Kind.GATEWAY, gateway_with("a.example"), gateway_with("a.example", "b.example"))
    missing = unlike(Kind.GATEWAY, gateway_with("a.example", "b.example"), gateway_with("a.example"))

    assert kept == ()
    assert [difference.path for difference in missing] == ["endpointConfiguration.additionalDns"]


def test_what_the_service_never_returns_or_writes_in_its_own_way_is_no_difference() -> None:
    declared = spec(
        Kind.GATEWAY, coreWeaveAuth=None, weightsAndBiasesAuth={"apiKey": "k", "serverUrl": "https://w"}
    )
    answered = spec(
        Kind.GATEWAY,
        coreWeaveAuth=None,
        weightsAndBiasesAuth={"serverUrl": "https://w"},
        zones=["us-east-04a"],
    )
    renamed = spec(
        Kind.CAPACITY_CLAIM,
        resources={"capacityType": "CAPACITY_TYPE_MANAGED", "instanceId": "GD-8xH200ib-i128"},
    )

    assert unlike(Kind.GATEWAY, declared, answered) == ()
    assert unlike(Kind.CAPACITY_CLAIM, spec(Kind.CAPACITY_CLAIM), renamed) == ()
