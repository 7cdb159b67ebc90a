"""The bucket that holds the weights.

CreateBucket succeeds silently where the bucket exists already, so what is there is read first: a bucket is taken
only if it carries this stack's tag and this run can do it no harm, is empty and in the right zone, or `adopt` says so. A destroy keeps it
(`retainOnDelete`, the engine's own option); only `forceDestroy` empties it first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi.dynamic
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from coreweave_inference.errors import AccessDenied, CoreWeaveError, Fault, NotOurs
from coreweave_inference.fleet.deletions import BUCKET
from coreweave_inference.model.bucket_names import bucket_name_problem
from coreweave_inference.model.resource_types import MODULE
from coreweave_inference.model.unknown import UNKNOWN, has_unknown
from coreweave_inference.program.context import (
    current_program,
    output,
    urn_of,
    with_dependencies,
    without_import,
)
from coreweave_inference.program.last_state import recorded_name
from coreweave_inference.program.parents import place_of
from coreweave_inference.provider import in_use, stores
from coreweave_inference.provider.bucket_ownership import (
    BY_TAG,
    DECLARED_TAG,
    STACK_TAG,
    forced_replacement,
    is_named,
    refusal_of_harm,
    stack_tag,
    tag_changes,
    tags_of_adopted,
    tags_of_own,
)
from coreweave_inference.provider.buckets import (
    INPUTS,
    adoptable,
    empty,
    has_our_statement,
    outputs_of,
    prove_bucket_gone,
    seen,
    subject_of,
    take,
    wait_for_readers,
)
from coreweave_inference.provider.creation import may_adopt, remember
from coreweave_inference.provider.host import one_line_errors
from coreweave_inference.provider.messages import translate_service_errors
from coreweave_inference.provider.object_provider import HostedProvider
from coreweave_inference.provider.session import current
from coreweave_inference.provider.values import (
    KEPT,
    STACK,
    URN,
    bucket_in_state,
    failures,
    for_engine,
    plain,
)

from .account import account_of

__all__ = ["DECLARED_TAG", "STACK_TAG", "WeightsBucket", "WeightsBucketProvider", "stack_tag"]

NEW_BUCKET = "for a new bucket, declare another `name`, push the weights there, then change the deployments"
LAST_NAME = "__lastName"
"""Input that is read and not recorded: the bucket's name in the last state, where the state has the resource."""


