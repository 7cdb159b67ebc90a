"""The `buckets` section: from entries to bucket declarations."""

from __future__ import annotations

from coreweave_inference.model.nested import without_none

from .entries import Entry, check_names, model_faults, options_of, place_faults
from .origin import Report
from .result import BucketDeclaration, PolicyDeclaration
from .sections import BucketSection, PolicySection


def read_buckets(entries: dict[str, Entry], report: Report) -> dict[str, BucketDeclaration]:
    """The buckets that are right; the faults of the others are reported."""
    check_names(entries.values(), "bucket", report)
    found = ((key, _bucket(entry, report)) for key, entry in entries.items())
    return {key: bucket for key, bucket in found if bucket}


def _bucket(entry: Entry, report: Report) -> BucketDeclaration | None:
    values = {name: value for name, value in entry.values.items() if name not in ("options", "extends")}
    if values.get("policy") is False:
        del values["policy"]
    options = options_of(entry, BucketSection, report)
    faults = model_faults(BucketSection, values)
    place_faults(faults, entry.location, report)
    if faults:
        return None
    section = BucketSection.model_validate(without_none(values))
    return BucketDeclaration(
        key=entry.key,
        name=section.name,
        zone=section.zone,
        origin=entry.origin,
        tags=section.tags,
        policy=_policy(section.policy),
        force_destroy=section.force_destroy,
        adopt=section.adopt or options.adopt,
        options=options,
    )


def _policy(section: PolicySection | None) -> PolicyDeclaration | None:
    if section is None:
        return None
    prefixes = tuple(dict.fromkeys(section.prefixes))
    return PolicyDeclaration(prefixes, section.owner_access, section.organization_id)
