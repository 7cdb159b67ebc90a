"""Stack and settings for commands that run no engine: the same stack, and the same settings, as a run would have."""

from __future__ import annotations

import os
from pathlib import Path

from coreweave_inference.errors import CoreWeaveError, SettingsError
from coreweave_inference.settings.resolution import CONFIG_KEYS, TOKEN_KEY, TOKEN_VARIABLES, Settings, resolve


def stack_at(directory: Path, asked: str | None) -> str | None:
    """The stack that a run in `directory` would be about; None where there is none, or several and none selected.

    Raises StartupError for a name that nobody made.
    """
    if not directory.is_dir():
        raise SettingsError(f"{directory} is not a directory; give the stack directory, or leave it out")
    if not is_project(directory):
        return asked
    from coreweave_inference.engine import stacks
    from coreweave_inference.engine.directory import StackDirectory
    from coreweave_inference.engine.installation import PulumiCli

    found = StackDirectory.at(directory)
    if asked is not None:
        stacks.require_name(found, asked)
        stacks.require(found, asked, lambda: PulumiCli.found(os.environ))
        return asked
    try:
        return stacks.chosen(found, lambda: PulumiCli.found(os.environ), None)
    except CoreWeaveError:
        names = found.stacks()
        return names[0] if len(names) == 1 else None


def settings_at(directory: Path, stack: str | None, *, require_token: bool = True) -> Settings:
    """The settings that a run of `stack` (see `stack_at`) has in `directory`. Raises SettingsError, and CommandFailed
    where the state has to vouch for the endpoint and cannot be read.

    Encrypted configuration is read where it is needed, with the CLI and the passphrase that a run would need.
    """
    if not is_project(directory):
        return resolve(os.environ, {}, require_token=require_token)
    from coreweave_inference.engine.directory import StackDirectory

    found = StackDirectory.at(directory)
    if stack is None:
        return resolve(os.environ, found.project_configuration, (), require_token=require_token)
    secret = found.secret_keys(stack)
    needed = (secret & set(CONFIG_KEYS)) - (
        {TOKEN_KEY} if any(map(os.environ.get, TOKEN_VARIABLES)) else set()
    )
    configuration = found.plain_configuration(stack)
    if needed:
        from coreweave_inference.engine import stacks
        from coreweave_inference.engine.installation import PulumiCli

        try:
            configuration = stacks.configuration(found, stack, lambda: PulumiCli.found(os.environ))
        except CoreWeaveError as error:
            if require_token or needed != {TOKEN_KEY}:
                raise SettingsError(
                    f"{', '.join(sorted(needed))} in {found.stack_file(stack).name} is encrypted and cannot be read: {error}; "
                    f"set {TOKEN_VARIABLES[0]}, or what decrypts it (PULUMI_CONFIG_PASSPHRASE, `pulumi login`)"
                ) from error
    settings = resolve(os.environ, configuration, secret, require_token=require_token)
    if not settings.endpoint_doubt:
        return settings
    from coreweave_inference.engine import stacks
    from coreweave_inference.engine.installation import PulumiCli
    from coreweave_inference.program.recorded import recorded_endpoint

    # Only the state can vouch for this endpoint.
    return settings.at(recorded_endpoint(stacks.exported(found, lambda: PulumiCli.found(os.environ), stack)))


def is_project(directory: Path) -> bool:
    """Whether `directory` has a Pulumi project, or what lies in the place of one."""
    return any(os.path.lexists(directory / name) for name in ("Pulumi.yaml", "Pulumi.yml"))
