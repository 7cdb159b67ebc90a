"""What a run is limited to: `--only` and `--target`, as the engine and the program get it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from coreweave_inference.errors import StartupError, did_you_mean, one_line
from coreweave_inference.model import Kind, resource_types
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.program.recorded import resources_of
from coreweave_inference.program.targets import RUN_TARGETS, is_target
from coreweave_inference.stack.checks import CHECKS

from .events import is_shown, kind_of, name_of, type_of

BUCKETS = ("Account", "WeightsBucket")
"""What `only="buckets"` runs: weights are pushed before anything else can use them."""
ALWAYS = ("Account", "Readiness")
"""What a run with targets has beside them: a write is waited for."""
SECTIONS = {
    "buckets": resource_types.BUCKET,
    **{kind.section: kind.type_name for kind in Kind},
}

SECTION_OF = {type_name: section for section, type_name in SECTIONS.items()}


@dataclass(frozen=True)
class Selection:
    """`targets` are URNs, keys (`chat`: every object of that key) or keys with their section (`deployments.chat`)."""

    only: str = ""
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises StartupError for what nothing can be limited to."""
        if self.only not in ("", "buckets"):
            raise StartupError(
                f'invalid value "{one_line(self.only)}" for --only; {did_you_mean(self.only, ("buckets",))}valid: buckets'
            )
        if self.only and self.targets:
            raise StartupError("--only and --target are mutually exclusive; give one of them")
        odd = [target for target in self.targets if not _is_whole(target)]
        if odd:
            raise StartupError(
                f"--target {', '.join(_shown(target) for target in odd)}: names no object; give a key, a section and a key "
                "(deployments.chat), or a whole URN (`pulumi stack --show-urns`)"
            )

    @property
    def patterns(self) -> tuple[str, ...]:
        """The targets as patterns of `Type::name`."""
        return tuple(_pattern(target) for target in self.targets)

    def urns(self, stack: str, project: str) -> list[str] | None:
        """What the engine is limited to; None: everything."""
        start = f"urn:pulumi:{stack.rsplit('/', 1)[-1]}::{project}::"
        if self.only:
            return [f"{start}{TYPES}{name}::**" for name in BUCKETS]
        if not self.targets:
            return None
        always = [f"{start}{TYPES}{name}::**" for name in ALWAYS]
        return [*always, *(_urn(target, start) for target in self.targets)]

    def variables(self, state: Mapping[str, Any] | None) -> dict[str, str]:
        """What the program's environment says. What the rest of the stack still lacks must not stop its buckets."""
        if not (self.only or self.targets):
            return {RUN_TARGETS: ""}  # One from outside would limit the program alone.
        existing = [label_of(found["urn"]) for found in resources_of(state)]
        patterns = [f"{name}::*" for name in BUCKETS] if self.only else self.patterns
        limit = {RUN_TARGETS: json.dumps({"targets": patterns, "existing": existing})}
        return {CHECKS: "warn", **limit} if self.only else limit

    def refuse_unknown(self, urns: Iterable[str]) -> None:
        """Raise StartupError for each target that fits none of `urns`."""
        known = [urn for urn in urns if is_shown(urn) and _own_type(urn) not in ALWAYS]
        missing = [target for target in self.targets if not any(_fits(target, urn) for urn in known)]
        if missing:
            objects = ", ".join(sorted({f'{kind_of(urn)} "{name_of(urn)}"' for urn in known})) or "none"
            names = {name_of(urn) for urn in known}
            choices = [
                *names,
                *(f"{SECTION_OF[t]}.{name_of(u)}" for u in known if (t := _own_type(u)) in SECTION_OF),
            ]
            meant = "".join(did_you_mean(target, choices) for target in missing)
            raise StartupError(
                f"--target {', '.join(map(_shown, missing))}: no such object in this stack; {meant}valid: {objects}; give "
                "a key, a section and a key (deployments.chat), or a URN"
            )

    def selects(self, urn: str) -> bool:
        """Whether a run with this selection changes the object."""
        if self.only:
            return _own_type(urn) in BUCKETS
        if not self.targets:
            return True
        return _own_type(urn) in ALWAYS or any(_fits(target, urn) for target in self.targets)

    def chosen(self, urns: Iterable[str]) -> tuple[str, ...]:
        """Those of `urns` that are targets. Raises StartupError for a target that fits none."""
        found = list(urns)
        self.refuse_unknown(found)
        return tuple(urn for urn in found if any(_fits(target, urn) for target in self.targets))


def label_of(urn: str) -> str:
    """`Deployment::chat`."""
    return f"{type_of(urn).rsplit(':', 1)[-1]}::{name_of(urn)}"


def _is_whole(target: str) -> bool:
    """Whether it can name something: a key on one line, or a URN with all of its parts."""
    if not target.startswith("urn:"):
        return bool(target) and target.isprintable()
    parts = target.split("::")
    return target.isprintable() and target.startswith("urn:pulumi:") and len(parts) > 3 and all(parts)


def _own_type(urn: str) -> str:
    return type_of(urn).removeprefix(TYPES)


def _shown(target: str) -> str:
    return one_line(target) or '""'


def _fits(target: str, urn: str) -> bool:
    if target.startswith("urn:") and "*" not in target:
        return target == urn
    return is_target((_pattern(target),), *label_of(urn).split("::", 1))


def _pattern(target: str) -> str:
    if target.startswith("urn:"):
        return label_of(target)
    section, _, key = target.partition(".")
    return f"{SECTIONS[section]}::{key}" if key and section in SECTIONS else f"*::{target}"


def _urn(target: str, start: str) -> str:
    if target.startswith("urn:"):
        return target
    type_name, _, name = _pattern(target).partition("::")
    return f"{start}**::{name}" if type_name == "*" else f"{start}**{TYPES}{type_name}::{name}"
