"""Creating an object under an id of our choice, so that a lost answer or a killed run never makes a second one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from coreweave_inference.api.client import ApiObject
from coreweave_inference.errors import AlreadyExists, ApiError, CoreWeaveError, NotOurs, Unreachable
from coreweave_inference.model import Kind, has_unknown
from coreweave_inference.model.identity import salted
from coreweave_inference.waiting import Revision

from .adoption import TAKE_OVER, Adopt, Decision, Proof, Refuse, WaitUntilDeleted, decide
from .confirmation import wait_until_deleted
from .memory import ids_of_stack
from .messages import subject
from .session import Session
from .values import ADOPTS, URN, what_finds

ATTEMPTS = 4
"""Ways through one creation: a predecessor that goes, a salted id, and the POST itself."""

Post = Callable[[dict[str, Any]], ApiObject]
BringUpToDate = Callable[[ApiObject], "CreateOutcome"]


@dataclass(frozen=True)
class CreateOutcome:
    """An object that the service accepted, and the write that made it so."""

    id: str
    live: ApiObject
    revision: Revision


def create(
    run: Session,
    kind: Kind,
    declared: Mapping[str, Any],
    body: Mapping[str, Any],
    post: Post,
    update: BringUpToDate,
) -> CreateOutcome:
    """POST `body` under the declared `apiId`; where that id exists already, decide what it is.

    `update` brings an object that is adopted to the declared spec. Raises NotOurs where id or name belong to
    something else, and what `post` raises where nothing can have been made.
    """
    id_ = declared["apiId"]
    if declared.get(ADOPTS) and (existing := adopted(run, kind, declared)) is not None:
        return _adopt(run, kind, declared, existing, update)
    unsure = False
    before = set(run.lists.known(kind))
    for _ in range(ATTEMPTS):
        run.attempt(declared.get(URN, ""), what_finds(declared))
        try:
            live = _own_answer(post({"id": id_, **body}), id_, declared)
        except CoreWeaveError as error:
            unsure = unsure or not isinstance(error, ApiError) or error.unsure
            if isinstance(error, ApiError):
                error.unsure = unsure
            if not _may_have_made(error):
                _nothing_made(run, declared)
                raise
            made, id_ = _resolve(run, kind, declared, id_, error, update, before)
            if made is not None:
                return made
        else:
            run.memory.written.add(live.id)
            return CreateOutcome(live.id, live, Revision.of_write(run.service_now()))
    raise CoreWeaveError(f"{subject(kind, declared)}: every id and name tried is in use; run again")


def _adopt(
    run: Session, kind: Kind, declared: Mapping[str, Any], live: ApiObject, update: BringUpToDate
) -> CreateOutcome:
    """Bring what the declaration says to adopt to what it says."""
    urn = str(declared.get(URN, ""))
    run.memory.bind_id(urn, live.id)
    run.memory.adopted[live.id] = urn
    run.log.note(urn, f"{subject(kind, declared)}: adopted, which the declaration asks for ({live.id})")
    return update(live)


def _own_answer(live: ApiObject, id_: str, declared: Mapping[str, Any]) -> ApiObject:
    """The answer to a creation, if it shows what was asked for: our id, or our name where the service chose the id.

    Raises Unreachable for another object: that one is somebody's, and ours may exist all the same.
    """
    if live.id == id_.lower() or (live.name == declared["name"] and live.id):
        return live
    raise Unreachable(
        f'the service answered the creation of {id_} with another object, {live.id or "(no id)"} "{live.name}"; whether '
        "the one asked for exists is not known"
    )


def _may_have_made(error: CoreWeaveError) -> bool:
    """Whether the object may exist. A refusal proves nothing after an attempt that was not answered: what that one made
    may be the very reason, a quota that it used up.
    """
    if isinstance(error, ApiError):
        return error.unsure or isinstance(error, AlreadyExists)
    return isinstance(error, Unreachable)


def _nothing_made(run: Session, declared: Mapping[str, Any]) -> None:
    run.attempt(declared.get(URN, ""), None)


def _resolve(
    run: Session,
    kind: Kind,
    declared: Mapping[str, Any],
    id_: str,
    error: CoreWeaveError,
    update: BringUpToDate,
    before: set[str],
) -> tuple[CreateOutcome | None, str]:
    """What to do after a POST that was refused for its id or name, or that was not answered.

    `before` are the ids that were in use before this run sent anything.
    """
    sent = id_ not in before and (isinstance(error, Unreachable) or getattr(error, "unsure", False))
    decision = _decision_that_lasts(run, kind, id_, declared, sent=sent)
    what = subject(kind, declared)
    if isinstance(decision, Adopt):
        run.memory.bind_id(declared.get(URN, ""), decision.live.id)
        run.memory.adopted[decision.live.id] = declared.get(URN, "")
        run.log.note(declared.get(URN, ""), f"{what}: adopted, {decision.why} ({decision.live.id})")
        return update(decision.live), id_
    if isinstance(decision, WaitUntilDeleted):
        run.log.progress(
            declared.get(URN, ""), f"waiting for its predecessor ({decision.live.id}) to be deleted"
        )
        wait_until_deleted(run, {decision.live.id: (kind, decision.live.name)})
        before.discard(decision.live.id)
        return None, id_
    if not isinstance(error, AlreadyExists):
        raise error
    if isinstance(decision, Refuse):
        if not error.unsure:
            _nothing_made(run, declared)
        raise NotOurs(f"{what}: {decision.why}") from error
    return None, _other_id(run, declared, id_, what, error)


def _decision_that_lasts(
    run: Session, kind: Kind, id_: str, declared: Mapping[str, Any], *, sent: bool
) -> Decision:
    """What to do with what is there; that nothing is there counts only when it lasts, since LIST and GET may lag."""
    ids, seen = (id_, salted(declared["apiId"])), dict(run.lists.look(kind))
    if not any(one in seen for one in ids):
        named = any(live.name == declared["name"] for live in seen.values())
        found = run.live(kind, id_) if named else run.live_or_missing_for_long(kind, id_)
        found = found or run.live(kind, ids[1])
        seen = {
            **run.lists.look(kind, max_age_seconds=0.2),
            **({found.id: found} if found is not None else {}),
        }
    return decide(kind, id_, declared, seen.values(), proof_of(run, sent=sent))


def _other_id(run: Session, declared: Mapping[str, Any], id_: str, what: str, error: CoreWeaveError) -> str:
    other = salted(declared["apiId"])
    if id_ == other:  # Something holds the ids: what was noted stays noted.
        raise NotOurs(
            f"{what}: the ids {declared['apiId']} and {other} are reported as taken, but no list shows such an object"
        ) from error
    run.log.warning(
        declared.get(URN, ""),
        f"{what}: the service refuses the id {id_} and does not show who has it; {other} is used instead, which "
        "previews show after the next refresh",
    )
    return other


def adopted(run: Session, kind: Kind, declared: Mapping[str, Any]) -> ApiObject | None:
    """The object that a creation would adopt instead of making one, as far as the newest lists tell."""
    if has_unknown({key: declared.get(key) for key in ("apiId", "name")}):
        return None
    objects = run.lists.look_recent(kind).values()
    decision = decide(kind, declared["apiId"], declared, objects, proof_of(run))
    return decision.live if isinstance(decision, Adopt) else None


def proof_of(run: Session, *, sent: bool = False) -> Proof:
    """What this process knows of who made what."""
    ids = (
        may_adopt()
        | ids_of_stack()
        | run.memory.read
        | run.memory.written
        | run.memory.managed_ids
        | {id_ for found in run.memory.recorded.values() for id_ in found}
    )
    return Proof(ids, sent, has_last_resort(run), run.api.service_time())


def has_last_resort(run: Session) -> bool:
    """Whether what this stack made may be missing in its state: plain `pulumi` records nothing of a creation that was killed.
    An account that an earlier run recorded shows that the state is in use.
    """
    return run.memory.earlier_run and not run.notes_creations


def may_adopt() -> frozenset[str]:
    """The ids and bucket names that the user, or `cw-inference`, says are this stack's."""
    return frozenset(part.strip() for part in os.environ.get(TAKE_OVER, "").split(",") if part.strip())


def remember(run: Session, inputs: Mapping[str, Any], what: str) -> None:
    """A resource has `what` in the state. For a replacement the engine asks twice, the second time without that."""
    run.memory.recorded.setdefault(str(inputs.get(URN, "")), set()).add(what)


def is_in_state(run: Session, inputs: Mapping[str, Any], what: str) -> bool:
    """Whether the state has `what`: under the same URN, seen by a refresh of this run, or handed over by `cw-inference`."""
    recorded = run.memory.recorded.get(str(inputs.get(URN, "")), set())
    return what in recorded or what in run.memory.read or what in may_adopt()
