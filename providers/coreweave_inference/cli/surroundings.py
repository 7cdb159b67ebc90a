"""Settings for commands that need no stack: the environment, and a stack's plain configuration."""

from __future__ import annotations

import os
from pathlib import Path

from coreweave_inference.settings import Settings, resolve


def settings_at(directory: Path, stack: str | None) -> Settings:
    """The settings that hold in `directory`. Raises SettingsError.

    Encrypted values are not read: that would need the passphrase.
    """
    if not any((directory / name).is_file() for name in ("Pulumi.yaml", "Pulumi.yml")):
        return resolve(os.environ, {})
    from coreweave_inference.engine.directory import StackDirectory

    found = StackDirectory.at(directory)
    names = found.stacks()
    name = stack or (names[0] if len(names) == 1 else None)
    configuration = found.plain_configuration(name) if name else {}
    return resolve(os.environ, configuration, found.secret_keys(name) if name else None)
