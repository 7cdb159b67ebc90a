"""How a client calls a model on a gateway: address, headers, and whose key it sends. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from .objects import Listed

COREWEAVE, WEIGHTS_AND_BIASES = "coreweave", "weights-and-biases"


class LiveGateway(Listed, Protocol):
    """What is read of a gateway."""

    @property
    def endpoints(self) -> Sequence[str]:
        """Where it is reached; none until it is READY."""
        ...


@dataclass(frozen=True)
class Route:
    """One model behind one endpoint of a gateway. `base_url` is what an OpenAI client takes; `key` says whose key is sent."""

    gateway: str
    gateway_id: str
    endpoint: str
    model: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str = COREWEAVE

    @property
    def chat_url(self) -> str:
        """Where a chat completion is posted."""
        return f"{self.base_url}/chat/completions"

    @property
    def models_url(self) -> str:
        """Where the models are listed."""
        return f"{self.base_url}/models"


def routes_to(gateway: LiveGateway, model: str) -> tuple[Route, ...]:
    """A route for each endpoint of a gateway."""
    spec = gateway.spec
    header = str((spec.get("headerBasedRouting") or {}).get("headerName") or "")
    middle = f"/{quote(model, safe='')}" if "pathBasedRouting" in spec else ""
    key = WEIGHTS_AND_BIASES if "weightsAndBiasesAuth" in spec else COREWEAVE
    return tuple(
        Route(
            gateway.name,
            gateway.id,
            endpoint,
            model,
            f"{endpoint.rstrip('/')}{middle}/v1",
            {header: model} if header else {},
            key,
        )
        for endpoint in gateway.endpoints
    )
