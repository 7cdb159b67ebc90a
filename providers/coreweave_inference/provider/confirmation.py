"""Waiting until what was deleted is confirmed deleted: no list and no GET has shown it for the settle time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from coreweave_inference.api.client import ApiObject
from coreweave_inference.errors import Failed, NotFound, ServiceUnavailable, Throttled, Unreachable
from coreweave_inference.model import Kind
from coreweave_inference.waiting import LASTING_LOOKS, Streak, pauses

from .session import Session

Objects = Mapping[str, tuple[Kind, str]]
"""Kind and name of objects by id."""

AT_ONCE = 5
"""GET requests that run side by side."""


def wait_until_deleted(
    run: Session,
    objects: Objects,
    urn: str = "",
    released: Callable[[], bool] = lambda: False,
    *,
    confirm: bool = True,
) -> set[str]:
    """Wait until no list and no GET has shown any of `objects` for the settle time, in several looks, or `released` says
    that others wait for them: what is being deleted may be hidden for a moment. The ids that were confirmed meanwhile.

    Without `confirm` one look without each of them is enough: something later proves it.
    What this process deleted and lasts in another status than DELETING is deleted once more. Raises Failed at the deadline, and for an
    object that was being deleted and lasts in another status still.
    """
    going, again, back = set[str](), set[str](), dict[str, Streak]()
    confirmed_before = set(run.memory.confirmed_deleted)

    def left() -> list[str]:
        if released():
            return []
        now = run.clock.monotonic()
        shown = _shown(run, objects)
        for id_, live in shown.items():
            if live.status == "DELETING":
                going.add(id_)
                back.pop(id_, None)
            else:
                back[id_] = back.get(id_, Streak()).one_more(now)
        settle = run.settings.settle_seconds
        lasting = [id_ for id_, streak in back.items() if id_ in shown and streak.lasts(now, settle)]
        for id_ in lasting:
            if id_ not in again and _may_delete_again(run, id_, shown[id_]):
                _delete_again(run, objects, id_, shown[id_].status, urn)
                again.add(id_)
                del back[id_]
        returned = [shown[id_] for id_ in lasting if id_ in back and id_ in going]
        if returned:
            raise Failed(_came_back(run, objects, returned))
        passed = (
            run.memory.confirmed_deleted
            if confirm
            else run.memory.confirmed_deleted | run.memory.missing.keys()
        )
        return sorted(_label(objects, id_) for id_ in objects if id_ not in passed)

    wait_for_none(run, urn, left, "deleted but not confirmed", released)
    return {id_ for id_ in objects if id_ in run.memory.confirmed_deleted - confirmed_before}


def _may_delete_again(run: Session, id_: str, live: ApiObject) -> bool:
    """Whether this is the very object whose deletion was accepted, and no later one of the same id."""
    note = run.memory.accepted.get(id_)
    if note is None:
        return id_ in run.memory.deleted
    return note["createdAt"] == live.created_at or (not note["createdAt"] and id_ in run.memory.deleted)


def _delete_again(run: Session, objects: Objects, id_: str, status: str, urn: str) -> None:
    """The service gave a deletion up that it had accepted: ask for it once more."""
    with contextlib.suppress(NotFound):
        run.api.delete(objects[id_][0], id_)
    run.log.warning(urn, f"{_label(objects, id_)}: {status} after its deletion; its deletion was sent again")


def sort_by_outcome(run: Session, objects: Objects) -> tuple[dict[str, ApiObject], set[str]]:
    """Of objects whose deletion was accepted: those that lastingly exist in another status than DELETING, and ids of those
    that no list and no GET has shown for the settle time; what is being deleted is in neither.

    Raises Failed where the run is asked to stop, or at the deadline.
    """
    going, back, there = set[str](), dict[str, Streak](), dict[str, ApiObject]()

    def left() -> list[str]:
        known = going | there.keys() | run.memory.confirmed_deleted
        shown = _shown(run, {id_: objects[id_] for id_ in objects if id_ not in known})
        now = run.clock.monotonic()
        for id_, live in shown.items():
            if live.status == "DELETING":
                going.add(id_)
                continue
            back[id_] = back.get(id_, Streak()).one_more(now)
            if back[id_].lasts(now, run.settings.settle_seconds):
                there[id_] = live
        known = going | there.keys() | run.memory.confirmed_deleted
        return sorted(_label(objects, id_) for id_ in objects if id_ not in known)

    wait_for_none(run, "", left, "not known to be deleted")
    return there, {id_ for id_ in objects if id_ in run.memory.confirmed_deleted}


def confirm_deleted(run: Session, objects: Objects, urn: str) -> list[str]:
    """GET each of `objects` once more, and wait for those that are being deleted still; their labels.

    Raises Failed for those that are there and are not being deleted, unless their deletion was noted.
    """
    shown = {
        id_: live for chunk in _chunks(objects) for id_, live in shown_by_get(run, objects, chunk).items()
    }
    there = [
        live
        for id_, live in shown.items()
        if live.status != "DELETING" and not _may_delete_again(run, id_, live)
    ]
    if there:
        raise Failed(_came_back(run, objects, there))
    wait_until_deleted(run, objects, urn)
    return sorted(_label(objects, id_) for id_ in shown)


def _came_back(run: Session, objects: Objects, found: list[ApiObject]) -> str:
    """What to say of objects that are there although their deletion was asked for and they left the state."""
    names = ", ".join(f"{_label(objects, live.id)} ({live.id}, {live.status})" for live in found)
    ids = ",".join(live.id for live in found)
    if run.notes_creations and all(live.id in run.memory.accepted for live in found):
        return f"still there after an accepted deletion: {names}; it incurs charges; run again, which deletes it again"
    return (
        f"still there, although the state has no entry for it: {names}; it incurs charges; delete it in the console, or "
        f"declare it again, run `up` with COREWEAVE_TAKE_OVER={ids}, and destroy again"
    )


def _label(objects: Objects, id_: str) -> str:
    kind, name = objects[id_]
    return f'{kind.noun} "{name}"'


def _shown(run: Session, objects: Objects) -> dict[str, ApiObject]:
    """Those of `objects` that a list shows; where it shows none, some of those that a GET does: a list may leave out what
    is being deleted. What neither shows is counted in `memory.missing`, for all waits together, and is deleted when that lasts.
    """
    kinds = {kind for kind, _ in objects.values()}
    seen = {id_: live for kind in kinds for id_, live in run.lists.look(kind, max_age_seconds=0.2).items()}
    shown = {id_: seen[id_] for id_ in objects if id_ in seen}
    _forget(run, shown)
    if shown:
        return shown
    with run.memory.asking_for(id_ for id_ in objects if _is_due(run, id_)) as due:
        wanted = [id_ for id_ in due if _needs_get(run, id_)]
        _count_missing(run, set(due).difference(wanted))
        for chunk in _chunks(wanted):
            shown = shown_by_get(run, objects, chunk)
            run.memory.hidden.update(shown)
            _forget(run, shown)
            _count_missing(run, [id_ for id_ in chunk if id_ not in shown])
            if shown:
                break
    return shown


def _needs_get(run: Session, id_: str) -> bool:
    """Lists are enough between the first look and the last one, unless they have left this object out."""
    looks = run.memory.missing.get(id_, Streak()).looks
    return not 0 < looks < LASTING_LOOKS - 1 or id_ in run.memory.hidden


def _count_missing(run: Session, ids: Collection[str]) -> None:
    now, missing = run.clock.monotonic(), run.memory.missing
    missing.update({id_: missing.get(id_, Streak()).one_more(now) for id_ in ids})
    lasting = [id_ for id_ in ids if missing[id_].lasts(now, run.settings.settle_seconds)]
    run.memory.confirmed_deleted.update(lasting)
    _note_confirmed(run, lasting)


def _forget(run: Session, shown: Mapping[str, ApiObject]) -> None:
    _note_again(run, run.memory.confirmed_deleted.intersection(shown))
    run.memory.confirmed_deleted.difference_update(shown)
    run.memory.not_found.difference_update(shown)
    for id_ in shown:
        run.memory.missing.pop(id_, None)


def _note_confirmed(run: Session, ids: Iterable[str]) -> None:
    with contextlib.suppress(OSError):  # The next run looks once more.
        for id_ in run.memory.accepted.keys() & set(ids):
            run.note_deletion(id_, None)


def _note_again(run: Session, ids: Iterable[str]) -> None:
    with contextlib.suppress(OSError):
        for id_ in run.memory.accepted.keys() & set(ids):
            run.note_deletion(id_, run.memory.accepted[id_])


def _is_due(run: Session, id_: str) -> bool:
    """Whether to look for an object: no more often than it takes to see that it is missing for long."""
    streak, apart = run.memory.missing.get(id_, Streak()), run.settings.settle_seconds / (LASTING_LOOKS - 1)
    return (
        id_ not in run.memory.confirmed_deleted
        and run.clock.monotonic() >= streak.since + streak.looks * apart
    )


def _chunks(ids: Any) -> Iterator[list[str]]:
    rest = iter(list(ids))
    while chunk := list(islice(rest, AT_ONCE)):
        yield chunk


def shown_by_get(run: Session, objects: Objects, ids: Iterable[str]) -> dict[str, ApiObject]:
    """Those of `ids` that a GET shows; of the others it is remembered that it did not."""
    wanted = list(ids)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda id_: run.live(objects[id_][0], id_), wanted))
    found = {id_: live for id_, live in zip(wanted, answers, strict=True) if live is not None}
    run.memory.not_found.update(id_ for id_ in wanted if id_ in run.memory.deleted)
    run.memory.not_found.difference_update(found)
    return found


def wait_for_none(
    run: Session,
    urn: str,
    left: Callable[[], list[str]],
    state: str,
    released: Callable[[], bool] = lambda: False,
) -> None:
    start, deadline = run.clock.monotonic(), run.settings.gone_deadline_seconds
    rests = pauses(lambda: run.clock.monotonic() - start, run.settings.poll_seconds)
    seen = "nothing could be seen yet"
    while True:
        began = run.clock.monotonic()
        try:
            names = left()
        except (Unreachable, ServiceUnavailable, Throttled):
            pass  # A blip does not end a wait.
        else:
            if not names:
                return
            seen = f"{', '.join(names)} {'are' if len(names) > 1 else 'is'} {state}"
            run.log.progress(urn, f"waiting for {', '.join(names)} to be deleted")
        ended = run.clock.monotonic()
        remaining = deadline - (ended - start)
        if run.stopped():
            raise Failed(f"stopped waiting: {seen}; run again to go on")
        if remaining <= 0:
            raise Failed(f"{seen} after {deadline:.0f} s; run again to wait on")
        took = min(ended - began, run.settings.poll_seconds)  # More is a service that answers late.
        _rest(run, min(max(next(rests), took), remaining), released)


def _rest(run: Session, seconds: float, released: Callable[[], bool]) -> None:
    """Sleep; where somebody may be released meanwhile, in short pieces."""
    piece = min(seconds, 0.5) if run.memory.destroying else seconds
    while seconds > 0 and not released():
        run.waits.sleep(min(piece, seconds))
        seconds -= piece
