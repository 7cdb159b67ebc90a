"""Which engine version a deployment runs when it does not say. Pure: catalogue and members in, a version out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from coreweave_inference.api.client import ApiObject
from coreweave_inference.fleet.catalogue import Catalogue
from coreweave_inference.model import Kind, has_unknown


def offered(parameters: Mapping[str, Any], engine: str) -> Sequence[str]:
    """Versions of `engine` in the answer of the deployment parameters call; none means unknown."""
    return Catalogue.of_answers({Kind.DEPLOYMENT: parameters}).versions.get(engine, ())


def of_group(spec: Mapping[str, Any], live: Iterable[ApiObject]) -> str | None:
    """The version that most of the traffic of the new member's group runs: same model name, gateway and engine."""
    if has_unknown((spec.get("model"), spec.get("gatewayIds"))):
        return None
    model, gateways = (spec.get("model") or {}).get("name"), set(spec.get("gatewayIds") or ())
    members = [
        other
        for other in live
        if other.status != "DELETING"
        and (other.spec.get("model") or {}).get("name") == model
        and gateways & set(other.spec.get("gatewayIds") or ())
        and (other.spec.get("runtime") or {}).get("engine") == (spec.get("runtime") or {}).get("engine")
    ]
    heaviest = max(
        members, key=lambda other: (other.spec.get("traffic") or {}).get("weight") or 0, default=None
    )
    return None if heaviest is None else (heaviest.spec.get("runtime") or {}).get("version")
