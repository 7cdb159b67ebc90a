"""The Automation API's stack, for one that is known to exist."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from pulumi import automation

from .directory import StackDirectory
from .installation import PulumiCli


class KnownStack(automation.Stack):
    """Without a command before and three after each run: it is known to exist, and its events tell everything."""

    def __init__(self, name: str, workspace: automation.Workspace) -> None:
        # Not the parent's: that one asks whether the stack exists, or makes it.
        self.name = name
        self.workspace = workspace

    def outputs(self) -> automation.OutputMap:
        """They come with the events, secrets masked."""
        return {}

    def info(self, show_secrets: bool = True) -> automation.UpdateSummary | None:  # noqa: ARG002 - overrides
        """Nothing that is read."""
        return automation.UpdateSummary("", datetime.now(timezone.utc), "", {}, {}, "")


def known_stack(
    directory: StackDirectory, cli: PulumiCli, stack: str, program: Callable[[], None]
) -> KnownStack:
    """The stack of a directory, whose program runs in this process."""
    workspace = automation.LocalWorkspace(
        work_dir=str(directory.path),
        program=program,
        env_vars={"PULUMI_SKIP_UPDATE_CHECK": "true"},
        pulumi_command=cli,
    )
    return KnownStack(stack, workspace)


def refresh_flag(refresh: bool | None) -> tuple[str, ...]:
    """The CLI's option; none where the project's own one counts."""
    return () if refresh is None else (f"--refresh={str(refresh).lower()}",)
