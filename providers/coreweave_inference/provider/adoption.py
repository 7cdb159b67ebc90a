"""What a creation does when its id or its name is in use already. Pure: objects in, a decision out.

Proof that this stack made an object is in its state. An id or a name proves nothing: both come from files that others
may have too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from coreweave_inference.api.client import ApiObject
from coreweave_inference.model import Kind
from coreweave_inference.model.identity import replace_identity, salted
from coreweave_inference.model.normal_form import differences, sparse
from coreweave_inference.model.resource_types import IGNORED
from coreweave_inference.model.shape import replacing_fields

from .values import ADOPTS

RECENT = timedelta(hours=1)
"""How long ago a run may have been killed whose object is adopted without a trace of that run in the state."""
TAKE_OVER = "COREWEAVE_TAKE_OVER"
"""Environment variable: ids, separated by commas, of objects that a run may adopt: by their id, or by their name whatever
their id. Names of buckets too."""


@dataclass(frozen=True)
class Proof:
    """What is known of who made an object.

    `ids` are in the state (recorded, pending, to be deleted) or named by the user. `sent`: this run has sent a creation
    under the id, whose answer was lost, and the id was not in use before. `earlier_run`: an earlier run of this state
    recorded the account, and this one is plain `pulumi`, which notes no creations in the state. `now` is epoch seconds by the service's clock, None where it tells none.
    """

    ids: Collection[str] = ()
    sent: bool = False
    earlier_run: bool = False
    now: float | None = None


@dataclass(frozen=True)
class Adopt:
    """This stack made it and could not record it, or the user says so."""

    live: ApiObject
    why: str = field(default="an earlier attempt had made it", compare=False)
    """Words for the user; the decision is the same whatever they are."""


@dataclass(frozen=True)
class WaitUntilDeleted:
    """Its predecessor is being deleted and still holds the id or the name."""

    live: ApiObject


@dataclass(frozen=True)
class Salt:
    """The service reports the id as taken, but lists no such object: try another one."""


@dataclass(frozen=True)
class Refuse:
    """Not known to be this stack's; `why` says what to do."""

    why: str


Decision = Adopt | WaitUntilDeleted | Salt | Refuse


def decide(
    kind: Kind, id_: str, declared: Mapping[str, Any], live: Iterable[ApiObject], proof: Proof
) -> Decision:
    """`live` is everything of this kind that the token sees. An earlier run may have had to salt the id."""
    objects = list(live)
    proof = replace(proof, ids={*proof.ids, *_named(declared, objects)})
    ids = {id_.lower(), salted(id_).lower()}
    own = next((candidate for candidate in objects if candidate.id.lower() in ids), None)
    if own is not None:
        return _own(kind, own, declared, proof)
    namesake = next((candidate for candidate in objects if candidate.name == declared["name"]), None)
    if namesake is None:
        return Salt()
    if namesake.status == "DELETING":
        return WaitUntilDeleted(namesake)
    return _namesake(kind, namesake, declared, proof.ids)


def _named(declared: Mapping[str, Any], objects: Iterable[ApiObject]) -> set[str]:
    """What the declaration itself says to adopt."""
    adopts = declared.get(ADOPTS)
    if adopts is True:
        return {live.id for live in objects}
    return {str(adopts).lower()} if adopts else set()


def _namesake(kind: Kind, live: ApiObject, declared: Mapping[str, Any], ids: Collection[str]) -> Decision:
    """Under another id, but perhaps this stack's all the same: what a replacement that was cut short left standing."""
    if live.id not in ids:
        return Refuse(
            f'the name "{live.name}" is in use by {kind.noun} {live.id}, which is not known to be this stack\'s; give '
            "this one another name, or delete that one; to manage it here, import it (`cw-inference import --apply`, which writes "
            "nothing) or say `options: {adopt: true}`; if it is this stack's (a replacement was cut short, or the resource was "
            f"moved without an alias), adopt it with {TAKE_OVER}={live.id}, or add the alias"
        )
    if replace_identity(kind, sparse(kind, live.spec)) != replace_identity(kind, sparse(kind, declared)):
        return Refuse(
            f'the name "{live.name}" is in use by {kind.noun} {live.id}, which cannot be changed into what is '
            f"declared ({', '.join(replacing_fields(kind.model))}); give this one another name, or delete that one"
        )
    return Adopt(live, "an earlier run had set it aside")


def _own(kind: Kind, live: ApiObject, declared: Mapping[str, Any], proof: Proof) -> Decision:
    if live.status == "DELETING":
        return WaitUntilDeleted(live)
    if live.id in proof.ids or proof.sent:
        return Adopt(live)
    if proof.earlier_run and _is_recent(live, proof.now) and _is_as_declared(kind, live, declared):
        return Adopt(live, "a run of this stack that was killed had made it")
    return Refuse(
        f'{kind.noun} "{live.name}" ({live.id}) exists with the id of this resource, was created {live.created_at}, and '
        "nothing in this state shows that this stack made it: another state of the same stack manages it (another "
        "backend, a renamed stack, a lost state), or a killed run left it; use the state that manages it, give this stack "
        "another name or identity, import it (`cw-inference import --apply`, which writes nothing), or adopt it with "
        f"{TAKE_OVER}={live.id}"
    )


def _is_recent(live: ApiObject, now: float | None) -> bool:
    if now is None or live.created is None:
        return False
    return datetime.fromtimestamp(now, timezone.utc) - live.created <= RECENT


def _is_as_declared(kind: Kind, live: ApiObject, declared: Mapping[str, Any]) -> bool:
    """Whether a live object has what a creation of ours would have sent, as far as the service returns it."""
    ignored = tuple(declared.get(IGNORED) or ())
    found = differences(kind, sparse(kind, live.spec), sparse(kind, declared), write_only=False)
    return not [one for one in found if not one.path.startswith(ignored)] if ignored else not found
