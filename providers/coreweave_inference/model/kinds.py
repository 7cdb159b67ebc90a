"""The three kinds of API object, and the words by which the API, a declaration and a sentence call each.

Only names belong here; what an object of a kind looks like is in its model.
"""

from __future__ import annotations

from enum import Enum
from functools import cache

from .message import Message


class Kind(Enum):
    """A kind of API object.

    `path` is its segment in URLs, `list_key` the key of a LIST answer, `wrapper` the key around one object, `noun` its
    name in a sentence, `section` its key in a declaration.
    """

    GATEWAY = ("gateways", "items", "gateway", "gateway", "gateways")
    CAPACITY_CLAIM = (
        "capacityclaims",
        "capacityClaims",
        "capacityClaim",
        "capacity claim",
        "capacityClaims",
    )
    DEPLOYMENT = ("deployments", "items", "deployment", "deployment", "deployments")

    def __init__(
        self,
        path: str,
        list_key: str,
        wrapper: str,
        noun: str,
        section: str,
    ) -> None:
        self.path = path
        self.list_key = list_key
        self.wrapper = wrapper
        self.noun = noun
        self.section = section

    @property
    def type_name(self) -> str:
        """Its resource's type, without what all types of this package begin with. FROZEN."""
        return self.wrapper[0].upper() + self.wrapper[1:]

    @property
    def model(self) -> type[Message]:
        """The spec's model; imported when first asked for, so that a kind is cheap to name."""
        return _models()[self]


@cache
def _models() -> dict[Kind, type[Message]]:
    from .capacity_claim import CapacityClaimSpec
    from .deployment import DeploymentSpec
    from .gateway import GatewaySpec

    return {
        Kind.GATEWAY: GatewaySpec,
        Kind.CAPACITY_CLAIM: CapacityClaimSpec,
        Kind.DEPLOYMENT: DeploymentSpec,
    }


BY_NOUN = {kind.noun: kind for kind in Kind}
"""Records, notes and reports name a kind by its noun."""
