"""The command line in this process, with an environment that holds nothing of the caller's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from coreweave_inference.cli.application import application
from typer.testing import CliRunner, Result

FOREIGN = ("COREWEAVE_", "CW_", "AWS_", "PULUMI_")


@pytest.fixture
def cw_inference(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs one command; keyword arguments are its environment."""
    import os

    for name in list(os.environ):
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)

    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(application, list(arguments), env=environment)

    return run


@pytest.fixture
def fit(
    cw_inference: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
    """Runs `fit` in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return partial(cw_inference, "fit")
