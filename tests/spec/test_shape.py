"""The models read as a table: every field described, every path known."""

from __future__ import annotations

import pytest
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.paths import segments
from coreweave_inference.model.shape import fields_of, is_path, paths, replacing_fields
from pydantic import BaseModel


@pytest.mark.parametrize("kind", Kind)
def test_every_field_is_described(kind: Kind) -> None:
    for path in paths(kind.model):
        message: type[BaseModel] = kind.model
        for part in segments(path):
            field = fields_of(message)[part]
            message = field.message or message
        assert field.description.endswith((".", "unset"))


@pytest.mark.parametrize("kind", Kind)
def test_every_field_that_replaces_says_so_beside_the_field(kind: Kind) -> None:
    replacing = []
    for path in paths(kind.model):
        message: type[BaseModel] = kind.model
        for part in segments(path):
            field = fields_of(message)[part]
            message = field.message or message
        if field.about.change.name == "REPLACES":
            replacing.append(path)

    assert replacing == list(replacing_fields(kind.model))


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("traffic.weight", True),
        ('runtime.engineConfig["max-model-len"]', True),
        ("runtime", True),
        ("trafic.weight", False),
        ("traffic.weight.more", False),
        ('runtime.engineConfig["a"]["b"]', False),
        ("", False),
        ("a..b", False),
        ('["a"]', False),
    ],
)
def test_a_path_is_known_or_not(path: str, known: bool) -> None:
    assert is_path(Kind.DEPLOYMENT.model, path) is known
