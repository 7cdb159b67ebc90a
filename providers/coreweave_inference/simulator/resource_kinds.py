"""The three kinds of object of the API: their messages and the words of their JSON envelopes. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from .records import Kind
from .schema import messages
from .schema.messages import Message


@dataclass(frozen=True)
class ResourceKind:
    """One kind: `kind` is its path segment, `envelope` and `list_key` wrap it in answers."""

    kind: Kind
    resource_type: str
    envelope: str
    list_key: str
    create: Message
    update: Message
    spec: Message
    status: Message


DEPLOYMENTS = ResourceKind(
    "deployments",
    "Deployment",
    "deployment",
    "items",
    messages.DEPLOYMENT_REQUEST,
    messages.DEPLOYMENT_REQUEST,
    messages.DEPLOYMENT_SPEC,
    messages.DEPLOYMENT_STATUS,
)
GATEWAYS = ResourceKind(
    "gateways",
    "Gateway",
    "gateway",
    "items",
    messages.GATEWAY_REQUEST,
    messages.GATEWAY_REQUEST,
    messages.GATEWAY_SPEC,
    messages.GATEWAY_STATUS,
)
CAPACITY_CLAIMS = ResourceKind(
    "capacityclaims",
    "CapacityClaim",
    "capacityClaim",
    "capacityClaims",
    messages.CLAIM_CREATE,
    messages.CLAIM_UPDATE,
    messages.CLAIM_SPEC,
    messages.CLAIM_STATUS,
)
KINDS: dict[Kind, ResourceKind] = {
    "deployments": DEPLOYMENTS,
    "gateways": GATEWAYS,
    "capacityclaims": CAPACITY_CLAIMS,
}
