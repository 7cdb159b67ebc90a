"""What the engine tells a program of the last state of its own stack.

Pulumi shows a program no state, but it answers, as it does for a reference to another stack, what that stack's
resources were at last. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import get_monitor

from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.model.engine_secrets import SECRET_SIGNATURE, without_secrets
from coreweave_inference.model.resource_types import ACCOUNT, own_type

READ = "pulumi:pulumi:readStackResourceOutputs"
READ_OUTPUTS = "pulumi:pulumi:readStackOutputs"


def last_state() -> Mapping[str, Any] | None:
    """As `pulumi stack export` writes it, as far as the engine tells, with a mark for each secret. None, and a warning that
    says so, if it does not.

    Registrations wait until the program's own code ends or calls something that turns the event loop. After that the
    answer may hold what this run did.
    """
    monitor, organization = get_monitor(), pulumi.get_organization()
    if monitor is None or not organization:  # A program's unit test names none.
        return None
    name = f"{organization}/{pulumi.get_project()}/{pulumi.get_stack()}"
    found = _outputs_of(READ, {"stackName": name})
    if found is None:
        pulumi.log.warn(
            f"stack {name}: the engine does not tell its last state, so nothing was compared with it (renamed keys, what a "
            "change takes from clients, the recorded endpoint); update the Pulumi CLI, or use `cw-inference preview`, which "
            "reads the state itself"
        )
        return None
    return {"deployment": {"resources": [_resource(urn, answer) for urn, answer in found.items()]}}


def stack_outputs(stack: str) -> Mapping[str, Any] | None:
    """What another stack exports, as the engine of this run tells it; None if it does not."""
    return _outputs_of(READ_OUTPUTS, {"name": stack})


def _outputs_of(token: str, arguments: Mapping[str, str]) -> Mapping[str, Any] | None:
    monitor = get_monitor()
    if monitor is None:
        return None
    request = resource_pb2.ResourceInvokeRequest(tok=token)
    request.args.update(arguments)
    try:
        # Not by pulumi.runtime.invoke: that shows secrets in plain text, and lets registrations go on meanwhile.
        answer = monitor.Invoke(request)
    except Exception:  # An engine without it; in a unit test, whatever its mocks raise.
        return None
    found = MessageToDict(getattr(answer, "return")).get("outputs")
    return found if isinstance(found, Mapping) else None


def resources_of(state: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The resources of a stack's state, as `pulumi stack export` writes it; none without a state."""
    return list(((state or {}).get("deployment") or {}).get("resources") or ())


def other_stack(state: Mapping[str, Any] | None, project: str, stack: str) -> str:
    """The stack that resources of ours in this state belong to, where that is another one; else empty. A state that was
    imported from another stack keeps that one's URNs, and a run here would delete its objects.
    """
    for resource in resources_of(state):
        found = str(resource.get("urn", "")).removeprefix("urn:pulumi:").split("::")
        if own_type(str(resource.get("type"))) and found[:2] != [stack.rsplit("/", 1)[-1], project]:
            return f"{found[1]}/{found[0]}" if len(found) > 1 else str(resource.get("urn"))
    return ""


def refuse_other_stack(state: Mapping[str, Any] | None, project: str, stack: str) -> None:
    """Raise CoreWeaveError where this state is the one of another stack."""
    if other := other_stack(state, project, stack):
        raise CoreWeaveError(
            f'stack "{stack}": its state is the one of stack {other}, and a run here would change or delete that '
            "stack's objects; nothing was changed; import this stack's own state, or use `pulumi stack rename`"
        )


def recorded_endpoint(state: Mapping[str, Any] | None) -> str:
    """Where a stack lives, by its account or the first object that knows; empty where nothing was made yet."""
    ours = [found for found in resources_of(state) if own_type(str(found.get("type")))]
    ours.sort(key=lambda found: own_type(found["type"]) != ACCOUNT)
    endpoints = (str((found.get("outputs") or {}).get("apiEndpoint") or "") for found in ours)
    return next((endpoint for endpoint in endpoints if endpoint), "")


def recorded_name(last: Mapping[str, Any] | None, urn: str, key: str = "name") -> str | None:
    """The name in the outputs (`key`) of a resource in a stack's last state; None where the state does not have it."""
    names = ((item.get("outputs") or {}).get(key) for item in resources_of(last) if item.get("urn") == urn)
    name = next(names, None)
    return name if isinstance(name, str) else None


def _resource(urn: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    # The engine tells a secret beside its mark: only the mark is kept.
    outputs = without_secrets(answer.get("outputs") or {}, {SECRET_SIGNATURE: ""})
    return {"urn": urn, "type": answer.get("type"), "id": outputs.get("apiId"), "outputs": outputs}
