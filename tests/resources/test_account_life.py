"""The account: checked first, recorded, and the last to go."""

from __future__ import annotations

import pytest
from coreweave_inference.host.dynamic import CoreWeave
from coreweave_inference.resources.account import AccountProvider
from coreweave_inference.resources.deployment import DeploymentProvider
from coreweave_inference.resources.gateway import GatewayProvider
from coreweave_inference.simulator import Simulator
from coreweave_inference.version import __version__

from tests.resources.engine_steps import Resource
from tests.resources.service import ORGANIZATION, Run, deployment, gateway, run_against, urn
from tests.simulator.inference_fixtures import STRANGER

INPUTS = {"__urn": urn("Account", "account")}


@pytest.fixture
def account() -> Resource:
    return Resource(AccountProvider())


def test_it_records_where_the_stack_lives(run: Run, simulator: Simulator, account: Resource) -> None:
    account.up(INPUTS)

    assert (account.id, account.outputs) == (
        "account",
        {
            **INPUTS,
            "apiEndpoint": simulator.url,
            "organizationId": "",
            "format": 1.0,
            "packageVersion": __version__,
        },
    )
    assert account.up(INPUTS) == "same"


def test_the_organization_is_recorded_as_soon_as_an_object_shows_it(
    run: Run, simulator: Simulator, account: Resource
) -> None:
    account.up(INPUTS)
    Resource(GatewayProvider()).up(gateway())

    with run_against(simulator):
        account.refresh()

    assert account.outputs["organizationId"] == ORGANIZATION


def test_a_token_that_is_refused_is_reported_before_anything_else_is_read(
    simulator: Simulator, account: Resource
) -> None:
    with run_against(simulator, token="CW-SECRET-wrong"):
        (reason,) = account.check_faults(INPUTS)

    assert reason.startswith("the account cannot be used: ")
    assert "COREWEAVE_API_TOKEN" in reason
    assert "CW-SECRET-wrong" not in reason


def test_settings_that_contradict_each_other_are_a_warning(simulator: Simulator, account: Resource) -> None:
    with run_against(simulator, CW_BASE_URL="https://api.coreweave.com") as run:
        assert account.check_faults(INPUTS) == []

    assert run.log.warnings == [
        (
            f"The API endpoint comes from COREWEAVE_API_ENDPOINT ({simulator.url}); CW_BASE_URL (https://api.coreweave.com) "
            "is not used."
        )
    ]


def test_another_organization_or_endpoint_than_the_recorded_one_is_an_error(
    run: Run, simulator: Simulator, account: Resource
) -> None:
    Resource(GatewayProvider()).up(gateway())
    account.up(INPUTS)
    with run_against(simulator, token=STRANGER):
        Resource(GatewayProvider()).up(gateway("theirs"))

    with run_against(simulator, token=STRANGER), pytest.raises(CoreWeave) as caught:
        account.up(INPUTS)
    account.outputs["apiEndpoint"] = "https://api.coreweave.com"
    with run_against(simulator), pytest.raises(CoreWeave, match="this stack lives at https://api"):
        account.up(INPUTS)

    assert str(caught.value) == (
        f"this stack belongs to organization {ORGANIZATION}, but the token of COREWEAVE_API_TOKEN sees cw12ab; nothing "
        f"was changed; use the token of {ORGANIZATION}"
    )


def test_an_empty_account_is_not_another_organization(
    run: Run, simulator: Simulator, account: Resource
) -> None:
    account.up(INPUTS)
    account.outputs["organizationId"] = ORGANIZATION

    assert account.up(INPUTS) == "same"


def test_its_deletion_waits_for_everything_that_the_run_deleted_and_reports_it(
    run: Run, simulator: Simulator, account: Resource
) -> None:
    public, chat = Resource(GatewayProvider()), Resource(DeploymentProvider())
    account.up(INPUTS)
    public.up(gateway())
    chat.up(deployment())
    simulator.behaviour = simulator.behaviour.changed({"gateway_delete_seconds": 40})

    with run_against(simulator) as destroy:
        chat.destroy()
        public.destroy()
        account.destroy()

        assert destroy.log.notes == ['confirmed deleted: deployment "chat", gateway "public"']
        assert sum(destroy.time.slept) >= 40
    assert simulator.world.records("gateways") == []


def test_its_deletion_waits_for_nothing_where_nothing_was_deleted(
    run: Run, simulator: Simulator, account: Resource
) -> None:
    account.up(INPUTS)
    simulator.journal.clear()

    account.destroy()

    assert (run.time.slept, run.log.notes, simulator.journal.entries()) == ([], [], [])


@pytest.mark.parametrize("found", ["x", None, -1, 0, 1.5, True, [1]])
def test_a_state_format_that_nothing_writes_is_one_error(run: Run, account: Resource, found: object) -> None:
    account.up(INPUTS)
    account.outputs = {**account.outputs, "format": found}

    with pytest.raises(CoreWeave, match=r"has format .*, which no version of coreweave-inference writes"):
        AccountProvider().diff("account", account.outputs, INPUTS)


def test_a_state_of_a_newer_format_is_refused_by_every_method_with_the_version_that_is_needed(
    run: Run, account: Resource
) -> None:
    account.up(INPUTS)
    account.outputs = {**account.outputs, "format": 2.0, "packageVersion": "3.1.4"}
    provider = AccountProvider()

    for act in (
        lambda: provider.read("account", account.outputs),
        lambda: provider.diff("account", account.outputs, INPUTS),
        lambda: provider.update("account", account.outputs, INPUTS),
        lambda: provider.delete("account", account.outputs),
    ):
        with pytest.raises(
            CoreWeave, match=r"format 2.*knows formats up to 1.*install version 3\.1\.4 or later"
        ):
            act()
