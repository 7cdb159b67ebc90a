"""This stack's statement in the policy of a weights bucket: it lets the inference service read the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi.dynamic

from coreweave_inference.fleet.deletions import POLICY
from coreweave_inference.host.dynamic import DynamicProvider
from coreweave_inference.model.resource_types import MODULE
from coreweave_inference.program.context import (
    current_program,
    output,
    refuse_import,
    urn_of,
    with_dependencies,
)
from coreweave_inference.program.parents import place_of
from coreweave_inference.program.recorded import recorded_name
from coreweave_inference.provider.bucket_policies import OF_OTHERS
from coreweave_inference.provider.bucket_policy_lifecycle import LAST_BUCKET, BucketPolicyLifecycle
from coreweave_inference.provider.values import STACK, URN

from .account import account_of
from .weights_bucket import WeightsBucket


class InferenceBucketPolicyProvider(DynamicProvider):
    """State format: the module and the name of this class are part of it."""

    lifecycle = BucketPolicyLifecycle()


class InferenceBucketPolicy(pulumi.dynamic.Resource, module=MODULE, name="InferenceBucketPolicy"):
    """This stack's statement in a bucket's policy.

    `prefixes` left out means the whole bucket. `owner_access` must be declared where the bucket has no policy yet.
    `after` are resources that tell the organization's id (a gateway): they are made first.
    """

    def __init__(
        self,
        name: str,
        *,
        bucket: WeightsBucket | pulumi.Input[str],
        prefixes: pulumi.Input[Sequence[pulumi.Input[str]]] = (),
        owner_access: pulumi.Input[str] | None = None,
        organization_id: pulumi.Input[str] | None = None,
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        do = "leave it out: a statement that is there is adopted by itself, or import it with `cw-inference import --apply`"
        refuse_import("inference bucket policy", name, opts, do)
        program, urn = current_program(), urn_of("InferenceBucketPolicy", name, opts)
        last = {LAST_BUCKET: urn.apply(lambda found: recorded_name(program.last, found, "bucket"))}
        props: dict[str, Any] = {
            "bucket": bucket.bucket_name if isinstance(bucket, WeightsBucket) else bucket,
            "prefixes": prefixes,
            STACK: program.identity,
            URN: urn,
            **({"ownerAccess": owner_access} if owner_access else {}),
            **({"organizationId": organization_id} if organization_id else {}),
        }
        before = [account_of(program), *([bucket] if isinstance(bucket, WeightsBucket) else []), *after]
        self.bucket_resource = bucket
        self.declared = {"prefixes": prefixes, "ownerAccess": owner_access}
        own = with_dependencies(opts, before)
        observed = {"sid": None, OF_OTHERS: None}
        super().__init__(InferenceBucketPolicyProvider(), name, {**props, **last, **observed}, own)
        sid, of_others = output(self, "sid"), output(self, OF_OTHERS)
        program.own(self, own, kind=POLICY, name=name, id=self.bucket_name, sid=sid, keep=of_others)
        self.place = place_of(name, opts)
        of = bucket.declared_name if isinstance(bucket, WeightsBucket) else bucket
        self.planned = {"bucket": of, STACK: program.identity} if isinstance(of, str) else {}
        """What is known of it before anything is declared, where the bucket's name is plain."""
        program.policies.append(self)

    @property
    def bucket_name(self) -> pulumi.Output[str]:
        """The bucket's name."""
        return output(self, "bucket")
