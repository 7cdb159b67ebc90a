"""`destroy --prove`: the account before and after a destroy, and what in it still bills."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from coreweave_inference.clock import system
from coreweave_inference.declaration import Declaration
from coreweave_inference.discovery.buckets import buckets_of, stored
from coreweave_inference.discovery.gathering import bucket_reader
from coreweave_inference.errors import CoreWeaveError, plural
from coreweave_inference.fleet.deletions import BUCKET, DELETES, KEEPS, Deletion
from coreweave_inference.fleet.instances import default_prices
from coreweave_inference.fleet.storage_prices import money, per_month
from coreweave_inference.importing.matching import Stack
from coreweave_inference.review.money import Cost
from coreweave_inference.settings.resolution import Settings
from coreweave_inference.stateless.billing import (
    KEPT,
    OF_OTHERS,
    OF_STACK,
    Billed,
    BillingProof,
    StoredBucket,
    cost_of,
    still_there,
    sum_of,
)
from coreweave_inference.stateless.derived import Derived, derived_objects, live_object
from coreweave_inference.status.report import report_on

from .account_lists import Account, listed, opened
from .announcing import Say
from .status_view import cost_document, cost_text

GIB = 2**30
WITHOUT = "this stack made it, and its state does not have it"
WITH = "this stack's, and its deletion is not confirmed"
WHOSE = {OF_STACK: "of this stack", KEPT: "kept", OF_OTHERS: "of others"}


@dataclass
class Prover:
    """Looks at the account before and after a destroy. `recorded` are the ids in the state, and the names of its buckets."""

    settings: Settings
    stack: Stack
    declaration: Declaration | None
    recorded: Collection[str]
    say: Say
    before: Account | None = None

    def look(self) -> None:
        """Before the first deletion. Raises CoreWeaveError where nothing can be listed."""
        with opened(self.settings) as api:
            self.before = listed(api)

    def prove(self, deletions: Iterable[Deletion]) -> BillingProof:
        """After the last one. Raises CoreWeaveError where nothing can be listed."""
        deletions = tuple(deletions)
        prices = default_prices()
        with opened(self.settings) as api:
            self.say("looking at what remains …")
            after = listed(api)
            own = self._own(after, {found.item.id for found in deletions})
            kept = self._kept(after, deletions)
            own = {id_: "" if id_ in kept else why for id_, why in own.items()}
            objects = still_there(
                after.lists, own, kept, prices, now=after.now, settle_seconds=self.settings.settle_seconds
            )
            buckets, unread = self._buckets(api, deletions)
        before = self.before
        cost = Cost()
        if before is not None:
            report = report_on(None, before.lists, prices, now=before.now, settle_seconds=0.0)
            cost = cost_of(report, {*self._own(before, ()), *self.recorded})
        return BillingProof(
            objects,
            buckets,
            cost,
            sum_of(one for one in objects if one.whose != OF_OTHERS),
            (*(f"{kind.noun}s could not be listed: {why}" for kind, why in after.unread.items()), *unread),
        )

    def _kept(self, account: Account, deletions: Iterable[Deletion]) -> frozenset[str]:
        """The ids of what the plan keeps, and of what an earlier destroy kept because it is declared so."""
        planned = {found.item.id for found in deletions if found.action == KEEPS}
        items = self.declaration.objects() if self.declaration else ()
        keeps = {(item.kind, item.key) for item in items if item.options.retain_on_delete}
        derived = self._derived(account)
        return frozenset(
            {*planned, *(id_ for id_, one in derived.items() if (one.live.kind, one.key) in keeps)}
        )

    def _derived(self, account: Account) -> dict[str, Derived]:
        objects = [live_object(item) for items in account.lists.values() for item in items]
        return derived_objects(self.stack, objects, self.declaration)

    def _own(self, account: Account, planned: Collection[str]) -> dict[str, str]:
        """By id what is to know of each object of the stack."""
        derived, known = self._derived(account), {*self.recorded, *planned}
        there = (item.id for items in account.lists.values() for item in items)
        return {id_: WITH if id_ in known else WITHOUT for id_ in there if id_ in derived or id_ in known}

    def _buckets(
        self, api: Any, deletions: Iterable[Deletion]
    ) -> tuple[tuple[StoredBucket, ...], tuple[str, ...]]:
        planned = {found.item.id: found.action for found in deletions if found.item.kind == BUCKET}
        declared = [b.name for b in self.declaration.buckets.values()] if self.declaration else []
        try:
            storage = bucket_reader(self.settings, api, system, os.environ)
            found, unread = buckets_of(storage, {*planned, *declared}, self.stack.identity)
            deletes = {name for name, action in planned.items() if action == DELETES}
            return stored(storage, found, planned, deletes, self.stack.identity, self.say), unread
        except CoreWeaveError as error:
            return (), (f"buckets could not be read: {error}",)


def lines(proof: BillingProof) -> list[str]:
    """For a terminal."""
    prices = default_prices()
    remaining = proof.remaining
    verdict = {
        True: "proof: nothing of this stack remains but what it keeps",
        False: f"proof: {len(remaining)} of this stack remain: {', '.join(remaining)}",
        None: "proof: whether something of this stack remains is not known",
    }[proof.holds]
    prices_of = f"{prices.currency}, list price of {prices.date}, not your contract"
    text = [
        verdict,
        f"this stack per hour: {cost_text(proof.before)} before, {cost_text(proof.after)} after ({prices_of})",
    ]
    billed = [
        *map(_object, proof.objects),
        *(_bucket(one) for one in proof.buckets if one.whose != OF_OTHERS),
    ]
    others = [one.name for one in proof.buckets if one.whose == OF_OTHERS]
    if others:
        billed.append(f"{plural(len(others), 'bucket')} of others, not measured: {', '.join(others)}")
    text += (
        ["still there:", *(f"  {line}" for line in billed)] if billed else ["nothing else is in the account"]
    )
    text += [f"not known: {why}" for why in proof.unread]
    if any(WITHOUT in one.why for one in proof.objects):
        text.append("`cw-inference destroy --without-state` deletes what the state does not have")
    return text


def _object(one: Billed) -> str:
    parts = [WHOSE[one.whose], *one.why]
    if one.kind == "gateway":
        parts.append("no published price")
    elif one.cost is not None:
        parts.append(one.cost.words or f"{cost_text(one.cost)} per hour")
    return f'{one.kind} "{one.name}" ({one.id}): {"; ".join(parts)}'


def _bucket(one: StoredBucket) -> str:
    parts = [WHOSE[one.whose]]
    if one.bytes is not None:
        size = f"{one.bytes / GIB:.2f} GiB" if one.bytes >= GIB / 100 else f"{one.bytes:,} bytes"
        parts.append(f"{size} in {one.files} file{'' if one.files == 1 else 's'}, {money(one.bytes)}")
    if one.unfinished:
        parts.append(f"{plural(one.unfinished, 'upload')} not completed, whose parts are billed too")
    parts += [f"could not be measured: {one.why}"] if one.why else []
    return f"bucket {one.name}: {'; '.join(parts)}"


def document(proof: BillingProof) -> dict[str, Any]:
    """As JSON, under `proof`."""
    return {
        "holds": proof.holds,
        "remaining": list(proof.remaining),
        "costPerHour": {"before": cost_document(proof.before), "after": cost_document(proof.after)},
        "objects": [
            {
                "kind": one.kind,
                "name": one.name,
                "id": one.id,
                "whose": one.whose,
                "costPerHour": None if one.cost is None else cost_document(one.cost),
                "why": list(one.why),
            }
            for one in proof.objects
        ],
        "buckets": [
            {
                "name": one.name,
                "whose": one.whose,
                "bytes": one.bytes,
                "files": one.files,
                "costPerMonth": None if one.bytes is None else float(per_month(one.bytes)),
                "unfinished": one.unfinished,
                "statement": one.statement,
                "why": one.why,
            }
            for one in proof.buckets
        ],
        "notKnown": list(proof.unread),
    }
