"""The `existing` section: gateways, capacity claims and buckets that are used, and never changed or deleted.

Only what the file itself can tell; whether they exist is for whoever may ask the service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from coreweave_inference.model.fields import UUID, shortened
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.message import Message

from .entries import check_keys, model_faults, place_faults, raw_entries
from .existing_sections import ExistingBucketSection, ExistingObjectSection
from .origin import Report
from .result import Existing, ExistingBucket, ExistingObject

EXISTING = "existing"
BUCKETS = "buckets"
SECTIONS = (Kind.GATEWAY.section, Kind.CAPACITY_CLAIM.section, BUCKETS)

Section = TypeVar("Section", bound=Message)


def read_existing(top: Mapping[str, Any], report: Report) -> Existing:
    """What the file says of existing objects; those that are wrong are reported and left out."""
    section = top.get(EXISTING)
    if section is None:
        return Existing()
    if not isinstance(section, Mapping):
        report.add((EXISTING,), "is not a mapping", f"write {', '.join(SECTIONS)} below it")
        return Existing()
    check_keys(section, SECTIONS, (EXISTING,), report)
    return Existing(
        gateways=_objects(Kind.GATEWAY, top, report),
        capacity_claims=_objects(Kind.CAPACITY_CLAIM, top, report),
        buckets=_buckets(top, report),
    )


def existing_keys(top: Mapping[str, Any], section: str) -> tuple[str, ...]:
    """The keys under `existing` of a section, those of faulty entries too."""
    existing = top.get(EXISTING)
    entries = existing.get(section) if isinstance(existing, Mapping) else None
    return tuple(entries) if isinstance(entries, Mapping) else ()


def _objects(kind: Kind, top: Mapping[str, Any], report: Report) -> dict[str, ExistingObject]:
    found = {}
    for key, given in _valid_entries(ExistingObjectSection, kind.section, top, report).items():
        origin = report.origin((EXISTING, kind.section, key))
        by_id = given.name is not None and re.match(UUID, given.name) is not None
        name, id_ = (None, given.name) if by_id else (given.name, given.id)
        found[key] = ExistingObject(key, kind, origin, name, id_, given.stack, _key_there(given, key))
    return found


def _buckets(top: Mapping[str, Any], report: Report) -> dict[str, ExistingBucket]:
    return {
        key: ExistingBucket(
            key,
            report.origin((EXISTING, BUCKETS, key)),
            given.name,
            given.zone,
            given.stack,
            _key_there(given, key),
        )
        for key, given in _valid_entries(ExistingBucketSection, BUCKETS, top, report).items()
    }


def _key_there(given: ExistingObjectSection | ExistingBucketSection, key: str) -> str | None:
    return given.key or key if given.stack else None


def _valid_entries(
    model: type[Section], section: str, top: Mapping[str, Any], report: Report
) -> dict[str, Section]:
    """The entries of a section as their model; their faults are reported."""
    own, found = top.get(section), {}
    for key, entry in raw_entries(top[EXISTING], section, report, within=(EXISTING,), short="name").items():
        location = (EXISTING, section, key)
        if isinstance(own, Mapping) and key in own:
            report.add(
                location, f'"{shortened(key)}" is declared under {section} too', "give each its own key"
            )
        values = {name: value for name, value in entry.items() if value is not None}
        faults = model_faults(model, values)
        place_faults(faults, location, report)
        if not faults:
            found[key] = model.model_validate(values)
    return found
