"""`destroy --without-state`: deletes what a stack made, by the ids that it would have chosen."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from coreweave_inference.clock import system
from coreweave_inference.discovery.buckets import buckets_of
from coreweave_inference.discovery.gathering import bucket_reader
from coreweave_inference.engine.results import Result
from coreweave_inference.engine.stateless_run import delete_leftovers
from coreweave_inference.engine.teardown import DestroyPlan
from coreweave_inference.errors import CoreWeaveError, StartupError, single_line
from coreweave_inference.fleet.deletions import DELETES, Owned, deletion_errors, evictions
from coreweave_inference.provider.deletion_guard import review
from coreweave_inference.provider.session import Session
from coreweave_inference.stateless.comparing import named_alike
from coreweave_inference.stateless.derived import derived_objects, live_object
from coreweave_inference.stateless.teardown import Leftover, leftovers

from . import formatting
from .account_lists import listed, opened
from .diff import StackFiles, files_of
from .output import print_lines, say
from .wrapping import columns, wrapped

KEYS = (
    "what had a name of its own, under a key that the file no longer has, is not found; `cw-inference status --account` shows "
    "everything"
)


@dataclass(frozen=True)
class Found:
    """What a stack made, the plan for it, and sentences on what it may have made too."""

    leftovers: tuple[Leftover, ...]
    plan: DestroyPlan
    notes: tuple[str, ...]


class CommandLog:
    """What a deletion tells, as lines of the command."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._last: dict[str, str] = {}

    def _say(self, text: str) -> None:
        say(single_line(text), error=self._as_json, flush=True)

    def progress(self, urn: str, text: str) -> None:
        """Say it, once for as long as it stays the same."""
        if text and self._last.get(urn) != text:
            self._last[urn] = text
            self._say(f"{urn.rsplit('::', 1)[-1]}: {text}")

    def note(self, _urn: str, text: str) -> None:
        """Say it."""
        self._say(text)

    def warning(self, _urn: str, text: str) -> None:
        """Say it, as a warning."""
        self._say(f"warning: {text}")

    def retry(self, text: str) -> None:
        """Say it."""
        self._say(text)


def files_without_state(directory: Path, stack: str | None) -> StackFiles:
    """What the files say of a stack whose state is lost. Raises StartupError where it has one with objects in it."""
    files = files_of(directory, stack)
    objects = _recorded(directory, files.name)
    if objects:
        raise StartupError(
            f'stack "{files.name}" has a state with {len(objects)} resources in it; run `cw-inference destroy` without '
            "--without-state, and again with it for what that leaves"
        )
    return files


def _recorded(directory: Path, name: str) -> Collection[str]:
    """The ids in the state; none without one. A backend that cannot be reached raises: it may hold the state."""
    from coreweave_inference.engine import stacks
    from coreweave_inference.engine.directory import StackDirectory
    from coreweave_inference.engine.installation import PulumiCli
    from coreweave_inference.engine.teardown import ids_in

    state = stacks.exported(StackDirectory.at(directory), lambda: PulumiCli.found(os.environ), name)
    return ids_in(state) if state is not None else ()


def find(files: StackFiles, session: Session) -> Found:
    """What the stack made, and what would happen to it. Raises CoreWeaveError where the account cannot be listed."""
    with opened(files.settings) as api:
        found = listed(api)
        if found.unread:
            kind, why = next(iter(found.unread.items()))
            raise CoreWeaveError(
                f"{kind.noun}s could not be listed, so nothing was deleted: {why}; run again"
            )
        objects = [live_object(item) for items in found.lists.values() for item in items]
        derived = derived_objects(files.stack, objects, files.declaration)
        names = [bucket.name for bucket in files.declaration.buckets.values()]
        storage = bucket_reader(files.settings, api, system, os.environ)
        buckets, unread = buckets_of(storage, names, files.stack.identity)
    left = leftovers(derived, buckets, files.stack, files.declaration)
    items = [one.item for one in left]
    deletions = review(session, items, {item.id for item in items})
    stops = deletion_errors(
        deletions, destroy_used=files.settings.destroy_used, destroys=True, from_state=False
    )
    plan = DestroyPlan(
        deletions, tuple(map(single_line, stops)), tuple(map(single_line, evictions(deletions)))
    )
    alike = named_alike(files.declaration, objects, files.stack, derived)
    notes = [
        f'{live.kind.noun} "{live.name}" ({live.id}): has the name that this stack would give it and another id, so it stays'
        for live in alike
    ]
    return Found(left, plan, (*unread, *notes, *files.notes, KEYS))


def delete(files: StackFiles, found: Found, session: Session, *, as_json: bool) -> Result:
    """Delete what the plan says."""
    start = time.monotonic()
    done: list[Owned] = []

    def deleted(item: Owned) -> None:
        done.append(item)
        say(f"{item.label}: deleted", error=as_json, flush=True)

    going = {item.item.key for item in found.plan.deletions if item.action == DELETES}
    if files.settings.destroy_used:
        going |= {item.item.key for item in found.plan.deletions if item.action == "used by others"}
    errors = delete_leftovers(
        session, [one for one in found.leftovers if one.item.key in going], files.stack, deleted
    )
    kept = len(found.plan.deletions) - len(going)
    counts = {verb: count for verb, count in (("delete", len(done)), ("keep", kept)) if count}
    return Result(
        "destroy",
        files.stack.project,
        files.stack.name,
        ok=not errors,
        counts=counts,
        errors=errors,
        deletions=found.plan.deletions,
        seconds=time.monotonic() - start,
    )


def show(found: Found, *, as_json: bool) -> None:
    """The plan for a person, with the id of each object and what stays."""
    if as_json:
        return
    ids = {one.item.key: one for one in found.leftovers}
    lines = formatting.destroy_plan(found.plan.deletions)
    shown = [
        f"{line} ({ids[deletion.item.key].item.id})"
        for line, deletion in zip(lines, found.plan.deletions, strict=True)
    ]
    print_lines(wrapped([*shown, *(f"note: {note}" for note in found.notes)], columns()))
    for warning in found.plan.warnings:
        say(f"warning: {warning}", error=True)
