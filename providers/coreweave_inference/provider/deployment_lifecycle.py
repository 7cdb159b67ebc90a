"""A deployment's lifecycle.

It may be declared without an engine version: then it gets the newest (or its traffic group's) at creation and keeps
it until the engine changes. Neither create nor update waits for it to serve; `Readiness` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.errors import BucketMissing, CoreWeaveError
from coreweave_inference.model import LATEST, Kind
from coreweave_inference.model.normal_form import get_path, has_unknown, with_path
from coreweave_inference.model.unknown import UNKNOWN
from coreweave_inference.model.versions import newest as newest_of

from .messages import subject
from .object_lifecycle import ObjectLifecycle
from .session import Session
from .values import RESOLVED_VERSION, URN
from .versions import of_group, offered

VERSION = "runtime.version"
ENGINE = "runtime.engine"


class DeploymentLifecycle(ObjectLifecycle):
    """Fills in the engine's version, and looks at its weights before it is created."""

    kind = Kind.DEPLOYMENT

    def filled_in(self, run: Session, olds: Mapping[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
        """The version of the engine, where the declaration leaves it open."""
        declared = get_path(inputs, VERSION)
        if declared not in (None, LATEST):
            return inputs
        version = self._version(run, olds, inputs, follow=declared == LATEST)
        if version is None:
            return inputs
        return {**with_path(inputs, VERSION, version), RESOLVED_VERSION: version}

    def _version(
        self, run: Session, olds: Mapping[str, Any], inputs: Mapping[str, Any], *, follow: bool
    ) -> str | None:
        engine = get_path(inputs, ENGINE)
        if engine is UNKNOWN or engine is None:
            return None
        kept = olds.get(RESOLVED_VERSION) or get_path(olds, VERSION)
        same_engine = get_path(olds, ENGINE) == engine
        if kept and same_engine and not follow:
            return str(kept)
        newest = newest_of(offered(run.parameters(self.kind), engine))
        if follow:
            return newest or (str(kept) if kept and same_engine else None)
        members = (
            () if olds or has_unknown(inputs) else run.lists.look(self.kind, max_age_seconds=60.0).values()
        )
        return of_group(inputs, members) or newest

    def before_create(self, run: Session, declared: Mapping[str, Any]) -> None:
        """Nothing is created that could not start: no version, or no weights under its prefix."""
        what = subject(self.kind, declared)
        if get_path(declared, VERSION) in (None, LATEST):
            raise CoreWeaveError(
                f"{what}: the service does not say which versions of {get_path(declared, ENGINE)} there are, so "
                "runtime.version must be declared"
            )
        bucket, path = get_path(declared, "model.bucket"), get_path(declared, "model.path")
        try:
            found = run.storage().holds_objects(bucket, _folder(path))
        except BucketMissing as error:
            text = f'{what}: there is no bucket "{bucket}" that this token can see: {error}'
            raise error.with_text(text) from error
        except CoreWeaveError as error:
            run.log.note(
                declared.get(URN, ""),
                f"{what}: could not verify its weights before creation: {error}",
            )
            return
        if not found:
            raise CoreWeaveError(
                f'{what}: there is no object under "{path}" in bucket "{bucket}", so it could never start, and nothing '
                f"was created; push the weights with `cw-inference weights push FOLDER {bucket} {path}` and run again"
            )


def _folder(path: str) -> str:
    return path.strip("/") + "/"
