"""All facts of a run, and the checks on them: what `stack`, a Python program and the command line call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING

from coreweave_inference.checks import (
    Identity,
    Known,
    LastObject,
    LiveObject,
    PlainObject,
    Report,
    View,
    headers_decide,
    run,
    view_of,
    view_of_specs,
)
from coreweave_inference.checks.view import Locate, nowhere
from coreweave_inference.clock import Clock, system
from coreweave_inference.declaration import Declaration
from coreweave_inference.errors import SettingsError
from coreweave_inference.settings.resolution import Settings

from .account import Api, Listed, account
from .weights import Store, Wanted, stores

if TYPE_CHECKING:
    from coreweave_inference.api.client import InferenceApi
    from coreweave_inference.storage.client import ObjectStorage
    from coreweave_inference.storage.credentials import KeyMaker

NOT_LOOKED = (
    "nothing was asked of the service ({why}): others' deployments and claims, what it offers, bucket policies and weights "
    "were not checked"
)
AT_ONCE = 8
"""Requests that run side by side."""
RETRY_SECONDS = 10.0
"""How long a failing call is repeated; what cannot be read in that time is not checked."""
ANY_ZONE = "default"
"""What requests are signed for where the bucket may be anywhere."""


@dataclass(frozen=True)
class Facts:
    """What is known, and one sentence on each thing that could not be read."""

    known: Known
    notes: tuple[str, ...] = ()


RECENT_SECONDS = 60.0
"""How long a run that follows its plan takes what the plan was made of, instead of asking again."""


@dataclass
class Recent:
    """What was read last, in one piece: for the same question, asked again a little later."""

    _kept: tuple[float, object, Facts] | None = None

    def find(self, question: object, now: float) -> Facts | None:
        """What was read for the same question, if that was not long before `now` (monotonic)."""
        if self._kept is None or now - self._kept[0] > RECENT_SECONDS or self._kept[1] != question:
            return None
        return self._kept[2]

    def keep(self, question: object, now: float, facts: Facts) -> None:
        """Keep it, if all could be read."""
        unread = facts.notes or facts.known.catalogue.unread
        self._kept = None if unread else (now, question, facts)

    def forget(self) -> None:
        """Something is about to be written."""
        self._kept = None


@dataclass(frozen=True)
class Sources:
    """Where the facts of a look come from. Without settings, or without a token in them, nothing is asked of the service.

    `listed` are objects that the program has seen already, by kind. `recent` keeps what is read for the next look. `headers`: those of weights are read also where they
    decide nothing but figures.
    """

    settings: Settings | None = None
    identity: Identity | None = None
    last: tuple[LastObject, ...] | None = None
    listed: Listed | None = None
    headers: bool = False
    recent: Recent | None = None
    clock: Clock = system
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def known(self) -> Known:
        """What is known before anything is asked."""
        today = datetime.fromtimestamp(self.clock.now(), timezone.utc).date()
        return Known(self.identity, last=self.last, today=today)


def checks_for(declaration: Declaration, sources: Sources) -> Report:
    """The checks on a declaration. What cannot be read raises nothing: it becomes a note, or a warning of its own."""
    return run(*view_for(declaration, sources))


def view_for(declaration: Declaration, sources: Sources) -> tuple[View, tuple[str, ...]]:
    """What the checks of a declaration look at, and one sentence on each thing that could not be read."""
    facts = _read(view_of(declaration, sources.known()), sources)
    return view_of(declaration, facts.known), facts.notes


def checks_for_objects(objects: Iterable[PlainObject], sources: Sources, locate: Locate = nowhere) -> Report:
    """The same for the objects of a Python program, with `UNKNOWN` in the place of outputs that are not known yet. `locate` tells
    where the program declares what is at a path.
    """
    items = tuple(objects)
    facts = _read(view_of_specs(items, sources.known()), sources)
    # What the same program, or another tool, puts into a bucket that exists is not known here.
    missing = {name: store for name, store in facts.known.stores.items() if not store.exists}
    view = view_of_specs(items, replace(facts.known, stores=missing))
    return run(replace(view, locate=locate), facts.notes)


def _collect(view: View, sources: Sources, api: Api, store: Store, endpoint: str = "") -> Facts:
    """What is known, and what the service and its buckets tell about what a view declares."""
    with ThreadPoolExecutor(AT_ONCE) as calls, ThreadPoolExecutor(AT_ONCE) as reads:
        found = account(api, calls, sources.listed, lambda live: _gateways_of(view, live))
        buckets, notes = stores(store, _wanted(view, sources.headers), reads, endpoint)
    known = replace(sources.known(), catalogue=found.catalogue, live=found.live, stores=buckets)
    return Facts(known, (*found.notes, *notes))


def _gateways_of(view: View, live: Iterable[LiveObject]) -> tuple[str, ...]:
    """The live gateways that the deployments run behind; none where one is not there yet, or its zones change."""
    seen = replace(view, live=tuple(live))
    found = [seen.live_gateways_of(item) for item in view.deployments]
    return () if None in found else tuple(sorted({id_ for ids in found for id_ in ids or ()}))


def _wanted(view: View, headers: bool) -> dict[str, list[Wanted]]:
    """The models to look at in each bucket, and who decides whether the headers of their weights are read."""
    models: dict[str, dict[str, Wanted]] = {bucket.name: {} for bucket in view.buckets.values()}
    for item in view.deployments:
        if not item.bucket or not item.model_path:
            continue
        known = models.setdefault(item.bucket, {})
        before = known.get(item.model_path, Wanted(item.model_path))
        known[item.model_path] = Wanted(
            item.model_path,
            (*before.decide, partial(headers_decide, item, sum_counts=headers)),
        )
        was = view.was(item)
        if was is not None and was.bucket and was.model_path:
            models.setdefault(was.bucket, {}).setdefault(was.model_path, Wanted(was.model_path))
    return {bucket: list(found.values()) for bucket, found in models.items()}


def _read(view: View, sources: Sources) -> Facts:
    settings = sources.settings
    if settings is None or not settings.token:
        why = "offline" if settings is None else "there is no token"
        return Facts(sources.known(), (NOT_LOOKED.format(why=why),))
    recent, question = sources.recent or Recent(), (settings, sources.headers, *_declared(view))
    if (found := recent.find(question, sources.clock.monotonic())) is not None:
        known = found.known
        return Facts(
            replace(sources.known(), catalogue=known.catalogue, live=known.live, stores=known.stores)
        )
    with _api(settings, sources.clock) as api:
        try:
            store = bucket_reader(settings, api, sources.clock, sources.environ)
        except SettingsError as error:
            return Facts(sources.known(), (NOT_LOOKED.format(why=error),))
        facts = _collect(view, sources, api, store, settings.s3_endpoint)
    recent.keep(question, sources.clock.monotonic(), facts)
    return facts


def _declared(view: View) -> tuple[object, ...]:
    """What decides what is asked for, beside the account itself."""
    return view.gateways, view.claims, view.deployments, view.buckets, view.existing_buckets


@contextmanager
def _api(settings: Settings, clock: Clock) -> Iterator[InferenceApi]:
    from coreweave_inference.api.client import InferenceApi  # Offline it is not needed; here and below.

    impatient = replace(settings, retry_seconds=min(settings.retry_seconds, RETRY_SECONDS))
    with InferenceApi.of(impatient, clock=clock) as api:
        yield api


def bucket_reader(
    settings: Settings, api: KeyMaker, clock: Clock, environ: Mapping[str, str]
) -> ObjectStorage:
    """Reads buckets with the keys that the settings name. Raises SettingsError."""
    from coreweave_inference.storage.client import ObjectStorage
    from coreweave_inference.storage.key_sources import credentials_from

    credentials = credentials_from(settings, api, clock, environ)
    patience = settings.retry_seconds
    return ObjectStorage(settings.s3_endpoint, credentials, ANY_ZONE, clock=clock, patience=patience)
