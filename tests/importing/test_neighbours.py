"""What the other stacks of a backend have, whatever kind of backend that is."""

from __future__ import annotations

import json

import pytest
from coreweave_inference.engine.neighbours import other_stacks
from coreweave_inference.importing.matching import Stack as Own
from coreweave_inference.model.identity import stack_identity
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.policy.statements import sid_for
from coreweave_inference.provider.bucket_ownership import stack_tag

from tests.running.command_line import Stack, gateways

OWN = Own("serving", "dev")


def state_of(stack: str, id_: str) -> str:
    start = f"urn:pulumi:{stack}::serving"
    host = {
        "urn": f"{start}::pulumi:providers:pulumi-python::default",
        "custom": True,
        "id": "1",
        "type": "pulumi:providers:pulumi-python",
    }
    object_ = {
        "urn": f"{start}::{TYPES}Gateway::public",
        "custom": True,
        "id": id_,
        "type": f"{TYPES}Gateway",
        "provider": f"{host['urn']}::1",
    }
    return json.dumps({"version": 3, "deployment": {"manifest": {}, "resources": [host, object_]}})


def test_each_other_stack_is_known_by_what_its_state_has_in_a_folder_and_by_the_cli(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.pulumi("stack", "init", "--no-select", "prod")
    stack.pulumi("stack", "import", "--stack", "prod", standard_input=state_of("prod", "g1"))
    stack.declare(gateways("public"))
    (stack.path / "Pulumi.prod.yaml").write_text("config:\n  coreweave:identity: abc\n")
    for key, value in stack.environment.items():
        monkeypatch.setenv(key, value)

    in_folder = other_stacks(stack.path, OWN)
    stack.pulumi("login", stack.environment["PULUMI_BACKEND_URL"])
    monkeypatch.setenv("PULUMI_BACKEND_URL", "")
    by_command, of_prod = other_stacks(stack.path, OWN), other_stacks(stack.path, Own("serving", "prod"))

    (found,), unread = in_folder
    identity = stack_identity("abc", "organization", "serving", "prod")
    assert (found.label, found.has, unread) == ("serving/prod", {"g1"}, "")
    assert (found.tag, found.sid) == (stack_tag(identity), sid_for(None, identity))
    assert len(found.derives) == 2
    assert by_command == in_folder
    assert [one.has for one in of_prod[0]] == [frozenset()]


def test_a_backend_that_cannot_be_listed_is_reported_and_stops_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.environment["PULUMI_BACKEND_URL"] = "https://127.0.0.1:1"
    for key, value in stack.environment.items():
        monkeypatch.setenv(key, value)

    found, unread = other_stacks(stack.path, OWN)

    assert found == ()
    assert "could not be listed" in unread
