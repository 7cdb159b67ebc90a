"""The program's side: what every resource of one run shares, and how an object becomes one of Pulumi's resources.

Ids are chosen here (rule 1), so that a first preview shows complete request bodies. Nothing here talks to the
service; that happens in the provider process.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi.dynamic
from pulumi.runtime import is_config_secret
from pulumi.runtime.config import get_config
from pulumi.runtime.settings import get_monitor

from coreweave_inference.settings import TOKEN_KEY
from coreweave_inference.spec import Kind
from coreweave_inference.spec.declaration.sections import seconds
from coreweave_inference.spec.identity import default_name, object_id, replace_identity, stack_identity

from .values import DERIVED_NAME, IDENTITY, IGNORED, URN

if TYPE_CHECKING:
    from .account import Account

IDENTITY_KEY = "coreweave:identity"
MODULE = "coreweave/inference"
TYPE_PREFIX = f"pulumi-python:dynamic/{MODULE}:"


@dataclass
class Program:
    """One run of one program: its account, and what was declared so far."""

    identity: str
    account: Account | None = None
    objects: list[ApiResource] = field(default_factory=list)
    covered: set[str] = field(default_factory=set)


_programs: weakref.WeakKeyDictionary[Any, Program] = weakref.WeakKeyDictionary()
"""By the engine's monitor: each run of a program has one of its own, also under Pulumi's mocks."""


def current_program() -> Program:
    """The program that is running now. Raises pulumi.RunError where its token lies in clear in the configuration."""
    monitor = get_monitor()
    if monitor is None:
        raise pulumi.RunError("resources are declared in a Pulumi program; this one runs outside of one")
    if monitor not in _programs:
        _refuse_clear_token()
        end_quietly_on_interrupt()
        _programs[monitor] = Program(_identity())
    return _programs[monitor]


def _refuse_clear_token() -> None:
    if get_config(TOKEN_KEY) is not None and not is_config_secret(TOKEN_KEY):
        raise pulumi.RunError(
            f"{TOKEN_KEY} is set in clear in the stack's configuration, where it would be committed; set it again with "
            f"`pulumi config set --secret {TOKEN_KEY}`, or use the environment variable COREWEAVE_API_TOKEN"
        )


def _identity() -> str:
    return stack_identity(
        get_config(IDENTITY_KEY), pulumi.get_organization(), pulumi.get_project(), pulumi.get_stack()
    )


def end_quietly_on_interrupt() -> None:
    """After a failure the language host interrupts the program, which would print 40 lines of KeyboardInterrupt.

    Under the language host a program runs in the main thread; one that the command line runs does not, and its
    interrupts belong to the command line.
    """
    main_thread = threading.current_thread() is threading.main_thread()
    if main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(130))


def urn_of(type_name: str, name: str, opts: pulumi.ResourceOptions | None) -> pulumi.Output[str]:
    """The URN that the engine will give; provider methods are not told theirs and need it to speak on their row."""
    parent = opts.parent if opts else None
    return pulumi.create_urn(name, TYPE_PREFIX + type_name, parent)


def with_dependencies(
    opts: pulumi.ResourceOptions | None, dependencies: Iterable[pulumi.Resource], **more: Any
) -> pulumi.ResourceOptions:
    """`opts` and the edges of the order: account first, bucket, policy, gateway and claim before deployments."""
    return pulumi.ResourceOptions.merge(pulumi.ResourceOptions(depends_on=list(dependencies), **more), opts)


def camel(name: str) -> str:
    """`gpu_count` as the API spells it."""
    return re.sub(r"_([a-z0-9])", lambda match: match.group(1).upper(), name)


class ApiResource(pulumi.dynamic.Resource):
    """A gateway, capacity claim or deployment in a program.

    `api_id` is known before anything exists; `revision` changes with every accepted write.
    """

    kind: Kind
    resource_name: str
    wait: bool
    timeout_seconds: float | None

    def __init__(
        self,
        kind: Kind,
        provider: pulumi.dynamic.ResourceProvider,
        name: str,
        spec: Mapping[str, Any],
        *,
        observed: Sequence[str] = (),
        dependencies: Iterable[pulumi.Resource] = (),
        wait: bool = True,
        timeout: str | float | None = None,
        ignore_changes: Sequence[str] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        from .account import account_of

        program = current_program()
        _warn_of_engine_ignore_changes(name, opts)
        self.kind, self.resource_name = kind, name
        self.wait, self.timeout_seconds = wait, _timeout(name, timeout)
        self.planned_urn = urn_of(type(self).__name__, name, opts)
        props: dict[str, Any] = {
            **{key: value for key, value in spec.items() if value is not None},
            **_identified(program.identity, kind, name, spec),
            URN: self.planned_urn,
            **dict.fromkeys(("revision", "organizationId", "createdAt", *observed)),
        }
        if ignore_changes:
            props[IGNORED] = list(ignore_changes)
        super().__init__(provider, name, props, with_dependencies(opts, [account_of(program), *dependencies]))
        program.objects.append(self)

    @property
    def api_id(self) -> pulumi.Output[str]:
        """The object's id in the Inference API (a UUID)."""
        return output(self, "apiId")

    @property
    def revision(self) -> pulumi.Output[str]:
        """Names the last accepted write."""
        return output(self, "revision")


def output(resource: pulumi.Resource, key: str) -> pulumi.Output[Any]:
    """An output by its key in the state."""
    value: pulumi.Output[Any] = pulumi.get(resource, key)
    return value


def _identified(identity: str, kind: Kind, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """`apiId`, `name` and what they come from, as outputs that are known wherever the declared fields are."""
    stack = pulumi.get_stack()
    fields = {"name": spec.get("name")}
    if kind is Kind.CAPACITY_CLAIM:
        fields["resources"] = spec.get("resources")

    def derive(declared: dict[str, Any]) -> dict[str, str]:
        replaces = replace_identity(kind, declared)
        derived = default_name(kind, name, stack, replaces)
        return {
            IDENTITY: replaces,
            "apiId": object_id(identity, kind, name, replaces),
            "name": declared.get("name") or derived,
            DERIVED_NAME: derived,
        }

    derived = pulumi.Output.from_input(fields).apply(derive)
    keys = [IDENTITY, "apiId", "name", *([] if spec.get("name") else [DERIVED_NAME])]
    return {key: derived[key] for key in keys}


def _timeout(name: str, timeout: str | float | None) -> float | None:
    found = None if timeout is None else seconds(timeout)
    if timeout is not None and found is None:
        raise pulumi.RunError(
            f'{name}: timeout "{timeout}" is not a duration; write it as in 45m, 90s or 1h30m'
        )
    return found


def _warn_of_engine_ignore_changes(name: str, opts: pulumi.ResourceOptions | None) -> None:
    if opts is not None and opts.ignore_changes:
        pulumi.log.warn(
            f"{name}: ResourceOptions.ignore_changes sends the old value with every change; pass ignore_changes=[…] to "
            "the resource itself, which leaves the live value as it is"
        )
