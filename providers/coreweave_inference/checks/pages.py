"""What the reference page says of each rule. Read only by whoever writes that page, explains a code, or tests it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("pages.yaml")


@dataclass(frozen=True)
class Page:
    """`example` and `fix` are YAML texts by part: declaration, before, live, failed, catalogue, buckets, today."""

    text: str
    example: Mapping[str, str]
    fix: Mapping[str, str]


@cache
def base() -> str:
    """The declaration that all examples are laid over."""
    return str(_content()["base"])


@cache
def pages() -> Mapping[str, Page]:
    """A page for each code."""
    return {
        code: Page(str(entry["text"]), dict(entry["example"]), dict(entry["fix"]))
        for code, entry in _content()["rules"].items()
    }


@cache
def _content() -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    content: dict[str, dict[str, dict[str, dict[str, str]]]] = yaml.safe_load(
        FILE.read_text(encoding="utf-8")
    )
    return content
