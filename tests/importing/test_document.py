"""Entries are put into a file; what is there stays, letter by letter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from coreweave_inference.declaration.document import load
from coreweave_inference.declaration.origin import Report
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.importing.document import with_entries
from coreweave_inference.importing.entries import Entry

GATEWAY = Entry(
    ("gateways",), "new", {"name": "new", "zones": ["US-EAST-04A"], "coreWeaveAuth": {}}, ("A comment.",)
)
USED = Entry(("existing", "gateways"), "shared", {"name": "shared"})

FILES = {
    "with the section": "version: 1\ngateways:\n  # The first.\n  old: {coreWeaveAuth: {}}   # kept\n  # of nobody\n\nbuckets: {}\n",
    "with a block entry last": "version: 1\ngateways:\n    old:\n        zones:\n        -   US-EAST-04A\n        # the end of old\n# the end\n",
    "without the section": "# A file.\nversion: 1\n\nbuckets: {weights: {name: acme, zone: RNO2A}}\n",
    "with an empty section": "gateways:\n# nothing yet\nversion: 1\n",
    "with an empty mapping": "gateways: {}   # none\nversion: 1\n",
    "with a null": "gateways: null\nversion: 1\n",
    "in flow style": "version: 1\ngateways: {old: {coreWeaveAuth: {}}}\n",
    "in flow style over lines": "version: 1\ngateways: {\n  old: {coreWeaveAuth: {}},\n}\n",
    "as JSON": '{"version": 1, "gateways": {"old": {"coreWeaveAuth": {}}}}',
    "without an end": "version: 1\ngateways:\n  old:\n    coreWeaveAuth: {}",
    "with a literal text last": "version: 1\ngateways:\n  old:\n    name: |\n      text\n\nbuckets:\n",
    "with an anchor": "version: 1\ngateways: &all\n  old: &one {coreWeaveAuth: {}}\n  other: *one\n",
    "of comments alone": "# nothing yet\n",
    "empty": "",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_what_is_there_stays_and_the_entries_are_added(text: str) -> None:
    written = with_entries(text, [USED, GATEWAY])

    before, after = yaml.safe_load(text) or {"version": 1}, yaml.safe_load(written)
    assert after["gateways"] == {**(before.get("gateways") or {}), "new": dict(GATEWAY.values)}
    assert after["existing"] == {"gateways": {"shared": {"name": "shared"}}}
    assert {**after, "gateways": 0, "existing": 0} == {**before, "gateways": 0, "existing": 0}
    kept = iter(written)
    assert all(letter in kept for letter in re.sub(r"\{\}|null|[\s{}]", "", text))
    comments = re.findall(r"#.*", text)
    assert re.findall(r"#.*", written)[: len(comments)] == comments or set(comments) < set(
        re.findall(r"#.*", written)
    )


def test_a_comment_of_the_last_entry_stays_with_it() -> None:
    written = with_entries(FILES["with a block entry last"], [GATEWAY])

    assert written.index("# the end of old") < written.index("new:") < written.index("# the end\n")
    assert "    # A comment.\n    new:\n" in written


def test_line_ends_of_windows_stay() -> None:
    written = with_entries("version: 1\r\ngateways:\r\n  old: {}\r\n", [GATEWAY])

    assert written.count("\r\n") == written.count("\n")
    assert written.startswith("version: 1\r\ngateways:\r\n  old: {}\r\n")


def test_texts_that_look_like_something_else_stay_texts() -> None:
    values = {
        name: name
        for name in ("yes", "1e3", "0x10", "~", "null", "2024-01-01", "0.90", "a: b", "#x", "é", "<<")
    }

    written = with_entries("", [Entry(("gateways",), "1e3", values)])

    assert load(Path("inference.yaml"), Report("inference.yaml"), written).data["gateways"]["1e3"] == values


def test_a_section_that_is_written_elsewhere_is_refused() -> None:
    with pytest.raises(CoreWeaveError, match="gateways"):
        with_entries("version: 1\nx: &x {old: {}}\ngateways: *x\n", [GATEWAY])
    with pytest.raises(CoreWeaveError, match="gateways"):
        with_entries("version: 1\ngateways: [old]\n", [GATEWAY])
