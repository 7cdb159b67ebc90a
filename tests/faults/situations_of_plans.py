"""What refuses, refuses first; what was shown is what runs; one resource is one object."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.faults.account import Violation
from tests.faults.programs import BUCKET, INSTANCES, PATHS, Program
from tests.faults.situations import Situation, SituationContext, refused, unchanged
from tests.faults.stage import as_text

DIFFERS = 3
"""The exit code of a run whose plan holds no more."""
SECTIONS = {"gateways": "gateways", "claims": "capacityClaims", "deployments": "deployments"}
PROJECT = "name: {name}\nruntime: python\noptions: {{refresh: always}}\n"
LOAD = "import coreweave_inference as cw\n\nstack = cw.load()\n"
COMPONENTS = """
import coreweave_inference as cw
import pulumi


class Part(pulumi.ComponentResource):
    def __init__(self, kind, name):
        super().__init__(f"acme:{kind}:Part", name)
        opts = pulumi.ResourceOptions(parent=self)
        cw.Gateway("public", zones=["US-EAST-04A"], auth=cw.CoreWeaveAuth(), routing=cw.BodyBasedRouting(), opts=opts)


Part("a", "one")
Part("b", "two")
cw.Readiness("ready")
"""


def protected(context: SituationContext) -> list[Violation]:
    """A protected object, and a destroy or a declaration without anything: nothing goes."""
    section, key = context.random.choice(_api_objects(context.program))
    document = context.document()
    options = document[SECTIONS[section]][key].setdefault("options", {})
    options["protect"] = True
    context.declare(document)
    ok, printed = context.run("up")
    if not ok:
        return [Violation("not done", f"the run that protects failed: {printed}")]
    before = context.account()
    found = refused(_without_everything(context), before, context.account())
    return found or context.restored()


def used_by_another_stack(way: str, context: SituationContext) -> list[Violation]:
    """A deployment of somebody else on this stack's `gateway`, `claim` or `weights`: they stay, and so does all else."""
    program, random = context.program, context.random
    ids = context.stage.recorded().ids
    other = next(id_ for id_, text in context.account().items() if '"strangers-gateway"' in text)
    gateway = ids["gateways", random.choice(sorted(program.gateways))][0] if way == "gateway" else other
    claim = next(iter(program.claims.values())).instance if way == "claim" else INSTANCES[1]
    classes = {"capacityClasses": ["CAPACITY_CLASS_RESERVED"]} if way == "claim" else {}
    # Weights that no statement of the stack opens are nobody's business.
    path = PATHS[0] if way == "weights" else "elsewhere/chat"
    spec = {
        "gatewayIds": [gateway],
        "model": {"name": "other/chat", "bucket": BUCKET if way == "weights" else "elsewhere", "path": path},
        "runtime": {"engine": "vllm", "version": "0.22.0+crwv.2"},
        "resources": {"instanceType": claim, "gpuCount": 1},
        "autoscaling": {"min": 1, "max": 1, **classes},
        "traffic": {},
    }
    id_ = context.stranger("deployments", spec)
    try:
        before = context.account()
        found = refused(_without_everything(context), before, context.account())
    finally:
        context.delete_stranger("deployments", id_)
    context.stage.declare(context.program)
    return found


def drift_after_the_plan(context: SituationContext) -> list[Violation]:
    """A saved plan, and a colleague's change between it and the run: the run writes nothing."""
    id_, changes, back = _edit(context)
    context.stage.declare(context.program)
    plan = str(context.stage.directory / "saved.plan")
    code, printed = context.command("preview", "--save-plan", plan)
    if code:
        return [Violation("not done", f"the preview failed with {code}: {printed}")]
    context.simulator.world.edit(id_, changes)
    before = context.account()
    code, printed = context.command("up", "--plan", plan, "--yes")
    found = unchanged("ran otherwise than shown", before, context.account(), printed)
    if code != DIFFERS:
        found.append(
            Violation("ran otherwise than shown", f"exit code {code} instead of {DIFFERS}: {printed}")
        )
    context.simulator.world.edit(id_, back)
    return found


