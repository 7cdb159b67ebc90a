"""`pulumi up --replace`: ids and names follow from the declaration, so a forced replacement meets itself."""

from __future__ import annotations

from tests.engine.declarations import stack
from tests.engine.workbench import Workbench


def test_a_forced_replacement_fails_says_how_to_get_a_new_object_and_the_next_run_is_clean(
    workbench: Workbench,
) -> None:
    workbench.bring_up(stack())
    before = workbench.service.live("deployments")

    of_bucket = workbench.up("--replace", workbench.state()["weights"]["urn"])
    forced = workbench.up("--replace", workbench.state()["chat"]["urn"])
    after = workbench.up()

    assert not forced.ok
    (text,) = (text for text in forced.errors if "nothing was replaced" in text)
    assert "declare another `name`" in text
    assert "cw-inference destroy --target chat" in text
    assert workbench.service.live("deployments") == before
    assert after.ok, after.errors
    assert [text for text in after.warnings if "only its old state entry is removed" in text]
    assert not [request for request in after.requests if request.method == "DELETE"]

    assert (of_bucket.ok, of_bucket.writes) == (False, {})
    (text,) = (text for text in of_bucket.errors if 'weights bucket "weights"' in text)
    assert "would replace nothing" in text
    assert "declare another `name`" in text
