"""Whose a bucket is that exists already: its tag says which stack made it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from coreweave_inference.errors import Fault
from coreweave_inference.storage import BucketState

from .creation import may_adopt
from .session import Session
from .values import STACK

STACK_TAG = "coreweave-inference-stack"
"""Tag that says which stack made the bucket. State format: a kept bucket is known by it."""


def stack_tag(stack_identity: str) -> str:
    """The value of the stack's tag: a digest, since an identity may hold what a tag may not."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, stack_identity))


def own_tag(declared: Mapping[str, Any]) -> str:
    """The tag of the stack that declares a bucket."""
    return stack_tag(str(declared.get(STACK, "")))


def refusal(run: Session, declared: Mapping[str, Any], live: BucketState) -> Fault | None:
    """Why a bucket that exists already may not be taken; None where it may."""
    name, zone = str(declared["name"]), str(declared["zone"])
    if live.zone and live.zone.upper() != zone.upper():
        return Fault(
            f'a bucket "{name}" exists in zone {live.zone}, not in {zone}',
            do="declare that zone, or another name",
        )
    owner = live.tags.get(STACK_TAG)
    if owner == own_tag(declared) or declared.get("adopt") or name in may_adopt():
        return None
    if not owner and run.storage(zone).is_empty(name):
        return None
    whose = ", and its tag is another stack's" if owner else ""
    return Fault(
        f'a bucket "{name}" exists already and this stack did not make it{whose}',
        do="say `adopt: true` to manage it here, use it without managing it, or choose another name",
    )
