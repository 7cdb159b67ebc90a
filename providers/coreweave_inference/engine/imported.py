"""Imported objects as a state has them: inputs and outputs that a run would have recorded, so that nothing is read or written.

Pure: a plan and a state go in, resources and a state come out.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import PROVIDER_KEY, serialize_provider

from coreweave_inference.declaration import ObjectOptions
from coreweave_inference.fleet.deletions import BUCKET, POLICY
from coreweave_inference.importing.bucket_entries import put_policy
from coreweave_inference.importing.matching import Stack, name_of
from coreweave_inference.importing.plan import Imported, ImportedBucket, ImportPlan
from coreweave_inference.importing.values import references_in
from coreweave_inference.model.identity import replace_identity
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import get_path, sparse, with_path
from coreweave_inference.model.resource_types import IGNORED, NOUNS, TYPES
from coreweave_inference.policy.statements import find_owner, inference_statement, owner_sid
from coreweave_inference.program.recorded import resources_of
from coreweave_inference.provider.account_lifecycle import OBJECTS
from coreweave_inference.provider.bucket_policies import OF_OTHERS, OWNER
from coreweave_inference.provider.deletion_guard import OWNED
from coreweave_inference.provider.deployment_lifecycle import VERSION
from coreweave_inference.provider.owner_access import OWNER_STATEMENT_SID, shown_statement
from coreweave_inference.provider.values import (
    DERIVED_NAME,
    FORMAT,
    IDENTITY,
    KEPT,
    PACKAGE_VERSION,
    RESOLVED_VERSION,
    STACK,
    URN,
)
from coreweave_inference.resources.account import AccountProvider
from coreweave_inference.resources.capacity_claim import CapacityClaimProvider
from coreweave_inference.resources.deployment import DeploymentProvider
from coreweave_inference.resources.gateway import GatewayProvider
from coreweave_inference.resources.inference_bucket_policy import InferenceBucketPolicyProvider
from coreweave_inference.resources.readiness import ReadinessProvider
from coreweave_inference.resources.weights_bucket import WeightsBucketProvider
from coreweave_inference.version import __version__

from .events import STACK_TYPE
from .import_values import revision_of, sealed, secret
from .repair import Resource, State

API_KEY = "weightsAndBiasesAuth.apiKey"
PROVIDERS: dict[str, type[ResourceProvider]] = {
    "Account": AccountProvider,
    "CapacityClaim": CapacityClaimProvider,
    "Deployment": DeploymentProvider,
    "Gateway": GatewayProvider,
    "InferenceBucketPolicy": InferenceBucketPolicyProvider,
    "Readiness": ReadinessProvider,
    "WeightsBucket": WeightsBucketProvider,
}
READY, ACCOUNT, HOST = "ready", "account", "pulumi:providers:pulumi-python"


@dataclass(frozen=True)
class Importer:
    """Makes the resources of a plan for one stack. `secrets` are values by the names of references."""

    plan: ImportPlan
    stack: Stack
    endpoint: str
    secrets: Mapping[str, str]
    organization: str = ""

    def resources(self, state: State | None) -> list[Resource]:
        """What comes into the state, in the order of their dependencies; `readiness` and the account where it has none."""
        types = {one["type"] for one in resources_of(state)}
        found = [] if TYPES + "Account" in types else [self._account()]
        found += self._objects()
        if TYPES + "Readiness" not in types and self.plan.objects:
            found.append(self._readiness())
        return found

    def added_to(self, state: State) -> State:
        """The state with everything that the plan imports."""
        result = copy.deepcopy(state)
        deployment = result["deployment"]
        resources: list[Resource] = deployment.setdefault("resources", []) or []
        deployment["resources"] = resources
        known = {one["urn"] for one in resources}
        new = [one for one in self.resources(state) if one["urn"] not in known]
        around = self._around(resources)
        added = [{**one, **around} for one in new]
        ready = next((n for n, one in enumerate(resources) if one["type"] == TYPES + "Readiness"), None)
        if ready is None:
            resources.extend(added)
        else:
            self._extend(resources[ready], added)
            resources[ready:ready] = added
        present = {one["urn"] for one in resources}
        for one in added:
            one["dependencies"] = [urn for urn in one["dependencies"] if urn in present]
        return result

    # The stack around them.

    def _urn(self, class_name: str, key: str) -> str:
        return f"urn:pulumi:{self.stack.name}::{self.stack.project}::{TYPES}{class_name}::{key}"

    def _around(self, resources: list[Resource]) -> dict[str, str]:
        """The stack's own resource and the provider host, which are added where they are missing."""
        start = f"urn:pulumi:{self.stack.name}::{self.stack.project}"
        ours = next(
            (one for one in resources if str(one["type"]).startswith(TYPES) and one.get("provider")), None
        )
        root = next((one for one in resources if one["type"] == STACK_TYPE), None)
        if root is None:
            name = f"{self.stack.project}-{self.stack.name}"
            root = {"urn": f"{start}::{STACK_TYPE}::{name}", "custom": False, "type": STACK_TYPE}
            resources.insert(0, root)
        if ours is not None:
            return {"parent": root["urn"], "provider": ours["provider"]}
        host = next((one for one in resources if one["type"] == HOST), None)
        if host is None:
            host = {"urn": f"{start}::{HOST}::default", "custom": True, "id": str(uuid.uuid4()), "type": HOST}
            resources.append(host)
        return {"parent": root["urn"], "provider": f"{host['urn']}::{host['id']}"}

    def _resource(
        self,
        class_name: str,
        key: str,
        id_: str,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        dependencies: Iterable[str] = (),
        options: ObjectOptions | None = None,
        *,
        keep: bool = False,
    ) -> Resource:
        urn = self._urn(class_name, key)
        shared = {PROVIDER_KEY: serialize_provider(PROVIDERS[class_name]()), URN: urn}
        made: Resource = {
            "urn": urn,
            "custom": True,
            "id": id_,
            "type": TYPES + class_name,
            "inputs": {**inputs, **shared},
            "outputs": {**outputs, **shared},
            "dependencies": list(dict.fromkeys(dependencies)),
        }
        if options and options.protect:
            made["protect"] = True
        if keep or (options and options.retain_on_delete):
            made["retainOnDelete"] = True
        return made

    def _account(self) -> Resource:
        outputs = {
            "apiEndpoint": self.endpoint,
            "organizationId": self.organization,
            "format": FORMAT,
            PACKAGE_VERSION: __version__,
        }
        return self._resource("Account", ACCOUNT, "account", {OBJECTS: {}}, outputs)

    # Buckets, policies and objects.

    def _objects(self) -> list[Resource]:
        account = self._urn("Account", ACCOUNT)
        gateways = [one for one in self.plan.objects if one.live.kind is Kind.GATEWAY]
        claims = [one for one in self.plan.objects if one.live.kind is Kind.CAPACITY_CLAIM]
        deployments = [one for one in self.plan.objects if one.live.kind is Kind.DEPLOYMENT]
        found = [self._bucket(one, account) for one in self.plan.buckets]
        found += [self._object(one, [account]) for one in gateways]
        found += [policy for one in self.plan.buckets if (policy := self._policy(one, account))]
        found += [self._object(one, [account]) for one in claims]
        found += [self._object(one, [account, *self._needed_by(one)]) for one in deployments]
        return found

    def _needed_by(self, one: Imported) -> Iterator[str]:
        """What a deployment of a declaration depends on; what is not in the state is left out later."""
        declaration, item = self.plan.declaration, one.declared
        for key in declaration.capacity_claims:
            yield self._urn("CapacityClaim", key)
        for key in item.gateways:
            yield self._urn("Gateway", key)
        bucket = declaration.buckets.get(item.bucket or "")
        if bucket is not None:
            yield self._urn("WeightsBucket", bucket.key)
            yield self._urn("InferenceBucketPolicy", f"{bucket.key}-policy")

    def _object(self, one: Imported, dependencies: Iterable[str]) -> Resource:
        live, item = one.live, one.declared
        kind, spec = live.kind, sparse(live.kind, live.spec)
        derived = {} if item.spec.get("name") else {DERIVED_NAME: name_of(item, self.stack)}
        version = get_path(spec, VERSION)
        resolved = kind is Kind.DEPLOYMENT and version and get_path(item.spec, VERSION) != version
        hidden = {
            IDENTITY: replace_identity(kind, item.spec),
            **derived,
            **({RESOLVED_VERSION: version} if resolved else {}),
            **({IGNORED: list(item.options.ignore_changes)} if item.options.ignore_changes else {}),
            "apiId": live.id,
        }
        references = references_in(item.spec)
        key = references.get(API_KEY)
        if key is not None and key.name in self.secrets:
            spec = with_path(spec, API_KEY, secret(self.secrets[key.name]))
        observed = {
            "apiEndpoint": self.endpoint,
            "organizationId": live.organization,
            "createdAt": live.created_at,
            "revision": revision_of(live),
            "format": FORMAT,
            **({"endpoints": list(live.endpoints)} if kind is Kind.GATEWAY else {}),
        }
        return self._resource(
            kind.type_name,
            item.key,
            live.id,
            {**sealed(spec, references), **hidden},
            {**sealed(spec, None), **hidden, **observed},
            dependencies,
            item.options,
        )

    def _bucket(self, one: ImportedBucket, account: str) -> Resource:
        declared, live = one.declared, one.live
        keeps = declared.options.retain_on_delete is not False
        tags = {key: live.tags[key] for key in declared.tags if key in live.tags}
        inputs = {
            "name": declared.name,
            "zone": live.zone.upper() or declared.zone,
            "forceDestroy": declared.force_destroy,
            "adopt": declared.adopt,
            STACK: self.stack.identity,
            **({"tags": tags} if tags else {}),
            **({KEPT: True} if keeps else {}),
        }
        observed = {"apiEndpoint": self.endpoint, "organizationId": self.organization, "format": FORMAT}
        return self._resource(
            "WeightsBucket",
            declared.key,
            declared.name,
            inputs,
            {**inputs, **observed},
            [account],
            declared.options,
            keep=keeps,
        )

    def _policy(self, one: ImportedBucket, account: str) -> Resource | None:
        declared = one.declared.policy
        found = put_policy(one.live, declared, self.stack.identity) if declared else None
        if declared is None or found is None:
            return None
        owner = None if found.of_others else find_owner(one.live.policy, owner_sid(self.stack.identity))
        inputs: dict[str, Any] = {
            "bucket": one.declared.name,
            "prefixes": list(declared.prefixes),
            "statement": shown_statement(inference_statement(one.declared.name, declared.prefixes)),
            STACK: self.stack.identity,
            **({"ownerAccess": declared.owner_access} if declared.owner_access else {}),
            **({"organizationId": declared.organization_id} if declared.organization_id else {}),
            **({"ownerStatement": shown_statement(owner)} if owner else {}),
        }
        outputs = {
            **inputs,
            "sid": found.sid,
            OWNER: self.organization,
            "apiEndpoint": self.endpoint,
            "format": FORMAT,
            **({OF_OTHERS: True} if found.of_others else {}),
            **({OWNER_STATEMENT_SID: owner["Sid"]} if owner else {}),
        }
        tells = declared.owner_access == "organization" and not declared.organization_id
        gateways = self.plan.declaration.gateways if tells else ()
        before = [account, self._urn("WeightsBucket", one.declared.key)]
        before += [self._urn("Gateway", key) for key in gateways]
        key = f"{one.declared.key}-policy"
        return self._resource("InferenceBucketPolicy", key, one.declared.name, inputs, outputs, before)

    # What is recorded of all of them.

    def _readiness(self) -> Resource:
        objects = self._objects()
        record = {"objects": self._covered(objects), OWNED: self._owned(objects)}
        outputs = {**record, "organizationId": self.organization, "format": FORMAT}
        before = [self._urn("Account", ACCOUNT), *(one["urn"] for one in objects)]
        return self._resource("Readiness", READY, "readiness", record, outputs, before)

    def _extend(self, readiness: Resource, added: list[Resource]) -> None:
        """Add to what an earlier run recorded."""
        covered, owned = self._covered(added), self._owned(added)
        for side in ("inputs", "outputs"):
            values = readiness.setdefault(side, {})
            values["objects"] = {**(values.get("objects") or {}), **covered}
            if isinstance(values.get(OWNED), list):
                values[OWNED] = [*values[OWNED], *owned]
        urns = [*(readiness.get("dependencies") or ()), *(one["urn"] for one in added)]
        readiness["dependencies"] = list(dict.fromkeys(urns))

    def _covered(self, added: Iterable[Resource]) -> dict[str, Any]:
        urns = {one["urn"]: one for one in added}
        found = {}
        for one in self.plan.objects:
            made = urns.get(self._urn(one.live.kind.type_name, one.declared.key))
            if made is None:
                continue
            options = one.declared.options
            found[f"{one.live.kind.noun} {one.declared.key}"] = {
                "kind": one.live.kind.noun,
                "id": one.live.id,
                "name": one.declared.key,
                "revision": made["outputs"]["revision"],
                "urn": made["urn"],
                **({} if options.wait else {"wait": False}),
                **({"timeoutSeconds": options.timeout} if options.timeout else {}),
            }
        return found

    def _owned(self, added: Iterable[Resource]) -> list[dict[str, Any]]:
        urns = {one["urn"]: one for one in added}
        declared = {one.declared.key: one.declared for one in self.plan.buckets}
        found = []
        for urn, made in urns.items():
            class_name, key = made["type"].removeprefix(TYPES), urn.rsplit("::", 1)[-1]
            outputs = made["outputs"]
            entry = {"kind": NOUNS[class_name], "name": key, "id": made["id"]}
            if class_name == "CapacityClaim":
                entry["resources"] = self.plan.declaration.capacity_claims[key].spec["resources"]
            elif class_name == "WeightsBucket":
                entry |= {"kind": BUCKET, "zone": declared[key].zone}
                entry |= {"force": True} if declared[key].force_destroy else {}
            elif class_name == "InferenceBucketPolicy":
                entry |= {"kind": POLICY, "sid": outputs["sid"]}
                entry |= {"keep": True} if outputs.get(OF_OTHERS) else {}
            elif class_name in ("Account", "Readiness"):
                continue
            entry |= {"protect": True} if made.get("protect") else {}
            entry |= {"keep": True} if made.get("retainOnDelete") else {}
            found.append(entry)
        return found
