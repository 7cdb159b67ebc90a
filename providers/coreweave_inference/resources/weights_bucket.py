"""The bucket that holds the weights. A destroy keeps it (`retainOnDelete`, the engine's own option)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi.dynamic

from coreweave_inference.fleet.deletions import BUCKET
from coreweave_inference.host.dynamic import DynamicProvider
from coreweave_inference.model.resource_types import MODULE
from coreweave_inference.program.context import (
    current_program,
    output,
    urn_of,
    with_dependencies,
    without_import,
)
from coreweave_inference.program.parents import place_of
from coreweave_inference.program.recorded import recorded_name
from coreweave_inference.provider.bucket_lifecycle import LAST_NAME, BucketLifecycle
from coreweave_inference.provider.values import KEPT, STACK, URN

from .account import account_of


class WeightsBucketProvider(DynamicProvider):
    """State format: the module and the name of this class are part of it."""

    lifecycle = BucketLifecycle()


class WeightsBucket(pulumi.dynamic.Resource, module=MODULE, name="WeightsBucket"):
    """The bucket that holds the weights; kept by a destroy unless `retain_on_delete=False`."""

    def __init__(
        self,
        name: str,
        *,
        bucket_name: pulumi.Input[str],
        zone: pulumi.Input[str],
        tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        force_destroy: pulumi.Input[bool] = False,
        adopt: pulumi.Input[bool] = False,
        retain_on_delete: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        program = current_program()
        opts, import_id = without_import(opts)
        if import_id and isinstance(bucket_name, str) and import_id != bucket_name:
            raise pulumi.RunError(
                f'weights bucket "{name}": import_ names bucket "{import_id}", not "{bucket_name}"'
            )
        adopt = adopt or bool(import_id)
        own = with_dependencies(opts, [account_of(program)], retain_on_delete=retain_on_delete)
        urn = urn_of("WeightsBucket", name, opts)
        props: dict[str, Any] = {
            "name": bucket_name,
            "zone": zone,
            "forceDestroy": force_destroy,
            "adopt": adopt,
            STACK: program.identity,
            URN: urn,
            **({"tags": tags} if tags else {}),
            **({KEPT: True} if own.retain_on_delete else {}),
        }
        last = {LAST_NAME: urn.apply(lambda found: recorded_name(program.last, found))}
        super().__init__(WeightsBucketProvider(), name, {**props, **last}, own)
        self.resource_name, self.place = name, place_of(name, opts)
        values = tags.values() if isinstance(tags, Mapping) else ()
        given = (bucket_name, zone, adopt, force_destroy, *values)
        are_plain = all(isinstance(value, str | bool) for value in given)
        self.planned = props if are_plain and isinstance(tags, Mapping | None) else {}
        """What is known of it before anything is declared, where all of that is plain."""
        self.declared_name = bucket_name if isinstance(bucket_name, str) else None
        program.buckets.append(self)
        program.own(
            self,
            own,
            kind=BUCKET,
            name=name,
            id=bucket_name,
            zone=zone,
            **({"force": True} if force_destroy else {}),
        )

    @property
    def bucket_name(self) -> pulumi.Output[str]:
        """The bucket's name."""
        return output(self, "name")

    @property
    def zone(self) -> pulumi.Output[str]:
        """The Availability Zone it lies in."""
        return output(self, "zone")
