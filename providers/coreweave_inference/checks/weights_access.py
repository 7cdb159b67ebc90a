"""Rules on what the inference service may read: the effective policy of each bucket, and what lies under each path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.policy.statements import (
    INFERENCE_ORGANIZATION,
    INFERENCE_PRINCIPAL,
    Decision,
    Document,
    decide,
    inference_statement,
    merged,
    owner_statement,
    sid_for,
)

from .facts import CONFIG, BucketFacts
from .finding import About, Problem, Severity
from .objects import Deployment
from .rule import rule
from .view import View

ACCOUNT_ID = INFERENCE_PRINCIPAL.rsplit("/", 1)[-1]
STAND_IN = "organization-of-this-stack"
"""Means the owner's organization; it is never the inference service's."""
EVERYBODY = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
UNREADABLE = "without it a deployment gets READY and answers 520, or never starts"


def effective_policy(view: View, bucket: str, store: BucketFacts) -> Document | None:
    """The bucket's document once this declaration's statement is in it; `None` where it has none then."""
    declared = next((item for item in view.buckets.values() if item.name == bucket and item.policy), None)
    document = dict(store.policy) if store.policy is not None else None
    if declared is None or declared.policy is None:
        return document
    policy = declared.policy
    try:
        owner = owner_statement(bucket, STAND_IN) if policy.owner_access == "organization" else None
        own = inference_statement(bucket, policy.prefixes, sid_for(document, bucket))
        return merged(document, own, None if document else owner)
    except CoreWeaveError:
        return document


@dataclass(frozen=True, eq=False)
class _Access:
    """What a bucket's effective policy lets the inference service do; each question is decided once."""

    bucket: str
    document: Document | None

    @cached_property
    def _decisions(self) -> dict[tuple[str, str, bool], Decision]:
        return {}

    @cached_property
    def _denials(self) -> Document | None:
        """Everybody allowed everything, but for what is denied; `None` where nothing is."""
        denials = [one for one in _statements(self.document) if one.get("Effect") != "Allow"]
        return {"Statement": [EVERYBODY, *denials]} if denials else None

    def decided(self, action: str, key: str = "") -> Decision:
        """The decision on an action on the bucket, or on an object in it."""
        if self.document is None:
            return Decision(False, f'bucket "{self.bucket}" has no policy')
        return self._once(self.document, action, key, denials=False)

    def is_denied(self, action: str, key: str = "") -> Decision | None:
        """The decision of an explicit Deny, which would hold even if everybody else were allowed everything."""
        if self._denials is None:
            return None
        decision = self._once(self._denials, action, key, denials=True)
        return decision if decision.allowed is False else None

    def _once(self, document: Document, action: str, key: str, *, denials: bool) -> Decision:
        asked = (action, key, denials)
        if asked not in self._decisions:
            arn = f"arn:aws:s3:::{self.bucket}" + (f"/{key}" if key else "")
            self._decisions[asked] = decide(
                document, INFERENCE_PRINCIPAL, INFERENCE_ORGANIZATION, action, arn
            )
        return self._decisions[asked]


def _judged(view: View) -> Iterator[tuple[Deployment, str, _Access]]:
    """Each deployment with what its bucket's effective policy allows, where that is known."""
    for item in view.deployments:
        store = view.stores.get(item.bucket or "")
        if store is None or not store.policy_known or item.bucket is None:
            continue
        yield (
            item,
            item.bucket,
            view.once(("access", item.bucket), partial(_access, view, item.bucket, store)),
        )


def _access(view: View, bucket: str, store: BucketFacts) -> _Access:
    return _Access(bucket, effective_policy(view, bucket, store))


BUCKETS_FIRST = "COREWEAVE_CHECKS=warn pulumi up --target '**:Account::**' --target '**:WeightsBucket::**'"
"""How Pulumi alone makes the buckets of a stack, and nothing else."""


@rule("weights-not-listed", Severity.ERROR, "The inference service may not list a bucket")
def not_listed(view: View) -> Iterator[Problem]:
    """s3:ListBucket on the bucket itself is not allowed."""
    for item, bucket, access in _judged(view):
        decision = access.decided("s3:ListBucket")
        if decision.allowed is False and not access.is_denied("s3:ListBucket"):
            yield Problem(
                item.about,
                item.path("model.bucket"),
                f'the inference service may not list bucket "{bucket}": {decision.why}',
                UNREADABLE,
                f"declare the bucket's policy here, or have its owner add what `cw-inference policy {bucket}` prints",
            )


