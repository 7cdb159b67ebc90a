"""Writes `docs/resources.md` from the specs, so that the reference cannot say anything else than the code.

`generate_reference.py` writes the page; `generate_reference.py --check` only says whether it is current.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from coreweave_inference.spec import CapacityClaimSpec, DeploymentSpec, GatewaySpec
from coreweave_inference.spec.declaration.sections import BucketSection, OptionsSection
from coreweave_inference.spec.message import Change
from coreweave_inference.spec.shape import FieldShape, Form, fields_of

PAGE = Path(__file__).resolve().parent.parent / "docs" / "resources.md"

INTRODUCTION = """# Resources and their fields

Generated from the specs by `make docs`; a test keeps it current. Field names are the API's own; in Python they are
written in snake_case. A field left out has its default. "Replaces" means that a change makes a new object and deletes
the old one; everything else changes in place, with one PATCH that carries the complete spec.

Whether a change in place restarts replicas is not documented by the service, so nothing here claims it.
"""

RESOURCES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("Gateway", "`gateways.<key>` in a declaration, `cw.Gateway` in Python. Its creation waits until it is READY, "
     "because what follows needs its endpoints.", GatewaySpec),
    ("Capacity claim", "`capacityClaims.<key>`, `cw.CapacityClaim`. Billed for as long as it exists. Without a name of "
     "its own it is called after the fields that replace it, so that a replacement exists before the old one goes.",
     CapacityClaimSpec),
    ("Deployment", "`deployments.<key>`, `cw.Deployment`. In a declaration `gateways` names gateways by key in the place "
     "of `gatewayIds`, `model.bucket` takes a bucket's key or a name and may be left out where there is one bucket, and "
     "`traffic` left out means weight 100 for a deployment that is alone under its model name.", DeploymentSpec),
    ("Weights bucket", "`buckets.<key>`, `cw.WeightsBucket` and `cw.InferenceBucketPolicy`. A destroy keeps the bucket "
     "unless `options.retainOnDelete` is false.", BucketSection),
    ("Options", "`options` of every object: how the engine treats it. Never inherited by `extends`.", OptionsSection),
)


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for title, words, model in RESOURCES:
        rows = "\n".join(_rows(model, ""))
        parts.append(f"## {title}\n\n{words}\n\n| field | type | default | meaning |\n|---|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def _rows(model: type[BaseModel], start: str) -> Iterator[str]:
    for field in fields_of(model).values():
        path = f"{start}{field.name}"
        yield f"| `{path}` | {_type(field)} | {_default(field)} | {_meaning(field)} |"
        if field.message:
            yield from _rows(field.message, f"{path}.")


def _type(field: FieldShape) -> str:
    if field.choices:
        words = " or ".join(f"`{choice}`" for choice in field.choices)
        return f"list of {words}" if field.form is Form.LIST else words
    return field.form.value


def _default(field: FieldShape) -> str:
    if field.required:
        return "required"
    return "" if field.default in (None, "", [], {}) else f"`{json.dumps(field.default)}`"


def _meaning(field: FieldShape) -> str:
    words = " ".join(field.description.replace("|", "\\|").split())
    notes = [
        text
        for holds, text in (
            (field.about.change is Change.REPLACES, "Replaces."),
            (field.about.write_only, "Never returned by the service."),
            (field.about.secret, "Secret: give it by reference, `{fromEnv: NAME}` or `{fromConfig: key}`."),
        )
        if holds
    ]
    return " ".join([words, *notes]).strip()


def main() -> int:
    """Exit code 1 if the page was not current and only looked at."""
    text = page()
    if "--check" in sys.argv[1:]:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
        print(f"{PAGE.name} is {'current' if current else 'stale: run `make docs`'}")
        return 0 if current else 1
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
