"""A creation that is to adopt what exists: which object that is, and what the plan shows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from coreweave_inference.api.client import ApiObject
from coreweave_inference.errors import Fault
from coreweave_inference.model import UNKNOWN
from coreweave_inference.model.normal_form import differences, sparse

from . import creation
from .messages import subject
from .object_forms import ObjectForms
from .session import Session
from .values import ADOPTS, URN

FillIn = Callable[[Session, Mapping[str, Any], dict[str, Any]], dict[str, Any]]
"""What completes declared inputs, given those before."""


def requested(
    forms: ObjectForms, run: Session, inputs: Mapping[str, Any], fill_in: FillIn
) -> tuple[ApiObject | None, list[Fault]]:
    """The object that the declaration says to adopt, as far as it is there; a fault where an id is named that is not, or
    that is not as declared: whoever names an id does not ask for a change.
    """
    adopts, kind = inputs.get(ADOPTS), forms.kind
    if not adopts or adopts is UNKNOWN:
        return None, []
    if adopts is True:
        return creation.adopted(run, kind, inputs), []
    live = run.lists.look_recent(kind).get(str(adopts).lower())
    if live is None:
        return None, [Fault(f"there is no {kind.noun} {adopts} that the token can see", path="import_")]
    declared = sparse(kind, fill_in(run, sparse(kind, live.spec), dict(inputs)))
    found = differences(kind, sparse(kind, live.spec), declared, write_only=False)
    known = [str(one) for one in found if one.right is not UNKNOWN]
    if not known:
        return live, []
    do = "declare what it is, or leave import_ out and say adopt=True, which writes what is declared"
    return None, [Fault(f"{live.id} is not as declared: {', '.join(known)}", path="import_", do=do)]


def show(forms: ObjectForms, run: Session, inputs: dict[str, Any]) -> None:
    """Let a plan call it by its name and show what would be written; plain `pulumi` gets a line."""
    kind = forms.kind
    live = creation.adopted(run, kind, inputs)
    if live is None:
        return
    urn, desired = str(inputs.get(URN, "")), sparse(kind, forms.desired_spec({}, inputs, live))
    changes = differences(kind, forms.observed_spec({}, live), desired)
    if run.agreement.records:
        run.agreement.adopts(urn, changes)
    elif not run.agreement.holds_a_plan:
        writes = f"writes {', '.join(map(str, changes))}"
        written = writes if changes else "it is as declared, and nothing is written"
        run.log.note(urn, f"{subject(kind, inputs)}: adopts {live.id}, which exists: {written}")