@rule("weights-not-readable", Severity.ERROR, "The inference service may not read a model")
def not_readable(view: View) -> Iterator[Problem]:
    """s3:GetObject below the model's path is not allowed."""
    for item, bucket, access in _judged(view):
        listed = access.decided("s3:ListBucket").allowed
        for key in _keys(view, item) if listed is not False else ():
            decision = access.decided("s3:GetObject", key)
            if decision.allowed is False and not access.is_denied("s3:GetObject", key):
                yield Problem(
                    item.about,
                    item.path("model.path"),
                    f'the inference service may not read "{key}" in bucket "{bucket}": {decision.why}',
                    UNREADABLE,
                    f"open it: add the model's folder to the prefixes of the policy, or have the bucket's owner add what "
                    f"`cw-inference policy {bucket} --prefix {item.model_path}` prints",
                )
                break


@rule(
    "weights-outside-prefixes", Severity.WARNING, "A model lies outside the prefixes of its bucket's policy"
)
def outside_prefixes(view: View) -> Iterator[Problem]:
    """Only where the whole policy is not known: another statement of it may open the model."""
    for item in view.deployments:
        bucket = view.buckets.get(item.bucket_key or "")
        store = view.stores.get(bucket.name) if bucket else None
        prefixes = bucket.policy.prefixes if bucket and bucket.policy else ()
        if not prefixes or item.model_path is None or (store is not None and store.policy_known):
            continue
        folder = item.model_path.strip("/") + "/"
        if not any(folder.startswith(f"{prefix}/") for prefix in prefixes):
            yield Problem(
                item.about,
                item.path("model.path"),
                f'the policy of "{item.bucket_key}" opens {", ".join(prefixes)}, and "{item.model_path}" is not among them',
                "unless another statement of the bucket's policy opens it, a deployment gets READY and answers 520",
                "move the model, or add its folder to the prefixes",
            )


@rule("weights-denied", Severity.ERROR, "A statement of a bucket's policy denies the inference service")
def denied(view: View) -> Iterator[Problem]:
    """An explicit Deny wins over every Allow."""
    for item, bucket, access in _judged(view):
        asked = [("s3:ListBucket", ""), *(("s3:GetObject", key) for key in _keys(view, item))]
        decisions = (access.is_denied(action, key) for action, key in asked)
        decision = next((found for found in decisions if found), None)
        if decision:
            yield Problem(
                item.about,
                item.path("model.path"),
                f'bucket "{bucket}": {decision.why} to the inference service',
                "a Deny wins over every Allow, ours included",
                "have whoever wrote that statement except the inference service from it",
            )


@rule(
    "weights-not-judged", Severity.WARNING, "Whether the inference service may read a model cannot be judged"
)
def not_judged(view: View) -> Iterator[Problem]:
    """Nothing forbids it for certain, and a statement rests on something that only a request would tell."""
    for item, bucket, access in _judged(view):
        asked = [("s3:ListBucket", ""), *(("s3:GetObject", key) for key in _keys(view, item))]
        decisions = [access.decided(action, key) for action, key in asked]
        unclear = next((found for found in decisions if found.allowed is None), None)
        if unclear and all(found.allowed is not False for found in decisions):
            yield Problem(
                item.about,
                item.path("model.path"),
                f'bucket "{bucket}": {unclear.why}',
                "if that statement keeps the inference service out, the deployment gets READY and answers 520",
                "send the deployment a request once it serves, or have the bucket's owner except the inference service "
                "from that statement",
            )


def _keys(view: View, item: Deployment) -> list[str]:
    """What represents the model's files: some of those that are there, else the one that every model has."""
    if item.model_path is None:
        return []
    folder = view.folder(item)
    found = [file.key for file in folder.loaded[:3]] if folder else []
    return found or [f"{item.model_path}/{CONFIG}"]


@rule("weights-principal", Severity.WARNING, "A statement names the inference service in a wrong form")
def principal(view: View) -> Iterator[Problem]:
    """Somebody meant the service account and wrote it otherwise than documented."""
    for name, store in view.stores.items():
        for statement in _statements(store.policy):
            written = statement.get("Principal")
            if statement.get("Effect") == "Allow" and _means_inference(written) and not _is_right(written):
                yield Problem(
                    About("bucket", _bucket_key(view, name)),
                    _bucket_path(view, name),
                    f'statement "{statement.get("Sid") or "(no Sid)"}" of bucket "{name}" names the principal '
                    f"{str(written)[:120]}",
                    f'the documented form is {{"CW": ["{INFERENCE_PRINCIPAL}"]}}',
                    "have it written that way; the statement that this stack puts has the right form",
                )


