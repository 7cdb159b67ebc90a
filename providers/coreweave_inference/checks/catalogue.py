"""Rules on what the service offers: versions, instance types, zones. What is not listed at all is not known."""

from __future__ import annotations

from collections.abc import Iterator

from coreweave_inference.model.deployment import LATEST
from coreweave_inference.model.versions import newest, parsed, rank
from coreweave_inference.model.violations import nearest

from .finding import NOTHING, Problem, Severity
from .objects import Deployment, Item
from .rule import rule
from .view import View

VERSION = "runtime.version"
ENGINE = "runtime.engine"
INSTANCE_TYPE = "resources.instanceType"
CLAIMED = ("resources.instanceId", "resources.zones")


@rule("catalogue-unread", Severity.WARNING, "What the service offers could not be read")
def unread(view: View) -> Iterator[Problem]:
    """A parameters call failed; the rules that need it say nothing."""
    for reason in view.catalogue.unread:
        yield Problem(
            NOTHING,
            "",
            reason,
            "versions, instance types, zones and configuration keys were not checked against it",
            "run again later; nothing else is held up by it",
        )


@rule("engine-not-offered", Severity.ERROR, "The service does not offer an engine")
def engine(view: View) -> Iterator[Problem]:
    """Not among the engines that have versions; one that runs already is only warned about, here and below."""
    engines = view.catalogue.versions
    for item in view.deployments:
        if engines and item.engine and item.engine not in engines:
            yield Problem(
                item.about,
                item.path(ENGINE),
                f'the service does not offer the engine "{item.engine}"',
                f"it offers {', '.join(sorted(engines))}",
                _meant(item.engine, tuple(engines)) or "choose one of them",
                _unless_kept(view, item, ENGINE),
            )


@rule("version-not-offered", Severity.ERROR, "The service does not offer a version")
def version(view: View) -> Iterator[Problem]:
    """Not among the engine's versions; one that runs already is only warned about."""
    for item in view.deployments:
        offered = view.catalogue.versions.get(item.engine or "", ())
        if not offered or not item.version or item.version == LATEST or item.version in offered:
            continue
        yield Problem(
            item.about,
            item.path(VERSION),
            f"version {item.version} of {item.engine} is not offered",
            f"offered are {', '.join(offered)}",
            _meant(item.version, offered) or f"use {newest(offered) or offered[0]}, or leave the version out",
            _unless_kept(view, item, VERSION, ENGINE),
        )


@rule("version-latest", Severity.NOTE, "Which version `latest` is at present")
def latest(view: View) -> Iterator[Problem]:
    """Reported where a deployment follows the newest version."""
    for item in view.deployments:
        found = view.catalogue.newest.get(item.engine or "")
        if item.version == LATEST and found:
            yield Problem(
                item.about,
                item.path(VERSION),
                f"latest is {found} at present",
                "the next run may find a newer one and change the deployment",
                f"write {found} to stay with it",
            )


@rule("version-newer", Severity.NOTE, "There is a newer version of the engine")
def newer(view: View) -> Iterator[Problem]:
    """The declared version is lower than the newest."""
    for item in view.deployments:
        declared, found = (
            parsed(item.version),
            parsed(view.catalogue.newest.get(item.engine or "")),
        )
        if declared and found and rank(found) > rank(declared):
            yield Problem(
                item.about,
                item.path(VERSION),
                f"{item.engine} {found} is offered, and {declared} is declared",
                "older versions may stop being offered",
                "try it as a canary",
            )


@rule("instance-type-not-offered", Severity.ERROR, "The service does not offer an instance type")
def instance_type(view: View) -> Iterator[Problem]:
    """Not in the list, whatever its case. The list is one for all gateways that exist: it is certain where all deployments share them."""
    offered = view.catalogue.instance_types
    lower = {name.lower() for name in offered}
    for item in view.deployments:
        if not offered or not item.instance_type or item.instance_type.lower() in lower:
            continue
        certain = view.asks_for_gateways_of(item)
        if not certain and _can_be_claimed(view, item):
            continue
        yield Problem(
            item.about,
            item.path(INSTANCE_TYPE),
            f"the service does not offer the instance type {item.instance_type}",
            f"{'where its gateways are' if certain else 'where gateways exist already'} it offers "
            f"{', '.join(sorted(offered))}",
            _meant(item.instance_type, offered) or "choose one of them",
            _unless_kept(view, item, INSTANCE_TYPE) if certain else Severity.WARNING,
        )


def _can_be_claimed(view: View, item: Deployment) -> bool:
    """Whether its instance type can be claimed in a zone where it may run."""
    zones = view.zones_of(item)
    return any(
        (item.instance_type or "").lower() in map(str.lower, types)
        for zone, types in view.catalogue.claim_types.items()
        if not zones or zone in zones
    )


@rule(
    "instance-type-case", Severity.WARNING, "An instance type is written in another case than the service's"
)
def instance_type_case(view: View) -> Iterator[Problem]:
    """Only for claims it is documented that the case does not matter."""
    by_lower = {name.lower(): name for name in view.catalogue.instance_types}
    for item in view.deployments:
        right = by_lower.get((item.instance_type or "").lower())
        if right and right != item.instance_type:
            yield Problem(
                item.about,
                item.path(INSTANCE_TYPE),
                f"{item.instance_type} is written {right} by the service",
                "that case does not matter is documented for capacity claims only",
                f"write {right}",
            )


@rule("zone-not-offered", Severity.ERROR, "The service does not offer a zone for gateways")
def zone(view: View) -> Iterator[Problem]:
    """A gateway's zone is not among the zones."""
    offered = view.catalogue.zones
    for item in view.gateways:
        for place, name in enumerate(item.zones or ()):
            if item.own and offered and name not in offered:
                yield Problem(
                    item.about,
                    item.path(f"zones[{place}]"),
                    f"the service does not offer gateways in {name}",
                    f"it offers {', '.join(sorted(offered))}",
                    _meant(name, offered) or "choose one of them",
                    _unless_kept(view, item, "zones"),
                )


@rule("claim-not-offered", Severity.ERROR, "An instance type cannot be claimed in a zone")
def claim_type(view: View) -> Iterator[Problem]:
    """The zone's list does not have it, or the zone has no list while others have one."""
    offers = view.catalogue.claim_types
    for item in view.own_claims:
        if not any(offers.values()) or item.zone is None or item.instance_type is None:
            continue
        if item.zone in offers and not offers[item.zone]:
            continue
        here = {name.lower() for name in offers.get(item.zone, ())}
        if item.instance_type not in here:
            zones = sorted(
                z for z, types in offers.items() if item.instance_type in {t.lower() for t in types}
            )
            offered = f"{item.zone} offers {', '.join(sorted(here)) or 'none'}"
            yield Problem(
                item.about,
                item.path("instanceId"),
                f"{item.instance_type} cannot be claimed in {item.zone}",
                f"{offered}; it can be claimed in {', '.join(zones) or 'no zone'}",
                _meant(item.instance_type, tuple(here)) or "choose another instance type or zone",
                _unless_kept(view, item, *CLAIMED),
            )


def _unless_kept(view: View, item: Item, *paths: str) -> Severity | None:
    """A warning for what the object has already: that it is not offered any more takes nothing from it."""
    return Severity.WARNING if view.is_kept(item, *paths) else None


def _meant(given: str, offered: tuple[str, ...]) -> str:
    right = nearest(given, offered)
    return f'did you mean "{right}"?' if right else ""
