"""The examples of the reference page are run: each triggers its rule, and its fix removes the finding."""

from __future__ import annotations

import pytest
from coreweave_inference.checks.pages import pages
from coreweave_inference.checks.registry import CODES, SUBJECTS

from tests.checks.situations import checked, codes

SEVERITIES = {rule.code: rule.severity for _, rules in SUBJECTS for rule in rules}


def test_every_rule_has_a_page_and_every_page_a_rule():
    assert set(pages()) == CODES


def test_no_code_is_there_twice():
    assert len(CODES) == sum(len(rules) for _, rules in SUBJECTS)


def test_the_base_of_the_examples_has_no_finding():
    assert codes({}) == []
    assert codes({"before": "", "live": ""}) == []


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_example_of_a_rule_triggers_it_and_its_fix_removes_the_finding(code):
    page = pages()[code]

    found = [finding for finding in checked(page.example).findings if finding.code == code]
    assert found
    assert {finding.severity for finding in found} == {SEVERITIES[code]}
    assert all(finding.what and finding.why and finding.do for finding in found)

    assert code not in codes(page.example, page.fix)
