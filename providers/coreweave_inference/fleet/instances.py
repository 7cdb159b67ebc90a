"""What is known of instance types: GPUs, the memory that an engine sees of each, and list prices (`instances.yaml`).

Instance types are opaque: of one that is not listed nothing is known, and whoever needs it says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from coreweave_inference.errors import CoreWeaveError

GIB = 2**30


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class Instance(_Strict):
    """One instance type; no price means by contract. A user's price list need not say GPU and memory."""

    gpus: Annotated[int, Field(ge=1)]
    per_gpu_hour: Annotated[Decimal, Field(ge=0)] | None = None
    gpu: str = ""
    memory_gib: Annotated[float, Field(gt=0)] | None = None


class _PriceFile(_Strict):
    version: Literal[1]
    date: date
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    source: str
    unpriced_zones: tuple[str, ...] = ()
    instances: dict[str, Instance]


@dataclass(frozen=True)
class Hardware:
    """GPUs of one instance; `memory` in bytes for each, as vLLM and torch report it."""

    gpu: str
    gpus: int
    memory: int


@dataclass(frozen=True)
class Prices:
    """Prices for one GPU and hour, in `currency`; instance types in lower case."""

    date: date
    currency: str
    source: str
    unpriced_zones: tuple[str, ...]
    instances: Mapping[str, Instance]

    def gpus(self, instance_type: str | None) -> int | None:
        """GPUs of one instance; `None` where the type is not known."""
        instance = self.instances.get((instance_type or "").lower())
        return instance.gpus if instance else None

    def rate(self, instance_type: str | None, zones: frozenset[str] | None = None) -> Decimal | None:
        """For one GPU and hour; `None` for what has no list price: another type, or a zone without."""
        if any(zone.startswith(start) for zone in zones or () for start in self.unpriced_zones):
            return None
        instance = self.instances.get((instance_type or "").lower())
        return instance.per_gpu_hour if instance else None


def read_prices(text: str, source: str) -> Prices:
    """The price list in `text`. Raises CoreWeaveError, naming `source`, with every fault."""
    try:
        file = _PriceFile.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise CoreWeaveError(f"{source} is no YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise CoreWeaveError(
            f"{source} is no price list: {faults}; take the package's own as a pattern"
        ) from error
    instances = {name.lower(): instance for name, instance in file.instances.items()}
    return Prices(file.date, file.currency, file.source, file.unpriced_zones, instances)


@cache
def default_prices() -> Prices:
    """The package's own list."""
    name = "instances.yaml"
    return read_prices(files(__package__).joinpath(name).read_text(encoding="utf-8"), name)


def hardware_of(instance_type: str | None) -> Hardware | None:
    """The hardware behind an instance type in any case; `None` where it is not known."""
    instance = default_prices().instances.get((instance_type or "").lower())
    if instance is None or instance.memory_gib is None:
        return None
    return Hardware(instance.gpu, instance.gpus, int(instance.memory_gib * GIB))
