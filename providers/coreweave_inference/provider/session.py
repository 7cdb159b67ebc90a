"""What the providers of one run share: the connection, `lists`, its `memory`, where progress goes, and whether to stop.

It lives for one phase of one run (preview, update, refresh or destroy). Decisions are elsewhere; nothing here compares
specs.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from coreweave_inference.api.client import ApiObject, InferenceApi
from coreweave_inference.api.retry_log import report_retry
from coreweave_inference.clock import PROGRESS, Clock, WaitingClock, stop_requested, system
from coreweave_inference.clock import RUN_DIRECTORY as RUN_DIRECTORY
from coreweave_inference.errors import CannotProveGone, CoreWeaveError, NotFound
from coreweave_inference.model import Kind
from coreweave_inference.settings.resolution import Settings
from coreweave_inference.storage.client import ObjectStorage
from coreweave_inference.storage.key_sources import credentials_from
from coreweave_inference.waiting import LASTING_LOOKS, ON_THE_WAY, Live, Revision, Target, newest_condition

from .agreement import of_environment
from .lists import Lists
from .memory import Memory, Write

Found = TypeVar("Found")

CLOCK_STEP_SECONDS = 1.0
"""The service's clock is read from the `Date` of its answers, in whole seconds."""


class Log(Protocol):
    """Where progress goes; `urn` says of which resource, and may be empty."""

    def progress(self, urn: str, text: str) -> None:
        """Show `text` until the next line replaces it."""
        ...

    def note(self, urn: str, text: str) -> None:
        """Keep `text`."""
        ...

    def warning(self, urn: str, text: str) -> None:
        """Keep `text`, as a warning."""
        ...

    def retry(self, text: str) -> None:
        """A request of this thread is sent again."""
        ...


class PrintedLog:
    """Prints what is to be kept."""

    def progress(self, urn: str, text: str) -> None:
        """Nothing: nobody watches."""

    def note(self, urn: str, text: str) -> None:
        """Print it."""
        print(f"info: {text}", file=sys.stderr)

    def warning(self, urn: str, text: str) -> None:
        """Print it."""
        print(f"warning: {text}", file=sys.stderr)

    def retry(self, text: str) -> None:
        """Tell whoever listens in this process."""
        report_retry(text)