class WeightsBucketProvider(HostedProvider):
    """CRUD of one bucket. State format: the module and the name of this class are part of it."""

    @one_line_errors
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Names by the rules of object storage; a bucket cannot move to another zone."""
        before, declared = plain(olds), plain(news)
        in_last_state = declared.pop(LAST_NAME, None)
        name = declared.get("name")
        problem = "" if name is UNKNOWN else bucket_name_problem(str(name or ""))
        wrong = [Fault(f'"{name}" {problem}', path="name")] if problem else []
        same_bucket = before and before.get("name") == declared.get("name")
        zones = (before.get("zone"), declared.get("zone"))
        if same_bucket and UNKNOWN not in zones and zones[0] != zones[1]:
            do = "give the bucket in the new zone another name, copy the weights, then change the deployments"
            wrong.append(Fault(f"a bucket cannot move from {zones[0]} to {zones[1]}", path="zone", do=do))
        if wrong:
            return CheckResult(news, failures(subject_of(declared), wrong))
        run = current()
        run.memory.checked.add(str(declared.get(URN, "")))
        if same_bucket and STACK in before:
            declared[STACK] = before[STACK]  # As its tag has it, whatever the stack is called now.
        if same_bucket:
            remember(run, declared, bucket_in_state(str(name)))
        run.agreement.declared(BUCKET, declared)
        claimed = in_use.claimed_by_another(run, declared, "bucket", name)
        if not same_bucket and not claimed and not has_unknown((name, declared.get("zone"))):
            live = adoptable(run, declared)
            if live is not None and not before and in_last_state == name and name not in may_adopt():
                live = forced_replacement(f'bucket "{name}"', NEW_BUCKET)
            if isinstance(live, Fault):
                return CheckResult(news, failures(subject_of(declared), [live]))
            if live is not None and run.agreement.records and not before:
                changes = tag_changes(live.tags, tags_of_adopted(declared, live))
                run.agreement.adopts(str(declared.get(URN, "")), changes)
        return CheckResult(for_engine(declared), failures(subject_of(declared), claimed))

    @one_line_errors
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another name replaces; tags change in place."""
        old, new = plain(olds), plain(news)
        current().guard_endpoint(str(old.get("apiEndpoint", "")))
        if old.get("name") != new.get("name"):
            return DiffResult(changes=None, replaces=["name"], delete_before_replace=False)
        current().memory.claim_id(str(new.get(URN, "")), id_)
        stores.record_unread(current(), old, stores.BUCKET, id_)
        if (fault := refusal_of_harm(old, new)) is not None and str(
            new.get(URN, "")
        ) in current().memory.checked:
            raise NotOurs(f"{subject_of(new)}: {fault}")
        newly_named = bool(old.get(BY_TAG)) and is_named(new)
        same = not newly_named and all(
            (old.get(key) or None) == (new.get(key) or None) for key in ("zone", "tags", "forceDestroy")
        )
        return DiffResult(changes=False if same else None)

    @one_line_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """One CreateBucket, unless the bucket is there and may be taken."""
        declared = plain(props)
        run = current()
        name, zone = str(declared["name"]), str(declared["zone"])
        with translate_service_errors(subject_of(declared)):
            live, by_tag = seen(run, declared), False
            if live is None:
                run.attempt(str(declared.get(URN, "")), declared)
                run.storage(zone).create_bucket(name, zone, tags_of_own(declared))
            else:
                by_tag = take(run, declared, live)
        run.memory.managed_ids.add(name)
        return CreateResult(name, {**outputs_of(run, declared), **({BY_TAG: True} if by_tag else {})})

    @one_line_errors
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Tags; the stack's own are always among them, others' stay."""
        old, declared = plain(olds), plain(news)
        run = current()
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        with translate_service_errors(subject_of(declared)):
            storage = run.storage(str(declared["zone"]))
            live = storage.bucket(id_)
            if live is None:
                raise CoreWeaveError(
                    f"{subject_of(declared)} is not there any more; refresh, and the next run makes it"
                )
            gone = {*(old.get("tags") or {}), DECLARED_TAG} - set(declared.get("tags") or {})
            others = {key: value for key, value in live.tags.items() if key not in gone}
            storage.put_tags(id_, {**others, **tags_of_own(declared)})
        by_tag = old.get(BY_TAG) and not is_named(declared)
        return UpdateResult({**outputs_of(run, declared), **({BY_TAG: True} if by_tag else {})})

    @one_line_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Zone and the tags that were declared; tags of others are none of ours.

        A bucket that is seen needs no other proof of the organisation: an account may hold nothing else.
        """
        old = plain(props)
        run = current()
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        run.hold_plan()
        try:
            with translate_service_errors(subject_of(old)):
                live = run.storage(str(old.get("zone", ""))).bucket(id_)
        except CoreWeaveError as error:
            if not isinstance(error.__cause__, AccessDenied):
                raise
            if not has_our_statement(run, old, id_):
                run.guard_organization(subject_of(old), str(old.get("organizationId", "")))
            # It is there: a policy with `ownerAccess: none` shuts its own owner out, and that is no error.
            run.log.note(
                str(old.get(URN, "")),
                f"{subject_of(old)} could not be read, so its recorded form is used: {error}",
            )
            return ReadResult(id_, old, {key: old[key] for key in INPUTS if key in old})
        run.memory.read.add(bucket_in_state(id_))
        if live is None:
            prove_bucket_gone(run, old)
            stores.hold_bucket(run, old, id_, None)
            return ReadResult("", {})
        tags = stores.own_tags(old, live.tags)
        stores.hold_bucket(run, old, id_, tags)
        seen = {
            **old,
            "zone": live.zone or old.get("zone"),
            **({"tags": tags} if tags or old.get("tags") else {}),
        }
        seen["organizationId"] = run.organization(str(old.get("organizationId", "")))
        return ReadResult(id_, seen, {key: seen[key] for key in INPUTS if key in seen})

    @one_line_errors
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Only an empty bucket goes, or one that `forceDestroy` says to empty first."""
        old = plain(props)
        run = current()
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        if id_ in run.memory.managed_ids:
            run.log.warning(str(old.get(URN, "")), f"{subject_of(old)} kept: still declared")
            return
        wait_for_readers(run, old, id_)
        with translate_service_errors(subject_of(old)):
            storage = run.storage(str(old.get("zone", "")))
            if storage.bucket(id_) is None:
                prove_bucket_gone(run, old)
                return
            if not storage.is_empty(id_):
                if (fault := refusal_of_harm(old, old)) is not None:
                    raise NotOurs(f"{subject_of(old)}: {fault}")
                empty(run, old, id_)
            storage.delete_bucket(id_)


class WeightsBucket(pulumi.dynamic.Resource, module=MODULE, name="WeightsBucket"):
    """The bucket that holds the weights; kept by a destroy unless `retain_on_delete=False`."""

    def __init__(
        self,
        name: str,
        *,
        bucket_name: pulumi.Input[str],
        zone: pulumi.Input[str],
        tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        force_destroy: pulumi.Input[bool] = False,
        adopt: pulumi.Input[bool] = False,
        retain_on_delete: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        program = current_program()
        opts, import_id = without_import(opts)
        if import_id and isinstance(bucket_name, str) and import_id != bucket_name:
            raise pulumi.RunError(
                f'weights bucket "{name}": import_ names bucket "{import_id}", not "{bucket_name}"'
            )
        adopt = adopt or bool(import_id)
        own = with_dependencies(opts, [account_of(program)], retain_on_delete=retain_on_delete)
        urn = urn_of("WeightsBucket", name, opts)
        props: dict[str, Any] = {
            "name": bucket_name,
            "zone": zone,
            "forceDestroy": force_destroy,
            "adopt": adopt,
            STACK: program.identity,
            URN: urn,
            **({"tags": tags} if tags else {}),
            **({KEPT: True} if own.retain_on_delete else {}),
        }
        last = {LAST_NAME: urn.apply(lambda found: recorded_name(program.last, found))}
        super().__init__(WeightsBucketProvider(), name, {**props, **last}, own)
        self.resource_name, self.place = name, place_of(name, opts)
        values = tags.values() if isinstance(tags, Mapping) else ()
        given = (bucket_name, zone, adopt, force_destroy, *values)
        are_plain = all(isinstance(value, str | bool) for value in given)
        self.planned = props if are_plain and isinstance(tags, Mapping | None) else {}
        """What is known of it before anything is declared, where all of that is plain."""
        self.declared_name = bucket_name if isinstance(bucket_name, str) else None
        program.buckets.append(self)
        program.own(
            self,
            own,
            kind=BUCKET,
            name=name,
            id=bucket_name,
            zone=zone,
            **({"force": True} if force_destroy else {}),
        )

    @property
    def bucket_name(self) -> pulumi.Output[str]:
        """The bucket's name."""
        return output(self, "name")

    @property
    def zone(self) -> pulumi.Output[str]:
        """The Availability Zone it lies in."""
        return output(self, "zone")
