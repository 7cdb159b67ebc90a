"""The objects that a run of `cw-inference --target` is limited to, as its program gets it.

Plain `pulumi` tells a program nothing of its `--target`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pulumi

from coreweave_inference.json_text import read_json

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

    def may_use(self, type_name: str, name: str) -> bool:
        """Whether a target may depend on it: another one, or what the state has."""
        return self.covers(type_name, name) or f"{type_name}::{name}" in self.existing


def is_target(patterns: Collection[str], type_name: str, name: str) -> bool:
    """Whether one of `patterns` fits `Type::name`."""
    return any(fnmatchcase(f"{type_name}::{name}", pattern) for pattern in patterns)


def run_targets(environ: Mapping[str, str] = os.environ) -> Targets | None:
    """What the run of this program is limited to; None where it is not. Raises pulumi.RunError."""
    text = environ.get(RUN_TARGETS)
    if not text:
        return None
    try:
        found = read_json(text)
        return Targets(tuple(found["targets"]), frozenset(found["existing"]))
    except (ValueError, KeyError, TypeError):
        raise pulumi.RunError(
            f"{RUN_TARGETS} is set to what cannot be understood; unset it: `cw-inference --target` sets it"
        ) from None
