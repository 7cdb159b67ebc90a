"""The account: the ground that all other resources stand on.

It checks token and endpoint before anything else is read, records where the stack lives, and is the last to go:
its deletion waits until everything that the run deleted is gone. It owns nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi.dynamic
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from coreweave_inference.errors import CannotProveGone, CoreWeaveError, single_line
from coreweave_inference.model import Kind
from coreweave_inference.model.resource_types import MODULE
from coreweave_inference.network.marks import note_error
from coreweave_inference.program.context import Program, current_program, refuse_import, urn_of
from coreweave_inference.program.last_state import resources_of
from coreweave_inference.provider import confirmation, in_use
from coreweave_inference.provider.deletion_guard import refuse_undeclared
from coreweave_inference.provider.host import one_line_errors, recorded_inputs
from coreweave_inference.provider.memory import ids_of_stack
from coreweave_inference.provider.messages import resource_name
from coreweave_inference.provider.object_provider import HostedProvider
from coreweave_inference.provider.session import Session, current
from coreweave_inference.provider.targets import RUN_TARGETS, run_targets
from coreweave_inference.provider.values import (
    DELETED,
    FORMAT,
    NOTED,
    PACKAGE_VERSION,
    URN,
    for_engine,
    plain,
)
from coreweave_inference.version import __version__

from .planned import of_run
from .undeclared import undeclared

OBJECTS = "__objects"
"""Hidden input: kind and name by id of the objects that the last program declared. It changes without a difference."""
KINDS = {kind.noun: kind for kind in Kind}

UNDECLARED, KNOWN = "undeclared", "known"
PLANNED = "__planned"
"""Input that is read and not recorded: what the program declares."""


class AccountProvider(HostedProvider):
    """Looks, and waits at the end. State format: the module and the name of this class are part of it."""

    @one_line_errors
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """One call with the token: whoever cannot list cannot do anything else either."""
        inputs = plain(news)
        try:
            run = current()
            for conflict in run.settings.conflicts:
                run.log.warning(str(inputs.get(URN, "")), conflict)
            run.organizations_seen()
        except CoreWeaveError as error:
            note_error(error)
            return CheckResult(news, [CheckFailure("", f"the account cannot be used: {error}")])
        run.hold_plan()
        planned = inputs.pop(PLANNED, None) or {}
        inputs[OBJECTS] = _without_others(run, inputs.get(OBJECTS) or {}, planned.get(KNOWN))
        # All at once: the engine stops at the first resource that is refused.
        found = in_use.faults_of_plan(run, planned) if not olds or in_use.RECORDED in planned else []
        try:
            refuse_undeclared(run, planned.get(UNDECLARED) or {})
        except CoreWeaveError as error:
            found.append(str(error))
        return CheckResult(for_engine(inputs), [CheckFailure("", single_line(text)) for text in found])

    @one_line_errors
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Never changes; another endpoint or organisation than the recorded one is an error."""
        current().memory.earlier_run = True
        _guard(current(), plain(olds))
        return DiffResult(changes=False)

    @one_line_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Record where the stack lives."""
        return CreateResult("account", _outputs(current(), plain(props)))

    @one_line_errors
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Record it again."""
        return UpdateResult(_outputs(current(), {**plain(olds), **plain(news)}))

    @one_line_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The organisation may have become known since."""
        old = plain(props)
        current().memory.earlier_run = True
        _guard(current(), old)
        current().hold_plan()
        known = {**old, **recorded_inputs()}
        return ReadResult(id_, _outputs(current(), old), {k: known[k] for k in (URN, OBJECTS) if k in known})

    @one_line_errors
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Wait until everything that the stack had answers 404, and report it.

        An earlier destroy may have been stopped after its deletions: what those deleted is in no entry of the state, so the
        last program's objects are recorded here, and what is noted of accepted deletions.
        """
        run, old = current(), plain(props)
        urn, deleted = str(old.get(URN, "")), dict(run.memory.deleted)
        notes = old.get(DELETED) or {}
        run.memory.accepted.update({id_: notes[id_] for id_ in notes.keys() - deleted.keys()})
        noted = {id_: (KINDS[note["kind"]], resource_name(note["inputs"])) for id_, note in notes.items()}
        objects = {**_recorded(recorded_inputs().get(OBJECTS)), **noted, **deleted}
        if not objects:
            return
        _guard(run, old)
        confirmed = confirmation.wait_until_gone(run, deleted, urn)
        late = confirmation.confirm_gone(run, {id_: objects[id_] for id_ in objects.keys() - confirmed}, urn)
        names = sorted({*late, *(f'{kind.noun} "{name}"' for kind, name in deleted.values())})
        if names:
            run.log.note(urn, f"confirmed deleted: {', '.join(names)}")


