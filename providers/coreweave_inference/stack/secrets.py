"""The values of the secrets that a declaration refers to, from the environment or the stack's configuration.

They are known to the program only as Pulumi's secrets, and nowhere else at all.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pulumi

from coreweave_inference.declaration import Declaration, SecretReference
from coreweave_inference.errors import Fault, InvalidDeclaration
from coreweave_inference.model.nested import parts, transform

Secrets = Callable[[SecretReference], pulumi.Output[str]]
"""Gives the value of a reference."""


def with_secrets(value: Any, secret: Secrets) -> Any:
    """`value` with the secrets that its references name."""
    return transform(value, lambda part: secret(part) if isinstance(part, SecretReference) else part)


def secrets_of(declaration: Declaration) -> Secrets:
    """Values of secret references; those that are missing are reported together, before anything is declared."""
    config = pulumi.Config()
    faults = []
    for item in declaration.objects():
        for reference in (part for part in parts(item.spec) if isinstance(part, SecretReference)):
            if _value(reference, config) is None:
                what = f"{reference.source} names {reference.name}, which is not set"
                do = (
                    f"export {reference.name}"
                    if reference.source == "fromEnv"
                    else _how_to_set(reference.name)
                )
                faults.append(
                    Fault(
                        what,
                        path=f"{item.kind.section}.{item.key}",
                        do=do,
                        file=item.origin.file,
                        line=item.origin.line,
                    )
                )
    if faults:
        raise InvalidDeclaration(faults)
    return lambda reference: pulumi.Output.secret(_value(reference, config) or "")


def _value(reference: SecretReference, config: pulumi.Config) -> str | pulumi.Output[str] | None:
    if reference.source == "fromEnv":
        return os.environ.get(reference.name)
    namespace, _, key = reference.name.rpartition(":")
    return (pulumi.Config(namespace) if namespace else config).get_secret(key)


def _how_to_set(name: str) -> str:
    return f"run `pulumi config set --secret {name}`"
