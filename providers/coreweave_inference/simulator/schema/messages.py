"""The messages of the schema as data, fields in the order of their numbers. No rule and no conversion belongs here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Scalar = Literal["string", "uint32", "bool", "timestamp"]


@dataclass(frozen=True)
class Enum:
    """An enum: its names by number. The name of 0 is never stored; unset stands for it."""

    names: Mapping[int, str]

    def named(self, name: str) -> bool:
        """Whether a name belongs to the enum."""
        return name in self.names.values()


@dataclass(frozen=True)
class Field:
    """A field by its JSON name; `map` fields hold strings by string."""

    name: str
    type: Scalar | Enum | Message
    repeated: bool = False
    map: bool = False
    oneof: str = ""

    @property
    def snake(self) -> str:
        """The field's name in the schema, as violations spell it."""
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in self.name)


@dataclass(frozen=True)
class Message:
    """A message and its fields."""

    name: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """The field of that JSON or schema name."""
        return next((field for field in self.fields if name in (field.name, field.snake)), None)


STATUS = Enum(
    dict(
        enumerate(
            f"STATUS_{name}"
            for name in ["UNSPECIFIED", "CREATING", "UPDATING", "DELETING", "ERROR", "FAILED", "READY"]
        )
    )
)
CONDITION_STATUS = Enum({0: "STATUS_UNSPECIFIED", 1: "STATUS_FALSE", 2: "STATUS_TRUE"})
CAPACITY_CLASS = Enum(
    {0: "CAPACITY_CLASS_UNSPECIFIED", 1: "CAPACITY_CLASS_RESERVED", 2: "CAPACITY_CLASS_ON_DEMAND"}
)
API_TYPE = Enum({0: "API_TYPE_UNSPECIFIED", 1: "API_TYPE_OPENAI"})
CAPACITY_TYPE = Enum(
    {
        0: "CAPACITY_TYPE_UNSPECIFIED",
        1: "CAPACITY_TYPE_SERVERLESS",
        2: "CAPACITY_TYPE_CUSTOMER",
        3: "CAPACITY_TYPE_MANAGED",
    }
)

RUNTIME = Message(
    "DeploymentRuntime",
    (
        Field("engine", "string"),
        Field("version", "string"),
        Field("engineConfig", "string", map=True),
        Field("engineEnv", "string", map=True),
    ),
)
RESOURCES = Message("DeploymentResources", (Field("instanceType", "string"), Field("gpuCount", "uint32")))
MODEL = Message(
    "DeploymentModel", (Field("name", "string"), Field("bucket", "string"), Field("path", "string"))
)
AUTOSCALING = Message(
    "DeploymentAutoscaling",
    (
        Field("min", "uint32"),
        Field("max", "uint32"),
        Field("priority", "uint32"),
        Field("capacityClasses", CAPACITY_CLASS, repeated=True),
        Field("concurrency", "uint32"),
    ),
)
TRAFFIC = Message("DeploymentTraffic", (Field("weight", "uint32"),))
EMPTY = Message("Empty", ())
WEIGHTS_AND_BIASES = Message(
    "WeightsAndBiasesAuth",
    (
        Field("apiKey", "string"),
        Field("serverUrl", "string"),
        Field("enableUsageReports", "bool"),
        Field("enableRateLimiting", "bool"),
    ),
)
ENDPOINT_CONFIGURATION = Message("EndpointConfiguration", (Field("additionalDns", "string", repeated=True),))
BODY_ROUTING = Message("BodyBasedRouting", (Field("apiType", API_TYPE),))
HEADER_ROUTING = Message("HeaderBasedRouting", (Field("headerName", "string"),))
CLAIM_RESOURCES = Message(
    "CapacityClaimResources",
    (
        Field("instanceId", "string"),
        Field("instanceCount", "uint32"),
        Field("capacityType", CAPACITY_TYPE),
        Field("zones", "string", repeated=True),
    ),
)

IDENTITY = (Field("id", "string"), Field("name", "string"))
ORGANISATION = Field("organizationId", "string")
AUTHENTICATION = (
    Field("coreWeaveAuth", EMPTY, oneof="auth"),
    Field("weightsAndBiasesAuth", WEIGHTS_AND_BIASES, oneof="auth"),
)
ENDPOINTS = Field("endpointConfiguration", ENDPOINT_CONFIGURATION)
ROUTING = (
    Field("bodyBasedRouting", BODY_ROUTING, oneof="routing"),
    Field("headerBasedRouting", HEADER_ROUTING, oneof="routing"),
    Field("pathBasedRouting", EMPTY, oneof="routing"),
)
DEPLOYMENT_BLOCKS = (
    Field("gatewayIds", "string", repeated=True),
    Field("runtime", RUNTIME),
    Field("resources", RESOURCES),
    Field("model", MODEL),
    Field("autoscaling", AUTOSCALING),
    Field("traffic", TRAFFIC),
)
DISABLED = Field("disabled", "bool")
ZONES = Field("zones", "string", repeated=True)

DEPLOYMENT_REQUEST = Message("CreateDeploymentRequest", (*IDENTITY, *DEPLOYMENT_BLOCKS, DISABLED))
DEPLOYMENT_SPEC = Message("DeploymentSpec", (*IDENTITY, *DEPLOYMENT_BLOCKS, ORGANISATION, DISABLED))
GATEWAY_REQUEST = Message("CreateGatewayRequest", (*IDENTITY, ZONES, *AUTHENTICATION, ENDPOINTS, *ROUTING))
GATEWAY_SPEC = Message("GatewaySpec", (*IDENTITY, ZONES, *AUTHENTICATION, ORGANISATION, ENDPOINTS, *ROUTING))
CLAIM_CREATE = Message("CreateCapacityClaimRequest", (*IDENTITY, Field("resources", CLAIM_RESOURCES)))
CLAIM_UPDATE = Message("UpdateCapacityClaimRequest", (IDENTITY[0], Field("resources", CLAIM_RESOURCES)))
CLAIM_SPEC = Message("CapacityClaimSpec", (*CLAIM_CREATE.fields, ORGANISATION))

CONDITION = Message(
    "Condition",
    (
        Field("type", "string"),
        Field("status", CONDITION_STATUS),
        Field("lastUpdateTime", "timestamp"),
        Field("reason", "string"),
        Field("message", "string"),
        Field("zone", "string"),
    ),
)
STATUS_FIELDS = (
    Field("createdAt", "timestamp"),
    Field("updatedAt", "timestamp"),
    Field("status", STATUS),
    Field("conditions", CONDITION, repeated=True),
)
DEPLOYMENT_STATUS = Message("DeploymentStatus", STATUS_FIELDS)
GATEWAY_STATUS = Message("GatewayStatus", (*STATUS_FIELDS, Field("endpoints", "string", repeated=True)))
CLAIM_STATUS = Message(
    "CapacityClaimStatus",
    (*STATUS_FIELDS, Field("allocatedInstances", "uint32"), Field("pendingInstances", "uint32")),
)
