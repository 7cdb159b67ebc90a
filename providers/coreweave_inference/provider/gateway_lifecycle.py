"""A gateway's lifecycle.

Its endpoints are assigned by the service and are there once it is READY, so a creation waits for that, bounded.
The service merges `additionalDns`: a name that is taken out stays there, which is reported and not tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.api.client import ApiObject
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.model import Kind
from coreweave_inference.model.normal_form import get_path, with_path
from coreweave_inference.waiting import Failed, Revision, Target, Waiting, wait

from .messages import resource_name, subject
from .object_lifecycle import ObjectLifecycle
from .session import Session
from .users import references, wait_for_users
from .values import URN

DNS = "endpointConfiguration.additionalDns"
LEFT_DNS = "keptDns"


class GatewayLifecycle(ObjectLifecycle):
    """Waits for its endpoints when it is created; keeps DNS names that were removed, since the service only adds."""

    kind = Kind.GATEWAY

    def after_create(self, run: Session, declared: Mapping[str, Any], live: ApiObject) -> ApiObject:
        """What follows needs the endpoints; a gateway that does not get there is `Readiness`' to judge."""
        deadline = run.settings.gateway_deadline_seconds
        target = Target(
            self.kind, live.id, resource_name(declared), Revision.of_write(run.service_now()), deadline
        )
        (outcome,) = wait(
            [target],
            lambda kind: run.lists.look(kind, max_age_seconds=0.2),
            run.waits,
            poll_seconds=run.settings.poll_seconds,
            settle_seconds=run.settings.settle_seconds,
            report=lambda outcomes: run.log.progress(declared.get(URN, ""), _progress(outcomes[0].verdict)),
            stopped=run.stopped,
        )
        if isinstance(outcome.verdict, (Waiting, Failed)):
            raise CoreWeaveError(f"not READY after {outcome.seconds:.0f} s: {outcome.verdict.why}")
        return run.live(self.kind, live.id) or live

    def before_delete(self, run: Session, id_: str, old: Mapping[str, Any]) -> None:
        """The service refuses to delete a gateway in use, and requests in flight still need it."""
        wait_for_users(
            run,
            subject(self.kind, old),
            old.get(URN, ""),
            lambda live: id_ in (references(live, "gatewayIds") or ()),
            refuse_live=True,
        )

    def observed_spec(self, state: Mapping[str, Any], live: ApiObject) -> dict[str, Any]:
        """Without the names that the service kept although they were taken out."""
        form = super().observed_spec(state, live)
        kept = set(state.get(LEFT_DNS) or ()) - set(get_path(state, DNS) or ())
        names = [name for name in get_path(form, DNS) or () if name not in kept]
        return with_path(form, DNS, names or None)

    def desired_spec(
        self, old: Mapping[str, Any], declared: dict[str, Any], live: ApiObject
    ) -> dict[str, Any]:
        """A name that is live and not declared will stay: the service merges."""
        desired = super().desired_spec(old, declared, live)
        kept = sorted(set(references(live, *DNS.split(".")) or ()) - set(get_path(declared, DNS) or ()))
        return {**desired, LEFT_DNS: kept} if kept else desired

    def warn_of_remaining(self, run: Session, desired: Mapping[str, Any], live: ApiObject) -> None:
        """Say once, at the write, which names stay."""
        kept = sorted(set(desired.get(LEFT_DNS) or ()) & set(references(live, *DNS.split(".")) or ()))
        if kept:
            run.log.warning(
                desired.get(URN, ""),
                f"{subject(self.kind, desired)}: the removed DNS names {', '.join(kept)} remain, since the service only adds; "
                "replace the gateway to drop them",
            )

    def observed(self, state: Mapping[str, Any], live: ApiObject) -> dict[str, Any]:
        """`endpoints`, and the names that the service kept."""
        kept = sorted(set(references(live, *DNS.split(".")) or ()) & set(state.get(LEFT_DNS) or ()))
        return {"endpoints": list(live.endpoints), **({LEFT_DNS: kept} if kept else {})}


def _progress(verdict: object) -> str:
    return f"waiting: {verdict.why}" if isinstance(verdict, Waiting) else ""
