"""JSON Schema (draft 2020-12) of a declaration, from the same models that judge it; editors complete and check with it.

A schema knows less than the reader: rules between fields, references and anything inherited are the reader's. It never
refuses what the reader takes, but for one thing: what only an overlay completes.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from coreweave_inference.model.capacity_claim import CapacityClaimResources, CapacityClaimSpec
from coreweave_inference.model.deployment import DeploymentSpec, Traffic
from coreweave_inference.model.fields import HOST_LABEL
from coreweave_inference.model.gateway import AUTH, ROUTING, GatewaySpec
from coreweave_inference.model.shape import fields_of

from .acceptance import AcceptedSection
from .existing_sections import ONE_WAY, ExistingBucketSection, ExistingObjectSection
from .references import WEIGHT_ALONE
from .schema_values import (
    NULL,
    Schema,
    field_schema,
    messages_in,
    or_null,
    properties_of,
    reference,
    required_of,
)
from .sections import BucketSection, OptionsSection

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILES = {"inference.schema.json": False, "inference.overlay.schema.json": True}
"""The files that hold the schema, and whether it is that of an overlay."""

EXTENDS: Schema = {
    "type": ["string", "null"],
    "description": "Another entry of this section, from which everything comes that is not said here; name, traffic and options never do.",
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
    "buckets": ("Bucket", "Weights buckets, and what the inference service may read in them."),
    "gateways": ("Gateway", "The endpoints that clients call."),
    "capacityClaims": ("CapacityClaim", "GPU instances set aside; billed for as long as they are."),
    "deployments": ("Deployment", "Models, served."),
}
WAYS = {
    "gateways": "By name, by id, or as another stack has it.",
    "capacityClaims": "By name, by id, or as another stack has it.",
    "buckets": "By name, or as another stack has it.",
}
EXISTING = {
    "gateways": "ExistingObject",
    "capacityClaims": "ExistingObject",
    "buckets": "ExistingBucket",
}


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
            "items": reference("Accepted"),
            "description": "Findings that are known and lived with.",
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
    """The entries of a section; one that extends another, or stands in an overlay, need not say everything."""
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
    found = {
        **_both("Bucket", BucketSection),
        **_both("Gateway", GatewaySpec),
        **_both("Deployment", DeploymentSpec),
    }
    found.update(_both("CapacityClaim", CapacityClaimSpec))
    inner: dict[str, type[BaseModel]] = {}
    for model in (BucketSection, GatewaySpec, DeploymentSpec):
        inner.update(messages_in(model))
    for name, message in inner.items():
        found[name], found[f"{name}Part"] = _message(message, False), _message(message, True)
    found["OptionsSection"] = _message(OptionsSection, False)
    found["Accepted"] = _message(AcceptedSection, False)
    found["Secret"] = _secret()
    found.update(_existing_definitions())
    used = _used(
        {"properties": [_section(name, overlay) for name in SECTIONS], "existing": _existing(overlay)}, found
    )
    return {name: found[name] for name in sorted({*used, "Accepted"})}


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


def _both(name: str, model: type[BaseModel]) -> dict[str, Schema]:
    return {name: _entry(model, False), f"{name}Part": _entry(model, True)}


def _entry(model: type[BaseModel], part: bool) -> Schema:
    """An entry of a section: the API's fields, and what a declaration adds to them."""
    properties, required = properties_of(model, part=part), required_of(model)
    if model is DeploymentSpec:
        del properties["gatewayIds"]
        properties = {"gateways": or_null(GATEWAYS) if part else GATEWAYS, **properties}
        required = ["gateways", *(field for field in required if field != "gatewayIds")]
    if model is CapacityClaimSpec:
        resources = properties_of(CapacityClaimResources, part=part)
        properties = {"name": properties["name"], **resources, "resources": _api_form(resources)}
        required = [] if part else required_of(CapacityClaimResources)
        flat: Schema = {"if": {"required": ["resources"]}, "else": {"required": required}}
        return _declared(model, properties, [], part, {} if part else flat)
    if model is BucketSection:
        properties["policy"]["anyOf"].append({"const": False})
    rules: Schema = (
        {"allOf": [_exactly_one(AUTH), _exactly_one(ROUTING)]} if model is GatewaySpec and not part else {}
    )
    return _declared(model, properties, required, part, rules)


def _declared(
    model: type[BaseModel], properties: dict[str, Schema], required: list[str], part: bool, rules: Schema
) -> Schema:
    options = {**or_null(reference("OptionsSection", part=part)), "description": "How the engine treats it."}
    properties = {"extends": EXTENDS, **properties, "options": options}
    return _object(properties, [] if part else required, model.__doc__ or "", **rules)


def _api_form(resources: dict[str, Schema]) -> Schema:
    """The same fields one level lower, as the API has them."""
    return or_null(_object(resources, [], "The same fields as the API has them; each is given once."))


def _message(model: type[BaseModel], part: bool) -> Schema:
    properties, required = properties_of(model, part=part), required_of(model)
    if model.__name__ == "Model":
        bucket = field_schema(model, fields_of(model)["bucket"], part=True)
        properties["bucket"] = {**bucket, "description": MODEL_BUCKET}
        required = [name for name in required if name != "bucket"]
    if model is Traffic:
        properties["weight"]["default"] = WEIGHT_ALONE
    if "apiKey" in properties:
        words = properties["apiKey"]["description"]
        properties["apiKey"] = {**or_null(reference("Secret")), "description": words}
    if "engineEnv" in properties:
        values = properties["engineEnv"]["additionalProperties"]
        properties["engineEnv"]["additionalProperties"] = {"anyOf": [values, reference("Secret")]}
    return _object(properties, [] if part else required, model.__doc__ or "")


def _secret() -> Schema:
    name: Schema = {"type": "string", "minLength": 1}
    properties: dict[str, Schema] = {
        "fromEnv": {**name, "description": "The environment variable that holds it."},
        "fromConfig": {**name, "description": "The stack's secret configuration key that holds it."},
    }
    words = "A secret, by reference: its value never stands in a file."
    return _object(properties, [], words, minProperties=1, maxProperties=1)


def _existing_definitions() -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    ways: dict[str, tuple[type[BaseModel], tuple[str, ...]]] = {
        "ExistingObject": (ExistingObjectSection, ONE_WAY),
        "ExistingBucket": (ExistingBucketSection, ("name", "stack")),
    }
    for name, (model, names) in ways.items():
        found[name] = {**_message(model, False), **_exactly_one(names)}
        found[f"{name}Part"] = _message(model, True)
    return found


def _exactly_one(names: tuple[str, ...]) -> Schema:
    """Exactly one of the fields is given; `null` is not given."""
    return {
        "oneOf": [
            {"required": [name], "properties": {name: {"type": ["object", "string"]}}} for name in names
        ]
    }
