"""Findings that a declaration accepts."""

from __future__ import annotations

import pytest
from coreweave_inference.checks import Severity

from tests.checks.situations import checked, codes

TOO_MANY = "capacityClaims: {h200: {instanceCount: 5}}"


def accepting(**entry):
    fields = {"code": "claim-larger-than-max", "object": "h200", "reason": "growth", **entry}
    return {"declaration": f"{TOO_MANY}\naccept: [{fields}]".replace("'", '"')}


@pytest.mark.parametrize("named", ["h200", "capacity claim h200"])
def test_an_accepted_finding_is_accepted_and_still_reported(named):
    report = checked(accepting(object=named))

    assert report.findings == ()
    assert [finding.code for finding in report.accepted] == ["claim-larger-than-max"]


@pytest.mark.parametrize(
    "entry", [{"object": "chat"}, {"object": "deployment h200"}, {"code": "claim-unused"}]
)
def test_another_object_or_code_accepts_nothing(entry):
    assert set(codes(accepting(**entry))) == {"claim-larger-than-max", "accept-unused"}


def test_an_acceptance_holds_on_its_last_day_and_not_after():
    until = accepting(until="2027-03-31")

    assert codes(until, {"today": "2027-03-31"}) == []
    assert set(codes(until, {"today": "2027-04-01"})) == {"accept-outdated", "claim-larger-than-max"}


def test_an_unused_acceptance_is_a_note_where_only_a_token_could_show_its_finding():
    (found,) = checked(
        {"declaration": 'accept: [{code: weights-missing, object: chat, reason: "pushed later"}]'}
    ).findings

    assert (found.code, found.severity) == ("accept-unused", Severity.NOTE)


def test_a_misspelt_code_is_an_error_with_the_nearest_right_one():
    (found, _) = checked(accepting(code="claim-larger-then-max")).findings

    assert (found.severity, found.do) == (Severity.ERROR, 'did you mean "claim-larger-than-max"?')
    assert found.origin is not None
    assert found.path == "accept[0].code"


HEIRS = """
deployments:
  chat: {runtime: {engineConfig: {enable-auto-tool-choice: ""}}}
  chat-b: {extends: chat, traffic: {weight: 100}}
  chat-c: {extends: chat-b, traffic: {weight: 100}, runtime: {engineConfig: {%s: 1}}}
"""


def test_a_value_that_others_inherit_is_one_finding_where_it_is_written_and_names_them():
    def keys(*overlays):
        report = checked(
            {"declaration": HEIRS % "max-num-seqs"}, *({"declaration": text} for text in overlays)
        )
        found = [f for f in (*report.findings, *report.accepted) if f.code == "engine-tool-parser"]
        return [(f.about.key, f.inherited_by, f in report.accepted) for f in found], found

    plain, (finding,) = keys()
    overridden, _ = keys("deployments: {chat-c: {runtime: {engineConfig: {enable-auto-tool-choice: true}}}}")
    accepted, _ = keys('accept: [{code: engine-tool-parser, object: chat, reason: "soon"}]')
    of_an_heir, _ = keys('accept: [{code: engine-tool-parser, object: chat-b, reason: "soon"}]')

    assert plain == [("chat", ("canary", "chat-b", "chat-c"), False)]
    assert 'deployment "chat", inherited by "canary", "chat-b", "chat-c" (' in str(finding)
    assert finding.as_data()["inheritedBy"] == ["canary", "chat-b", "chat-c"]
    assert sorted(overridden) == [("chat", ("canary", "chat-b"), False), ("chat-c", (), False)]
    assert accepted == [("chat", ("canary", "chat-b", "chat-c"), True)]
    assert sorted(of_an_heir) == [("chat", ("canary", "chat-c"), False), ("chat-b", (), True)]
