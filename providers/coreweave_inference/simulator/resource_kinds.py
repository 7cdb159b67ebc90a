"""The three kinds of object of the API: their messages and the words of their JSON envelopes. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.descriptor import Descriptor

from .records import Kind
from .schema.messages import message


@dataclass(frozen=True)
class ResourceKind:
    """One kind: `kind` is its path segment, `envelope` and `list_key` wrap it in answers."""

    kind: Kind
    resource_type: str
    envelope: str
    list_key: str

    @property
    def create(self) -> Descriptor:
        """The body of a POST."""
        return message(f"Create{self.resource_type}Request")

    @property
    def update(self) -> Descriptor:
        """The body of a PATCH."""
        return message(f"Update{self.resource_type}Request")

    @property
    def spec(self) -> Descriptor:
        """What the object is to be, as answers show it."""
        return message(f"{self.resource_type}Spec")

    @property
    def status(self) -> Descriptor:
        """How the object is."""
        return message(f"{self.resource_type}Status")


KINDS: dict[Kind, ResourceKind] = {
    "deployments": ResourceKind("deployments", "Deployment", "deployment", "items"),
    "gateways": ResourceKind("gateways", "Gateway", "gateway", "items"),
    "capacityclaims": ResourceKind("capacityclaims", "CapacityClaim", "capacityClaim", "capacityClaims"),
}
