"""The world as the data plane sees it: gateways, their members, and whose token it is. Nothing is changed from here."""

from __future__ import annotations

from typing import Literal

from . import lifecycle
from .data_plane import GatewayView, MemberView
from .organisations import caller_of
from .records import Record
from .world import World


class WorldDirectory:
    """Answers the data plane's questions from the live objects."""

    def __init__(self, world: World) -> None:
        self._world = world

    def gateway(self, gateway_id: str) -> GatewayView | None:
        """The gateway; it takes requests once it was READY, updates included, until it is deleted."""
        record = self._world.find("gateways", gateway_id)
        if record is None:
            return None
        return GatewayView(
            id=record.id,
            organisation_id=record.organisation_id,
            ready=record.was_ready,
            routing=_routing(record),
            header_name=record.spec.get("headerBasedRouting", {}).get("headerName"),
            auth="coreweave" if "coreWeaveAuth" in record.spec else "weights-and-biases",
        )

    def members(self, gateway_id: str) -> list[MemberView]:
        """The deployments on the gateway, in the order of their creation."""
        records = self._world.records("deployments")
        return [self._member(record) for record in records if gateway_id in record.spec["gatewayIds"]]

    def organisation_of(self, token: str) -> str | None:
        """The organisation of an API token."""
        caller = caller_of(self._world.behaviour.organisations, token)
        return caller.organisation_id if caller else None

    def _member(self, record: Record) -> MemberView:
        return MemberView(
            deployment_id=record.id,
            name=record.name,
            model_name=str(record.spec["model"]["name"]),
            weight=int(record.spec["traffic"].get("weight", 0)),
            serving=lifecycle.is_serving(record, self._world.clock.now()),
            weights_readable=self._world.weights_readable(record),
        )


def _routing(record: Record) -> Literal["body", "header", "path"]:
    if "headerBasedRouting" in record.spec:
        return "header"
    return "path" if "pathBasedRouting" in record.spec else "body"
