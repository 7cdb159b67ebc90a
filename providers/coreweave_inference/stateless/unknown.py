"""What a comparison without a state cannot know, as sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from coreweave_inference.declaration import Declaration
from coreweave_inference.errors import plural
from coreweave_inference.importing.proof import ENGINE, VERSION, Expected
from coreweave_inference.importing.snapshot import LiveObject, Snapshot
from coreweave_inference.model.deployment import LATEST
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import get_path
from coreweave_inference.model.shape import write_only_paths
from coreweave_inference.model.unknown import UNKNOWN

from .derived import Derived

COUNT, DNS = "resources.instanceCount", "endpointConfiguration.additionalDns"


def not_known(
    declaration: Declaration,
    snapshot: Snapshot,
    matched: Mapping[tuple[str, str], LiveObject | None],
    derived: Mapping[str, Derived],
    differences: Sequence[Expected],
) -> Iterator[str]:
    """What the state, another stack or object storage would tell, in the order of how much it matters."""
    for (noun, key), live in matched.items():
        if live is not None and live.id not in derived:
            yield (
                f'{noun} "{key}": found by its name ({live.id}); whose it is: only the state tells whether this stack has it, '
                "adopts it, or is refused the name"
            )
    used = {live.id for live in matched.values() if live is not None}
    others = [one for one in snapshot.objects if one.id not in used and one.id not in derived]
    if others:
        yield (
            f"{plural(len(others), 'other object')} in the account: whether the state has one of them under a key that is no "
            "longer declared, so that an `up` would delete it"
        )
    yield from _moved(differences)
    yield from _fields(declaration, matched, differences)
    yield from _elsewhere(declaration)
    if declaration.buckets:
        names = ", ".join(bucket.name for bucket in declaration.buckets.values())
        yield f"buckets {names} and their policies: no list has them; `cw-inference check` reads them"


def _moved(differences: Sequence[Expected]) -> Iterator[str]:
    for removed in (one for one in differences if one.what == "removes"):
        made = [one.label for one in differences if one.what == "adds" and one.kind == removed.kind]
        if made:
            yield (
                f"{removed.label}: whether it is {' or '.join(made)} under a former key: with an alias a run keeps it, and the "
                "state has the new key from then on"
            )


def _fields(
    declaration: Declaration,
    matched: Mapping[tuple[str, str], LiveObject | None],
    differences: Sequence[Expected],
) -> Iterator[str]:
    changed = {(one.kind, one.key): one for one in differences if one.fields}
    free: list[str] = []
    moved: list[str] = []
    for key, item in declaration.deployments.items():
        version, live = get_path(item.spec, VERSION), matched.get((Kind.DEPLOYMENT.noun, key))
        if live is not None and version in (None, LATEST):
            same = get_path(item.spec, ENGINE) == get_path(live.spec, ENGINE)
            (free if same and version is None else moved).append(key)
    if free:
        yield (
            f"engine version of {', '.join(free)}: not declared, so a run keeps the recorded one; a version that was changed "
            "outside does not show here"
        )
    if moved:
        yield f"engine version of {', '.join(moved)}: the newest that is offered; no list tells which that is"
    for item in declaration.objects():
        label, found = f'{item.kind.noun} "{item.key}"', changed.get((item.kind.noun, item.key))
        paths = {one.path: one for one in found.fields} if found else {}
        if COUNT in paths and _is_more(paths[COUNT].left, paths[COUNT].right):
            yield f"{label}: whether {COUNT} is a reduction that is still pending, which a run waits for"
        if DNS in paths and set(paths[DNS].left or ()) > set(paths[DNS].right or ()):
            yield f"{label}: whether {DNS} has names that the service kept when they were removed"
        hidden = [path for path in write_only_paths(item.kind.model) if get_path(item.spec, path) is not None]
        if hidden and matched.get((item.kind.noun, item.key)) is not None:
            yield f"{label}: {', '.join(hidden)}: the service never returns it"


def _elsewhere(declaration: Declaration) -> Iterator[str]:
    for item in declaration.existing.objects():
        if item.stack and not item.id:
            yield f'existing {item.kind.noun} "{item.key}": its id is among the outputs of stack {item.stack}'
    for key, deployment in declaration.deployments.items():
        if get_path(deployment.spec, "model.bucket") is UNKNOWN:
            yield f'deployment "{key}": its bucket is among the outputs of another stack'


def _is_more(left: object, right: object) -> bool:
    return isinstance(left, (int, float)) and isinstance(right, (int, float)) and left > right
