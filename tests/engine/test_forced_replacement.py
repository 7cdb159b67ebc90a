"""`pulumi up --replace`: ids and names follow from the declaration, so a forced replacement meets itself."""

from __future__ import annotations

from tests.engine.declarations import stack
from tests.engine.workbench import Workbench


def test_a_forced_replacement_keeps_the_object_and_says_how_to_get_a_new_one(workbench: Workbench) -> None:
    workbench.declare(stack())
    assert workbench.up().ok
    before = workbench.service.live("deployments")["chat-serving-dev"]["spec"]

    forced = workbench.up("--replace", workbench.state()["chat"]["urn"])

    (told,) = (text for text in forced.warnings if "nothing was replaced" in text)
    assert "declare another `name`" in told
    assert "cw-inference destroy --target chat" in told
    assert workbench.service.live("deployments")["chat-serving-dev"]["spec"] == before
