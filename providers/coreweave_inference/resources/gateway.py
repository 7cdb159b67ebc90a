"""A gateway: the address clients call, its authentication and its routing."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from coreweave_inference.host.dynamic import DynamicProvider
from coreweave_inference.model import Kind
from coreweave_inference.model.resource_types import MODULE
from coreweave_inference.program.arguments import (
    BodyBasedRouting,
    CoreWeaveAuth,
    EndpointConfiguration,
    HeaderBasedRouting,
    Message,
    PathBasedRouting,
    WeightsAndBiasesAuth,
    one_of,
    to_api,
)
from coreweave_inference.program.context import output
from coreweave_inference.provider.gateway_lifecycle import GatewayLifecycle

from .api_resource import ApiResource


class GatewayProvider(DynamicProvider):
    """State format: the module and the name of this class are part of it."""

    lifecycle = GatewayLifecycle()


class Gateway(ApiResource, module=MODULE, name="Gateway"):
    """An address that clients call.

    `zones` left out means all zones; `api_name` left out means `<name>-<stack>`. `auth` and `routing` are exactly one
    each.
    """

    def __init__(
        self,
        name: str,
        *,
        auth: CoreWeaveAuth | WeightsAndBiasesAuth | Message,
        routing: BodyBasedRouting | HeaderBasedRouting | PathBasedRouting | Message,
        zones: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        endpoint_configuration: EndpointConfiguration | Message | None = None,
        api_name: pulumi.Input[str] | None = None,
        wait: bool = True,
        timeout: str | float | None = None,
        ignore_changes: Sequence[str] = (),
        adopt: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        spec = {
            "name": api_name,
            "zones": zones,
            **one_of(auth),
            **one_of(routing),
            "endpointConfiguration": None
            if endpoint_configuration is None
            else to_api(endpoint_configuration),
        }
        self.by_path = "pathBasedRouting" in spec
        super().__init__(
            Kind.GATEWAY,
            GatewayProvider(),
            name,
            spec,
            observed=("endpoints",),
            wait=wait,
            timeout=timeout,
            ignore_changes=ignore_changes,
            adopt=adopt,
            opts=opts,
        )

    @property
    def endpoints(self) -> pulumi.Output[list[str]]:
        """Its URLs, as the service assigned them."""
        return output(self, "endpoints")
