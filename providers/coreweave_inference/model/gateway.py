"""A gateway: the HTTP endpoint that authenticates requests and routes them to deployments by model name.

Only the shape and the limits of the API object belong here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from .fields import EACH_ONCE, Flag, HostLabel, InSchema, SomeText, Text, Zone, refuse, shortened, unique
from .message import Change, FieldMeta, Message, MessageRule, RuleViolation

MOST_SOURCE_RANGES = 50
AUTH = ("coreWeaveAuth", "weightsAndBiasesAuth")
ROUTING = ("bodyBasedRouting", "headerBasedRouting", "pathBasedRouting")

DNS_LABEL = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\Z")


def _hostname(name: str) -> str:
    labels = name.removesuffix(".").split(".")
    if len(name) > 253 or labels[-1].isdigit() or not all(DNS_LABEL.match(label) for label in labels):
        raise refuse(f'"{shortened(name)}" is not a hostname', "write a DNS name such as models.example.com")
    return name


def _address_range(text: str) -> str:
    do = "write an address range with its prefix length, such as 203.0.113.0/24"
    if "/" not in text:
        raise refuse(f'"{shortened(text)}" is not a CIDR range', do)
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise refuse(f'"{shortened(text)}" is not a CIDR range', do) from None
    return text


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", text)
    except ValueError:
        valid = False
    if not valid:
        raise refuse(f'"{shortened(text)}" is not a web address', "write it as in https://wandb.example.com")
    return text


def _one_of(members: tuple[str, ...], example: str) -> Callable[[Mapping[str, Any]], RuleViolation | None]:
    listed = ", ".join(members)

    def check(gateway: Mapping[str, Any]) -> RuleViolation | None:
        given = [member for member in members if gateway.get(member) is not None]
        if len(given) == 1:
            return None
        if not given:
            return RuleViolation(
                members[0], f"none of {listed} is given", f"give exactly one, such as {example}"
            )
        return RuleViolation(
            given[1], f"{' and '.join(given)} are mutually exclusive", "keep exactly one of them"
        )

    return check


def _key_needs_server(auth: Mapping[str, Any]) -> RuleViolation | None:
    if not auth.get("apiKey") or auth.get("serverUrl"):
        return None
    return RuleViolation(
        "apiKey", "apiKey is given without serverUrl", "give serverUrl too, or leave both out"
    )


class CoreWeaveAuth(Message):
    """Requests carry a CoreWeave API token; the message has no fields."""


class WeightsAndBiasesAuth(Message):
    """Requests carry a Weights & Biases API key."""

    rules: ClassVar[tuple[MessageRule, ...]] = (MessageRule(("apiKey", "serverUrl"), _key_needs_server),)

    api_key: Annotated[
        SomeText | None,
        Field(
            description="API key for a Weights & Biases server of your own. Never returned by the service. "
            "Needs serverUrl. The 2026-06 service refuses it for now."
        ),
        FieldMeta(secret=True, write_only=True),
    ] = None
    server_url: Annotated[
        Annotated[Text, AfterValidator(_web_address), InSchema({"pattern": "^[Hh][Tt][Tt][Pp][Ss]?://."})]
        | None,
        Field(
            description="Address of a Weights & Biases server of your own; left out: the public one. "
            "The 2026-06 service refuses it for now."
        ),
        FieldMeta(),
    ] = None
    enable_usage_reports: Annotated[
        Flag, Field(description="Report usage to Weights & Biases."), FieldMeta()
    ] = False
    enable_rate_limiting: Annotated[
        Flag, Field(description="Apply the rate limits of Weights & Biases."), FieldMeta()
    ] = False


class EndpointConfiguration(Message):
    """How a gateway is reached besides its own endpoint."""

    additional_dns: Annotated[
        tuple[Annotated[Text, AfterValidator(_hostname)], ...],
        AfterValidator(unique),
        EACH_ONCE,
        Field(
            description="Further DNS names the gateway answers to, each once. The service merges them: "
            "a name that was set once stays, even when it is left out."
        ),
        FieldMeta(unordered=True),
    ] = ()
    allowed_source_ip_ranges: Annotated[
        tuple[Annotated[Text, AfterValidator(_address_range), InSchema({"pattern": "/[0-9]+$"})], ...],
        Field(
            max_length=MOST_SOURCE_RANGES,
            description="CIDR ranges that may send requests, at most 50; empty: everybody. "
            "Newer than the published schema, so it is sent only when set.",
        ),
        AfterValidator(unique),
        EACH_ONCE,
        FieldMeta(unordered=True, newer=True, do="join neighbouring ranges into wider ones"),
    ] = ()


class BodyBasedRouting(Message):
    """The model is named in the request's body, as OpenAI clients do."""

    api_type: Annotated[
        Literal["API_TYPE_OPENAI"],
        Field(description="The form of the requests; OpenAI's is the only one there is."),
        FieldMeta(),
    ] = "API_TYPE_OPENAI"


class HeaderBasedRouting(Message):
    """The model is named in a request header."""

    header_name: Annotated[
        Text,
        StringConstraints(min_length=1, max_length=100),
        Field(description="The header that names the model, 1 to 100 characters."),
        FieldMeta(do="name the header, such as x-model"),
    ]


class PathBasedRouting(Message):
    """The URL-encoded model name is the first segment of the path; the message has no fields."""


class GatewaySpec(Message):
    """What a gateway is; exactly one kind of auth and exactly one kind of routing."""

    rules: ClassVar[tuple[MessageRule, ...]] = (
        MessageRule(AUTH, _one_of(AUTH, "coreWeaveAuth: {}")),
        MessageRule(ROUTING, _one_of(ROUTING, "bodyBasedRouting: {apiType: API_TYPE_OPENAI}")),
    )

    name: Annotated[
        HostLabel | None,
        Field(
            description="Hostname label, 1 to 63 characters; left out: derived from resource, project and stack."
        ),
        FieldMeta(change=Change.REPLACES),
    ] = None
    zones: Annotated[
        tuple[Zone, ...],
        AfterValidator(unique),
        EACH_ONCE,
        Field(description="Availability Zones the gateway runs in, in any case, each once; empty: all."),
        FieldMeta(unordered=True, upper_case=True),
    ] = ()
    core_weave_auth: Annotated[
        CoreWeaveAuth | None,
        Field(description="Authenticate with CoreWeave API tokens: `{}`."),
        FieldMeta(presence=True),
    ] = None
    weights_and_biases_auth: Annotated[
        WeightsAndBiasesAuth | None,
        Field(description="Authenticate with Weights & Biases API keys."),
        FieldMeta(presence=True),
    ] = None
    endpoint_configuration: Annotated[
        EndpointConfiguration,
        Field(description="Further DNS names and allowed sources."),
        FieldMeta(),
    ] = EndpointConfiguration()
    body_based_routing: Annotated[
        BodyBasedRouting | None,
        Field(description="Route by the model named in the request's body."),
        FieldMeta(presence=True),
    ] = None
    header_based_routing: Annotated[
        HeaderBasedRouting | None,
        Field(description="Route by the model named in a request header."),
        FieldMeta(presence=True),
    ] = None
    path_based_routing: Annotated[
        PathBasedRouting | None,
        Field(description="Route by the first segment of the path: `{}`."),
        FieldMeta(presence=True),
    ] = None
