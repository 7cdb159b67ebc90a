"""The places that the pages for developers name are there."""

from __future__ import annotations

import re
from pathlib import Path

import coreweave_inference
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = Path(coreweave_inference.__file__).parent
PLACE = re.compile(r"`((?:[\w<>*.-]+/)+[\w<>*.-]*)`")


@pytest.mark.parametrize("page", ["contributing.md", "architecture.md"])
def test_each_module_and_folder_that_a_page_names_is_there(page: str) -> None:
    text = (CHECKOUT / "docs" / page).read_text()
    named = {found.replace("<kind>", "*") for found in PLACE.findall(text)}

    missing = [
        place
        for place in named
        if not any([*PACKAGE.glob(place.rstrip("/")), *CHECKOUT.glob(place.rstrip("/"))])
    ]

    assert len(named) > 10
    assert missing == []
