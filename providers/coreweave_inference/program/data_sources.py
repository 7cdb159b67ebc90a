"""Finding the gateways, capacity claims and buckets that a program uses and does not own.

They are resolved, once per kind and run, and never changed or deleted: no resource represents them, so none of them
is ever in the state. Another stack's objects are found through its outputs. Nothing here writes.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.output import UNKNOWN
from pulumi.runtime.settings import get_monitor

from coreweave_inference.api.client import ApiObject, InferenceApi
from coreweave_inference.declaration import ExistingBucket as BucketEntry
from coreweave_inference.declaration import ExistingObject, Origin
from coreweave_inference.errors import CoreWeaveError, Fault, InvalidDeclaration
from coreweave_inference.model import Kind
from coreweave_inference.model.fields import shortened
from coreweave_inference.model.violations import nearest

from .context import program_settings
from .existing import ExistingBucket, ExistingCapacityClaim, ExistingGateway

MOST_LISTED = 10
BUCKETS = "buckets"
IN_PYTHON = Origin("", 0)


@dataclass
class ProgramLookups:
    """What one run of a program has seen of its account and of other stacks."""

    lists: dict[Kind, list[ApiObject]] = field(default_factory=dict)
    stacks: dict[str, pulumi.StackReference] = field(default_factory=dict)
    offline: bool = False
    """Whether nothing may be asked of the service: then nothing is known of what exists."""

    def look(self, kind: Kind) -> list[ApiObject]:
        """Everything of the kind in the account; asked for once."""
        if kind not in self.lists:
            with InferenceApi.of(program_settings()) as api:
                self.lists[kind] = api.list(kind)
        return self.lists[kind]

    def outputs(self, stack: str, section: str) -> pulumi.Output[Any]:
        """An output of another stack; one reference represents all that is taken from it."""
        if stack not in self.stacks:
            self.stacks[stack] = pulumi.StackReference(stack)
        return self.stacks[stack].get_output(section)


_lookups_by_monitor: weakref.WeakKeyDictionary[Any, ProgramLookups] = weakref.WeakKeyDictionary()
"""By the engine's monitor, of which each run of a program has its own."""


def program_lookups() -> ProgramLookups:
    """Those of the program that is running now."""
    monitor = get_monitor()
    if monitor is None:
        raise pulumi.RunError("existing objects are named in a Pulumi program; this one runs outside of one")
    return _lookups_by_monitor.setdefault(monitor, ProgramLookups())


