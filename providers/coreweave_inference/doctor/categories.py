"""Every check in order: before anything runs this machine, the service and the declaration; of a running stack the service,
gateways, claims, buckets, then each model with its deployments.
"""

from __future__ import annotations

from collections.abc import Iterator

from coreweave_inference.model.kinds import Kind

from .account_checks import SERVICE
from .bucket_checks import BUCKET_CHECKS, bucket_subjects
from .check import Category, Check, bind
from .completions import COMPLETION
from .drift_checks import AS_DECLARED, explained_by_drift
from .machine_checks import DECLARATION, MACHINE
from .model_checks import CLAIM_CHECKS, MEMBER_CHECKS, group_checks, serves
from .observed_checks import FIGURES, OBSERVABILITY
from .running import GatewaySubject, Running, Subject
from .service_checks import gateway_checks, service_checks
from .setup import SetUp


def setup_categories(setup: SetUp) -> Iterator[Category]:
    """This machine, the service, the declaration."""
    yield Category("machine", str(setup.path), bind(MACHINE, setup))
    if "stack_name" not in vars(setup):
        return
    yield Category("service", "the service", bind(SERVICE, setup))
    if "settings" in vars(setup):
        yield Category("declaration", "the declaration", bind(DECLARATION, setup))


def categories(running: Running) -> Iterator[Category]:
    """One by one: which there are is known once the account was listed. Without that only the service is checked."""
    yield Category("service", running.settings.endpoint, bind(service_checks(running.retry_seconds), running))
    if "lists" not in vars(running):
        return
    yield Category("declaration", "what was declared", bind((AS_DECLARED,), running))
    yield Category("logs and metrics", "logs and metrics", bind(OBSERVABILITY, running))
    for id_ in running.gateways:
        gateway = GatewaySubject(running, id_)
        checks = bind(
            gateway_checks(running.retry_seconds), gateway, explained_by_drift(running, gateway.items)
        )
        yield Category("gateway", running.label(Kind.GATEWAY, id_), checks)
    for item in running.of(Kind.CAPACITY_CLAIM):
        checks = bind(CLAIM_CHECKS, Subject(running, item), explained_by_drift(running, (item,)))
        yield Category("capacity claim", item.label, checks)
    for bucket in bucket_subjects(running):
        yield Category("bucket", bucket.label, bind(BUCKET_CHECKS, bucket))
    seen: set[str] = set()
    for group in running.groups:
        explain = explained_by_drift(running, group.own)
        yield Category("model", group.label, bind(group_checks(running.retry_seconds), group, explain))
        for item in group.own:
            if item.id not in seen:
                seen.add(item.id)
                yield Category("deployment", item.label, _of_member(Subject(running, item)))
        if running.completions:
            yield Category("completion", group.label, bind((COMPLETION,), group, explain))


def _of_member(subject: Subject) -> tuple[Check[None], ...]:
    """The checks of a deployment; logs and figures where they can be read, the log where it does not serve."""
    running = subject.running
    items = (subject.item, *running.of(Kind.CAPACITY_CLAIM))
    found = bind(MEMBER_CHECKS, subject, explained_by_drift(running, items))
    if running.observed is None:
        return found
    return (*found, *bind((FIGURES if not serves(subject) else FIGURES[1:]), subject))
