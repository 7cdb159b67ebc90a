"""Which objects of an account an import is about: what `--only` says, and what of that cannot be imported alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from coreweave_inference.errors import Fault, InvalidDeclaration, did_you_mean
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import faults, sparse

from .matching import Stack
from .snapshot import DELETING, LiveObject, Snapshot

KIND_WORDS = {
    "gateways": Kind.GATEWAY,
    "claims": Kind.CAPACITY_CLAIM,
    "capacityClaims": Kind.CAPACITY_CLAIM,
    "deployments": Kind.DEPLOYMENT,
}

GIVE_AWAY = "take it out of that state first (docs/how-to/import.md, from another stack)"


@dataclass(frozen=True)
class Choice:
    """The objects to import, and by id why others, which were asked for too, are left out."""

    objects: tuple[LiveObject, ...]
    left_out: Mapping[str, str]


def choose(snapshot: Snapshot, only: str, here: Collection[str], stack: Stack) -> Choice:
    """The objects that `only` names (kinds, names, patterns of names, ids; empty: all). `here` are the ids of what the stack
    has, in its state or its declaration.

    Raises InvalidDeclaration for a word that nothing matches, for one that names what another stack has, and for a gateway
    without deployments that use it.
    """
    asked = _asked(snapshot, only)
    _refuse_owned(asked, only, stack)
    left_out = {live.id: why for live in asked if (why := _obstacle(snapshot, live, stack))}
    chosen = tuple(live for live in asked if live.id not in left_out)
    _require_closed(snapshot, chosen, {*here, *left_out}, only, stack)
    return Choice(chosen, left_out)


def _asked(snapshot: Snapshot, only: str) -> tuple[LiveObject, ...]:
    words = [word.strip() for word in only.split(",") if word.strip()]
    if not words:
        return snapshot.objects
    unknown = [word for word in words if word not in KIND_WORDS and not _matching(snapshot.objects, word)]
    if unknown:
        names = {live.name for live in snapshot.objects}
        raise InvalidDeclaration(
            Fault(
                f'--only "{word}": nothing in the account is called so',
                do=f"{did_you_mean(word, [*KIND_WORDS, *names])}give a kind (gateways, claims, deployments), a name, a "
                "pattern such as chat*, or an id",
            )
            for word in unknown
        )
    found = {live.id for word in words for live in _matching(snapshot.objects, word)}
    return tuple(live for live in snapshot.objects if live.id in found)


def _matching(objects: Iterable[LiveObject], word: str) -> list[LiveObject]:
    if word in KIND_WORDS:
        return [live for live in objects if live.kind is KIND_WORDS[word]]
    return [live for live in objects if fnmatchcase(live.name, word) or live.id == word.lower()]


def _refuse_owned(asked: Iterable[LiveObject], only: str, stack: Stack) -> None:
    """Raise InvalidDeclaration for what is named itself and another stack has: who names a kind or a pattern gets the rest."""
    words = {word.strip() for word in only.split(",")}
    owned = [(live, stack.owner(live.id)) for live in asked if {live.name, live.id} & words]
    faults = [
        Fault(
            f"{live.label}: it is in the state of stack {owner}, and an object belongs to one stack",
            do=GIVE_AWAY,
        )
        for live, owner in owned
        if owner
    ]
    if faults:
        raise InvalidDeclaration(faults)


def _obstacle(snapshot: Snapshot, live: LiveObject, stack: Stack) -> str:
    """Why an object cannot be declared; empty where it can."""
    owner = stack.owner(live.id)
    if owner:
        return f"it is in the state of stack {owner}; {GIVE_AWAY}"
    if live.status == DELETING:
        return "it is being deleted"
    wrong = faults(live.kind, sparse(live.kind, live.spec))
    if wrong:
        return f"a declaration cannot say what it is: {wrong[0]}"
    for id_ in live.gateway_ids:
        gateway = snapshot.by_id(id_)
        if gateway is None:
            return f"its gateway {id_} does not exist"
        if gateway.status == DELETING:
            return f'its gateway "{gateway.name}" is being deleted'
    return ""


def _require_closed(
    snapshot: Snapshot, chosen: Iterable[LiveObject], here: Collection[str], only: str, stack: Stack
) -> None:
    """Raise InvalidDeclaration for a gateway whose deployments would stay outside of the stack that owns it; those that
    another stack has are no part of it.
    """
    inside = {live.id for live in chosen} | set(here)
    halves = {
        gateway.name: [
            user.name
            for user in snapshot.users(gateway.id)
            if user.id not in inside and not stack.owner(user.id)
        ]
        for gateway in chosen
        if gateway.kind is Kind.GATEWAY and gateway.id not in here
    }
    halves = {name: users for name, users in halves.items() if users}
    if not halves:
        return
    missing = sorted({user for users in halves.values() for user in users})
    raise InvalidDeclaration(
        Fault(
            f'gateway "{name}": deployments {", ".join(users)} use it and would stay outside of the stack',
            do=f"import them too (--only '{','.join([only, *missing])}'), or leave the gateway out: deployments that are "
            "imported without it name it under `existing.gateways`",
        )
        for name, users in halves.items()
    )
