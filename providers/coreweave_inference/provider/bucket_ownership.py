"""Whose a bucket is that exists already: its tag says which stack made it. And the tags that a bucket gets."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from coreweave_inference.errors import CoreWeaveError, Fault
from coreweave_inference.model.normal_form import Difference
from coreweave_inference.model.paths import entry
from coreweave_inference.storage.client import BucketState

from .adoption import RECENT, TAKE_OVER
from .creation import has_last_resort, is_in_state, may_adopt
from .session import Session
from .values import KEPT, STACK, bucket_in_state

STACK_TAG = "coreweave-inference-stack"
"""Tag that says which stack made the bucket. State format: a kept bucket is known by it."""
DECLARED_TAG = "coreweave-inference-tags"
"""Tag that names the tags which the stack declares: those of a run that was killed before it could record them too."""
BY_TAG = "adoptedByTag"
"""Output: this state did not create the bucket; it adopted it because of its tag alone."""
LONGEST_TAG, MOST_TAGS = 256, 50
"""What object storage takes: characters of a value, tags of a bucket."""


def stack_tag(stack_identity: str) -> str:
    """The value of the stack's tag: a digest, since an identity may hold what a tag may not."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, stack_identity))


def own_tag(declared: Mapping[str, Any]) -> str:
    """The tag of the stack that declares a bucket."""
    return stack_tag(str(declared.get(STACK, "")))


def adoption_fault(run: Session, declared: Mapping[str, Any], live: BucketState) -> Fault | None:
    """Why a bucket that exists already may not be adopted; None where it may."""
    return judge(run, declared, live)[0]


def judge(run: Session, declared: Mapping[str, Any], live: BucketState) -> tuple[Fault | None, bool]:
    """Why a bucket that exists already may not be adopted, None where it may; and whether nothing but its tag shows then that
    the stack created it: it may be another state's.
    """
    name, zone = str(declared["name"]), str(declared["zone"])
    if live.zone and live.zone.upper() != zone.upper():
        do = "declare that zone, or another name"
        return Fault(f'a bucket "{name}" exists in zone {live.zone}, not in {zone}', do=do), False
    owner = live.tags.get(STACK_TAG)
    if is_named(declared) or is_in_state(run, declared, bucket_in_state(name)):
        return None, False
    if owner in (None, own_tag(declared)) and _is_left_by_killed_run(run, name, zone, live):
        return None, False
    if owner == own_tag(declared):
        return _fault_of_kept(declared, live), True
    whose = ", and its tag is another stack's" if owner else ""
    fault = Fault(
        f'a bucket "{name}" exists already and nothing shows that this stack created it{whose}',
        do="say `adopt: true` to manage it here, declare it under `existing.buckets` to use it without managing it, or choose "
        f"another name; if a killed run of this stack created it, run once with {TAKE_OVER}={name}",
    )
    return fault, False


def is_named(declared: Mapping[str, Any]) -> bool:
    """Whether the user asks for the adoption of this bucket."""
    return bool(declared.get("adopt")) or str(declared["name"]) in may_adopt()


def fault_of_harm(state: Mapping[str, Any], declared: Mapping[str, Any]) -> Fault | None:
    """Why a bucket that this state adopted by its tag alone may not get what lets a destroy delete it."""
    if not state.get(BY_TAG) or is_named(declared) or not (harm := _harm(declared)):
        return None
    return Fault(
        f'this state did not create bucket "{declared["name"]}", it adopted it by its tag: another state of '
        f"the same stack may manage it, and {harm}",
        do=f"if no other state does, say `adopt: true` or run once with {TAKE_OVER}={declared['name']}",
    )


def _harm(declared: Mapping[str, Any]) -> str:
    """What a declaration lets a destroy do to a bucket."""
    if not declared.get(KEPT):
        return "`retainOnDelete: false` would let a destroy delete it"
    if declared.get("forceDestroy"):
        return "`forceDestroy` would let a later destroy delete its weights"
    return ""


def _is_left_by_killed_run(run: Session, name: str, zone: str, live: BucketState) -> bool:
    """Whether this stack created a bucket that its state does not have. Creation and tags are two requests, so the tag may
    be missing; then nothing but time and emptiness tells it from a bucket of somebody else's.
    """
    if not has_last_resort(run) or live.zone.upper() != zone.upper():
        return False
    try:
        storage = run.storage(zone)
        age = storage.age_seconds(name)
        return age is not None and age <= RECENT.total_seconds() and storage.is_empty(name)
    except CoreWeaveError:
        return False


def _fault_of_kept(declared: Mapping[str, Any], live: BucketState) -> Fault | None:
    """The tag comes from files that may be copied: it is enough only for what does no harm to a bucket of the original's."""
    tags, harm = tags_of_own(declared), _harm(declared)
    if not harm and any(live.tags.get(key) != tags.get(key) for key in (*tags, DECLARED_TAG)):
        harm = "its tags would change"
    if not harm:
        return None
    return Fault(
        f'a bucket "{declared["name"]}" with this stack\'s tag exists already and is not in this state: a former destroy kept '
        f"it, or another state of the same stack manages it, and {harm}",
        do=f"if it is this stack's, say `adopt: true` or run once with {TAKE_OVER}={declared['name']}; else choose another name",
    )


def forced_replacement(what: str, instead: str) -> Fault:
    """Nothing but `--replace` or a taint makes the engine create what the state has: it is there, and would stay."""
    return Fault(
        f"the replacement that is forced would replace nothing: {what} is in the state and would stay as it is",
        do=f"leave out --replace (`pulumi state untaint` for a tainted resource); {instead}",
    )


def tags_of_own(declared: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a bucket that the stack made."""
    return {**_declared_tags(declared), STACK_TAG: own_tag(declared)}


def _declared_tags(declared: Mapping[str, Any]) -> dict[str, str]:
    """Those of the declaration, and the one that names them, as far as a tag can."""
    tags = {key: str(value) for key, value in (declared.get("tags") or {}).items()}
    named = " ".join(key for key in sorted(tags) if " " not in key)
    fits = named and len(named) <= LONGEST_TAG and len(tags) <= MOST_TAGS - 2  # with the two of the stack
    return {**tags, DECLARED_TAG: named} if fits else tags


def is_ours(declared: Mapping[str, Any], live: BucketState) -> bool:
    """Whether the stack that declares a bucket made it."""
    return live.tags.get(STACK_TAG) == own_tag(declared)


def tags_of_adopted(declared: Mapping[str, Any], live: BucketState) -> dict[str, str]:
    """All tags of a bucket once it is adopted: a bucket that another stack or nobody made keeps saying so."""
    keeps = not is_ours(declared, live) and (declared.get("adopt") or STACK_TAG in live.tags)
    own = {} if keeps else {STACK_TAG: own_tag(declared)}
    return {**live.tags, **_declared_tags(declared), **own}


def tag_changes(live: Mapping[str, str], wanted: Mapping[str, str]) -> list[Difference]:
    """What differs, without this package's own record of the declared tags."""
    return [
        Difference(entry("tags", key), live.get(key), value)
        for key, value in sorted(wanted.items())
        if live.get(key) != value and key != DECLARED_TAG
    ]
