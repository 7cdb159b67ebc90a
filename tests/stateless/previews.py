"""What a preview with refresh shows of a change, by the code of the providers: a state, an account and a declaration in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import yaml
from coreweave_inference.api.objects import ApiObject
from coreweave_inference.declaration import Declaration, ObjectDeclaration, read_for_stack
from coreweave_inference.importing.matching import Stack
from coreweave_inference.model.identity import Place, default_name, object_id, replace_identity
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import complete, get_path, sparse, with_path
from coreweave_inference.provider.capacity_claim_lifecycle import CapacityClaimLifecycle
from coreweave_inference.provider.deployment_lifecycle import DeploymentLifecycle
from coreweave_inference.provider.gateway_lifecycle import GatewayLifecycle
from coreweave_inference.provider.object_forms import ObjectForms
from coreweave_inference.provider.values import DERIVED_NAME, IDENTITY

from tests.faults.programs import Program

STACK = Stack("serving", "dev", '["identity","serving","dev"]')
VERSION = "0.22.0+crwv.2"
FORMS: Mapping[Kind, ObjectForms] = {
    Kind.GATEWAY: GatewayLifecycle(),
    Kind.CAPACITY_CLAIM: CapacityClaimLifecycle(),
    Kind.DEPLOYMENT: DeploymentLifecycle(),
}
Key = tuple[Kind, str]
State = dict[Key, dict[str, Any]]
"""By kind and key the recorded inputs of each object."""
Account = dict[str, ApiObject]
"""By id what is live."""


def declaration_of(program: Program) -> Declaration:
    """The program as its file is read."""
    return read_for_stack(Path("inference.yaml"), "none", text=yaml.safe_dump(program.document()))


def inputs_of(item: ObjectDeclaration, gateways: Mapping[str, str]) -> dict[str, Any]:
    """What the program gives a provider for a new object."""
    replaces = replace_identity(item.kind, item.spec)
    derived = default_name(item.kind, Place(item.key), STACK.project, STACK.name, replaces)
    inputs: dict[str, Any] = {
        **item.spec,
        "apiId": object_id(STACK.identity, item.kind, Place(item.key).unique, replaces),
        "name": item.spec.get("name") or derived,
        IDENTITY: replaces,
        **({} if item.spec.get("name") else {DERIVED_NAME: derived}),
    }
    if item.kind is Kind.DEPLOYMENT:
        inputs["gatewayIds"] = [gateways[key] for key in item.gateways]
    return inputs


def created(declaration: Declaration) -> tuple[State, Account]:
    """State and account after the first run."""
    state: State = {}
    account: Account = {}
    gateways: dict[str, str] = {}
    for item in declaration.objects():
        inputs = FORMS[item.kind].carried_over({}, inputs_of(item, gateways))
        if item.kind is Kind.DEPLOYMENT:
            inputs = with_path(inputs, "runtime.version", VERSION)
        if item.kind is Kind.GATEWAY:
            gateways[item.key] = inputs["apiId"]
        state[item.kind, item.key] = inputs
        spec = {**complete(item.kind, sparse(item.kind, inputs)), "id": inputs["apiId"]}
        account[inputs["apiId"]] = ApiObject(item.kind, inputs["apiId"], inputs["name"], spec, "READY")
    return state, account


def changed_outside(random: Random, account: Account) -> Account:
    """What a colleague does in the console: a field, a name, a deletion."""
    found = dict(account)
    for id_ in random.sample(sorted(found), min(len(found), random.choice((0, 1, 1, 2)))):
        live = found[id_]
        changes: list[tuple[str, Any]] = [("name", f"{live.name[:40]}-renamed")]
        if live.kind is Kind.DEPLOYMENT:
            changes += [
                ("autoscaling.max", 9),
                ("traffic.weight", random.randint(1, 1000)),
                ("disabled", True),
                ('runtime.engineConfig["max-model-len"]', "2048"),
                ("model.path", "models/other"),
            ]
        elif live.kind is Kind.CAPACITY_CLAIM:
            changes = [("resources.instanceCount", random.randint(1, 9))]
        else:
            changes.append(("zones", ["US-WEST-04A"]))
        path, value = random.choice([*changes, ("", None)])
        if not path:
            del found[id_]
            continue
        spec = with_path(live.spec, path, value)
        found[id_] = ApiObject(live.kind, id_, spec["name"], spec, "READY")
    return found


def previewed(
    state: State, account: Account, declaration: Declaration
) -> dict[tuple[str, str, str], set[str]]:
    """By what happens, kind and key: the paths that change. A refresh comes first."""
    refreshed: State = {}
    for (kind, key), inputs in state.items():
        live = account.get(inputs["apiId"])
        if live is not None:
            forms = FORMS[kind]
            hidden = {name: inputs[name] for name in (IDENTITY, DERIVED_NAME) if name in inputs}
            refreshed[kind, key] = {**forms.recorded_spec(inputs, live), **hidden, "apiId": live.id}
    shown: dict[tuple[str, str, str], set[str]] = {}
    gateways: dict[str, str] = {}
    seen: set[Key] = set()
    for item in declaration.objects():
        known = next((k for k in (item.key, *item.options.aliases) if (item.kind, k) in refreshed), None)
        news = inputs_of(item, gateways)
        if known is None:
            shown["adds", item.kind.noun, item.key] = set()
            inputs = news
        else:
            seen.add((item.kind, known))
            olds = refreshed[item.kind, known]
            inputs = FORMS[item.kind].carried_over(olds, news)
            if item.kind is Kind.DEPLOYMENT:
                inputs = with_path(inputs, "runtime.version", get_path(olds, "runtime.version"))
            paths = {found.path for found in FORMS[item.kind].changes_between(olds, inputs)}
            replaced = FORMS[item.kind].is_replaced(olds, inputs)
            if paths or replaced:
                shown["replaces" if replaced else "changes", item.kind.noun, item.key] = paths
        if item.kind is Kind.GATEWAY:
            gateways[item.key] = inputs["apiId"]
    for kind, key in refreshed:
        if (kind, key) not in seen:
            shown["removes", kind.noun, key] = set()
    return shown
