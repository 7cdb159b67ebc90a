"""What happens to a deployment's replicas: which are made anew, how many there may be, where they may run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coreweave_inference.errors import plural
from coreweave_inference.fleet.objects import ON_DEMAND, RESERVED
from coreweave_inference.model.paths import segments
from coreweave_inference.review.phrases import say
from coreweave_inference.review.properties import PropertyChange
from coreweave_inference.review.restarts import Effect, touched
from coreweave_inference.review.verdicts import Consequence, caution, plain

WITH_DEFAULT = ("autoscaling.concurrency", "autoscaling.priority")
ENGINE_CONFIG = "runtime.engineConfig"
ENGINE_ENV = "runtime.engineEnv"
MOVES = {
    "model.path": "model path",
    "model.bucket": "bucket",
    "runtime.version": "version",
    "runtime.engine": "engine",
    "resources.instanceType": "instance type",
    "resources.gpuCount": "GPUs per replica",
    "autoscaling.min": "min replicas",
    "autoscaling.max": "max replicas",
    "autoscaling.concurrency": "concurrency",
    "autoscaling.priority": "priority",
    "autoscaling.capacityClasses": "capacity classes",
    "name": "name",
}
CLASSES = "autoscaling.capacityClasses"
DISABLED = "disabled"
"""Shown as what it is, with what is not known of its replicas."""
REPORTED_ELSEWHERE = ("model.name", DISABLED, "traffic.weight")


def consequences(label: str, changes: Sequence[PropertyChange]) -> Iterator[Consequence]:
    """Everything worth saying about the replicas of one deployment that is changed in place."""
    paths = [change.path for change in changes if change.path != DISABLED]
    rolling, open_ = touched(paths, Effect.ROLLS), touched(paths, Effect.UNKNOWN)
    if rolling:
        fields = ", ".join(row.words for row in rolling)
        yield caution(say(f"rolls all replicas of {{name}} ({fields})", name=label))
    elif open_:
        fields = ", ".join(row.words for row in open_)
        words = f"may restart the replicas of {{name}} ({fields}): the documentation does not say"
        yield caution(say(words, name=label))
    for change in changes:
        yield from _of_property(label, change)


def _of_property(label: str, change: PropertyChange) -> Iterator[Consequence]:
    path = change.path
    if path in REPORTED_ELSEWHERE:
        return
    option = path.startswith((ENGINE_CONFIG, ENGINE_ENV))
    if not change.known and not option:
        yield caution(
            say(f"{MOVES.get(path, path)} {{before}} → {{after}}", before=change.before, after=change.after)
        )
    elif path == CLASSES:
        yield _classes(label, change)
    elif path in WITH_DEFAULT and not change.after:
        words = f"resets {MOVES[path]} to the service's default (it was {{before}})"
        yield caution(say(words, before=change.before))
    elif path == "gatewayIds":
        yield from _gateways(change)
    elif option:
        yield _option(change)
    else:
        words = f"{MOVES[path]} {{before}} → {{after}}" if path in MOVES else "{path} {before} → {after}"
        yield plain(say(words, path=path, before=change.before, after=change.after))


def _classes(label: str, change: PropertyChange) -> Consequence:
    after = list(change.after or ())
    if after == [RESERVED]:
        return caution(say("{name} may run on capacity claims only", name=label))
    if after == [ON_DEMAND]:
        return caution(
            say("{name} may run on unclaimed capacity only, which is billed per GPU-hour", name=label)
        )
    return caution(
        say("{name} may run on claims and on unclaimed capacity, which is billed per GPU-hour", name=label)
    )


def _gateways(change: PropertyChange) -> Iterator[Consequence]:
    """Joining and leaving show as traffic; an id alone tells a reader nothing."""
    before, after = len(change.before or ()), len(change.after or ())
    if before != after:
        yield plain(say(f"is behind {plural(after, 'gateway')} instead of {before}"))


def _option(change: PropertyChange) -> Consequence:
    parts = segments(change.path)
    whole = len(parts) == 2 and change.known
    inside = sorted({*(change.before or ()), *(change.after or ())}) if whole else []
    name: str | list[str] = parts[-1] if len(parts) > 2 else [str(key) for key in inside] or "(all)"
    if change.path.startswith(ENGINE_ENV):
        several = len(parts) == 2 and len(inside) != 1
        words = "variables {name} (their values are" if several else "variable {name} (its value is"
        return plain(say(f"changes the environment {words} not shown)", name=name))
    if change.before is None:
        words = (
            "sets the engine option {name} to {after}"
            if change.after
            else "switches the engine option {name} on"
        )
        return plain(say(words, name=name, after=change.after))
    if change.after is None:
        words = "takes out the engine option {name} (it was {before})"
        return caution(say(words, name=name, before=change.before or "on"))
    words = "engine option {name} {before} → {after}"
    return plain(say(words, name=name, before=change.before, after=change.after))
