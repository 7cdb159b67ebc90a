"""One LIST of each kind, and the API with little patience: what a person waits for. Light, so that a command starts at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.api.objects import ApiObject
from coreweave_inference.clock import system
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.model.kinds import Kind
from coreweave_inference.settings.resolution import Settings

RETRY_SECONDS = 10.0
"""How long a failing LIST is repeated: a person waits for it."""

Lists = Mapping[Kind, Sequence[ApiObject]]


@dataclass(frozen=True)
class Account:
    """Everything in the account at one moment; `unread` says why a kind could not be listed."""

    lists: Lists
    unread: Mapping[Kind, str] = field(default_factory=dict)
    now: float = 0.0

    def get(self, kind: Kind, id_: str) -> ApiObject | None:
        """One object of the lists."""
        return next((found for found in self.lists.get(kind, ()) if found.id == id_), None)


@contextmanager
def opened(settings: Settings) -> Iterator[InferenceApi]:
    """The API with little patience."""
    impatient = replace(settings, retry_seconds=min(settings.retry_seconds, RETRY_SECONDS))
    with InferenceApi.of(impatient) as api:
        yield api


def listed(api: InferenceApi, kinds: Sequence[Kind] = tuple(Kind)) -> Account:
    """One LIST of each kind, side by side. Raises the error of the first where none could be had."""
    with ThreadPoolExecutor(len(kinds)) as pool:
        asked = {kind: pool.submit(api.list, kind) for kind in kinds}
    lists: dict[Kind, Sequence[ApiObject]] = {}
    errors: dict[Kind, CoreWeaveError] = {}
    for kind, future in asked.items():
        try:
            lists[kind] = future.result()
        except CoreWeaveError as error:
            errors[kind] = error
    if not lists:
        raise next(iter(errors.values()))
    now = api.service_time()
    return Account(
        lists, {kind: str(error) for kind, error in errors.items()}, system.now() if now is None else now
    )
