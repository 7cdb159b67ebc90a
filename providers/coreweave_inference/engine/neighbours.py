"""The other stacks of a backend and of a directory, as far as they can be read: what their states have."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from coreweave_inference.declaration import FILE, read_for_stack
from coreweave_inference.errors import CoreWeaveError, one_line
from coreweave_inference.importing.matching import OtherStack, Stack
from coreweave_inference.importing.ownership import derived_ids
from coreweave_inference.model.identity import stack_identity
from coreweave_inference.policy.statements import sid_for
from coreweave_inference.provider.bucket_ownership import stack_tag
from coreweave_inference.settings.resolution import IDENTITY_KEY

from . import local_backend
from .directory import StackDirectory
from .import_values import identity_in, recorded_in
from .installation import CommandFailed, PulumiCli

MOST_STATES = 100
"""States that are read one by one of a backend that is no folder."""
AT_ONCE = 8
States = dict[str, Mapping[str, Any] | None]
"""By `project/stack` the states of a backend."""


def other_stacks(path: Path, own: Stack) -> tuple[tuple[OtherStack, ...], str]:
    """The stacks beside `own`, and what could not be read of them (empty: everything was)."""
    states, unread = _states(path, f"{own.project}/{own.name}")
    found = {name: _of_state(name, state) for name, state in states.items() if state is not None}
    for name, other in _of_directory(path, own):
        known = found.get(name)
        found[name] = (
            OtherStack(name, known.has, other.derives, known.tag or other.tag, known.sid or other.sid)
            if known
            else other
        )
    return tuple(found[name] for name in sorted(found)), unread


def _states(path: Path, own: str) -> tuple[States, str]:
    """All states of the backend but `own`."""
    folder = local_backend.states(os.environ)
    if folder is not None:
        return {name: state for name, state in folder if name != own}, ""
    place = path if (path / "Pulumi.yaml").is_file() else Path()
    try:
        cli = PulumiCli.found(os.environ)
        listed = json.loads(
            cli.run(["stack", "ls", "--all", "--json", "--fully-qualify-stack-names"], str(place), {}).stdout
        )
    except (CoreWeaveError, ValueError) as error:
        return {}, f"the stacks of the backend could not be listed: {one_line(str(error))}"
    names = [str(one["name"]) for one in listed if one.get("resourceCount") != 0]
    names = [name for name in names if _short(name) != own]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        states = list(pool.map(lambda name: _exported(path, name), names[:MOST_STATES]))
    failed = [name for name, state in zip(names, states, strict=False) if state is None] + names[MOST_STATES:]
    unread = f"states of other stacks that were not read: {', '.join(map(_short, failed))}" if failed else ""
    return {_short(name): state for name, state in zip(names, states, strict=False)}, unread


def _exported(path: Path, name: str) -> Mapping[str, Any] | None:
    place = path if path.is_dir() else Path()
    try:
        text = PulumiCli.found(os.environ).run(["stack", "export", "--stack", name], str(place), {}).stdout
        found: Mapping[str, Any] = json.loads(text)
    except (CommandFailed, ValueError):
        return None
    return found


def _short(name: str) -> str:
    """`project/stack` of a full name."""
    return "/".join(name.split("/")[-2:])


def _of_state(name: str, state: Mapping[str, Any]) -> OtherStack:
    identity = identity_in(dict(state))
    return OtherStack(
        name,
        frozenset(recorded_in(dict(state)).values()),
        tag=stack_tag(identity) if identity else "",
        sid=sid_for(None, identity) if identity else "",
    )


def _of_directory(path: Path, own: Stack) -> Iterator[tuple[str, OtherStack]]:
    """What the other stacks that have a file in the directory would call their own."""
    try:
        directory = StackDirectory.at(path)
    except CoreWeaveError:
        return
    for stack in directory.stacks():
        if stack == own.name:
            continue
        configured = directory.plain_configuration(stack).get(IDENTITY_KEY)
        identity = stack_identity(configured, "organization", directory.project, stack)
        try:
            declared = read_for_stack(path / FILE, stack).objects() if (path / FILE).is_file() else ()
        except CoreWeaveError:
            declared = ()
        ids = frozenset(id_ for item in declared for id_ in derived_ids(item, identity))
        name = f"{directory.project}/{stack}"
        yield name, OtherStack(name, derives=ids, tag=stack_tag(identity), sid=sid_for(None, identity))
