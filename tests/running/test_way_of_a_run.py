"""How an `up` goes through the layers: every call goes down, but for functions that a layer above handed over."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import CodeType, FrameType

import coreweave_inference
import pytest
from coreweave_inference.cli.application import application

from tests.running.command_line import Stack, claims, gateways

ROOT = Path(coreweave_inference.__file__).parent
HANDED_OVER = {
    ("engine", "cli"): "what happens in a run is shown as it happens",
    ("network", "api"): "a request is sent by whoever limits its time",
}
MAPS = "model"
"""`model.nested.transform` calls what is to be done with each part of a value; that is no way through the layers."""


def ranks() -> dict[str, int]:
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    contracts = tomllib.loads((ROOT.parents[1] / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = [one["layers"] for one in contracts if one["type"] == "layers"]
    return {name.strip(): rank for rank, row in enumerate(reversed(layers)) for name in row.split("|")}


class Way:
    """The calls of a process that go from one layer up to another."""

    def __init__(self) -> None:
        self.up: set[tuple[str, str]] = set()
        self.layers: set[str] = set()
        self._rank = ranks()
        self._known: dict[CodeType, str] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        layer = self._layer(frame.f_code) if event == "call" and frame.f_code.co_name != "<module>" else ""
        caller = frame.f_back
        while layer and caller is not None and not self._layer(caller.f_code):
            caller = caller.f_back
        if layer and caller is not None:
            self.layers.add(layer)
            above = self._layer(caller.f_code)
            if self._rank[layer] > self._rank[above]:
                self.up.add((above, layer))

    def _layer(self, code: CodeType) -> str:
        if code not in self._known:
            file = Path(code.co_filename)
            part = file.relative_to(ROOT).parts[0].removesuffix(".py") if file.is_relative_to(ROOT) else ""
            self._known[code] = part if part in self._rank and part != "simulator" else ""
        return self._known[code]


@pytest.mark.thorough
def test_an_up_goes_back_up_a_layer_at_two_places(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.declare(claims("h200"), gateways("public"))
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    way = Way()

    threading.setprofile(way)
    sys.setprofile(way)
    try:
        code = application(["up", str(stack.path), "--yes"], standalone_mode=False)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)

    assert code in (None, 0)
    assert {"cli", "engine", "stack", "resources", "discovery", "checks", "model"} <= way.layers
    assert {edge for edge in way.up if edge[0] != MAPS} == set(HANDED_OVER)
