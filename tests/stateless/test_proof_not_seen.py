"""A proof that cannot look, and what a deletion without a state shows while it waits."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import typer
from coreweave_inference.cli.event_file import EventFile
from coreweave_inference.cli.proving import Prover
from coreweave_inference.cli.reports import finish
from coreweave_inference.cli.running import _proof
from coreweave_inference.cli.stateless_destroy import CommandLog
from coreweave_inference.engine.results import Result
from coreweave_inference.importing.matching import Stack
from coreweave_inference.settings.resolution import resolve

NOWHERE = {
    "COREWEAVE_API_TOKEN": "CW-SECRET-test",
    "COREWEAVE_API_ENDPOINT": "http://127.0.0.1:9",
    "COREWEAVE_RETRY_SECONDS": "0.1",
}


def test_a_destroy_whose_proof_cannot_look_is_reported_and_ends_with_4(
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = replace(resolve(NOWHERE, {}), retry_seconds=0.1)
    prover = Prover(settings, Stack("serving", "dev", "abc"), None, (), lambda text: None)
    destroyed = Result("destroy", "serving", "dev", ok=True, counts={"delete": 2})

    proof = _proof(prover, destroyed)
    with pytest.raises(typer.Exit) as ended:
        finish(destroyed, EventFile(), as_json=True, proof=proof)

    document = json.loads(capsys.readouterr().out)
    assert ended.value.exit_code == 4
    assert (document["ok"], document["counts"]) == (True, {"delete": 2})
    assert (document["proof"]["holds"], document["proof"]["remaining"]) == (None, [])
    assert "127.0.0.1:9" in document["proof"]["notKnown"][0]


def test_what_a_deletion_waits_for_is_shown_once_for_as_long_as_it_is_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = CommandLog(as_json=False)

    for text in ("waiting for a", "waiting for a", "waiting for b", "waiting for b"):
        log.progress("urn::chat", text)

    assert capsys.readouterr().out.splitlines() == ["chat: waiting for a", "chat: waiting for b"]
