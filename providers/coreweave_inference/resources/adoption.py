"""What a create does when its id or its name is in use already. Pure: objects in, a decision out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from coreweave_inference.api import ApiObject
from coreweave_inference.spec import Kind
from coreweave_inference.spec.identity import salted

RECENT = timedelta(hours=1)
"""An object under our own id that is younger than this was made by a run that did not live to record it."""


@dataclass(frozen=True)
class TakeOver:
    """It is the object that an earlier run of this stack made and could not record."""

    live: ApiObject


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
    name: str,
    live: Iterable[ApiObject],
    now: float,
    may_take_over: Collection[str] = (),
) -> Decision:
    """`live` is everything of this kind that the token sees; `now` is epoch seconds.

    `may_take_over` are ids that the user allows to be taken over whatever their age. An earlier run may have had to
    salt the id.
    """
    objects = list(live)
    own = next((candidate for candidate in objects if candidate.id in (id_, salted(id_))), None)
    if own is not None:
        return TakeOver(own) if own.id in may_take_over and own.status != "DELETING" else _own(kind, own, now)
    namesake = next((candidate for candidate in objects if candidate.name == name), None)
    if namesake is None:
        return Salt()
    if namesake.status == "DELETING":
        return WaitUntilGone(namesake)
    return Refuse(
        f'the name "{name}" is in use by {kind.noun} {namesake.id}, which this stack did not make; give this one '
        "another name, delete that one, or import it into the stack"
    )


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
