"""A plan: what was previewed, from what, and whether a run may still run it. Pure, but for reading and writing its file."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter
from typing_extensions import NotRequired, TypedDict

from coreweave_inference.errors import PlanMoved, StartupError
from coreweave_inference.json_text import read_json
from coreweave_inference.model import Kind
from coreweave_inference.model.engine_secrets import without_secrets
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.program.recorded import resources_of
from coreweave_inference.provider.values import DELETED

from .directory import StackDirectory
from .events import Change
from .repair import State
from .results import Result, counts_of, standing
from .selection import Selection

VERSION = 2
KINDS = {TYPES + kind.type_name: kind.noun for kind in Kind}
DIGEST = "digest"
"""In a plan's file, of the rest of it: what is shown must be what runs."""
NOUNS = frozenset(KINDS.values())
STATE_KEYS = ("urn", "id", "inputs", "outputs", "delete", "protect", "retainOnDelete", "pendingReplacement")
IGNORED_FOLDERS = frozenset({"__pycache__", "node_modules"})
Urn = Annotated[str, Field(pattern=r"^urn:pulumi:[^:]+::[^:]+::.+::.+$")]


class Planned(TypedDict):
    """An object as a plan saw it; `spec` None: it was absent, and `namesake` is the id of who had its name."""

    urn: Urn
    name: str
    spec: Mapping[str, Any] | None
    deleting: bool
    namesake: NotRequired[str]


class NewBucket(TypedDict):
    """What there was under the name of a bucket that is to be created; `tags` None: nothing."""

    urn: Urn
    zone: str
    tags: Mapping[str, str] | None


@dataclass(frozen=True)
class Plan:
    """`objects` by kind and id, `stores`, their `looks` (what it takes to see them again), new `buckets` by name, `declared`: what the providers saw, secrets as digests with `salt`.

    `state` and `declaration` are digests. `version` is that of this form. `staying` are URNs of objects that are no longer
    declared and that a limited run leaves.
    """

    version: int
    project: str
    stack: str
    state: str
    declaration: str
    salt: str
    selection: Selection
    refresh: bool | None
    objects: Mapping[str, Mapping[str, Planned]]
    declared: Mapping[str, Mapping[str, str | None]]
    preview: Result
    stores: Mapping[str, Any] = field(default_factory=dict)
    buckets: Mapping[str, NewBucket] = field(default_factory=dict)
    staying: tuple[Urn, ...] = ()
    looks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def adopted(self) -> frozenset[Urn]:
        """What its creations adopt."""
        return frozenset(step.urn for step in self.preview.steps if step.op == "adopt")

    def agreement(self, *, deletes_first: bool) -> str:
        """What the providers of a run read; `deletes_first`: it deletes before anything else of the plan is done."""
        planned = {
            "objects": self.objects,
            "stores": self.stores,
            "looks": {key: look for key, look in self.looks.items() if key in self.stores},
            "buckets": self.buckets,
            "declared": self.declared,
        }
        return json.dumps({"salt": self.salt, "planned": planned, "deletesFirst": deletes_first})

    def without(self, urns: Iterable[str]) -> Plan:
        """What remains of it when these were deleted."""
        deleted = set(urns)
        objects = {
            kind: {id_: entry for id_, entry in entries.items() if entry["urn"] not in deleted}
            for kind, entries in self.objects.items()
        }
        return replace(self, objects=objects)

    def require_same(self, state: State | None, directory: StackDirectory) -> None:
        """Raise PlanMoved where the state or the declaration is another one than the plan was made from."""
        moved = [
            what
            for what, planned, now in (
                ("the state", self.state, state_digest(state)),
                ("the declaration", self.declaration, declaration_digest(directory, self.stack)),
            )
            if planned != now
        ]
        if moved:
            raise PlanMoved(
                f"the plan no longer holds: {' and '.join(moved)} changed since it was made; nothing was written; "
                "preview again"
            )


class Versioned(BaseModel):
    """What a file of any version says."""

    version: int


_plans = TypeAdapter(Plan)


def new_salt() -> str:
    """For the digests of one plan."""
    return secrets.token_hex(16)


def recording(salt: str = "") -> str:
    """What the providers of a run without a plan read: they write down what they see."""
    return json.dumps({"salt": salt, "planned": None})


def plan_of(
    directory: StackDirectory,
    stack: str,
    state: State | None,
    selection: Selection,
    refresh: bool | None,
    salt: str,
    seen: Iterable[str],
    preview: Result,
) -> Plan:
    """The plan of a preview; `seen` are the lines that its providers wrote, of which the first of each counts."""
    live: dict[str, dict[str, Any]] = {}
    own = {str(r["id"]): (KINDS[r["type"]], r["urn"], "") for r in resources_of(state) if r["type"] in KINDS}
    declared: dict[str, Any] = {}
    stores: dict[str, Any] = {}
    looks: dict[str, Any] = {}
    buckets: dict[str, NewBucket] = {}
    for line in map(json.loads, seen):
        if "adopts" in line:
            continue
        if "objects" in line:
            live.setdefault(line["kind"], line["objects"])
        elif "bucket" in line:
            buckets.setdefault(line["bucket"], line["form"])
        elif "store" in line:
            stores.setdefault(line["store"], line["form"])
            if line["look"]:
                looks.setdefault(line["store"], line["look"])
        else:
            declared.setdefault(line["urn"], line["fields"])
            if line["id"]:
                own.setdefault(line["id"], (line["kind"], line["urn"], line["name"]))
    objects: dict[str, dict[str, Planned]] = {}
    for id_, (kind, urn, name) in own.items():
        found = live.get(kind, {}).get(id_)
        absent = {"name": name, "spec": None, "deleting": False, "namesake": _namesake(live, kind, name, own)}
        entry: Any = {"urn": urn, **(found or absent)}
        objects.setdefault(kind, {})[id_] = entry
    return Plan(
        VERSION,
        directory.project,
        stack.rsplit("/", 1)[-1],
        state_digest(state),
        declaration_digest(directory, stack),
        salt,
        selection,
        refresh,
        objects,
        declared,
        replace(preview, outputs={}, repairs=(), document={}),
        stores,
        buckets,
        looks=looks,
    )


