"""Whether the object of a pending creation exists, asked of the service through the same code as the resources use.

What is done with the answer is `repair`'s.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from coreweave_inference.errors import AccessDenied, BucketMissing
from coreweave_inference.host.dynamic import plain
from coreweave_inference.model.engine_secrets import holds_secret, revealed, without_secrets
from coreweave_inference.model.identity import place_in, salted
from coreweave_inference.model.kinds import BY_NOUN
from coreweave_inference.model.normal_form import with_path
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.policy.statements import (
    find_ours,
    find_owner,
    owner_sid,
    sid_for,
)
from coreweave_inference.program.recorded import resources_of
from coreweave_inference.provider import adoption, in_use
from coreweave_inference.provider.bucket_lifecycle import BucketLifecycle
from coreweave_inference.provider.bucket_ownership import STACK_TAG, stack_tag
from coreweave_inference.provider.bucket_policy_lifecycle import BucketPolicyLifecycle
from coreweave_inference.provider.capacity_claim_lifecycle import CapacityClaimLifecycle
from coreweave_inference.provider.confirmation import sort_by_outcome
from coreweave_inference.provider.deployment_lifecycle import DeploymentLifecycle
from coreweave_inference.provider.gateway_lifecycle import GatewayLifecycle
from coreweave_inference.provider.lifecycle import Entry, Lifecycle
from coreweave_inference.provider.object_lifecycle import ObjectLifecycle
from coreweave_inference.provider.owner_access import OWNER_STATEMENT_SID
from coreweave_inference.provider.session import Session
from coreweave_inference.provider.values import PROVIDER, STACK
from coreweave_inference.waiting import Revision

from .deletions import Note
from .events import type_of
from .repair import Found, Resource, Unresolved

OBJECTS: dict[str, type[ObjectLifecycle]] = {
    "CapacityClaim": CapacityClaimLifecycle,
    "Deployment": DeploymentLifecycle,
    "Gateway": GatewayLifecycle,
}
NOT_THERE = Unresolved("it does not exist")
BY_NOW = Unresolved("confirmed by now")
BEING_DELETED = Unresolved("it is being deleted", keep=True)
WHAT_WAS_CREATED = "what an interrupted run created"


class Recovery:
    """Looks pending creations up. `organization_id` is the one that the stack's account recorded, if it did."""

    def __init__(self, session: Session, organization_id: str) -> None:
        self._session = session
        self._organization_id = organization_id
        self._looked_since: float | None = None

    def __call__(self, resource: Resource) -> Found | Unresolved:
        """Raises CoreWeaveError where the service cannot be asked, or the run is asked to stop.

        "Not there" counts when it lasts for the settle time, which all pending creations share: reads may lag, and the
        provider of a killed run finishes the request that it is sending.
        """
        run = self._session
        if self._looked_since is None:
            self._looked_since = run.clock.monotonic()

        def look() -> Found | Unresolved | None:
            found = self._look(resource)
            return None if found == NOT_THERE else found

        return run.missing_for_long(look, WHAT_WAS_CREATED, self._looked_since) or NOT_THERE

    def deletions(self, notes: Mapping[str, Note]) -> dict[str, Found | Unresolved]:
        """What became of objects whose deletion was accepted, by id. Only the very object that was deleted is found: one of
        the same id that was created later is somebody's.

        Raises CoreWeaveError as a call does.
        """
        objects = {id_: (BY_NOUN[note["kind"]], place_in(note["urn"]).key) for id_, note in notes.items()}
        there, deleted = sort_by_outcome(self._session, objects)
        found: dict[str, Found | Unresolved] = {
            id_: self._not_there(BY_NOW) if id_ in deleted else BEING_DELETED for id_ in notes
        }
        for id_, live in there.items():
            found[id_] = (
                self._exists_again(id_, notes[id_])
                if live.created_at == notes[id_]["createdAt"]
                else Unresolved("another object has its id by now")
            )
        return found

    def _exists_again(self, id_: str, note: Note) -> Found | Unresolved:
        urn, inputs = str(note["urn"]), dict(note["inputs"])
        lifecycle = OBJECTS[type_of(urn).removeprefix(TYPES)]()
        revision = {"revision": str(Revision.of_write(self._session.service_now()))}
        return self._read(lifecycle, id_, {"urn": urn, "inputs": inputs}, plain(inputs), revision)

    def _look(self, resource: Resource) -> Found | Unresolved:
        name = str(resource["type"]).removeprefix(TYPES)
        inputs = plain(without_secrets(resource.get("inputs") or {}))
        if name in OBJECTS:
            return self._object(OBJECTS[name](), resource, inputs)
        if name == "WeightsBucket":
            return self._bucket(resource, inputs)
        if name == "InferenceBucketPolicy":
            return self._policy(resource, inputs)
        return Unresolved("nothing of it is in the account, so this run creates it again")

    def _object(
        self, lifecycle: ObjectLifecycle, resource: Resource, inputs: dict[str, Any]
    ) -> Found | Unresolved:
        kind, wanted = lifecycle.kind, str(inputs["apiId"])
        ids = (wanted, salted(wanted))
        live = next((found for id_ in ids if (found := self._session.live(kind, id_)) is not None), None)
        if live is None:
            return self._not_there()
        # The operation in the state is the proof, whatever the age of what it made.
        decision = adoption.decide(kind, live.id, inputs, [live], adoption.Proof({live.id}))
        if not isinstance(decision, adoption.Adopt):
            return Unresolved("it is being deleted")
        return self._read(
            lifecycle, live.id, resource, inputs, {"revision": str(Revision.of_write(time.time()))}
        )

    def _bucket(self, resource: Resource, inputs: dict[str, Any]) -> Found | Unresolved:
        """A bucket of the stack's tag. Creation and tags are two requests: an empty one without any owner's tag, which
        this stack was making, was caught between them.
        """
        name, own = str(inputs["name"]), stack_tag(str(inputs.get(STACK, "")))
        storage = self._session.storage(str(inputs.get("zone", "")))
        try:
            live = storage.bucket(name)
            if live is None:
                return self._not_there()
            if STACK_TAG not in live.tags and not inputs.get("adopt") and storage.is_empty(name):
                storage.put_tags(name, {**live.tags, STACK_TAG: own})
            elif live.tags.get(STACK_TAG) != own:
                return Unresolved(
                    f'a bucket "{name}" exists without this stack\'s tag; if it is declared, this run decides on it'
                )
        except AccessDenied as error:
            return Unresolved(f"{error}; if it is declared, this run decides on it")
        return self._read(BucketLifecycle(), name, resource, inputs, {})

    def _policy(self, resource: Resource, inputs: dict[str, Any]) -> Found | Unresolved:
        bucket = str(inputs["bucket"])
        try:
            document = self._session.storage().policy(bucket)
        except BucketMissing:
            document = None
        sid = sid_for(None, str(inputs.get(STACK, "")))
        live = find_ours(document, sid)
        if live is None:
            return self._not_there()
        if not in_use.is_as_declared(inputs, live):
            return Unresolved(
                f'the policy of bucket "{bucket}" holds a statement "{sid}" that says something else than that run put; if '
                "it is declared, this run decides on it"
            )
        owner = owner_sid(str(inputs.get(STACK, "")))
        known = {"sid": sid, **({OWNER_STATEMENT_SID: owner} if find_owner(document, owner) else {})}
        return self._read(BucketPolicyLifecycle(), bucket, resource, inputs, known)

    def _read(
        self,
        lifecycle: Lifecycle,
        id_: str,
        resource: Resource,
        inputs: dict[str, Any],
        more: Mapping[str, Any],
    ) -> Found | Unresolved:
        """As a refresh sees it; a value that is secret stays the encrypted one of the inputs."""
        encrypted = resource.get("inputs") or {}
        known = {
            "apiEndpoint": self._session.endpoint,
            "organizationId": self._organization_id,
            **inputs,
            **more,
        }
        live = lifecycle.read(self._session, Entry(id_, known))
        if live is None:
            return self._not_there()
        outputs = {**known, **revealed(live.outputs), **more}
        if "runtime" in outputs and "runtime" not in encrypted:
            # Which values of it were secrets is not known here: the next run writes them again.
            outputs = with_path(outputs, "runtime.engineEnv", None)
        kept = {key: value for key, value in encrypted.items() if key == PROVIDER or holds_secret(value)}
        return Found(id_, {**outputs, **kept})

    def _not_there(self, sure: Unresolved = NOT_THERE) -> Unresolved:
        seen = self._session.organizations_seen()
        if not self._organization_id or self._organization_id in seen or self._session.settings.accept_gone:
            return sure
        return Unresolved(
            f"the token of {self._session.settings.token_source} sees nothing of organization {self._organization_id}, so "
            "whether it exists is not known, and the operation stays pending",
            keep=True,
        )


def organization_in(state: Mapping[str, Any]) -> str:
    """The organization that the stack's account recorded, empty where there is none yet."""
    for resource in resources_of(state):
        if resource.get("type") == f"{TYPES}Account":
            return str((resource.get("outputs") or {}).get("organizationId") or "")
    return ""
