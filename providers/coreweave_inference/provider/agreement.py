"""What a plan was made from, so that the run of it writes nothing that was not shown.

The provider process of a preview writes down each live object and each declaration that it saw; that of the run compares.
Both through the directory of their run: plain `pulumi` has none, and nothing is compared. Values are digests where a field
is secret.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from coreweave_inference.api.client import ApiObject
from coreweave_inference.errors import CoreWeaveError, PlanMoved
from coreweave_inference.fleet.deletions import BUCKET, POLICY
from coreweave_inference.model import UNKNOWN, Kind
from coreweave_inference.model.normal_form import Difference, differences, sparse
from coreweave_inference.model.paths import segments
from coreweave_inference.model.shape import secret_names

from .values import PROVIDER, URN

AGREEMENT, SEEN, MOVED = "agreement.json", "seen.jsonl", "moved.jsonl"
DELETING = "DELETING"
Seen = Mapping[str, Any]
"""An object as a preview saw it: `urn`, `name`, `spec` (None: it was not there), `deleting`, and the id of a `namesake`."""


@dataclass(frozen=True)
class Planned:
    """What a plan was made from, digests in the place of secrets: objects by kind and id, the forms of buckets and policies, how to
    read those again, new buckets by name, and declared fields by URN.
    """

    objects: Mapping[str, Mapping[str, Seen]]
    stores: Mapping[str, Any]
    buckets: Mapping[str, Mapping[str, Any]]
    declared: Mapping[str, Mapping[str, str | None]]
    looks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Moved:
    """A thing that is not as planned; `path` is the field, empty for a whole object."""

    urn: str
    path: str
    what: str


class Agreement:
    """Writes down what a preview sees, or compares a run with it; does nothing without a directory."""

    def __init__(self, directory: str | None) -> None:
        self._directory = Path(directory) if directory else None
        file = self._directory / AGREEMENT if self._directory else None
        found = json.loads(file.read_text(encoding="utf-8")) if file and file.is_file() else None
        self._salt = str(found["salt"]) if found else ""
        self._planned = Planned(**found["planned"]) if found and found["planned"] is not None else None
        self._recording = bool(found) and self._planned is None
        self.deletes_first = bool(found and found.get("deletesFirst"))
        """Whether this process deletes what a plan removes before anything else of it runs."""
        self._lock = Lock()
        self._held = False
        self._moved = False

    @property
    def holds_a_plan(self) -> bool:
        """Whether this process runs a plan."""
        return self._planned is not None

    def listed(self, kind: Kind, objects: Mapping[str, ApiObject]) -> None:
        """A preview saw these objects."""
        if self._recording:
            entries = {live.id: self._entry(kind, live) for live in objects.values()}
            self._append(SEEN, {"kind": kind.noun, "objects": entries})

    def declared(self, kind: str, inputs: Mapping[str, Any]) -> None:
        """A program declared this. Raises PlanMoved where the plan was made from another declaration."""
        urn = str(inputs.get(URN, ""))
        if not urn or not (self._recording or self._planned):
            return
        fields = dict(self._sealed_leaves("", {k: v for k, v in inputs.items() if k not in (PROVIDER, URN)}))
        if self._recording:
            named = {"id": _known(inputs.get("apiId")), "name": _known(inputs.get("name"))}
            self._append(SEEN, {"urn": urn, "kind": kind, "fields": fields, **named})
            return
        assert self._planned is not None
        planned = self._planned.declared.get(urn)
        paths = ["(not in the plan)"] if planned is None else _changed_paths(planned, fields)
        self._refuse([Moved(urn, path, "declared otherwise") for path in paths])

    @property
    def records(self) -> bool:
        """Whether this process previews for a plan."""
        return self._recording

    def adopts(self, urn: str, changes: Iterable[Difference]) -> None:
        """A creation would adopt an object that exists, and write these differences."""
        shown = [
            {"path": d.path, "before": _unless_secret(d, d.left), "after": _unless_secret(d, d.right)}
            for d in changes
        ]
        self._append(SEEN, {"adopts": urn, "changes": shown})

    def store(self, urn: str, key: str, form: Any, look: Mapping[str, Any] | None) -> None:
        """A bucket or its policy was seen like this; `look` is what it takes to see it again. Raises PlanMoved where the plan
        was made from something else.
        """
        if self._recording:
            self._append(SEEN, {"store": key, "form": form, "look": look})
        elif self._planned and self._planned.stores.get(key, form) != form:
            self._refuse([Moved(urn, "", "changed outside")])

    def new_bucket(self, urn: str, name: str, zone: str, tags: Mapping[str, str] | None) -> None:
        """A bucket to be created was seen with these tags, None: absent. Raises PlanMoved where that is not as planned."""
        if self._recording:
            form = {"urn": urn, "zone": zone, "tags": tags}
            self._append(SEEN, {"bucket": name, "form": form})
        elif self._planned:
            self._refuse(list(_of_bucket(self._planned, urn, name, tags)))

    def hold(
        self,
        look: Any,
        tags_of: Callable[[str, str], Mapping[str, str] | None],
        form_now: Callable[[str, Mapping[str, Any]], Any],
    ) -> None:
        """Compare the whole account once, before the first write. Raises PlanMoved with all that moved.

        `tags_of` reads a new bucket by name and zone, `form_now` one that exists, or its policy; what cannot be read is
        compared when it is created or read.
        """
        with self._lock:
            if not self._planned or self._held:
                return
            if self._moved:  # Every resource of a refresh asks; the first one tells all.
                raise PlanMoved("the plan no longer holds")
            moved = list(self._since(self._planned, look, tags_of, form_now))
            self._moved = bool(moved)
            self._refuse(moved, "nothing was written")
            self._held = True

    def _since(
        self,
        planned: Planned,
        look: Any,
        tags_of: Callable[[str, str], Mapping[str, str] | None],
        form_now: Callable[[str, Mapping[str, Any]], Any],
    ) -> Iterator[Moved]:
        for kind in Kind:
            yield from self._of_kind(kind, planned.objects.get(kind.noun, {}), look(kind))
        for name, bucket in planned.buckets.items():
            with suppress(CoreWeaveError):
                yield from _of_bucket(planned, bucket["urn"], name, tags_of(name, bucket["zone"]))
        for key, wanted in planned.looks.items():
            with suppress(CoreWeaveError):
                if form_now(key, wanted) != planned.stores[key]:
                    yield Moved(wanted[URN], "", "changed outside")

    def require(self, kind: Kind, live: ApiObject) -> None:
        """Compare one object before it is written. Raises PlanMoved."""
        entry = self._planned and self._planned.objects.get(kind.noun, {}).get(live.id)
        if entry and entry["spec"] is not None:
            self._refuse(list(self._of_object(kind, entry, live)))

    def moved(self, kind: Kind, id_: str, spec: Mapping[str, Any]) -> bool:
        """Whether the spec of an object that this run did not write is another one than the plan was made from."""
        entry = self._planned and self._planned.objects.get(kind.noun, {}).get(id_)
        return bool(
            entry and entry["spec"] and differences(kind, entry["spec"], self._sealed(sparse(kind, spec)))
        )

    def _of_kind(
        self, kind: Kind, planned: Mapping[str, Seen], objects: Mapping[str, ApiObject]
    ) -> Iterator[Moved]:
        for id_, seen in planned.items():
            live = objects.get(id_)
            if live is not None:
                yield from self._of_object(kind, seen, live)
            elif seen["deleting"]:
                continue  # A predecessor that was going already.
            elif seen["spec"] is not None:
                yield Moved(seen["urn"], "", "deleted outside")
            else:
                names = {o.id for o in objects.values() if o.name == seen["name"] and o.id not in planned}
                if names - {seen.get("namesake")}:
                    yield Moved(seen["urn"], "", "created outside under the same name")

    def _of_object(self, kind: Kind, seen: Seen, live: ApiObject) -> Iterator[Moved]:
        if seen["spec"] is None:
            yield Moved(seen["urn"], "", "created outside")
        elif live.status == DELETING and not seen["deleting"]:
            yield Moved(seen["urn"], "", "deleted outside")
        else:
            for found in differences(kind, seen["spec"], self._sealed(sparse(kind, live.spec))):
                yield Moved(seen["urn"], found.path, str(found))

    def _entry(self, kind: Kind, live: ApiObject) -> Seen:
        spec = self._sealed(sparse(kind, live.spec))
        return {"name": live.name, "spec": spec, "deleting": live.status == DELETING}

    def _refuse(self, moved: list[Moved], written: str = "") -> None:
        if not moved:
            return
        for entry in moved:
            self._append(MOVED, asdict(entry))
        listed = "; ".join(f"{_name(entry.urn)}: {entry.what}" for entry in moved)
        raise PlanMoved("; ".join(part for part in (f"the plan no longer holds: {listed}", written) if part))

    def _sealed(self, value: Any, *, secret: bool = False) -> Any:
        """`value` with a digest in the place of each secret."""
        if isinstance(value, Mapping):
            return {k: self._sealed(v, secret=secret or k in secret_names()) for k, v in value.items()}
        return _digest(self._salt, json.dumps(value, default=str), secret=True) if secret else value

    def _sealed_leaves(
        self, path: str, value: Any, *, secret: bool = False
    ) -> Iterator[tuple[str, str | None]]:
        if isinstance(value, Mapping) and value:
            for key, item in value.items():
                below = f"{path}.{key}" if path else str(key)
                yield from self._sealed_leaves(below, item, secret=secret or key in secret_names())
        elif _has_unknown(value):
            yield path, None
        elif value not in (None, {}, [], "", False, 0):
            yield path, _digest(self._salt, json.dumps(value, sort_keys=True, default=str), secret=secret)

    def _append(self, name: str, entry: Mapping[str, Any]) -> None:
        assert self._directory is not None
        with (self._directory / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _of_bucket(planned: Planned, urn: str, name: str, tags: Mapping[str, str] | None) -> Iterator[Moved]:
    seen = planned.buckets.get(name)
    if seen and seen["tags"] != tags:
        what = "created" if seen["tags"] is None else "deleted" if tags is None else "changed"
        yield Moved(urn, "", f"{what} outside")


def _unless_secret(difference: Difference, value: Any) -> Any:
    if not secret_names().isdisjoint(segments(difference.path)):
        return "[secret]"
    return "[unknown]" if _has_unknown(value) else value


def of_environment(variable: str) -> Agreement:
    """That of the run that this process belongs to."""
    return Agreement(os.environ.get(variable))


@lru_cache(maxsize=4096)
def _digest(salt: str, text: str, *, secret: bool) -> str:
    """A secret's takes long enough that short ones are not guessed by the million."""
    if secret:
        return (
            "secret:" + hashlib.scrypt(text.encode(), salt=salt.encode(), n=2**10, r=8, p=1, dklen=16).hex()
        )
    return hashlib.blake2b(text.encode(), key=salt.encode()[:64], digest_size=12).hexdigest()


def _has_unknown(value: Any) -> bool:
    return value is UNKNOWN or (isinstance(value, list) and any(map(_has_unknown, value)))


def _changed_paths(planned: Mapping[str, str | None], fields: Mapping[str, str | None]) -> list[str]:
    """Paths whose values differ; what was unknown to the plan may have become anything."""
    unknown = [path for path, digest in (*planned.items(), *fields.items()) if digest is None]
    return sorted(
        path
        for path in {*planned, *fields}
        if planned.get(path) != fields.get(path)
        and not any(path == other or path.startswith(f"{other}.") for other in unknown)
    )


def _known(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _name(urn: str) -> str:
    kind, name = urn.split("::")[-2].rsplit(":", 1)[-1], urn.rsplit("::", 1)[-1]
    nouns = {noun.title().replace(" ", ""): noun for noun in (*(k.noun for k in Kind), BUCKET, POLICY)}
    return f'{nouns.get(kind, kind)} "{name}"'
