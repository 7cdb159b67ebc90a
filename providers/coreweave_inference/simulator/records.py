"""What the simulated service remembers of an object, and what it shows of it. Data only; time passes in `lifecycle`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["deployments", "gateways", "capacityclaims"]
Spec = dict[str, Any]
FOREVER = float("inf")


@dataclass(frozen=True)
class Condition:
    """One line of `status.conditions`; an empty zone represents every zone of the object."""

    type: str
    holds: bool
    reason: str
    message: str
    zone: str = ""


@dataclass(frozen=True)
class Shown:
    """An object's status at one moment; `updated_at` in epoch seconds, instances only for claims."""

    status: str
    updated_at: float
    conditions: tuple[Condition, ...] = ()
    allocated: int = 0
    pending: int = 0


@dataclass(frozen=True)
class Outcome:
    """How the work of a write ended."""

    status: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Write:
    """The last accepted write: when it happened, until when the status from before it is shown, when its work ends."""

    at: float
    visible_at: float
    due_at: float
    before: Shown | None = None
    allocated_before: int = 0
    shrinks_at: float = 0.0


@dataclass(frozen=True)
class Override:
    """A status put on an object by hand, until a moment."""

    shown: Shown
    until: float


@dataclass
class Record:
    """One object. `outcome` is None while the work of the last write goes on.

    `queued_seconds`: how long the work takes once hardware is there; None when nothing is waited for.
    `loaded_model`: bucket and path of the weights that the replicas hold.
    """

    kind: Kind
    organisation_id: str
    spec: Spec
    created_at: float
    write: Write
    outcome: Outcome | None = None
    deleted_at: float | None = None
    gone_at: float = FOREVER
    override: Override | None = None
    queued_seconds: float | None = None
    was_serving: bool = False
    was_ready: bool = False
    loaded_model: tuple[str, str] | None = None

    @property
    def id(self) -> str:
        """The object's id."""
        return str(self.spec["id"])

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.spec["name"])

    @property
    def model_location(self) -> tuple[str, str]:
        """Bucket and path of a deployment's weights."""
        model = self.spec["model"]
        return str(model["bucket"]), str(model["path"])
