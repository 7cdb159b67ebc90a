"""An import as a whole: from an account, a file and what a stack has, to the new file and the proof of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from coreweave_inference.declaration import BucketDeclaration, Declaration, ObjectDeclaration
from coreweave_inference.errors import InvalidDeclaration
from coreweave_inference.model.normal_form import get_path

from .choice import choose
from .document import with_entries
from .entries import Entry, entries_for
from .matching import BUCKET, Stack, match, match_existing
from .ownership import doubts
from .proof import Proof, prove
from .snapshot import LiveBucket, LiveObject, Snapshot, in_order
from .values import references_in

ReadText = Callable[[str], Declaration]
"""The declaration in a text, with the stack's overlay laid over it. Raises InvalidDeclaration."""


@dataclass(frozen=True)
class Imported:
    """An object that comes into the state, and how it is declared."""

    live: LiveObject
    declared: ObjectDeclaration


@dataclass(frozen=True)
class ImportedBucket:
    """A bucket that comes into the state, and how it is declared."""

    live: LiveBucket
    declared: BucketDeclaration


@dataclass(frozen=True)
class ImportPlan:
    """`text` is the file afterwards, `before` as it is. `present` is what the stack has already, `left_out` what was asked for
    and cannot be imported, by label, with the reason. `environment` are the variables that references name and that are not
    set, with the live values, and `sources` says where those are; of `unreadable` ones the service does not tell the value. `doubts` are lines on objects that may be
    another stack's.
    """

    before: str
    text: str
    declaration: Declaration
    entries: tuple[Entry, ...]
    objects: tuple[Imported, ...]
    buckets: tuple[ImportedBucket, ...]
    present: tuple[LiveObject, ...]
    present_buckets: tuple[str, ...]
    left_out: Mapping[str, str]
    environment: Mapping[str, str] = field(repr=False)
    sources: Mapping[str, str]
    unreadable: tuple[str, ...]
    doubts: tuple[str, ...]
    proof: Proof

    @property
    def is_nothing(self) -> bool:
        """Whether neither the file nor the state changes."""
        return self.text == self.before and not self.objects and not self.buckets


def plan_import(
    snapshot: Snapshot,
    before: str,
    read: ReadText,
    stack: Stack,
    only: str = "",
    environ: Mapping[str, str] | None = None,
    unreadable: Callable[[Declaration], Collection[str]] = lambda _: (),
    stops: Callable[[Declaration], Collection[str]] = lambda _: (),
) -> ImportPlan:
    """What an import would do. `before` is the text of the file, empty where there is none; `environ` has the values of
    references that the file has already; `unreadable` gives the keys of deployments that count as ready although their weights
    cannot be read, `stops` the findings that stop a run.

    Raises InvalidDeclaration for a file with faults, a word of `only` that nothing matches, and a gateway without its users.
    """
    current = read(before) if before.strip() else read("version: 1\n")
    declared, used = match(current, snapshot, stack), match_existing(current, snapshot)
    recorded = set(stack.recorded.values())
    choice = choose(snapshot, only, {*declared, *recorded, *used}, stack)
    left_out = {
        live.label: choice.left_out[live.id] for live in snapshot.objects if live.id in choice.left_out
    }
    left_out |= {o.label: "it is declared under `existing`" for o in choice.objects if o.id in used}
    chosen = [live for live in choice.objects if live.id not in used]
    new = in_order(live for live in chosen if live.id not in declared)
    added = entries_for(snapshot, new, current, stack)
    text = with_entries(before, added.entries) if added.entries else before
    after = _extended(text, read) if added.entries else current
    items = match(after, snapshot, stack)
    objects = tuple(
        Imported(live, items[live.id]) for live in chosen if live.id in items and live.id not in recorded
    )
    buckets = _buckets(after, snapshot, stack, chosen, everything=not only)
    importable = frozenset({*(o.live.id for o in objects), *(b.live.name for b in buckets)})
    known = _live_values([(live, items[live.id]) for live in chosen if live.id in items], environ or {})
    environment = {name: value for name, (_, value) in known.items()}
    secrets = {**environment, **(environ or {})}
    return ImportPlan(
        before=before,
        text=text,
        declaration=after,
        entries=tuple(added.entries),
        objects=objects,
        buckets=buckets,
        present=tuple(live for live in chosen if live.id in recorded and live.id in declared),
        present_buckets=_present_buckets(after, stack, chosen, everything=not only),
        left_out=left_out,
        environment=environment,
        sources={name: source for name, (source, _) in known.items()},
        unreadable=tuple(name for name in added.unreadable if name not in (environ or {})),
        doubts=doubts(((one.live, one.declared) for one in objects), stack),
        proof=replace(
            prove(after, snapshot, stack, secrets, importable, unreadable(after)), stops=tuple(stops(after))
        ),
    )


def _extended(text: str, read: ReadText) -> Declaration:
    """The declaration with what was added. Raises InvalidDeclaration where that and what was there do not go together."""
    try:
        return read(text)
    except InvalidDeclaration as error:
        where = "with what the import adds, which was not written"
        raise InvalidDeclaration(replace(f, what=f"{f.what} ({where})") for f in error.faults) from None


def _live_values(
    objects: Iterable[tuple[LiveObject, ObjectDeclaration]], environ: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """By variable where its value is, and the live value, where it is not set."""
    found: dict[str, tuple[str, str]] = {}
    for live, item in objects:
        for path, reference in references_in(item.spec).items():
            value = get_path(live.spec, path)
            if reference.source == "fromEnv" and reference.name not in environ and isinstance(value, str):
                place = f"{path} in GET /v1alpha1/inference/{live.kind.path}/{live.id}"
                found.setdefault(reference.name, (place, value))
    return found


def _buckets(
    declaration: Declaration,
    snapshot: Snapshot,
    stack: Stack,
    chosen: list[LiveObject],
    *,
    everything: bool,
) -> tuple[ImportedBucket, ...]:
    """Those that the chosen deployments read, or all, as far as they are there and the state does not have them."""
    read = {live.bucket for live in chosen}
    found = []
    for bucket in declaration.buckets.values():
        live = snapshot.buckets.get(bucket.name)
        wanted = everything or bucket.name in read
        if wanted and live and not live.unread and (BUCKET, bucket.key) not in stack.recorded:
            found.append(ImportedBucket(live, bucket))
    return tuple(found)


def _present_buckets(
    declaration: Declaration, stack: Stack, chosen: list[LiveObject], *, everything: bool
) -> tuple[str, ...]:
    """Names of those that the state has already."""
    read = {live.bucket for live in chosen}
    return tuple(
        bucket.name
        for bucket in declaration.buckets.values()
        if (everything or bucket.name in read) and (BUCKET, bucket.key) in stack.recorded
    )
