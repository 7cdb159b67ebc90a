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

from coreweave_inference.model.engine_secrets import SECRET_SIGNATURE, without_secrets

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


def _resource(urn: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    # The engine tells a secret beside its mark: only the mark is kept.
    outputs = without_secrets(answer.get("outputs") or {}, {SECRET_SIGNATURE: ""})
    return {"urn": urn, "type": answer.get("type"), "id": outputs.get("apiId"), "outputs": outputs}
