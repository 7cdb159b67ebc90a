"""What the next preview of a declaration would show: complete specs computed from it, compared with what is live.

Nothing is asked of anybody: a declaration, a snapshot and what the state has are all that it takes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from coreweave_inference.declaration import BucketDeclaration, Declaration, ObjectDeclaration
from coreweave_inference.model.deployment import LATEST
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import (
    UNKNOWN,
    Difference,
    differences,
    get_path,
    sparse,
    with_path,
)
from coreweave_inference.model.shape import replacing_fields
from coreweave_inference.policy.statements import documented

from .bucket_entries import put_policy
from .matching import BUCKET, POLICY, Stack, gateway_ids, live_of, name_of
from .snapshot import LiveObject, Snapshot
from .values import references_in

VERSION, ENGINE = "runtime.version", "runtime.engine"
READINESS = "readiness"


@dataclass(frozen=True)
class Expected:
    """What the next preview would do with one object: `adds`, `adopts`, `refuses` (it exists, and the stack does not have it),
    `changes`, `replaces` or `removes`, and the fields.

    `fields` are the differences themselves, live to declared; `id` is that of the live object, where there is one.
    """

    what: str
    label: str
    lines: tuple[str, ...] = ()
    kind: str = ""
    key: str = ""
    id: str = ""
    fields: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        return f"{self.what} {self.label}" + "".join(f"\n    {line}" for line in self.lines)


@dataclass(frozen=True)
class Proof:
    """`expected`: what the next preview would show, nothing where it is empty. `open`: what cannot be known offline.
    `stops`: findings that stop the next run.
    """

    expected: tuple[Expected, ...] = ()
    open: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the next preview shows no change, and nothing stops it."""
        return not self.expected and not self.stops


def prove(
    declaration: Declaration,
    snapshot: Snapshot,
    stack: Stack,
    secrets: Mapping[str, str],
    importable: frozenset[str],
    unreadable: Collection[str] = (),
) -> Proof:
    """Compare everything that is declared with what is live. `secrets`: values of references by their names, as far as they
    are known; `importable`: ids of objects and names of buckets that the import brings into the state; `unreadable`: keys of
    deployments that count as ready although their weights cannot be read.
    """
    expected, unknown, waits = [], [], []
    for item in declaration.objects():
        live = live_of(item, snapshot, stack)
        label = f'{item.kind.noun} "{item.key}"'
        recorded = (item.kind.noun, item.key) in stack.recorded
        if live is None:
            expected.append(Expected("adds", label, kind=item.kind.noun, key=item.key))
            continue
        outside = not recorded and live.id not in importable
        if outside and not item.options.adopt:
            expected.append(_refused(label, live.id, stack, item.kind.noun, item.key))
            continue
        desired, unread = desired_spec(item, live, declaration, snapshot, stack, secrets)
        unknown += [f"{label}: {path} comes from {name}, which is not set" for path, name in unread]
        found = _differences(item, live, desired, [path for path, _ in unread])
        lost = "" if item.kind is Kind.DEPLOYMENT and item.key in unreadable else live.lost_weights
        if item.options.wait and (why := live.broken or lost):
            waits.append(f"waits for {label}: {why}")
        if outside:
            lines = (live.id, *map(str, found))
            expected.append(Expected("adopts", label, lines, item.kind.noun, item.key, live.id, tuple(found)))
        elif found:
            moved = any(one.path in replacing_fields(item.kind.model) for one in found)
            what = "replaces" if moved and live.id not in stack.unmoved else "changes"
            lines = tuple(map(str, found))
            expected.append(Expected(what, label, lines, item.kind.noun, item.key, live.id, tuple(found)))
    if waits:
        expected.append(Expected("changes", READINESS, tuple(waits)))
    for bucket in declaration.buckets.values():
        expected += _of_bucket(bucket, snapshot, stack, importable)
    return Proof(
        (*expected, *_removed(declaration, stack)), (*unknown, *_unread(declaration, snapshot, stack))
    )


