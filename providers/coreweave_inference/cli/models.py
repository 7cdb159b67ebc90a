"""Which model a user means, and how it is called: by its key in the stack, its name in the account, or the model's name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from coreweave_inference.api.objects import ApiObject
from coreweave_inference.errors import CoreWeaveError, Failed, SettingsError, StartupError, did_you_mean
from coreweave_inference.fleet.routes import COREWEAVE, Route, routes_to
from coreweave_inference.fleet.values import model_name
from coreweave_inference.model.kinds import Kind
from coreweave_inference.settings.secret import Secret

from .account_lists import Account
from .live_account import Scope

WANDB_KEY = "WANDB_API_KEY"
"""Environment variable: the key that a gateway with Weights & Biases authentication takes."""


@dataclass(frozen=True)
class Model:
    """A model and its routes. `members` are the deployments of its traffic groups, `asked` the one that was named."""

    name: str
    routes: tuple[Route, ...]
    members: tuple[ApiObject, ...] = ()
    asked: ApiObject | None = None


def find_model(scope: Scope, account: Account, key: str) -> Model:
    """The model of deployment `key`, or the model of that name. Raises StartupError where there is none,
    CoreWeaveError where it has no endpoint, and Failed where deployments or gateways could not be listed.
    """
    for kind in (Kind.DEPLOYMENT, Kind.GATEWAY):
        if kind in account.unread:
            raise Failed(f"{kind.noun}s: could not be listed: {account.unread[kind]}")
    deployments = account.lists.get(Kind.DEPLOYMENT, ())
    asked = _deployment(scope, deployments, key)
    name = model_name(asked.spec) if asked is not None else key
    if asked is None and any(
        item.key == key and item.kind is Kind.DEPLOYMENT for item in scope.recorded or ()
    ):
        raise CoreWeaveError(
            f'deployment "{key}": is in the state and not in the account; `cw-inference up` creates it again'
        )
    members = tuple(found for found in deployments if model_name(found.spec) == name)
    if not members:
        known = sorted({*_keys(scope, deployments), *(model_name(found.spec) for found in deployments)})
        meant = did_you_mean(key, known)
        raise StartupError(
            f'"{key}": no deployment and no model has that name; {meant}known: {", ".join(known) or "none"}'
        )
    ids = [id_ for found in ([asked] if asked else members) for id_ in found.spec.get("gatewayIds") or ()]
    gateways = [found for id_ in dict.fromkeys(ids) if (found := account.get(Kind.GATEWAY, id_)) is not None]
    routes = tuple(route for gateway in gateways for route in routes_to(gateway, name))
    if not routes:
        states = (
            ", ".join(f'gateway "{found.name}" is {found.status}' for found in gateways)
            or "it has no gateway"
        )
        raise CoreWeaveError(
            f'model "{name}": has no endpoint to call ({states}); `cw-inference doctor` says why'
        )
    return Model(name, routes, members, asked)


def _deployment(scope: Scope, deployments: Iterable[ApiObject], key: str) -> ApiObject | None:
    ids = {item.key: item.id for item in scope.recorded or () if item.kind is Kind.DEPLOYMENT}
    if key in ids:
        return next((found for found in deployments if found.id == ids[key]), None)
    return next((found for found in deployments if key in (found.name, found.id)), None)


def _keys(scope: Scope, deployments: Iterable[ApiObject]) -> list[str]:
    if scope.recorded is None:
        return [found.name for found in deployments]
    return [item.key for item in scope.recorded if item.kind is Kind.DEPLOYMENT]


def key_for(route: Route, token: Secret) -> Secret:
    """The key that the gateway of a route takes. Raises SettingsError where there is none."""
    if route.key == COREWEAVE:
        return token
    if not os.environ.get(WANDB_KEY):
        raise SettingsError(
            f'gateway "{route.gateway}" takes keys of Weights & Biases: set {WANDB_KEY} to one of an account that it lets in'
        )
    return Secret(os.environ[WANDB_KEY])
