"""Rules on what must lie together: zones of gateways, claims and instance types, and buckets with their policies."""

from __future__ import annotations

from collections.abc import Iterator

from .capacity import claims_are_known
from .finding import About, Problem, Severity
from .objects import Deployment
from .rule import rule
from .view import View


@rule(
    "zone-of-claim",
    Severity.ERROR,
    "A RESERVED-only deployment has its claims in other zones than its gateways",
)
def zone_of_claim(view: View) -> Iterator[Problem]:
    """There is a claim of its instance type, and none where the deployment runs."""
    if not claims_are_known(view):
        return
    for item in view.deployments:
        zones = view.zones_of(item)
        if not item.reserved_only or not zones or item.instance_type is None or item.disabled is not False:
            continue
        claimed = {c.zone for c in view.all_claims if c.instance_type == item.instance_type.lower()}
        if claimed and not claimed & zones:
            yield Problem(
                item.about,
                item.path("autoscaling.capacityClasses"),
                f"its gateways are in {_listed(zones)}, and {item.instance_type} is claimed in {_listed(claimed)} only",
                "CAPACITY_CLASS_RESERVED alone lets replicas run on claims and nowhere else",
                "claim it in a zone of the gateways, or use a gateway in the claim's zone",
                None if view.knows_all_claims else Severity.WARNING,
            )


@rule("zone-of-instance-type", Severity.WARNING, "An instance type is not offered where the gateways are")
def zone_of_instance_type(view: View) -> Iterator[Problem]:
    """The catalogue of claims lists the zones' instance types, and none of the gateways' zones has this one."""
    offers = view.catalogue.claim_types
    for item in view.deployments:
        zones = view.zones_of(item)
        if not zones or not item.instance_type or not all(offers.get(zone) for zone in zones):
            continue
        if not any(_has(offers[zone], item.instance_type) for zone in zones):
            elsewhere = sorted(zone for zone, types in offers.items() if _has(types, item.instance_type))
            yield Problem(
                item.about,
                item.path("resources.instanceType"),
                f"{item.instance_type} is not listed in {_listed(zones)}, where its gateways are",
                "replicas run in the zones of their gateways",
                f"use a gateway in {', '.join(elsewhere)}"
                if elsewhere
                else f"use one of {_types(view, item)}",
            )


def _has(types: tuple[str, ...], instance_type: str) -> bool:
    return instance_type.lower() in {name.lower() for name in types}


def _types(view: View, item: Deployment) -> str:
    zones = view.zones_of(item) or frozenset()
    return ", ".join(sorted({name for zone in zones for name in view.catalogue.claim_types.get(zone, ())}))


@rule("bucket-not-granted", Severity.WARNING, "Nobody lets the inference service read a model's bucket")
def bucket_not_granted(view: View) -> Iterator[Problem]:
    """The bucket is declared here without a policy, and its live policy is not known."""
    for key, bucket in view.buckets.items():
        users = [item for item in view.deployments if item.bucket_key == key]
        store = view.stores.get(bucket.name)
        known = store is not None and store.policy_known
        if bucket.policy is None and users and not known:
            yield Problem(
                About("bucket", key),
                f"buckets.{key}",
                f"it is declared without a policy, and {', '.join(item.label for item in users[:3])} reads its weights",
                "without a policy a deployment gets READY and answers 520",
                "add policy: {prefixes: [...], ownerAccess: organization}, or have somebody else's tool put the statement",
            )


def _listed(zones: frozenset[str] | set[str | None]) -> str:
    return ", ".join(sorted(str(zone) for zone in zones))
