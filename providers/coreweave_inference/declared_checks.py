"""The checks in a program, before it declares any resource: errors stop it, warnings are shown.

What is checked is `checks`' matter and what is looked at `facts`'; here a report only meets the engine.
"""

from __future__ import annotations

import os

import pulumi
from pulumi.runtime import is_config_secret
from pulumi.runtime.config import get_config

from .checks import Identity, Report
from .facts import checks_for
from .resources.program import current_program
from .settings import CONFIG_KEYS, Settings, resolve
from .spec.declaration import Declaration


def check_declaration(declaration: Declaration) -> None:
    """Run the checks on what a program is about to declare.

    Raises pulumi.RunError with every error, and SettingsError where token or endpoint are given wrongly.
    """
    identity = Identity(current_program().identity, pulumi.get_stack())
    announce(checks_for(declaration, _settings(), identity))


def announce(report: Report) -> None:
    """Show the warnings and what could not be looked at; raises pulumi.RunError with every error."""
    for finding in report.warnings:
        pulumi.log.warn(f"{finding.code} {finding.about} ({finding.place}): {finding.sentence}")
    for note in report.notes:
        pulumi.log.debug(f"not checked: {note}")
    if report.errors:
        count = len(report.errors)
        listed = "\n".join(map(str, report.errors))
        raise pulumi.RunError(
            f"{count} finding{'s' if count > 1 else ''} that cannot work; mend or accept {'them' if count > 1 else 'it'}"
            f"\n{listed}"
        )


def _settings() -> Settings:
    keys = [key for key in CONFIG_KEYS if get_config(key) is not None]
    config = {key: get_config(key) or "" for key in keys}
    secret = [key for key in keys if is_config_secret(key)]
    return resolve(os.environ, config, secret, require_token=False)
