"""The configuration of engines that take vLLM's options, as text values by option. No rule belongs here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .memory import ENGINES
from .objects import Deployment
from .view import View

CONFIG_PATH = "runtime.engineConfig"
TRUE, FALSE = ("true", "yes", "on"), ("false", "no", "off")
"""Booleans of YAML 1.1 and 1.2: what an author means as one reaches the engine as text."""


def vllm_configs(view: View) -> Iterator[tuple[Deployment, Mapping[str, object]]]:
    """Deployments whose engine takes vLLM's options, with their configuration."""
    for item in view.deployments:
        if item.engine in ENGINES and item.config:
            yield item, item.config


def switched_on(value: object) -> bool:
    """Whether a flag is on, as far as its value says: it is there, and not false."""
    return value is not None and str(value).lower() not in FALSE


def with_hyphens(key: str) -> str:
    """The option's name with hyphens, as which vLLM takes it too; a member of its JSON (`a.b`) is spelt as it is there."""
    option, dot, member = key.partition(".")
    return f"{option.replace('_', '-')}{dot}{member}"


def whole(config: Mapping[str, object], key: str, default: int) -> int | None:
    """A positive number; `default` where the option is left out, `None` for every other form (`auto`, not known)."""
    text = str(config.get(key, default))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 and int(text) > 0 else None
