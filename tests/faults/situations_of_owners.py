"""Whose it is: other stacks with our files, two runs at once, locks, lost states, hours and clocks."""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Mapping

from tests.faults.account import STACK, Violation
from tests.faults.situations import Situation, SituationContext, unchanged
from tests.faults.stage import as_text


def copied_configuration(context: SituationContext) -> list[Violation]:
    """`Pulumi.dev.yaml` copied for a second stack, whose up and destroy touch nothing of the first."""
    return _stranger_with_our_files(context, stack="prod", variables={})


def own_backend(context: SituationContext) -> list[Violation]:
    """A colleague with the same files and a backend of their own: nothing of this stack is changed or deleted."""
    backend = context.stage.directory.parent / "colleague"
    backend.mkdir(exist_ok=True)
    return _stranger_with_our_files(context, STACK, {"PULUMI_BACKEND_URL": f"file://{backend}"})


def no_identity(context: SituationContext) -> list[Violation]:
    """A colleague with a backend of their own and files from before anybody gave the stack an identity."""
    backend = context.stage.directory.parent / "colleague"
    backend.mkdir(exist_ok=True)
    variables = {"PULUMI_BACKEND_URL": f"file://{backend}"}
    return _stranger_with_our_files(context, STACK, variables, identity=False)


def _stranger_with_our_files(
    context: SituationContext, stack: str, variables: Mapping[str, str], *, identity: bool = True
) -> list[Violation]:
    source = context.stage.directory
    document = context.program.document()
    # A bucket has a name of its own in all the world: another stack must declare another one.
    document["buckets"] = {key: item for key, item in document.get("buckets", {}).items() if key == "weights"}
    if not document["buckets"]:
        del document["buckets"]
    files = {
        "Pulumi.yaml": (source / "Pulumi.yaml").read_text(),
        f"Pulumi.{stack}.yaml": _without_secrets(source / f"Pulumi.{STACK}.yaml") if identity else "",
        "__main__.py": (source / "__main__.py").read_text(),
        "inference.yaml": as_text(document),
    }
    before = context.account()
    with context.second_stack(files, stack, variables) as directory:
        report = []
        for operation in ("up", "destroy"):
            code, printed = context.command(
                operation, "--yes", "--stack", stack, directory=directory, variables=variables
            )
            report.append(f"{operation}: {code}: {printed}")
            after = context.account()
            found = unchanged(
                "foreign changed", _objects(before), {k: after.get(k, "") for k in _objects(before)}, report
            )
            if found:
                return found
    return unchanged("forgotten", before, context.account(), report)


def _objects(account: Mapping[str, str]) -> dict[str, str]:
    """Without the shared bucket: a second stack may add a statement of its own to its policy, and take it away again."""
    return {id_: text for id_, text in account.items() if not text.startswith("bucket ")}


def _without_secrets(file: os.PathLike[str]) -> str:
    """The configuration alone: a stack's encryption belongs to its backend."""
    with open(file, encoding="utf-8") as opened:
        lines = opened.read().splitlines()
    start = next((n for n, line in enumerate(lines) if line.startswith("config:")), 0)
    kept = [lines[start], *(line for line in lines[start + 1 :] if line.startswith(" "))]
    return "\n".join(kept) + "\n"


def lock_of_another_machine(context: SituationContext) -> list[Violation]:
    """A lock whose process may live in another PID namespace of this host name: it is respected."""
    folder = context.stage.backend_folder / "locks" / "organization" / "serving" / STACK
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{uuid.UUID(int=context.random.getrandbits(128))}.json"
    taken = {
        "pid": 2_000_000_000,
        "username": "colleague",
        "hostname": socket.gethostname(),
        "timestamp": "2026-11-01T00:00:00Z",
    }
    file.write_text(json.dumps(taken))
    before = context.account()
    ok, printed = context.run("up")
    there = file.exists()
    file.unlink(missing_ok=True)
    found = unchanged("foreign changed", before, context.account(), printed)
    if ok or not there:
        found.append(
            Violation("foreign changed", f"the lock of another run was taken away: ok {ok}, {printed}")
        )
    return found


def full_disk(context: SituationContext) -> list[Violation]:
    """The disk was full while the state was written: the file is empty, and its backup is whole."""
    state = context.stage.backend_folder / "stacks" / "serving" / f"{STACK}.json"
    whole = state.read_text()
    backup = state.with_name(f"{state.name}.bak")
    if not backup.exists() or not backup.read_text().strip():
        return []
    state.write_text("")
    before = context.account()
    ok, printed = context.run("up")
    found = unchanged("forgotten", before, context.account(), printed)
    if not state.read_text().strip():
        state.write_text(whole)
    return found + ([] if ok else [Violation("not done", f"an empty state was not restored: {printed}")])


SITUATIONS = (
    Situation("copied configuration", copied_configuration),
    Situation("own backend", own_backend),
    Situation("stack without identity", no_identity),
    Situation("lock of another machine", lock_of_another_machine, lambda _: True),
    Situation("full disk", full_disk, lambda program: bool(program.objects())),
)