def components_with_equal_names(context: SituationContext) -> list[Violation]:
    """Two components, each with a gateway of one name: two objects, and both go."""
    before = context.account()
    files = {
        "Pulumi.yaml": PROJECT.format(name="parts"),
        "Pulumi.dev.yaml": "",
        "__main__.py": COMPONENTS,
    }
    with context.second_stack(files, "dev") as directory:
        return _second_stack(context, directory, expected=2, before=before)


def two_projects_with_equal_keys(context: SituationContext) -> list[Violation]:
    """A second project in the account that declares the same keys: objects of its own, and this one's untouched."""
    program = context.program
    document = program.document()
    document.pop("buckets", None)
    for section in ("gateways", "capacityClaims"):
        for entry in document.get(section, {}).values():
            entry.pop("name", None)
            entry.pop("options", None)
    document.pop("deployments", None)
    expected = len(program.gateways) + len(program.claims)
    files = {
        "Pulumi.yaml": PROJECT.format(name="other"),
        "Pulumi.dev.yaml": context.random.choice(("", "config:\n  coreweave:identity: 5f1c0f6a4d\n")),
        "__main__.py": LOAD,
        "inference.yaml": as_text(document),
    }
    before = context.account()
    with context.second_stack(files, "dev") as directory:
        return _second_stack(context, directory, expected=expected, before=before)


def _second_stack(
    context: SituationContext, directory: Path, *, expected: int, before: dict[str, str]
) -> list[Violation]:
    """Up and destroy of another stack: `expected` objects come and go, everything else is as it was."""
    code, printed = context.command("up", "--yes", "--stack", "dev", directory=directory)
    after = context.account()
    made = sorted(set(after) - set(before))
    found = unchanged("foreign changed", before, {id_: after.get(id_, "") for id_ in before}, printed)
    if code or len(made) != expected:
        what = "one object for two" if not code else "not done"
        found.append(
            Violation(what, f"exit code {code}, {len(made)} objects instead of {expected}: {printed}")
        )
    code, printed = context.command("destroy", "--yes", "--stack", "dev", directory=directory)
    found += unchanged("foreign changed", before, context.account(), printed)
    return found + ([Violation("not done", f"its destroy failed with {code}: {printed}")] if code else [])


def _without_everything(context: SituationContext) -> Any:
    """A destroy, or an `up` after everything was taken out of the file."""
    if context.random.random() < 0.5:
        return context.run("destroy")
    context.stage.declare(Program(prefixes=context.program.prefixes, retired=context.program.retired))
    return context.run("up")


def _api_objects(program: Program) -> list[tuple[str, str]]:
    return sorted(name for name in program.objects() if name[0] in SECTIONS)


def _edit(context: SituationContext) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """An id, a colleague's change of it, and its reverse."""
    section, key = context.random.choice(
        [name for name in _api_objects(context.program) if name[0] == "deployments"]
    )
    item = context.program.deployments[key]
    id_ = context.stage.recorded().ids[section, key][0]
    return (
        id_,
        {"autoscaling": {"max": item.most + context.random.randint(1, 5)}},
        {"autoscaling": {"max": item.most}},
    )


def _has_api_objects(program: Program) -> bool:
    return bool(_api_objects(program))


USES: dict[str, Callable[[Program], bool]] = {
    "gateway": lambda program: bool(program.gateways),
    "claim": lambda program: bool(program.claims),
    "weights": lambda program: bool(program.deployments),
}
SITUATIONS = (
    Situation("protected object", protected, _has_api_objects, plain=True),
    *(
        Situation(f"{way} used by another stack", partial(used_by_another_stack, way), possible, plain=True)
        for way, possible in USES.items()
    ),
    Situation("drift after the plan", drift_after_the_plan, lambda program: bool(program.deployments)),
    Situation("components with equal names", components_with_equal_names),
    Situation(
        "two projects with equal keys",
        two_projects_with_equal_keys,
        lambda program: bool(program.gateways or program.claims),
    ),
)
