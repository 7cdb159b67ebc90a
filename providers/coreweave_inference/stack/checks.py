"""The checks in a program, before it declares any resource: errors stop it, warnings are shown.

What is checked is `checks`' matter and what is read is `discovery`'s; here a report only meets the engine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pulumi

from coreweave_inference.checks import Finding, Identity, LastObject, PlainObject, Report
from coreweave_inference.declaration import Declaration, ObjectOptions, Origin
from coreweave_inference.discovery import (
    Recent,
    Sources,
    checks_for,
    checks_for_objects,
    last_objects,
    with_ids,
)
from coreweave_inference.errors import single_line
from coreweave_inference.model import UNKNOWN
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.resource_types import BUCKET
from coreweave_inference.program.context import Program, current_program, program_settings
from coreweave_inference.program.data_sources import program_lookups
from coreweave_inference.program.last_state import stack_outputs
from coreweave_inference.program.targets import Targets, run_targets
from coreweave_inference.resources.api_resource import ApiResource, plain_values
from coreweave_inference.resources.deployment import Deployment
from coreweave_inference.resources.gateway import Gateway
from coreweave_inference.resources.inference_bucket_policy import InferenceBucketPolicy
from coreweave_inference.resources.weights_bucket import WeightsBucket

TYPES = {**{kind.noun: kind.type_name for kind in Kind}, "bucket": BUCKET}
"""The resource of each kind that a finding is about."""
CHECKS = "COREWEAVE_CHECKS"
"""Environment variable: `warn` makes warnings of what would stop a run."""

LastObjects = tuple[LastObject, ...] | None
"""Gateways, claims and deployments of the last state; None where it is not known."""

_last: LastObjects = None
_recent: Recent | None = None
_findings: list[dict[str, Any]] = []
_places: list[Callable[[str], Origin]] = []


def record(findings: Iterable[dict[str, Any]]) -> None:
    """Keep findings, as JSON data, for whoever runs the program in this process."""
    _findings.extend(findings)


def take_findings() -> tuple[dict[str, Any], ...]:
    """What was recorded since the last call."""
    found = tuple(_findings)
    _findings.clear()
    return found


def record_places(places: Callable[[str], Origin]) -> None:
    """Keep where the program's declaration has each value, for whoever runs the program in this process."""
    _places[:] = [places]


def take_places() -> Callable[[str], Origin] | None:
    """What was recorded since the last call; None for a program without a declaration."""
    return _places.pop() if _places else None


@contextmanager
def remembering(last: LastObjects, recent: Recent) -> Iterator[None]:
    """Let the checks of a program that runs in this process compare with `last`, instead of asking the engine, and share what they
    read with those of the next run (`recent`).
    """
    global _last, _recent
    before, (_last, _recent) = (_last, _recent), (last, recent)
    try:
        yield
    finally:
        _last, _recent = before


def check_declaration(declaration: Declaration) -> None:
    """Run the checks on what a program is about to declare.

    Raises pulumi.RunError with every error, and SettingsError where token or endpoint are given wrongly.
    """
    sources = _sources(current_program())
    declaration = with_ids(declaration, stack_outputs)
    report = checks_for(declaration, replace(sources, listed=program_lookups().lists))
    announce(report, current_program().environ)


def check_program(program: Program) -> None:
    """Run the checks on what a Python program has declared.

    Raises as `check_declaration`. Buckets and their policies may be anybody's outputs there, so what needs them is not
    judged, but for a bucket of the program's own that does not exist yet.
    """
    report = checks_for_objects([plain_object(found) for found in program.objects], _sources(program))
    announce(report, program.environ)


def _sources(program: Program) -> Sources:
    identity = Identity(program.identity, pulumi.get_project(), pulumi.get_stack())
    return Sources(program_settings(require_token=False), identity, _last_objects(), recent=_recent)


def _is_of_target(finding: Finding, targets: Targets) -> bool:
    return targets.covers(TYPES.get(finding.about.kind, ""), finding.about.key)


def _last_objects() -> LastObjects:
    return last_objects(current_program().last) if _last is None else _last


def plain_object(resource: ApiResource) -> PlainObject:
    """What is known of an object of a program before anything runs."""
    spec = plain_values(resource.declared)
    if isinstance(resource, Deployment):
        spec["gatewayIds"] = [_gateway_id(gateway) for gateway in resource.gateways]
        spec["model"] = {**spec["model"], "bucket": _own_bucket(resource) or UNKNOWN}
    options = ObjectOptions(aliases=resource.former_keys)
    return PlainObject(resource.kind, resource.place.key, spec, options)


def _own_bucket(deployment: Deployment) -> str | None:
    """The name of the program's own bucket, unless the program uses other providers, which may fill it."""
    if any(name.startswith("pulumi_") for name in sys.modules):
        return None
    weights = deployment.weights
    bucket = weights.bucket_resource if isinstance(weights, InferenceBucketPolicy) else weights
    return bucket.declared_name if isinstance(bucket, WeightsBucket) else None


def _gateway_id(gateway: object) -> object:
    if isinstance(gateway, Gateway):
        return gateway.planned_id or UNKNOWN
    return gateway if isinstance(gateway, str) else UNKNOWN


def announce(report: Report, environ: Mapping[str, str]) -> None:
    """Show the warnings and what could not be read; raises pulumi.RunError with every error.

    With COREWEAVE_CHECKS=warn nothing stops: a run that only makes the bucket must come before its weights are pushed. What
    others lack until then is no finding of a run that is limited to the buckets.
    """
    stops, targets = environ.get(CHECKS) != "warn", run_targets(environ)
    if targets is not None and not stops:
        report = replace(report, findings=tuple(f for f in report.findings if _is_of_target(f, targets)))
    record(finding.as_data() for finding in report.findings)
    for finding in report.warnings if stops else (*report.errors, *report.warnings):
        pulumi.log.warn(finding.line)
    for note in report.notes:
        pulumi.log.debug(single_line(f"not checked: {note}"))
    if report.errors and stops:
        count = len(report.errors)
        listed = "\n".join(map(str, report.errors))
        them = "them" if count > 1 else "it"
        raise pulumi.RunError(
            f"{count} error{'s' if count > 1 else ''}; fix {them}, or list {them} under `accept`\n{listed}"
        )