def _refused(label: str, id_: str, stack: Stack, kind: str = "", key: str = "") -> Expected:
    owner = stack.owner(id_)
    why = f"it is in the state of stack {owner}" if owner else "the stack does not have it"
    return Expected("refuses", label, (f"{id_} exists, and {why}",), kind, key, id_)


def desired_spec(
    item: ObjectDeclaration,
    live: LiveObject,
    declaration: Declaration,
    snapshot: Snapshot,
    stack: Stack,
    secrets: Mapping[str, str],
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The complete spec of a declared object, and the paths of what is not known, each with the name of its reference."""
    spec: dict[str, Any] = {**item.spec, "name": name_of(item, stack)}
    if item.kind is Kind.DEPLOYMENT:
        spec["gatewayIds"] = gateway_ids(item, declaration, snapshot, stack) or UNKNOWN
        if get_path(spec, VERSION) in (None, LATEST):
            kept = get_path(spec, ENGINE) == get_path(live.spec, ENGINE)
            spec = with_path(spec, VERSION, get_path(live.spec, VERSION) if kept else UNKNOWN)
    unread = []
    for path, reference in references_in(item.spec).items():
        value = secrets.get(reference.name)
        spec = with_path(spec, path, UNKNOWN if value is None else value)
        if value is None:
            unread.append((path, reference.name))
    return spec, unread


def _differences(
    item: ObjectDeclaration, live: LiveObject, desired: Mapping[str, Any], unread: list[str]
) -> list[Difference]:
    ignored = (*item.options.ignore_changes, *unread)
    found = differences(item.kind, sparse(item.kind, live.spec), desired, write_only=False)
    return [
        one
        for one in found
        if one.right is not UNKNOWN
        and not any(one.path == path or one.path.startswith(f"{path}.") for path in ignored)
    ]


def _of_bucket(
    bucket: BucketDeclaration, snapshot: Snapshot, stack: Stack, importable: frozenset[str]
) -> Iterator[Expected]:
    label, policy = f'{BUCKET} "{bucket.key}"', f'{POLICY} "{bucket.key}-policy"'
    live = snapshot.buckets.get(bucket.name)
    in_state = (BUCKET, bucket.key) in stack.recorded
    readable = live is not None and not live.unread
    if not in_state and not (readable and bucket.name in importable):
        if live is None or not readable:
            yield Expected("adds", label)
        elif bucket.adopt:
            yield Expected("adopts", label, (bucket.name,))
        else:
            yield _refused(label, bucket.name, stack)
    elif live is not None and readable:
        found = [
            f"tags.{key}: {live.tags.get(key)} -> {value}"
            for key, value in bucket.tags.items()
            if live.tags.get(key) != value
        ]
        if live.zone and live.zone.upper() != bucket.zone:
            found.insert(0, f"zone: {live.zone} -> {bucket.zone}, and a bucket cannot move")
        if found:
            yield Expected("changes", label, tuple(found))
    if bucket.policy is None:
        return
    if (POLICY, f"{bucket.key}-policy") in stack.recorded:
        if live is not None and readable and not documented(live.policy, bucket.name, bucket.policy.prefixes):
            yield Expected("changes", policy, ("its statement is not in the bucket's policy as declared",))
    elif live is None or put_policy(live, bucket.policy, stack.identity) is None:
        yield Expected("adds", policy)


def _unread(declaration: Declaration, snapshot: Snapshot, stack: Stack) -> Iterator[str]:
    """Lines on what the state has and nobody can compare."""
    for bucket in declaration.buckets.values():
        live = snapshot.buckets.get(bucket.name)
        if (BUCKET, bucket.key) in stack.recorded and live is not None and live.unread:
            yield f'{BUCKET} "{bucket.key}": {live.unread}'


def _removed(declaration: Declaration, stack: Stack) -> Iterator[Expected]:
    declared = {(item.kind.noun, item.key) for item in declaration.objects()}
    declared |= {(BUCKET, key) for key in declaration.buckets}
    declared |= {
        (POLICY, f"{key}-policy") for key, item in declaration.buckets.items() if item.policy is not None
    }
    for kind, key in stack.recorded:
        if (kind, key) not in declared:
            yield Expected("removes", f'{kind} "{key}"')
