"""The account a stack lives in, declared by the first resource that needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pulumi
import pulumi.dynamic

from coreweave_inference.host.dynamic import DynamicProvider
from coreweave_inference.model.resource_types import MODULE
from coreweave_inference.program.context import Program, current_program, refuse_import, urn_of
from coreweave_inference.program.recorded import resources_of
from coreweave_inference.program.targets import RUN_TARGETS, run_targets
from coreweave_inference.provider import in_use
from coreweave_inference.provider.account_lifecycle import (
    KNOWN,
    OBJECTS,
    PLANNED,
    UNDECLARED,
    AccountLifecycle,
)
from coreweave_inference.provider.values import URN

from .planned import of_run
from .undeclared import undeclared

T = TypeVar("T")


class AccountProvider(DynamicProvider):
    """State format: the module and the name of this class are part of it."""

    lifecycle = AccountLifecycle()


class Account(pulumi.dynamic.Resource, module=MODULE, name="Account"):
    """The account a stack lives in; made by the first resource that needs it."""

    def __init__(self, name: str = "account", opts: pulumi.ResourceOptions | None = None) -> None:
        refuse_import("account", name, opts, "leave it out: it owns nothing")
        program = current_program()
        if program.account is not None:
            raise pulumi.RunError(
                "a stack has one Account; declare it before everything else, or leave it out"
            )
        program.account = self
        # An output is computed once the whole program has run, and everything depends on this resource: so what the
        # program asked for to be read first is, before anything is declared to the engine.
        looked = pulumi.Output.from_input("").apply(lambda _: _reporting(program, program.look_first))
        objects = looked.apply(lambda _: _planned(program))
        planned = looked.apply(lambda _: _reporting(program, lambda: _plan_of(program)))
        props = {
            URN: urn_of("Account", name, opts),
            OBJECTS: objects,
            PLANNED: planned,
            "apiEndpoint": None,
            "organizationId": looked,
        }
        super().__init__(AccountProvider(), name, props, opts)


def _reporting(program: Program, act: Callable[[], T]) -> T:
    """Do it, and report an error that the program ends with to whoever runs it. Raises pulumi.RunError."""
    try:
        return act()
    except pulumi.RunError as error:
        program.refused(error)
        raise


def _plan_of(program: Program) -> dict[str, Any]:
    """What the program declares; raises pulumi.RunError where two resources of it would be one object."""
    if twice := declared_twice(program):
        raise pulumi.RunError("; ".join(twice))
    planned = in_use.plan(program.objects, program.buckets, program.policies)
    whole = RUN_TARGETS in program.environ
    new = of_run(planned, program.last, run_targets(program.environ), whole=whole)
    more: dict[str, Any] = {UNDECLARED: undeclared(program)}
    if program.last is not None:
        more[KNOWN] = sorted({str(found["id"]) for found in resources_of(program.last) if found.get("id")})
    return {**new, **more}


def _planned(program: Program) -> dict[str, str]:
    """Kind and name by id of what the program declares and a destroy deletes, where the id is known beforehand."""
    kept = [resource for resource, entry in program.owned if entry.get("keep")]
    return {
        resource.planned_id: f"{resource.kind.noun} {resource.resource_name}"
        for resource in program.objects
        if resource.planned_id and resource not in kept
    }


def declared_twice(program: Program) -> list[str]:
    """One sentence on each name, bucket or policy that two resources of a program have."""
    planned = in_use.plan(program.objects, program.buckets, program.policies)
    explicit = [(one.kind.noun, one.declared.get("name"), one.place.key) for one in program.objects]
    return in_use.declared_twice(planned, [one for one in explicit if isinstance(one[1], str) and one[1]])


def account_of(program: Program) -> pulumi.Resource:
    """The program's account, made now if nobody did."""
    return program.account or Account()
