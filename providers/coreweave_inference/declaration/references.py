"""What a deployment refers to in its file: gateways by key, a bucket by key or name, members of its traffic group.

Only what the file itself can tell belongs here; nothing asks the service.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from coreweave_inference.model.bucket_names import bucket_name_problem
from coreweave_inference.model.fields import shortened
from coreweave_inference.model.nested import Location
from coreweave_inference.model.normal_form import get_path
from coreweave_inference.model.unknown import UNKNOWN, Unknown
from coreweave_inference.model.violations import nearest

from .entries import Entry
from .origin import Report
from .result import BucketDeclaration, ExistingBucket

LIKELY_TYPO = 0.8
MOST_LISTED = 5


@dataclass(frozen=True)
class ReferenceScope:
    """What a deployment may refer to: what is declared here, and what exists.

    The keys are those of faulty ones too, `buckets` and `existing_buckets` only those that are right.
    """

    gateway_keys: tuple[str, ...]
    bucket_keys: tuple[str, ...]
    buckets: Mapping[str, BucketDeclaration]
    existing_buckets: Mapping[str, ExistingBucket] = field(default_factory=dict)


@dataclass(frozen=True)
class Weights:
    """The bucket a deployment reads: its name, if that is known, and its key, if it has one here."""

    name: str | Unknown | None = None
    key: str | None = None


def gateways_of(entry: Entry, around: ReferenceScope, report: Report) -> tuple[str, ...]:
    """The keys of the deployment's gateways; what is wrong with them is reported."""
    location = (*entry.location, "gateways")
    given = entry.values.get("gateways")
    if not entry.says("gateways"):
        return _texts(given)
    listed = ", ".join(around.gateway_keys)
    example = f"gateways: [{listed}]" if listed else "gateways: [public], and declare it under gateways"
    if given is None or given == []:
        report.add(location, "no gateway routes to it", f"add {example}")
        return ()
    if not isinstance(given, list):
        report.add(location, "is not a list of gateways", f"write {example}")
        return ()
    for place, key in enumerate(given):
        _check_gateway(key, given[:place], (*location, place), around, report)
    return _texts(given)


def _texts(given: Any) -> tuple[str, ...]:
    return tuple(key for key in given if isinstance(key, str)) if isinstance(given, list) else ()


def _check_gateway(
    key: Any, before: list[Any], location: Location, around: ReferenceScope, report: Report
) -> None:
    if not isinstance(key, str):
        report.add(location, "is not the key of a gateway", "write the key it has under gateways")
    elif key in before:
        report.add(location, f'names the gateway "{shortened(key)}" twice', "name each once")
    elif key not in around.gateway_keys:
        right = nearest(key, around.gateway_keys)
        do = f'did you mean "{right}"?' if right else "declare it under gateways, or under existing"
        report.add(location, f'the gateway "{shortened(key)}" is not declared', do)


def weights_of(entry: Entry, around: ReferenceScope, report: Report) -> Weights:
    """The bucket the deployment reads; left out, it is the only one declared."""
    location = (*entry.location, "model", "bucket")
    report = report if entry.says("model.bucket") else Report(report.file)
    given = get_path(entry.values, "model.bucket")
    if given is None:
        return _only_bucket(location, around, report)
    if not isinstance(given, str):
        report.add(location, "is not the key or the name of a bucket", "write the key it has under buckets")
        return Weights()
    if given in around.bucket_keys:
        return _declared(given, around)
    both: dict[str, BucketDeclaration | ExistingBucket] = {**around.existing_buckets, **around.buckets}
    by_name = {bucket.name: key for key, bucket in both.items()}
    if given in by_name:
        return _declared(by_name[given], around)
    return _elsewhere(given, location, around, report)


def _only_bucket(location: Location, around: ReferenceScope, report: Report) -> Weights:
    if len(around.bucket_keys) == 1:
        return _declared(around.bucket_keys[0], around)
    if around.bucket_keys:
        report.add(
            location,
            "is left out and several buckets are declared",
            f"name one of {', '.join(around.bucket_keys)}",
        )
    else:
        report.add(
            location, "is left out and no bucket is declared", "name the bucket, or declare it under buckets"
        )
    return Weights()


def _declared(key: str, around: ReferenceScope) -> Weights:
    """A bucket by its key; what another stack calls it is known only in a run."""
    existing = around.existing_buckets.get(key)
    if existing:
        return Weights(existing.name or UNKNOWN, key)
    bucket = around.buckets.get(key)
    return Weights(bucket.name if bucket else None, key)


def _elsewhere(name: str, location: Location, around: ReferenceScope, report: Report) -> Weights:
    """A bucket that is not declared here, unless its name looks like a misspelt key."""
    meant = next((key for key in around.bucket_keys if _looks_misspelt(name, key)), None)
    problem = bucket_name_problem(name)
    if meant:
        report.add(location, f'the bucket "{shortened(name)}" is not declared', f'did you mean "{meant}"?')
    elif problem:
        report.add(location, f'"{shortened(name)}" {problem}', "write a key of buckets, or the bucket's name")
    return Weights() if meant or problem else Weights(name)


def _looks_misspelt(name: str, key: str) -> bool:
    """Close to the key, but not a variant of it (`weights-2`, `weights-eu`)."""
    letters, key_letters = (re.sub(r"[^a-z]", "", text.lower()) for text in (name, key))
    if letters == key_letters or name.startswith(key) or key.startswith(name):
        return False
    return SequenceMatcher(None, name[:100], key[:100]).ratio() >= LIKELY_TYPO


@dataclass
class TrafficGroups:
    """Which deployments share a model name on a gateway."""

    members: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    groups: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def join(self, entry: Entry, gateways: Iterable[str]) -> None:
        """Takes the deployment into the group of its model name on each of its gateways."""
        name = get_path(entry.values, "model.name")
        for gateway in dict.fromkeys(gateways):
            if isinstance(name, str):
                self.members.setdefault((gateway, name), []).append(entry.key)
                self.groups.setdefault(entry.key, []).append((gateway, name))

    def check(self, entry: Entry, report: Report) -> None:
        """Reports a deployment that shares its traffic and does not say its weight."""
        members = [self.members[group] for group in self.groups.get(entry.key, ())]
        if all(len(group) == 1 for group in members) or get_path(entry.values, "traffic.weight") is not None:
            return
        others = dict.fromkeys(other for group in members for other in group if other != entry.key)
        listed = ", ".join(f'"{other}"' for other in list(others)[:MOST_LISTED])
        more = f" and {len(others) - MOST_LISTED} more" if len(others) > MOST_LISTED else ""
        what = f"shares its model name and a gateway with {listed}{more} and does not say its weight"
        report.add((*entry.location, "traffic"), what, "add traffic: {weight: 100}, or the share you want")
