"""What is known of the service besides its objects: what it offers, and what lies in the weights buckets.

Data only, and how an answer of the service becomes it. `None`, and an empty list, mean "not known": the service lists
instance types only once a gateway exists (documentation), so an empty list allows nothing to be concluded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from coreweave_inference.fit import Tensor
from coreweave_inference.fleet.values import mapping, names
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.versions import newest

from .loading import WeightsFile, loaded_files, missing_parts, models_files, rivals

CONFIG = "config.json"


@dataclass(frozen=True)
class Catalogue:
    """What the three parameters calls answer; `unread` has one sentence for each call that failed."""

    zones: tuple[str, ...] = ()
    claim_types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    instance_types: tuple[str, ...] = ()
    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    config_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    environment_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    @cached_property
    def newest(self) -> Mapping[str, str | None]:
        """The newest version of each engine."""
        return {engine: newest(versions) for engine, versions in self.versions.items()}

    @classmethod
    def of_answers(cls, answers: Mapping[Kind, Any], unread: tuple[str, ...] = ()) -> Catalogue:
        """The catalogue in the answers of the parameters calls, whatever is missing in them."""
        gateways, claims, deployments = (
            mapping(answers.get(kind)) for kind in (Kind.GATEWAY, Kind.CAPACITY_CLAIM, Kind.DEPLOYMENT)
        )
        runtime = mapping(deployments.get("runtimeParameters"))
        return cls(
            zones=tuple(zone.upper() for zone in names(gateways.get("zones"))),
            claim_types=_lists(claims.get("zoneInstanceTypes"), "instanceIds", upper=True),
            instance_types=names(mapping(deployments.get("resourceParameters")).get("instanceTypes")),
            versions=_lists(runtime.get("runtimeVersions"), "versions"),
            config_keys=_lists(runtime.get("runtimeConfigOptions"), "allowedKeys"),
            environment_names=_lists(runtime.get("engineEnvOptions"), "allowedNames"),
            unread=unread,
        )


def _lists(by_name: Any, inner: str, *, upper: bool = False) -> dict[str, tuple[str, ...]]:
    """`{"vllm": {"versions": […]}}` as `{"vllm": (…)}`."""
    found = {str(name): names(mapping(entry).get(inner)) for name, entry in mapping(by_name).items()}
    return {name.upper() if upper else name: listed for name, listed in found.items()}


@dataclass(frozen=True)
class Folder:
    """What lies below a model's path; `complete` is false where the listing was cut off. `config`: its config.json.

    `indexed` are the files that the index of its weights names, `tensors` those in the headers, `longest` the tokens beyond
    which its tokenizer does not go, where those were read; `unread` has one sentence on each thing that could not be.
    """

    files: tuple[WeightsFile, ...] = ()
    complete: bool = True
    config: Mapping[str, Any] | None = None
    indexed: frozenset[str] = frozenset()
    tensors: tuple[Tensor, ...] | None = None
    longest: int | None = None
    unread: tuple[str, ...] = ()

    @cached_property
    def loaded(self) -> tuple[WeightsFile, ...]:
        """The files that an engine loads; none where that is not known."""
        return loaded_files(self.files, self.indexed, complete=self.complete)

    @cached_property
    def bytes(self) -> int:
        """Bytes of the files that an engine loads at least."""
        return sum(file.size for file in self.loaded)

    @property
    def missing(self) -> int:
        """Parts of the weights that are not there."""
        return missing_parts(self.files, self.loaded, self.indexed) if self.complete else 0

    @property
    def is_ambiguous(self) -> bool:
        """Whether an engine may load more files than `loaded` has."""
        return not self.indexed and bool(rivals(self.files, self.loaded))

    @property
    def newest(self) -> datetime | None:
        """When the youngest file of the model was written."""
        files = models_files(self.files, self.loaded)
        return max((file.modified for file in files if file.modified), default=None)


@dataclass(frozen=True)
class BucketFacts:
    """A bucket. `policy` is its document, or `None` where it has none; `folders` are by model path.

    A folder is left out where it could not be listed. `exists` is false where the service says that there is no such bucket.
    """

    policy: Mapping[str, Any] | None = None
    policy_known: bool = True
    folders: Mapping[str, Folder] = field(default_factory=dict)
    exists: bool = True
