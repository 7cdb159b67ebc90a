"""How the simulated service behaves: every knob, its default, and its JSON form. No logic that acts on a knob."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from .catalogue import Catalogue
from .organisations import DEFAULT_ORGANISATIONS, Organisation

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Behaviour:
    """The service's knobs. Times are simulated seconds; a change reaches the writes that come after it."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    gateway_create_seconds: Seconds = 0.5
    """From a POST of a gateway to READY."""
    deployment_create_seconds: Seconds = 1.0
    """From a POST of a deployment to READY."""
    claim_create_seconds: Seconds = 0.5
    """From a POST of a managed capacity claim to READY."""
    customer_claim_create_seconds: Seconds = 2.0
    """From a POST of a capacity claim on the customer's own nodes to READY."""
    gateway_update_seconds: Seconds = 0.5
    """From a PATCH of a gateway to READY."""
    deployment_update_seconds: Seconds = 1.0
    """From a PATCH of a deployment to READY."""
    claim_update_seconds: Seconds = 0.5
    """From a PATCH of a capacity claim to READY."""
    gateway_delete_seconds: Seconds = 0.3
    """From a DELETE of a gateway until it is deleted."""
    deployment_delete_seconds: Seconds = 0.3
    """From a DELETE of a deployment until it is deleted."""
    claim_delete_seconds: Seconds = 0.3
    """From a DELETE of a capacity claim until it is deleted."""
    stale_status_seconds: Seconds = 0.3
    """After a PATCH the old status and the old updatedAt are still shown for so long, beside the new spec."""
    heartbeat_seconds: Seconds = 0.0
    """Every so often updatedAt moves by itself, whatever the status; conditions keep their times. 0: never."""
    scale_down_delay_seconds: Seconds = 2.0
    """A reduced managed claim keeps its allocatedInstances for so long."""
    identical_patch_is_silent: bool = False
    """True: a PATCH of a READY object that changes nothing moves neither status nor updatedAt."""

    lists_hide_deleting: bool = False
    """True: what is being deleted is in no list any more; a GET still shows it."""

    emit_zero_values: bool = False
    """True: answers contain fields that have their zero value; False: they are left out."""
    strict_fields: bool = False
    """True: an unknown field is refused with 500; False: it is dropped without a word."""
    gzip: bool = True
    """True: answers are compressed for a client that accepts it."""
    version_required: bool = True
    """False: a deployment without runtime.version gets the newest, as the first documentation said."""

    missing_policy: Literal["ready-520", "failed"] = "ready-520"
    """What a deployment does whose bucket policy keeps the inference service out."""
    disabled_reaches_ready: bool = False
    """True: a disabled deployment becomes READY."""
    weights_and_biases_instances: bool = False
    """True: apiKey and serverUrl of Weights & Biases are accepted."""

    quota: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Instances by zone and instance type that each organisation may claim; a pair not named is unlimited."""
    claims_wait_for_hardware: bool = False
    """True: what a claim asks for stays pending until `World.release_hardware`."""
    customer_claims_refused: bool = False
    """True: capacity claims on the customer's own nodes are refused."""
    managed_name: Literal["SERVERLESS", "MANAGED", "both"] = "both"
    """The names accepted for the managed capacity type."""
    managed_name_shown: Literal["SERVERLESS", "MANAGED"] = "MANAGED"
    """The name shown in answers; where only one name is accepted, that one is shown."""

    parameters_fail: bool = False
    """True: the requests for gateway and deployment parameters fail."""
    key_delay_seconds: Seconds = 0.0
    """A freshly minted S3 key is refused for so long."""
    bucket_delay_seconds: Seconds = 0.0
    """A new bucket is answered 400, then 404, for so long."""

    observability_label: str = "inference_deployment_id"
    """The label by which logs and metrics name a deployment; its value is the deployment's id."""

    catalogue: Catalogue = field(default_factory=Catalogue)
    """Zones, instance types, engines and their versions that the service offers."""
    organisations: Annotated[tuple[Organisation, ...], Field(min_length=1)] = DEFAULT_ORGANISATIONS
    """Organisations with their tokens."""

    def changed(self, changes: Mapping[str, Any]) -> Behaviour:
        """A copy with some knobs set from their JSON form; raises ValueError naming each knob that is wrong."""
        try:
            return ADAPTER.validate_python({**ADAPTER.dump_python(self), **changes})
        except ValidationError as error:
            raise ValueError("; ".join(map(_fault, error.errors()))) from None

    def as_json(self) -> dict[str, Any]:
        """Every knob in its JSON form; tokens included, since they are the simulator's own."""
        dumped: dict[str, Any] = ADAPTER.dump_python(self, mode="json")
        return dumped

    @property
    def capacity_type_shown(self) -> str:
        """The enum name in answers for the managed capacity type."""
        shown = self.managed_name_shown if self.managed_name == "both" else self.managed_name
        return f"CAPACITY_TYPE_{shown}"


def _fault(found: Any) -> str:
    """`gzip is 7: should be a valid boolean`."""
    where = ".".join(map(str, found["loc"]))
    return f"{where} is {found['input']!r}: {str(found['msg']).removeprefix('Input ')}"


ADAPTER: TypeAdapter[Behaviour] = TypeAdapter(Behaviour)


def meanings() -> dict[str, str]:
    """What each knob means: the string below its declaration, one line."""
    (tree,) = ast.parse(inspect.getsource(Behaviour)).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for declared, text in pairwise(tree.body):
        if isinstance(declared, ast.AnnAssign) and isinstance(text, ast.Expr):
            name, meaning = ast.unparse(declared.target), ast.literal_eval(text.value)
            found[name] = " ".join(meaning.split())
    return found


KNOBS = tuple(knob.name for knob in fields(Behaviour))
