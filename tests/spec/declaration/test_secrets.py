"""Secrets stand in a declaration only by reference."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from coreweave_inference.declaration import Declaration, SecretReference

Declare = Callable[[str], Declaration]
Faults = Callable[[str], list[str]]
Change = Callable[..., str]


def test_a_secret_is_a_reference(declare: Declare, changed: Change) -> None:
    auth = {"apiKey": {"fromConfig": "wandbKey"}, "serverUrl": "https://wandb.example.com"}
    gateways = {"public": {"weightsAndBiasesAuth": auth, "pathBasedRouting": {}}}

    declared = declare(changed(gateways=gateways)).gateways["public"].spec

    assert declared["weightsAndBiasesAuth"] == {
        "apiKey": SecretReference("fromConfig", "wandbKey"),
        "serverUrl": "https://wandb.example.com",
    }


@pytest.mark.parametrize("key", ["hunter2", 12345678, ["hunter2"]])
def test_a_key_in_the_file_is_a_fault_that_does_not_show_it(
    faults: Faults, key: object, changed: Change
) -> None:
    auth = {"apiKey": key, "serverUrl": "https://wandb.example.com"}

    found = faults(changed(gateways={"public": {"weightsAndBiasesAuth": auth, "pathBasedRouting": {}}}))

    assert [fault.split(": ", 1)[1] for fault in found] == [
        (
            "gateways.public.weightsAndBiasesAuth.apiKey: plaintext secret in the file; "
            "write {fromEnv: NAME} or {fromConfig: key}, and replace the key, as it may have been read"
        ),
    ]


@pytest.mark.parametrize(
    "reference", [{}, {"fromEnv": ""}, {"fromEnv": 3}, {"from": "x"}, {"fromEnv": "A", "fromConfig": "b"}]
)
def test_what_is_no_reference_to_a_secret_is_a_fault(
    faults: Faults, reference: object, with_deployment: Change
) -> None:
    runtime = {"engine": "vllm", "engineEnv": {"TOKEN": reference}}

    assert [fault.split(": ", 1)[1] for fault in faults(with_deployment(runtime=runtime))] == [
        (
            'deployments.chat.runtime.engineEnv["TOKEN"]: is not a reference to a secret; '
            "write {fromEnv: NAME} or {fromConfig: key}"
        ),
    ]


def test_a_key_by_reference_still_needs_its_server(faults: Faults, changed: Change) -> None:
    gateways = {"public": {"weightsAndBiasesAuth": {"apiKey": {"fromEnv": "K"}}, "pathBasedRouting": {}}}

    assert "apiKey is given without serverUrl" in faults(changed(gateways=gateways))[0]
