"""What the checks before a run look at: a stack directory, the CLI, settings, and a client. Each is read when first asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.checks import Report
from coreweave_inference.clock import Clock, system
from coreweave_inference.engine import stacks
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.engine.installation import PulumiCli
from coreweave_inference.settings.resolution import Settings

REQUEST_SECONDS = 10.0
RETRY_SECONDS = 5.0
"""How long a failing request is repeated: what does not answer until then is a finding."""


@dataclass
class SetUp:
    """What is read; `settings_of` and `report` (of what is declared; True: without the service) are the command line's own.

    `answers`: the service was asked, and answered the token.
    """

    path: Path
    stack: str | None
    settings_of: Callable[[str | None], Settings]
    report: Callable[[bool], Report]
    clock: Clock = system
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    answers: bool = False

    @cached_property
    def directory(self) -> StackDirectory:
        """Raises StartupError where there is no project."""
        return StackDirectory.at(self.path)

    @cached_property
    def cli(self) -> PulumiCli:
        """Raises StartupError where there is none, or an old one."""
        return PulumiCli.found(self.environ)

    @cached_property
    def stack_name(self) -> str:
        """Raises StartupError where several might be meant."""
        return stacks.chosen(self.directory, lambda: self.cli, self.stack)

    @cached_property
    def settings(self) -> Settings:
        """Raises SettingsError."""
        return self.settings_of(self.stack_name)

    @cached_property
    def api(self) -> InferenceApi:
        """A client of the service."""
        limited = replace(
            self.settings,
            request_timeout_seconds=min(REQUEST_SECONDS, self.settings.request_timeout_seconds),
            retry_seconds=min(RETRY_SECONDS, self.settings.retry_seconds),
        )
        return InferenceApi.of(limited, clock=self.clock)

    def close(self) -> None:
        """Close the client, if there is one."""
        if "api" in vars(self):
            self.api.close()
