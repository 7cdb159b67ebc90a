"""The journal of the simulator: who asked what, and what was answered, without secrets."""

from __future__ import annotations

from tests.simulator.inference_fixtures import (
    Api,
    gateway,
    put_weights,
)


def test_the_journal_records_who_asked_what_and_what_was_answered(api: Api) -> None:
    api.create("gateways", gateway())
    api.call("GET", "/nothing?a=1")

    first, second = api.simulator.journal.entries()

    assert (first.method, first.path, first.status) == ("POST", "/v1alpha1/inference/gateways", 200)
    assert (first.organisation_id, first.body, first.fault) == ("ab1cd2", gateway(), None)
    assert first.simulated_at == api.simulator.clock.now()
    assert (second.path, second.query, second.status) == ("/v1alpha1/inference/nothing", "a=1", 404)
    assert second.number == first.number + 1


def test_the_journal_finds_requests_by_method_and_path(api: Api) -> None:
    api.call("GET", "/gateways")
    api.call("GET", "/deployments")
    api.call("POST", "/deployments", {})

    found = api.simulator.journal.entries("GET", "/deployments$")
    over_http = api.http.get("/simulator/requests", params={"method": "GET", "path": "deployments"}).json()

    assert [entry.as_json() for entry in found] == over_http
    assert len(over_http) == 1


def test_the_journal_masks_secrets_and_skips_the_simulators_own_paths(api: Api) -> None:
    body = gateway(coreWeaveAuth=None, weightsAndBiasesAuth={"apiKey": "local-secret"})
    api.call("POST", "/gateways", body)

    seen = api.http.get("/simulator/requests").text

    (entry,) = api.simulator.journal.entries()
    assert entry.body["weightsAndBiasesAuth"] == {"apiKey": "***"}
    assert "local-secret" not in seen
    assert api.simulator.token not in seen


def test_the_journal_knows_whose_key_signed_an_s3_request(api: Api) -> None:
    put_weights(api.simulator)

    puts = api.simulator.journal.entries("PUT", "config.json$")

    assert [(entry.organisation_id, entry.status) for entry in puts] == [("ab1cd2", 200)]