def _without_others(run: Session, objects: Mapping[str, str], known: Any) -> dict[str, str]:
    """Without what exists and the state does not have: its creation will be refused, and then a destroy would wait for it."""
    if not isinstance(known, list):
        return dict(objects)
    own = {*known, *ids_of_stack()}
    live = {id_ for kind in Kind for id_ in run.lists.look(kind, max_age_seconds=60.0)}
    return {id_: label for id_, label in objects.items() if id_ in own or id_ not in live}


def _recorded(objects: Any) -> dict[str, tuple[Kind, str]]:
    found = objects if isinstance(objects, Mapping) else {}
    parts = {id_: str(label).rpartition(" ") for id_, label in found.items()}
    return {id_: (KINDS[noun], name) for id_, (noun, _, name) in parts.items() if noun in KINDS}


def _planned(program: Program) -> dict[str, str]:
    """Kind and name by id of what the program declares and a destroy deletes, where the id is known beforehand."""
    kept = [resource for resource, entry in program.owned if entry.get("keep")]
    return {
        resource.planned_id: f"{resource.kind.noun} {resource.resource_name}"
        for resource in program.objects
        if resource.planned_id and resource not in kept
    }


def _guard(run: Session, old: dict[str, Any]) -> None:
    run.guard_endpoint(str(old.get("apiEndpoint", "")))
    recorded, seen = str(old.get("organizationId", "")), run.organizations_seen()
    if recorded and seen and recorded not in seen:
        raise CannotProveGone(
            f"this stack belongs to organisation {recorded}, but the token of {run.settings.token_source} sees "
            f"{', '.join(sorted(seen))}; nothing was changed; use the token of {recorded}"
        )


def _outputs(run: Session, props: dict[str, Any]) -> dict[str, Any]:
    known = run.organization(str(props.get("organizationId") or ""))
    kept = {key: props[key] for key in (URN, NOTED, DELETED) if key in props}
    return {
        **kept,
        "apiEndpoint": run.endpoint,
        "organizationId": known,
        "format": FORMAT,
        PACKAGE_VERSION: __version__,
    }


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
        looked = pulumi.Output.from_input("").apply(lambda _: program.look_first())
        objects = looked.apply(lambda _: _planned(program))
        planned = looked.apply(lambda _: _plan_of(program))
        props = {
            URN: urn_of("Account", name, opts),
            OBJECTS: objects,
            PLANNED: planned,
            "apiEndpoint": None,
            "organizationId": looked,
        }
        super().__init__(AccountProvider(), name, props, opts)


def _plan_of(program: Program) -> dict[str, Any]:
    """What the program declares; raises pulumi.RunError where two resources of it would be one object."""
    planned = in_use.plan(program.objects, program.buckets, program.policies)
    explicit = [(one.kind.noun, one.declared.get("name"), one.place.key) for one in program.objects]
    twice = in_use.declared_twice(planned, [one for one in explicit if isinstance(one[1], str) and one[1]])
    if twice:
        raise pulumi.RunError("; ".join(twice))
    whole = RUN_TARGETS in program.environ
    new = of_run(planned, program.last, run_targets(program.environ), whole=whole)
    more: dict[str, Any] = {UNDECLARED: undeclared(program)}
    if program.last is not None:
        more[KNOWN] = sorted({str(found["id"]) for found in resources_of(program.last) if found.get("id")})
    return {**new, **more}


def account_of(program: Program) -> pulumi.Resource:
    """The program's account, made now if nobody did."""
    return program.account or Account()