class Session:
    """Connection, lists and memory of this process.

    Raises SettingsError where token or endpoint are missing or wrong.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock | None = None,
        log: Log | None = None,
        api: InferenceApi | None = None,
        stopped: Callable[[], bool] = stop_requested,
    ) -> None:
        self.settings = settings
        self.endpoint = settings.endpoint
        """To be recorded; as the state spells it, once that was seen: two spellings of one endpoint are no change."""
        self.clock: Clock = clock or system
        self.stopped = stopped
        """Whether the run was asked to stop waiting."""
        self.waits: Clock = WaitingClock(self.clock, stopped)
        self.log: Log = log or PrintedLog()
        self.api = api or InferenceApi.of(settings, clock=self.waits, on_retry=self.log.retry)
        self.agreement = of_environment(RUN_DIRECTORY)
        self.lists = Lists(self.api, self.clock, self.agreement.listed)
        self.memory = Memory()
        self._lock = threading.RLock()
        self._storage_lock = threading.Lock()
        self._storages: dict[str, ObjectStorage] = {}
        self._bucket_locks: dict[str, threading.Lock] = {}
        self._credentials: Callable[[], Any] | None = None
        self._parameters: dict[str, Any] = {}
        self._parameter_locks = {kind: threading.Lock() for kind in Kind}
        self._cannot_prove_gone = False

    def storage(self, zone: str = "") -> ObjectStorage:
        """Object storage, its requests signed for `zone` (any label does where the zone is not known)."""
        with self._storage_lock:  # Of its own: a profile may start a program that asks somebody for keys.
            if zone not in self._storages:
                if self._credentials is None:
                    self._credentials = credentials_from(self.settings, self.api, self.clock, os.environ)
                self._storages[zone] = ObjectStorage(
                    self.settings.s3_endpoint,
                    self._credentials,
                    zone or "default",
                    clock=self.clock,
                    patience=self.settings.retry_seconds,
                )
            return self._storages[zone]

    @contextmanager
    def bucket_alone(self, bucket: str) -> Iterator[None]:
        """One writer per bucket policy in this process."""
        with self._lock:
            lock = self._bucket_locks.setdefault(bucket, threading.Lock())
        with lock:
            yield

    def parameters(self, kind: Kind) -> dict[str, Any]:
        """The service's catalogue for `kind`, asked for once in a run; {} where the call fails (never an error)."""
        with self._parameter_locks[kind]:
            if kind.path not in self._parameters:
                try:
                    self._parameters[kind.path] = self.api.parameters(kind)
                except CoreWeaveError as error:
                    self._parameters[kind.path] = {}
                    self.log.warning(
                        "", f"the catalogue of {kind.noun}s could not be read, so it was not checked: {error}"
                    )
            answer: dict[str, Any] = self._parameters[kind.path]
            return answer

    def require_going_on(self, what: str) -> None:
        """Raise CoreWeaveError where the run was asked to stop: nothing new is begun then."""
        if self.stopped():
            raise CoreWeaveError(f"{what}: not begun, because the run was stopped; run again")

    def service_now(self) -> float:
        """Epoch seconds by the service's clock; by this machine's, which may be wrong, until the service sent its own."""
        now = self.api.service_time()
        return self.clock.now() if now is None else now

    def wrote(self, before: Live, updated_before: str) -> Revision:
        """Remember a write of the object that was `before`; the revision to wait for."""
        now = self.api.service_time()
        latest = None if now is None else now + CLOCK_STEP_SECONDS
        busy = before.status in ON_THE_WAY
        self.memory.writes[before.id] = Write(self.clock.monotonic(), latest, busy, newest_condition(before))
        return Revision.of_write(self.clock.now() if latest is None else latest, updated_before)

    def written_at(self, id_: str, revision: Revision) -> Write:
        """When `revision` was written. Of another process' write only the service's clock tells how long ago it was."""
        now, known = self.clock.monotonic(), self.memory.writes.get(id_)
        if known is not None:
            return known
        service_time = self.api.service_time()
        ago = 0.0 if service_time is None else max(0.0, service_time - revision.written_at)
        return Write(now - ago, None, False)

    def with_time_of_write(self, target: Target) -> Target:
        """`target` with what is known by now of the moment of its write on the service's clock: each answer since then may
        tell it more exactly.
        """
        write = self.memory.writes.get(target.id)
        if write is None or write.service_time is None:
            return target
        latest = self.api.latest_service_time_at(write.at)
        return replace(
            target, service_time=write.service_time if latest is None else min(latest, write.service_time)
        )

    def live_or_missing_for_long(self, kind: Kind, id_: str) -> ApiObject | None:
        """The object; None where neither a LIST nor a GET has shown it for the settle time, in several looks: both may lag.

        Raises CoreWeaveError where the run is asked to stop before that is known.
        """

        def look() -> ApiObject | None:
            return self.lists.look(kind, max_age_seconds=0.2).get(id_.lower()) or self.live(kind, id_)

        return look() if id_ in self.memory.deleted else self.missing_for_long(look, f"whether {id_} exists")

    def missing_for_long(
        self, look: Callable[[], Found | None], what: str, since: float | None = None
    ) -> Found | None:
        """What `look` finds; None only when it has found nothing in several looks and for the settle time, which began at
        `since` (monotonic; now, where it is left out).

        Raises CoreWeaveError where the run is asked to stop before `what` is known.
        """
        started, looks = self.clock.monotonic() if since is None else since, 0
        while True:
            found = look()
            looks += 1
            left = self.settings.settle_seconds - (self.clock.monotonic() - started)
            if found is not None or (looks >= LASTING_LOOKS and left <= 0):
                return found
            if self.stopped():
                raise CoreWeaveError(f"stopped before it was known {what}; run again")
            self.waits.sleep(
                max(0.05, min(2.0, self.settings.settle_seconds / LASTING_LOOKS, max(left, 0.0)))
            )

    def live(self, kind: Kind, id_: str) -> ApiObject | None:
        """The object, or None on a 404 (which proves nothing, see `prove_deleted`)."""
        try:
            return self.api.get(kind, id_)
        except NotFound:
            return None

    def guard_endpoint(self, recorded: str) -> None:
        """Refuse to speak for an object that another endpoint made (SettingsError)."""
        self.settings.at(recorded)
        self.endpoint = recorded or self.endpoint

    def guard_organization(self, what: str, recorded: str) -> None:
        """Refuse to speak for an object that the token cannot see any sign of (CannotProveGone)."""
        seen = self.organizations_seen()
        if recorded and recorded not in seen and not self.settings.accept_gone:
            raise CannotProveGone(self._not_proven(what, recorded))

    def prove_deleted(self, what: str, id_: str, organization_id: str) -> None:
        """Return if a 404 for `what` means that it was deleted; raise CannotProveGone otherwise (see "Deletion is confirmed" in docs/architecture.md).

        Proof is a list of this run that shows an object of the recorded organization, or that this process deleted it.
        """
        if id_ in self.memory.deleted or self.settings.accept_gone:
            return
        if organization_id and organization_id in self.organizations_seen():
            return
        raise CannotProveGone(self._not_proven(what, organization_id))

    def organizations_seen(self, max_age_seconds: float = 60.0) -> set[str]:
        """Organization ids of everything that the token could list in this run, what is deleted since included."""
        for kind in Kind:
            self.lists.look(kind, max_age_seconds)
        return set(self.lists.organizations)

    def organization(self, recorded: str = "") -> str:
        """The organization that this stack lives in: as recorded, else the one that was seen so far, else empty.

        It asks nobody, so it may be called after a write.
        """
        seen = self.lists.organizations
        return recorded or (next(iter(seen)) if len(seen) == 1 else "")

    def _not_proven(self, what: str, organization_id: str) -> str:
        with self._lock:
            first, self._cannot_prove_gone = not self._cannot_prove_gone, True
        if not first:
            return f"{what}: not judged deleted, for the reason given for the first one"
        seen = self.lists.organizations
        sees = f"an account of organization {', '.join(sorted(seen))}" if seen else "an empty account"
        return (
            f"{what} of organization {organization_id or '(unknown)'} is not found, but the token of "
            f"{self.settings.token_source} sees {sees} at {self.settings.endpoint}: this is not taken as a proof that "
            "it was deleted, and the state is left as it is; use the token of that organization, or, if the object really "
            "was deleted, run once with COREWEAVE_ACCEPT_GONE=1"
        )

    def progress(self, urn: str, **fields: Any) -> None:
        """Append one line for a watching command line; `fields` are what its table shows."""
        self._append(PROGRESS, {"urn": urn, "time": time.time(), **fields})

    def _append(self, file_name: str, entry: Mapping[str, Any]) -> None:
        directory = os.environ.get(RUN_DIRECTORY)
        if not directory:
            return
        with self._lock, (Path(directory) / file_name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    @property
    def notes_creations(self) -> bool:
        """Whether a creation that is cut short is noted in the state: `cw-inference` does, plain `pulumi` does not."""
        return bool(os.environ.get(RUN_DIRECTORY))

    def attempt(self, urn: str, inputs: Mapping[str, Any] | None) -> None:
        """Note for the command line what a creation is about to send; None crosses it out: nothing was made.

        Nothing else remembers an object whose answer was lost, or whose provider was killed, once it is no longer
        declared. No secret may be among `inputs`.
        """
        self._append("attempts.jsonl", {"urn": urn, "inputs": inputs})

    def note_deletion(self, id_: str, note: Mapping[str, Any] | None) -> None:
        """Note for the command line that a deletion was accepted; None: that it was confirmed. Raises OSError.

        Nothing else remembers an object that left the state and that the service brings back.
        """
        self._append("deletions.jsonl", {"id": id_, "note": note})