def _statements(document: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    written = (document or {}).get("Statement")
    found = written if isinstance(written, list) else [written]
    return [statement for statement in found if isinstance(statement, Mapping)]


def _means_inference(written: Any) -> bool:
    text = str(written)
    return INFERENCE_ORGANIZATION in text or ACCOUNT_ID in text


def _is_right(written: Any) -> bool:
    """Whether the service account is among the `CW` principals by its whole ARN."""
    named = written.get("CW") if isinstance(written, Mapping) else None
    return named == INFERENCE_PRINCIPAL or (isinstance(named, list) and INFERENCE_PRINCIPAL in named)


@rule("weights-owner-shut-out", Severity.ERROR, "A first policy shuts out the bucket's owner")
def owner_shut_out(view: View) -> Iterator[Problem]:
    """The bucket has no policy yet, and nothing is declared about its owner's own users."""
    for key, bucket in view.buckets.items():
        store = view.stores.get(bucket.name)
        first = store is not None and (not store.exists or (store.policy_known and store.policy is None))
        if first and bucket.policy is not None and bucket.policy.owner_access is None:
            yield Problem(
                About("bucket", key),
                f"buckets.{key}.policy.ownerAccess",
                f'bucket "{bucket.name}" has no policy yet, and ownerAccess does not say who keeps access',
                "a policy, once there, denies everyone whom it does not name, the owner's own users included",
                "write ownerAccess: organization to keep them in, or none to shut them out",
            )


@rule("weights-missing", Severity.ERROR, "There is nothing under a model's path")
def weights_missing(view: View) -> Iterator[Problem]:
    """The bucket exists and its listing below the path is empty."""
    for item in view.deployments:
        folder = view.folder(item)
        if folder is not None and folder.complete and not folder.files:
            yield Problem(
                item.about,
                item.path("model.path"),
                f'there is no object under "{item.model_path}" in bucket "{item.bucket}"',
                "a missing model shows only at start, as FAILED or as an endless CREATING",
                f"push it with `cw-inference weights push FOLDER {item.bucket} {item.model_path}`",
            )


@rule("weights-bucket-missing", Severity.ERROR, "The bucket of a model does not exist yet")
def bucket_missing(view: View) -> Iterator[Problem]:
    """The run would make gateways and claims, and then refuse the deployment."""
    for item in view.deployments:
        store = view.stores.get(item.bucket or "")
        if store is None or store.exists:
            continue
        used = next((key for key, found in view.existing_buckets.items() if found.name == item.bucket), None)
        yield Problem(
            item.about,
            item.path("model.path"),
            f'there is no bucket "{item.bucket}", so there are no weights under "{item.model_path}"',
            "a deployment is only created where its weights are, and what a run creates before it is billed",
            f"correct the name of existing.buckets.{used}, or have its owner create the bucket"
            if used
            else f"create the bucket first (`cw-inference up --only buckets`, or with Pulumi alone `{BUCKETS_FIRST}`), push "
            f"with `cw-inference weights push FOLDER {item.bucket} {item.model_path}`, then run again",
        )


@rule("weights-newer", Severity.WARNING, "Objects under a model's path are newer than its deployment")
def newer(view: View) -> Iterator[Problem]:
    """A new version under an old path, which replicas that run do not load."""
    for item in view.deployments:
        live, folder = view.live_of(item), view.folder(item)
        before = view.before(item)
        if live is None or live.updated is None or folder is None or before is None:
            continue
        if not any(file.modified and file.modified > live.updated for file in folder.files):
            continue
        if (
            folder.newest is not None
            and folder.newest > live.updated
            and not view.declares_otherwise(item, before, "model")
        ):
            yield Problem(
                item.about,
                item.path("model.path"),
                f'the youngest object under "{item.model_path}" is of {folder.newest:%Y-%m-%d %H:%M} UTC, and the '
                f"deployment was last written on {live.updated:%Y-%m-%d %H:%M} UTC",
                "weights are loaded when a replica starts, so replicas may serve different versions",
                "put a new version under a new path and change model.path",
            )


def _bucket_key(view: View, name: str) -> str:
    declared = {bucket.name: key for key, bucket in view.buckets.items()}
    used = {bucket.name: key for key, bucket in view.existing_buckets.items()}
    return declared.get(name) or used.get(name) or name


def _bucket_path(view: View, name: str) -> str:
    key = _bucket_key(view, name)
    if key in view.buckets:
        return f"buckets.{key}.policy"
    return f"existing.buckets.{key}" if key in view.existing_buckets else ""


UNREADABLE_CODES = frozenset(found.code for found in (not_listed, not_readable, denied))
"""Findings by which a deployment's weights cannot be read."""
