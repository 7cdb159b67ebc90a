"""The objects that a run of `cw-inference --target` is limited to, as its program is told.

Plain `pulumi` tells a program nothing of its `--target`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

RUN_TARGETS = "COREWEAVE_RUN_TARGETS"
"""Environment variable: `{"targets": ["Deployment::chat", "*::public"], "existing": ["Gateway::public"]}`."""


@dataclass(frozen=True)
class Targets:
    """Patterns of `Type::name`; `existing` are the objects that the state has."""

    targets: tuple[str, ...]
    existing: frozenset[str]

    def covers(self, type_name: str, name: str) -> bool:
        """Whether an object is a target."""
        return is_target(self.targets, type_name, name)

    def exists(self, type_name: str, name: str) -> bool:
        """Whether the state has it: only then may something that is a target depend on it."""
        return f"{type_name}::{name}" in self.existing


def is_target(patterns: Collection[str], type_name: str, name: str) -> bool:
    """Whether one of `patterns` fits `Type::name`."""
    return any(fnmatchcase(f"{type_name}::{name}", pattern) for pattern in patterns)


def run_targets() -> Targets | None:
    """What the run of this program is limited to; None where it is not."""
    text = os.environ.get(RUN_TARGETS)
    if not text:
        return None
    found = json.loads(text)
    return Targets(tuple(found["targets"]), frozenset(found["existing"]))