def with_adoptions(preview: Result, seen: Iterable[str]) -> Result:
    """The preview, with creations of what exists already called adoptions, and what they write."""
    lines = [json.loads(line) for line in seen]
    changes = {e["adopts"]: tuple(Change(**c) for c in e["changes"]) for e in lines if "adopts" in e}
    ids = {e["id"] for e in lines if e.get("urn") in changes and e.get("id")}
    steps = tuple(
        replace(step, op="adopt", changes=changes[step.urn])
        if step.op == "create" and step.urn in changes
        else step
        for step in standing(preview.steps, ids)
    )
    return replace(preview, steps=steps, counts=counts_of(steps)) if changes else preview


def _namesake(live: Mapping[str, Any], kind: str, name: str, own: Mapping[str, Any]) -> str:
    """Who had the name of an object to be created when the plan was made."""
    found = (id_ for id_, entry in live.get(kind, {}).items() if entry["name"] == name and id_ not in own)
    return next(found, "") if name else ""


def state_digest(state: State | None) -> str:
    """Of what a run of the stack changes in its state. How its secrets are encrypted does not count, nor what is noted of
    deletions, which the run that follows the plan confirms before it begins; what came back is an entry of its own.
    """
    entries = [{key: found.get(key) for key in STATE_KEYS} for found in resources_of(state)]
    for entry in entries:
        if isinstance(outputs := entry["outputs"], Mapping):
            entry["outputs"] = {key: value for key, value in outputs.items() if key != DELETED}
    return _digest(json.dumps(without_secrets(entries), sort_keys=True))


def declaration_digest(directory: StackDirectory, stack: str) -> str:
    """Of the files of a stack directory that say what is declared."""
    short = stack.rsplit("/", 1)[-1]
    names = {
        f"{start}{end}"
        for start in ("Pulumi", f"Pulumi.{short}", "inference", f"inference.{short}")
        for end in (".yaml", ".yml")
    }
    files = [directory.path / name for name in sorted(names)] + sorted(_modules(directory.path))
    return _digest(
        json.dumps(
            [
                [str(f.relative_to(directory.path)), _digest(f.read_text("utf-8", "replace"))]
                for f in files
                if f.is_file()
            ]
        )
    )


def _modules(folder: Path) -> Iterable[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in IGNORED_FOLDERS
            and not (Path(place) / name / "pyvenv.cfg").exists()
        )
        yield from (Path(place) / name for name in files if name.endswith(".py"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of(document: Mapping[str, Any]) -> str:
    """Of all that a plan's file says beside this, however it is laid out."""
    return _digest(json.dumps(document, sort_keys=True))


def save(plan: Plan, path: Path) -> None:
    """Write it whole or not at all, readable for its owner alone. Raises StartupError."""
    document = json.loads(_plans.dump_json(plan))
    text = json.dumps({**document, DIGEST: digest_of(document)}, indent=1).encode()
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            target.write_bytes(text)  # A pipe, a terminal.
            return
        handle, new = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text)
            os.replace(new, target)
        except OSError:
            os.unlink(new)
            raise
    except OSError as error:
        raise StartupError(f"--save-plan {path}: cannot be written: {error.strerror}") from error


def read(path: Path, directory: StackDirectory, stack: str) -> Plan:
    """The plan in a file. Raises StartupError: unreadable, no plan, of another version or of another stack."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise StartupError(f"--plan {path}: cannot be read: {error.strerror}") from error
    wanted = f"make one with `cw-inference preview --save-plan {path}`"
    damaged = StartupError(f"--plan {path}: is no plan, or is damaged; {wanted}")
    try:
        version = Versioned.model_validate_json(text).version
        document = read_json(text)
        digest = document.pop(DIGEST, None)
        plan = _plans.validate_json(json.dumps(document)) if version == VERSION else None
    except (ValueError, StartupError) as error:  # StartupError: a selection that there is not.
        raise damaged from error
    if plan is None:
        raise StartupError(
            f"--plan {path}: version {version} of a plan, and {VERSION} is understood; {wanted}"
        )
    if not plan.preview.ok or plan.preview.operation != "preview" or not set(plan.objects) <= NOUNS:
        raise damaged
    if digest != digest_of(document):
        raise StartupError(
            f"--plan {path}: was edited since it was saved, so it may not do what it shows; {wanted}"
        )
    if (plan.project, plan.stack) != (directory.project, stack.rsplit("/", 1)[-1]):
        raise StartupError(
            f"--plan {path}: is a plan of stack {plan.project}/{plan.stack}, and this is {directory.project}/{stack}; {wanted}"
        )
    return plan
