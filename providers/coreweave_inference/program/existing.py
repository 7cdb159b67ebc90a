"""What a program uses and does not own: gateways, capacity claims and buckets of somebody else. How they are found is
`data_sources`'s; provider processes, which only need to know these values, do not load that.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class ExistingGateway:
    """A gateway that somebody else manages; accepted in `gateways=[…]`. `by_path`: the path names the model."""

    resource_name: str
    api_id: pulumi.Output[str]
    endpoints: pulumi.Output[list[str]]
    by_path: pulumi.Output[bool]


@dataclass(frozen=True)
class ExistingCapacityClaim:
    """A capacity claim that somebody else manages; accepted in `capacity_claims=[…]`."""

    resource_name: str
    api_id: pulumi.Output[str]


@dataclass(frozen=True)
class ExistingBucket:
    """A bucket that somebody else manages; accepted as `weights=`. Its zone may not be known."""

    resource_name: str
    bucket_name: pulumi.Output[str]
    zone: pulumi.Output[str | None]
