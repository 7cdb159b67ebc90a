"""JSON Schema (draft 2020-12) of a declaration, from the same models that judge it; editors complete and check with it.

A schema knows less than the reader: rules between fields, references and anything inherited are the reader's. It never
refuses what the reader takes, but for one thing: what only an overlay completes.
"""

from __future__ import annotations

import json
from typing import Any

from coreweave_inference.model.capacity_claim import CapacityClaimResources, CapacityClaimSpec
from coreweave_inference.model.deployment import WEIGHT_ALONE, DeploymentSpec
from coreweave_inference.model.fields import HOST_LABEL
from coreweave_inference.model.gateway import AUTH, ROUTING, GatewaySpec

from .acceptance import AcceptedSection
from .existing_sections import ONE_WAY, ExistingBucketSection, ExistingObjectSection
from .schema_values import NULL, PART, Schema, definitions, or_null, reference
from .sections import BucketSection
from .smoke import SmokeSection

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILES = {"inference.schema.json": False, "inference.overlay.schema.json": True}
"""The files that hold the schema, and whether it is that of an overlay."""

EXTENDS: Schema = {
    "type": ["string", "null"],
    "description": "Another entry of this section, from which everything comes that is not declared here; name, traffic and options never do.",
}
GATEWAYS: Schema = {
    "type": "array",
    "items": {"type": "string", "pattern": HOST_LABEL},
    "minItems": 1,
    "uniqueItems": True,
    "description": "Keys of the gateways that route to it, declared under gateways or existing.gateways.",
}
MODEL_BUCKET = "The bucket that holds the weights, by its key or its name; left out: the only one there is."
SECTIONS = {
    "buckets": ("BucketSection", "Weights buckets, and what the inference service may read in them."),
    "gateways": ("GatewaySpec", "The endpoints that clients call."),
    "capacityClaims": ("CapacityClaimSpec", "GPU instances reserved; billed for as long as they are."),
    "deployments": ("DeploymentSpec", "Models, served."),
}
WAYS = {
    "gateways": "By name, by id, or as another stack has it.",
    "capacityClaims": "By name, by id, or as another stack has it.",
    "buckets": "By name, or as another stack has it.",
}
EXISTING = {
    "gateways": "ExistingObjectSection",
    "capacityClaims": "ExistingObjectSection",
    "buckets": "ExistingBucketSection",
}
EXISTING_WAYS = {"ExistingObjectSection": ONE_WAY, "ExistingBucketSection": ("name", "stack")}
ENTRIES = {name for name, _ in SECTIONS.values()}
MODELS = (
    BucketSection,
    GatewaySpec,
    CapacityClaimSpec,
    DeploymentSpec,
    ExistingObjectSection,
    ExistingBucketSection,
    AcceptedSection,
    SmokeSection,
)


def text(*, overlay: bool = False) -> str:
    """The schema as a file holds it."""
    return json.dumps(schema(overlay=overlay), indent=2, ensure_ascii=False) + "\n"


def schema(*, overlay: bool = False) -> Schema:
    """The schema of `inference.yaml`, or of an overlay, in which nothing is required and `null` removes."""
    properties: dict[str, Schema] = {
        "version": {"const": 1, "description": "The version of this format."},
        **{name: _section(name, overlay) for name in SECTIONS},
        "existing": _existing(overlay),
        "accept": {
            "type": ["array", "null"],
            "items": reference("AcceptedSection"),
            "description": "Findings that are known and lived with.",
        },
        "smoke": {
            **or_null(reference("SmokeSection", part=overlay)),
            "description": "What is asked of each model after a rollout, and what counts as an answer.",
        },
    }
    return {
        "$schema": DIALECT,
        "title": "CoreWeave inference stack" + (", what one stack has otherwise" if overlay else ""),
        **_object(properties, [] if overlay else ["version"]),
        "$defs": _definitions(overlay),
    }


def _object(properties: dict[str, Schema], required: list[str], description: str = "", **more: Any) -> Schema:
    return {
        **({"description": " ".join(description.split())} if description else {}),
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
        **more,
    }


def _by_key(entry: Schema, description: str) -> Schema:
    return {
        "description": description,
        "type": ["object", "null"],
        "propertyNames": {"pattern": HOST_LABEL},
        "additionalProperties": entry,
    }


def _section(section: str, overlay: bool) -> Schema:
    """The entries of a section; one that extends another, or is in an overlay, need not say everything."""
    name, description = SECTIONS[section]
    part = reference(name, part=True)
    extends = {"properties": {"extends": {"type": "string"}}, "required": ["extends"]}
    whole = {"if": extends, "then": part, "else": reference(name)}
    return _by_key(or_null(part) if overlay else whole, description)


