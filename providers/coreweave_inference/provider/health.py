"""Whether what is covered still serves, as a refresh reads it, and whether the service may read a deployment's weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from coreweave_inference.errors import CoreWeaveError, one_line
from coreweave_inference.model import Kind
from coreweave_inference.model.kinds import BY_NOUN
from coreweave_inference.model.normal_form import get_path
from coreweave_inference.policy.statements import Decision, inference_may_read
from coreweave_inference.waiting import Live, Revision, Target, broken

from .session import Session

LONGEST_REASON = 1000
FRESH_SECONDS = 30.0
"""A refresh looks at everything at about the same time, so that its first look is shared."""

Access = Callable[[Live], Decision | None]


def health_of(run: Session, objects: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Why each covered object that is waited for does not serve any more, by its label; healthy ones are left out.

    ERROR counts when it lasts. What is on its way, what cannot be asked, and a policy that cannot be judged is no news.
    """
    judged = {label: item for label, item in objects.items() if item.get("wait", True) and item.get("id")}
    targets = {label: _target(item) for label, item in judged.items()}
    found = broken(
        targets.values(),
        lambda kind: run.lists.look(kind, FRESH_SECONDS),
        lambda kind: run.lists.look(kind, max_age_seconds=0.1),
        run.waits,
        poll_seconds=run.settings.poll_seconds,
        settle_seconds=run.settings.settle_seconds,
        stopped=run.stopped,
    )
    access = weights_access(lambda bucket: run.storage().policy(bucket))
    reasons = {
        label: found.get(target.id) or _lost_weights(run, target, judged[label], access)
        for label, target in targets.items()
    }
    return {label: one_line(why, LONGEST_REASON) for label, why in reasons.items() if why}


def weights_access(policy_of: Callable[[str], Mapping[str, Any] | None]) -> Access:
    """Asks each bucket's policy once. The answer is None for what serves no weights; raises CoreWeaveError where a policy
    cannot be read.
    """
    policies: dict[str, Mapping[str, Any] | None] = {}

    def ask(live: Live) -> Decision | None:
        bucket, path = get_path(live.spec, "model.bucket"), get_path(live.spec, "model.path")
        if not bucket or not path or live.spec.get("disabled"):
            return None
        if bucket not in policies:
            policies[bucket] = policy_of(bucket)
        return inference_may_read(policies[bucket], bucket, f"{path.strip('/')}/config.json")

    return ask


def _target(item: Mapping[str, Any]) -> Target:
    """Whatever was written to it was seen to serve, or is a difference anyway: every status counts."""
    return Target(BY_NOUN[item["kind"]], item["id"], item["name"], Revision.parse(""), 0.0)


def lost_weights(live: Live | None, access: Access) -> str:
    """Why the inference service may not read the weights of what is READY. Only what is certain: an open answer, or a policy
    that cannot be read, says nothing.
    """
    try:
        decision = access(live) if live is not None and live.status == "READY" else None
    except CoreWeaveError:
        return ""
    if decision is None or decision.allowed is not False:
        return ""
    return f"the inference service may not read its weights: {decision.why}"


def _lost_weights(run: Session, target: Target, item: Mapping[str, Any], access: Access) -> str:
    if target.kind is not Kind.DEPLOYMENT or item.get("unreadable"):
        return ""
    try:
        live = run.lists.look(target.kind, FRESH_SECONDS).get(target.id)
    except CoreWeaveError:
        return ""
    return lost_weights(live, access)
