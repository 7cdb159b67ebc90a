"""The `smoke` section: what is asked of each model after a rollout, and what counts as an answer.

Who asks, and what an answer proves, is not known here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from coreweave_inference.errors import did_you_mean
from coreweave_inference.model.fields import EACH_ONCE, Count, SomeText, Text, refuse, shortened, unique
from coreweave_inference.model.message import FieldMeta, Message

from .entries import model_faults, place_faults
from .origin import Report
from .result import SmokeDeclaration
from .sections import DURATION_IN_SCHEMA, duration

SMOKE = "smoke"
MOST_COMPLETIONS = 20
PROMPT = "Answer with the word hello."
LATENCY_SECONDS = 60.0


def _not_empty(text: str) -> str:
    if not text.strip():
        raise refuse("is empty", "write what the model is asked, or what its answer has to contain")
    return text


class SmokeSection(Message):
    """A request to each model after a rollout; an `up` in which it fails has failed."""

    prompt: Annotated[
        Annotated[Text, AfterValidator(_not_empty)],
        Field(description="What each model is asked."),
        FieldMeta(),
    ] = PROMPT
    expect: Annotated[
        Annotated[Text, AfterValidator(_not_empty)] | None,
        Field(
            description="A text that the completion has to contain, in any case; left out: any text will do."
        ),
        FieldMeta(),
    ] = None
    max_latency: Annotated[
        Annotated[float, BeforeValidator(duration), DURATION_IN_SCHEMA],
        Field(description="How long a completion may take: 10s, 1m30s, or seconds."),
        FieldMeta(),
    ] = LATENCY_SECONDS
    count: Annotated[
        Annotated[Count, Field(ge=1, le=MOST_COMPLETIONS)],
        Field(description="Completions of each deployment."),
        FieldMeta(do="write a number from 1 to 20"),
    ] = 1
    deployments: Annotated[
        tuple[SomeText, ...],
        AfterValidator(unique),
        EACH_ONCE,
        Field(description="Keys of the deployments that are asked; left out: all of them."),
        FieldMeta(do="name deployments by their keys"),
    ] = ()


def read_smoke(top: Mapping[str, Any], keys: Collection[str], report: Report) -> SmokeDeclaration | None:
    """The section; None without one. `keys` are those of the declared deployments. Faults are reported."""
    given = top.get(SMOKE)
    if given is None:
        return None
    if not isinstance(given, Mapping):
        report.add((SMOKE,), "is not a mapping of fields", "write smoke: {} or its fields below it")
        return None
    faults = model_faults(SmokeSection, given)
    place_faults(faults, (SMOKE,), report)
    if faults:
        return None
    section = SmokeSection.model_validate({name: value for name, value in given.items() if value is not None})
    for place, key in enumerate(section.deployments):
        if key not in keys:
            report.add(
                (SMOKE, "deployments", place),
                f'"{shortened(key)}" is not declared under deployments',
                did_you_mean(key, keys).rstrip() or "name a deployment by its key",
            )
    return SmokeDeclaration(
        section.prompt, section.expect, section.max_latency, section.count, section.deployments
    )
