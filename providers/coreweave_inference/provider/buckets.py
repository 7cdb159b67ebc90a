"""What is done with one weights bucket: read, adopted, emptied; and who still reads from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.errors import AccessDenied, CoreWeaveError, Fault, NotOurs, PlanMoved
from coreweave_inference.policy.statements import find_ours, sid_for
from coreweave_inference.storage.client import BucketState

from . import users
from .bucket_ownership import adoption_fault, is_named, is_ours, judge, tags_of_adopted
from .messages import resource_name, translate_service_errors
from .session import Session
from .values import FORMAT, KEPT, STACK, URN

INPUTS = ("name", "zone", "tags", "forceDestroy", "adopt", STACK, KEPT, URN)


def subject_of(props: Mapping[str, Any]) -> str:
    """A bucket's resource in messages."""
    return f'weights bucket "{resource_name(props)}"'


def adoptable(run: Session, declared: Mapping[str, Any]) -> BucketState | Fault | None:
    """The bucket that a creation would adopt, why it would not, or None without one. Raises PlanMoved and AccessDenied; what
    cannot be read is not judged.
    """
    try:
        with translate_service_errors(subject_of(declared)):
            live = seen(run, declared)
            return live and (adoption_fault(run, declared, live) or live)
    except (PlanMoved, AccessDenied):
        raise
    except CoreWeaveError:
        return None


def seen(run: Session, declared: Mapping[str, Any]) -> BucketState | None:
    """What there is under the name of a bucket to be created. Raises PlanMoved where that is not as planned."""
    name, zone = str(declared["name"]), str(declared["zone"])
    live = run.storage(zone).bucket(name)
    run.agreement.new_bucket(str(declared.get(URN, "")), name, zone, live.tags if live else None)
    return live


def take(run: Session, declared: Mapping[str, Any], live: BucketState) -> bool:
    """Adopt a bucket that exists already; whether nothing but its tag shows that the stack created it. Raises NotOurs."""
    name, zone, what = str(declared["name"]), str(declared["zone"]), subject_of(declared)
    fault, by_tag_alone = judge(run, declared, live)
    if fault is not None:
        raise NotOurs(f"{what}: {fault}")
    if not is_ours(declared, live) and not is_named(declared):
        run.log.warning(
            str(declared.get(URN, "")), f'{what}: the empty bucket "{name}" existed already and is adopted'
        )
    wanted = tags_of_adopted(declared, live)
    if wanted != live.tags:
        run.storage(zone).put_tags(name, wanted)
    return by_tag_alone


def outputs_of(run: Session, declared: Mapping[str, Any]) -> dict[str, Any]:
    """What the state records of a bucket."""
    kept = {key: declared[key] for key in INPUTS if key in declared}
    return {
        **kept,
        "apiEndpoint": run.endpoint,
        "organizationId": run.organization(),
        "format": FORMAT,
    }


def prove_bucket_deleted(run: Session, old: Mapping[str, Any]) -> None:
    """A bucket of another organization answers as if it were missing."""
    run.prove_deleted(subject_of(old), str(old.get("name")), str(old.get("organizationId", "")))


def has_our_statement(run: Session, old: Mapping[str, Any], bucket: str) -> bool:
    """Whether the policy of a bucket that shuts us out has this stack's statement: then it is the stack's bucket."""
    try:
        document = run.storage(str(old.get("zone", ""))).policy(bucket)
    except CoreWeaveError:
        return False
    return find_ours(document, sid_for(None, str(old.get(STACK, "")))) is not None


def wait_for_readers(run: Session, old: Mapping[str, Any], bucket: str) -> None:
    """Deployments that are going still read; with `forceDestroy`, one that stays is an error."""
    users.wait_for_users(
        run,
        subject_of(old),
        str(old.get(URN, "")),
        lambda live: bool(users.references(live, "model", "bucket") == bucket),
        refuse_live=bool(old.get("forceDestroy")) and not run.settings.destroy_used,
    )


def empty(run: Session, old: Mapping[str, Any], bucket: str) -> None:
    """Empty a bucket that is to be deleted. Raises CoreWeaveError without `forceDestroy`."""
    what, urn = subject_of(old), str(old.get(URN, ""))
    if not old.get("forceDestroy"):
        raise CoreWeaveError(
            f"{what} is not empty, and weights are not deleted without being asked to; keep it (retainOnDelete, the "
            "default), empty it, or set `forceDestroy: true`, run up, and destroy again"
        )
    count, size = run.storage(str(old.get("zone", ""))).empty(
        bucket, lambda text: run.log.progress(urn, str(text))
    )
    run.log.note(urn, f"{what}: {count} objects, {size:,} bytes, deleted because of forceDestroy")