def _existing(overlay: bool) -> Schema:
    entries = {
        section: _by_key(
            {
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    reference(name, part=overlay),
                    *([NULL] if overlay else []),
                ]
            },
            f"{SECTIONS[section][1]} {WAYS[section]}",
        )
        for section, name in EXISTING.items()
    }
    return or_null(
        _object(entries, [], "What is used here and belongs to others: never changed, never deleted.")
    )


def _definitions(overlay: bool) -> dict[str, Schema]:
    whole, part = (definitions(MODELS, part=part) for part in (False, True))
    found = {
        **{name: _message(name, schema, False) for name, schema in whole.items()},
        **{f"{name}{PART}": _message(name, schema, True) for name, schema in part.items()},
        "Secret": _secret(),
    }
    used = _used(
        {"properties": [_section(name, overlay) for name in SECTIONS], "existing": _existing(overlay)}, found
    )
    return {
        name: found[name]
        for name in sorted({*used, "AcceptedSection", "SmokeSection" + (PART if overlay else "")})
    }


def _used(schema: Any, definitions: dict[str, Schema]) -> set[str]:
    """The definitions that a schema refers to, and those that these refer to."""
    used: set[str] = set()
    waiting = _references(schema)
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting |= _references(definitions[name])
    return used


def _references(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["$ref"].removeprefix("#/$defs/")} if "$ref" in schema else set()
        return own.union(*(_references(value) for value in schema.values()))
    return set().union(*(_references(item) for item in schema)) if isinstance(schema, list) else set()


def _message(name: str, schema: Schema, part: bool) -> Schema:
    """A message with what a declaration adds to the API's fields, or takes from them."""
    fields: dict[str, Schema] = schema["properties"]
    required: list[str] = schema.get("required", [])
    rules: Schema = {}
    if name == "DeploymentSpec":
        del fields["gatewayIds"]
        fields = {"gateways": or_null(GATEWAYS) if part else GATEWAYS, **fields}
        required = ["gateways" if field == "gatewayIds" else field for field in required]
    elif name == "CapacityClaimSpec":
        resources = definitions([CapacityClaimResources], part=part)["CapacityClaimResources"]
        fields = {"name": fields["name"], **resources["properties"], "resources": _api_form(resources)}
        rules = (
            {} if part else {"if": {"required": ["resources"]}, "else": {"required": resources["required"]}}
        )
        required = []
    elif name == "GatewaySpec" and not part:
        rules = {"allOf": [_exactly_one(AUTH), _exactly_one(ROUTING)]}
    elif name == "BucketSection":
        fields["policy"]["anyOf"].append({"const": False})
    elif name == "Model":
        fields["bucket"] = {**or_null(fields["bucket"]), "description": MODEL_BUCKET}
        required = [field for field in required if field != "bucket"]
    elif name == "Traffic":
        fields["weight"]["default"] = WEIGHT_ALONE
    elif name == "WeightsAndBiasesAuth":
        fields["apiKey"] = {**or_null(reference("Secret")), "description": fields["apiKey"]["description"]}
    elif name == "Runtime":
        values = fields["engineEnv"]["additionalProperties"]
        fields["engineEnv"]["additionalProperties"] = {"anyOf": [values, reference("Secret")]}
    elif name in EXISTING_WAYS and not part:
        rules = _exactly_one(EXISTING_WAYS[name])
    if name in ENTRIES:
        options = {
            **or_null(reference("OptionsSection", part=part)),
            "description": "How the engine treats it.",
        }
        fields = {"extends": EXTENDS, **fields, "options": options}
    return _object(fields, required, schema["description"], **rules)


def _api_form(resources: Schema) -> Schema:
    """The same fields one level lower, as the API has them."""
    text = "The same fields as the API has them; each is given once."
    return or_null(_object(resources["properties"], [], text))


def _secret() -> Schema:
    name: Schema = {"type": "string", "minLength": 1}
    fields: dict[str, Schema] = {
        "fromEnv": {**name, "description": "The environment variable that holds it."},
        "fromConfig": {**name, "description": "The stack's secret configuration key that holds it."},
    }
    text = "A secret, by reference: its value never is in a file."
    return _object(fields, [], text, minProperties=1, maxProperties=1)


def _exactly_one(names: tuple[str, ...]) -> Schema:
    """Exactly one of the fields is given; `null` is not given."""
    return {
        "oneOf": [
            {"required": [name], "properties": {name: {"type": ["object", "string"]}}} for name in names
        ]
    }
