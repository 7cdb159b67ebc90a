"""Capacity claims in the API's form: what an entry declares under `resources` is as if the entry declared it itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.model.capacity_claim import CapacityClaimResources
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.nested import Location
from coreweave_inference.model.shape import fields_of

from .document import Document
from .entries import check_keys
from .origin import Report

RESOURCES = "resources"
FIELDS = tuple(fields_of(CapacityClaimResources))


def with_flat_claims(document: Document, report: Report) -> Document:
    """The document with the fields of each claim one level higher; what is given twice is reported."""
    section = Kind.CAPACITY_CLAIM.section
    claims = document.data.get(section)
    if not isinstance(claims, Mapping):
        return document
    inside = [key for key, claim in claims.items() if isinstance(claim, Mapping) and RESOURCES in claim]
    if not inside:
        return document
    report.origins = document.origins
    flat = {key: _flat((section, key), claims[key], report) for key in inside}
    origins = {_moved(location, section, inside): origin for location, origin in document.origins.items()}
    return Document({**document.data, section: {**claims, **flat}}, {**document.origins, **origins})


def _flat(location: Location, claim: Mapping[str, Any], report: Report) -> dict[str, Any]:
    own = {name: value for name, value in claim.items() if name != RESOURCES}
    given = claim[RESOURCES]
    if given is None:
        return {**dict.fromkeys(FIELDS), **own}
    if not isinstance(given, Mapping):
        report.add((*location, RESOURCES), "is not a mapping of fields", "write its fields below it")
        return own
    check_keys(given, FIELDS, (*location, RESOURCES), report)
    for name, value in own.items():
        if name in given and name in FIELDS and value is not None:
            what = f'"{name}" is given in the claim and under {RESOURCES}'
            report.add((*location, RESOURCES, name), what, "keep one of them")
    inside = {name: value for name, value in given.items() if name in FIELDS}
    return {
        **inside,
        **{name: value for name, value in own.items() if name not in inside or value is not None},
    }


def _moved(location: Location, section: str, inside: list[str]) -> Location:
    if len(location) > 3 and location[0] == section and location[1] in inside and location[2] == RESOURCES:
        return (*location[:2], *location[3:])
    return location
