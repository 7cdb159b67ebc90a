"""Repository layouts and engine configurations that are published: each has the verdict that its table says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from coreweave_inference.checks import Folder, WeightsFile

from tests.checks.situations import GB, checked

HERE = Path(__file__).parent
LAYOUTS = yaml.safe_load((HERE / "public_layouts.yaml").read_text(encoding="utf-8"))
ENGINES = yaml.safe_load((HERE / "public_engines.yaml").read_text(encoding="utf-8"))
JUDGED = ("engine-", "concurrency-max", "weights-too-large", "weights-incomplete")


def unfolded(files):
    """Each file with its GB, parts numbered."""
    for name, size in files.items():
        parts, total = size if isinstance(size, list) else (1, size)
        for part in range(1, parts + 1):
            yield name.replace("#", f"{part:05}"), total / parts


def on(model_type, instance_type, gpus, config, folder):
    described = {"config": {**({"model_type": model_type} if model_type else {}), **folder.pop("config", {})}}
    chat = {
        "resources": {"instanceType": instance_type, "gpuCount": gpus},
        "runtime": {"engineConfig": {"max-model-len": None, **config}},
    }
    store = {"policy": None, "folders": {"models/chat-v1": {**folder, **described}}}
    return {
        "declaration": json.dumps({"deployments": {"canary": None, "chat": chat}}),
        "buckets": json.dumps({"acme-weights": store}),
    }


def verdicts(situation):
    return {
        finding.code: finding.severity.value
        for finding in checked(situation).findings
        if finding.code.startswith(JUDGED)
    }


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda row: "/".join(row["source"].split("/")[1:3]))
def test_weights_in_a_public_layout_are_counted_as_an_engine_loads_them(layout):
    files = dict(unfolded(layout["files"]))
    index = [name for name in files if name.startswith(layout.get("index", "\0"))]
    config = {"torch_dtype": layout["dtype"]} if layout["dtype"] else {}
    folder = {"files": {name: {"gb": gb} for name, gb in files.items()}, "config": config}
    found = [verdicts(on(None, *layout["replica"], {}, {**folder, "index": named})) for named in ([], index)]
    loaded = [
        Folder(
            tuple(WeightsFile(f"m/{name}", int(gb * GB)) for name, gb in files.items()),
            indexed=frozenset(named),
        )
        for named in ([], index)
    ]

    assert [abs(seen.bytes / GB - layout["loaded"]) < 0.15 for seen in loaded] == [True, True]
    assert ["weights-too-large" in codes for codes in found] == [layout["found"]] * 2
    assert ("weights-incomplete" in found[-1]) is layout.get("incomplete", False)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda row: f"{row['model']}-{row['gpus']}")
def test_a_public_engine_configuration_has_its_verdict(engine):
    situation = on(
        engine["type"],
        "gd-8xh200ib-i128",
        engine["gpus"],
        engine["config"],
        {"files": {"config.json": {"gb": 0}}},
    )

    assert verdicts(situation) == engine["found"]


def test_what_a_row_assumes_is_listed_with_what_is_published_of_it():
    assert {key for row in LAYOUTS for key in row} <= {
        "source",
        "names",
        "sizes",
        "assumed",
        "dtype",
        "index",
        "files",
        "loaded",
        "replica",
        "found",
        "incomplete",
    }
    assert all(row["source"].startswith(("huggingface.co/", "github.com/")) for row in LAYOUTS)


def test_the_tables_name_as_many_public_models_as_they_should():
    assert len({row["source"] for row in LAYOUTS}) >= 40
    assert len(ENGINES) >= 30