def existing_gateway(
    key: str,
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002 (the API's own word)
    stack: str | None = None,
    stack_key: str | None = None,
) -> ExistingGateway:
    """A gateway of the account, by exactly one of `name`, `id` and `stack` (`organization/project/stack`).

    `stack_key` is its key in the other stack, `key` if left out. Raises pulumi.RunError if there is none, or several.
    """
    return gateway_of(_object(Kind.GATEWAY, key, name, id, stack, stack_key))


def existing_capacity_claim(
    key: str,
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002 (the API's own word)
    stack: str | None = None,
    stack_key: str | None = None,
) -> ExistingCapacityClaim:
    """A capacity claim of the account; arguments and errors as for `existing_gateway`."""
    return capacity_claim_of(_object(Kind.CAPACITY_CLAIM, key, name, id, stack, stack_key))


def existing_bucket(
    key: str,
    *,
    name: str | None = None,
    zone: str | None = None,
    stack: str | None = None,
    stack_key: str | None = None,
) -> ExistingBucket:
    """A bucket, by exactly one of `name` (with its `zone`, if it matters) and `stack`."""
    _one_of(key, name=name, stack=stack)
    return bucket_of(BucketEntry(key, IN_PYTHON, name, zone, stack, stack_key or key))


def _object(
    kind: Kind, key: str, name: str | None, id_: str | None, stack: str | None, stack_key: str | None
) -> ExistingObject:
    _one_of(key, name=name, id=id_, stack=stack)
    existing = ExistingObject(key, kind, IN_PYTHON, name, id_, stack, stack_key or key)
    try:
        check([existing])
    except CoreWeaveError as error:
        raise pulumi.RunError(str(error)) from error
    return existing


def _one_of(key: str, **ways: str | None) -> None:
    if sum(way is not None for way in ways.values()) != 1:
        raise pulumi.RunError(f'existing "{key}": give exactly one of {", ".join(ways)}')


def check(existing: list[ExistingObject]) -> None:
    """Raises InvalidDeclaration with everything that is not there, or there twice; stacks are read later."""
    faults: list[Fault] = []
    for item in existing:
        if item.stack is None and not program_lookups().offline:
            try:
                the_one(item, program_lookups().look(item.kind))
            except InvalidDeclaration as error:
                faults.extend(error.faults)
    if faults:
        raise InvalidDeclaration(faults)


def gateway_of(item: ExistingObject) -> ExistingGateway:
    """The gateway that an entry names."""
    outputs = _outputs_of(item)
    return ExistingGateway(item.key, outputs["apiId"], outputs["endpoints"], outputs["byPath"])


def capacity_claim_of(item: ExistingObject) -> ExistingCapacityClaim:
    """The capacity claim that an entry names."""
    return ExistingCapacityClaim(item.key, _outputs_of(item)["apiId"])


def bucket_of(item: BucketEntry) -> ExistingBucket:
    """The bucket that an entry names; nobody looks whether it is there before its weights are needed."""
    if item.stack is None:
        here = pulumi.Output.from_input({"name": item.name, "zone": item.zone})
        return ExistingBucket(item.key, here["name"], here["zone"])
    there = _of_stack(item.stack, BUCKETS, item.stack_key or item.key)
    return ExistingBucket(item.key, there["name"], there["zone"])


def _outputs_of(item: ExistingObject) -> pulumi.Output[dict[str, Any]]:
    """`apiId`, `endpoints` and `byPath` of the live object."""
    if program_lookups().offline:
        return pulumi.Output.from_input(UNKNOWN)  # type: ignore[arg-type]
    if item.stack is None:
        return pulumi.Output.from_input(_seen(the_one(item, program_lookups().look(item.kind))))

    around = program_lookups()

    def there(outputs: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return _seen(the_one(item, around.look(item.kind), str(outputs["apiId"])))
        except CoreWeaveError as error:
            raise pulumi.RunError(str(error)) from error

    return _of_stack(item.stack, item.kind.section, item.stack_key or item.key).apply(there)


def _seen(live: ApiObject) -> dict[str, Any]:
    return {
        "apiId": live.id,
        "endpoints": list(live.endpoints),
        "byPath": live.spec.get("pathBasedRouting") is not None,
    }


def _of_stack(stack: str, section: str, key: str) -> pulumi.Output[dict[str, Any]]:
    """What another stack says of one of its objects."""

    def of(outputs: Mapping[str, Any] | None) -> dict[str, Any]:
        found = (outputs or {}).get(key)
        if found is None:
            listed = ", ".join(sorted(outputs or {})[:MOST_LISTED]) or "none"
            raise pulumi.RunError(
                f"stack {stack} has no {section}.{key} among its outputs (of {section} it has {listed}); correct the "
                "key, or run up in that stack first"
            )
        return dict(found)

    return program_lookups().outputs(stack, section).apply(of)


def the_one(item: ExistingObject, live: list[ApiObject], id_: str | None = None) -> ApiObject:
    """The live object that an entry names, by `id_` where its own stack has that output.

    Raises InvalidDeclaration if there is none, or several, or if it is being deleted.
    """
    wanted = item.id or id_
    found = [one for one in live if (one.id == wanted.lower() if wanted else one.name == item.name)]
    if len(found) == 1 and found[0].status != "DELETING":
        return found[0]
    raise InvalidDeclaration([_not_usable(item, wanted, found, [one.name for one in live])])


def _not_usable(item: ExistingObject, wanted: str | None, found: list[ApiObject], names: list[str]) -> Fault:
    called = f"of id {wanted}" if wanted else f'called "{shortened(item.name or "")}"'
    if not found:
        what = f"there is no {item.kind.noun} {called} in this account"
        right = "" if wanted else nearest(item.name or "", names)
        listed = ", ".join(sorted(names)[:MOST_LISTED]) or "none"
        do = f'did you mean "{right}"?' if right else f"of {item.kind.noun}s it has: {listed}"
    elif len(found) > 1:
        what = f"there are {len(found)} {item.kind.noun}s {called}"
        do = f"name it by id, one of {', '.join(one.id for one in found)}"
    else:
        what, do = f"the {item.kind.noun} {called} is being deleted", "name another one"
    return Fault(what, f"existing.{item.kind.section}.{item.key}", do, item.origin.file, item.origin.line)
