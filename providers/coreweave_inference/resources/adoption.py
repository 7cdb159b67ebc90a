"""What a create does when its id or its name is in use already. Pure: objects in, a decision out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from coreweave_inference.api import ApiObject
from coreweave_inference.spec import Kind
from coreweave_inference.spec.identity import replace_identity, salted
from coreweave_inference.spec.normal_form import sparse

RECENT = timedelta(hours=1)
"""An object under our own id that is younger than this was made by a run that did not live to record it."""


@dataclass(frozen=True)
class TakeOver:
    """An earlier run of this stack made it and could not record it, or this run may take it over."""

    live: ApiObject
    why: str = field(default="an earlier attempt had made it", compare=False)
    """Words for the user; the decision is the same whatever they are."""


@dataclass(frozen=True)
class WaitUntilGone:
    """Its predecessor is being deleted and still holds the id or the name."""

    live: ApiObject


@dataclass(frozen=True)
class Salt:
    """The id is refused and nowhere to be found: take another one."""


@dataclass(frozen=True)
class Refuse:
    """Somebody else's, or too old to be a lost answer; `why` says what to do."""

    why: str


Decision = TakeOver | WaitUntilGone | Salt | Refuse


def decide(
    kind: Kind,
    id_: str,
    declared: Mapping[str, Any],
    live: Iterable[ApiObject],
    now: float,
    may_take_over: Collection[str] = (),
) -> Decision:
    """`live` is everything of this kind that the token sees; `now` is epoch seconds.

    `may_take_over` are ids that may be taken over whatever their age, and under whatever id. An earlier run may have
    had to salt the id.
    """
    objects = list(live)
    own = next((candidate for candidate in objects if candidate.id in (id_, salted(id_))), None)
    if own is not None:
        return TakeOver(own) if own.id in may_take_over and own.status != "DELETING" else _own(kind, own, now)
    namesake = next((candidate for candidate in objects if candidate.name == declared["name"]), None)
    if namesake is None:
        return Salt()
    if namesake.status == "DELETING":
        return WaitUntilGone(namesake)
    return _namesake(kind, namesake, declared, may_take_over)


def _namesake(
    kind: Kind, live: ApiObject, declared: Mapping[str, Any], may_take_over: Collection[str]
) -> Decision:
    """Under another id, but perhaps this stack's all the same: what a replacement that was cut short left standing."""
    if live.id not in may_take_over:
        return Refuse(
            f'the name "{live.name}" is in use by {kind.noun} {live.id}, which is not known to be this stack\'s; give '
            "this one another name, delete that one, or import it into the stack; if a replacement here was cut short and "
            f"left it, `cw-inference up` or COREWEAVE_TAKE_OVER={live.id} takes it back"
        )
    if replace_identity(kind, sparse(kind, live.spec)) != replace_identity(kind, sparse(kind, declared)):
        return Refuse(
            f'the name "{live.name}" is in use by {kind.noun} {live.id}, which cannot be changed into what is '
            f"declared ({', '.join(kind.replace_fields)}); give this one another name, or delete that one"
        )
    return TakeOver(live, "an earlier run had set it aside")


def _own(kind: Kind, live: ApiObject, now: float) -> Decision:
    if live.status == "DELETING":
        return WaitUntilGone(live)
    age = datetime.fromtimestamp(now, timezone.utc) - live.created if live.created else RECENT * 2
    if age <= RECENT:
        return TakeOver(live)
    return Refuse(
        f'{kind.noun} "{live.name}" ({live.id}) carries the id of this resource, was created {live.created_at} and is '
        "not in this state: the state was lost, another state file manages it, or the resource was moved or renamed "
        "without an alias; restore the state, add the alias, or run once with "
        f"COREWEAVE_TAKE_OVER={live.id} to take it into this stack"
    )
