"""The KV cache of public models as vLLM's own planning counts it: what was recorded, and what is computed here."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from coreweave_inference.fit import model_of, options_of
from coreweave_inference.fit.architecture import Attention
from coreweave_inference.fit.cache import cache_of

ROWS = yaml.load(
    (Path(__file__).parent / "second_opinion.yaml").read_text(encoding="utf-8"),
    Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader),
)
BLOCK, BATCHED = 32, 8192
"""Of the machine that was asked, and of the recording."""
KINDS = {
    "FullAttention": Attention.FULL,
    "MLAAttention": Attention.LATENT,
    "SlidingWindow": Attention.WINDOW,
    "ChunkedLocalAttention": Attention.CHUNK,
    "Mamba": Attention.STATE,
}


def cache(row):
    options = options_of({"block-size": str(BLOCK)})
    return cache_of(
        model_of(row["config"]), options, 1, BATCHED, latent=True, windows=True, cache_type="auto"
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_layers_and_bytes_are_those_of_vllm(row):
    found = cache(row)

    assert sorted((group.kind.name, group.count) for group in found.layers) == sorted(
        (KINDS[kind].name, count) for count, kind, *_ in row["layers"]
    )
    if row["token"]:
        assert found.bytes_per_token == row["token"]
    assert {length: found.bytes_of_request(int(length)) for length in row["requests"]} == row["requests"]


def test_the_table_has_as_many_public_architectures_as_it_should():
    assert len({row["config"]["model_type"] for row in ROWS}) >= 45
    assert {kind for row in ROWS for _, kind, *_ in row["layers"]} == set(KINDS)
