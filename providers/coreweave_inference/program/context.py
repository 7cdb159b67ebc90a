"""The program's side: what every resource of one run shares.

Nothing here talks to the service; that happens in the provider process.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import is_config_secret
from pulumi.runtime.config import get_config
from pulumi.runtime.settings import get_monitor

from coreweave_inference.collecting import none_at_the_end
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.model.identity import Place, stack_identity
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.settings.resolution import CONFIG_KEYS, IDENTITY_KEY, TOKEN_KEY, Settings, resolve

from .last_state import last_state
from .recorded import recorded_endpoint, refuse_other_stack


@dataclass
class Program:
    """One run of one program: its account, and what was declared so far."""

    identity: str
    settings: Settings
    """With or without a token."""
    last: Mapping[str, Any] | None = None
    """What the engine has of the stack's last state."""
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    """As it is while the program's own code runs: the command line sets variables for that time alone."""
    account: pulumi.Resource | None = None
    objects: list[Any] = field(default_factory=list)
    buckets: list[Any] = field(default_factory=list)
    policies: list[Any] = field(default_factory=list)
    covered: set[Any] = field(default_factory=set)
    readiness: list[Place | None] = field(default_factory=list)
    """Where each `Readiness` is declared; None for one with an alias, under which it may be any former one."""
    owned: list[tuple[pulumi.Resource, dict[str, Any]]] = field(default_factory=list)
    """What was declared so far, with what `Readiness` records of it for the time when it is to be deleted."""
    look_first: Callable[[], None] = lambda: None
    """Called once, after the program and before the engine hears of anything; raises where nothing may be declared."""
    refused: Callable[[pulumi.RunError], None] = lambda _: None
    """Called with the error that ends the program after its last line."""

    def own(self, resource: pulumi.Resource, opts: pulumi.ResourceOptions, **entry: Any) -> None:
        """Remember an object; `protect` may come from its parents, and a provider sees neither option."""
        protect = {"protect": True} if getattr(resource, "_protect", None) else {}
        keep = {"keep": True} if opts.retain_on_delete else {}
        self.owned.append((resource, {**entry, **protect, **keep}))


_programs: weakref.WeakKeyDictionary[Any, Program] = weakref.WeakKeyDictionary()
"""By the engine's monitor: each run of a program has one of its own, also under Pulumi's mocks."""


def program_so_far() -> Program | None:
    """The program that is running now, if it has declared something of this package."""
    monitor = get_monitor()
    return None if monitor is None else _programs.get(monitor)


def current_program() -> Program:
    """The program that is running now.

    Raises pulumi.RunError before anything is asked of anybody: where its token lies in plain text in the configuration, where
    the state is another stack's, where the stack lives at another endpoint, and where a secret would go to an endpoint that nobody vouched for.
    """
    monitor = get_monitor()
    if monitor is None:
        raise pulumi.RunError("resources are declared in a Pulumi program; this one runs outside of one")
    if monitor not in _programs:
        none_at_the_end()
        _refuse_clear_token()
        end_quietly_on_interrupt()
        last = last_state()
        try:
            refuse_other_stack(last, pulumi.get_project(), pulumi.get_stack())
            settings = _settings(require_token=False).at(recorded_endpoint(last))
            settings.require_trusted()
        except CoreWeaveError as error:
            raise pulumi.RunError(str(error)) from error
        _programs[monitor] = Program(_identity(), settings, last)
    return _programs[monitor]


def _refuse_clear_token() -> None:
    if get_config(TOKEN_KEY) is not None and not is_config_secret(TOKEN_KEY):
        raise pulumi.RunError(
            f"{TOKEN_KEY} is stored in plain text in the stack's configuration, where it would be committed; set it again with "
            f"`pulumi config set --secret {TOKEN_KEY}`, or use the environment variable COREWEAVE_API_TOKEN"
        )


def program_settings(*, require_token: bool = True) -> Settings:
    """The settings of the running program, from its environment and its stack's configuration. Raises SettingsError."""
    found = current_program().settings
    return _settings(require_token=True) if require_token and not found.token else found


def _settings(*, require_token: bool) -> Settings:
    keys = [key for key in CONFIG_KEYS if get_config(key) is not None]
    config = {key: get_config(key) or "" for key in keys}
    secret = [key for key in keys if is_config_secret(key)]
    return resolve(os.environ, config, secret, require_token=require_token)


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
    """The URN that the engine will give; provider methods do not get theirs and need it to speak on their row."""
    urn = pulumi.create_urn(name, TYPES + type_name, opts.parent if opts else None)
    # A future, not a coroutine: a program that stops early awaits no more, and Python warns of a coroutine left behind.
    # Without what it came from: a component as parent would make each of its children depend on all of them.
    alone: asyncio.Future[Any] = asyncio.ensure_future(urn.future())
    return pulumi.Output.from_input(alone)


def planned_urn(type_name: str, name: str, opts: pulumi.ResourceOptions | None) -> str | pulumi.Output[str]:
    """The same, at once where nothing is around the resource: each output costs time that grows with their number."""
    if opts is not None and opts.parent is not None:
        return urn_of(type_name, name, opts)
    return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{TYPES}{type_name}::{name}"


def with_dependencies(
    opts: pulumi.ResourceOptions | None, dependencies: Iterable[pulumi.Resource], **more: Any
) -> pulumi.ResourceOptions:
    """`opts` and the edges of the order: account first, bucket, policy, gateway and claim before deployments."""
    return pulumi.ResourceOptions.merge(pulumi.ResourceOptions(depends_on=list(dependencies), **more), opts)


def without_import(
    opts: pulumi.ResourceOptions | None,
) -> tuple[pulumi.ResourceOptions | None, str]:
    """`opts` without `import_`, and the id in it: Pulumi's host cannot read an object that is not in the state, so the
    providers adopt it instead.
    """
    if opts is None or not opts.import_:
        return opts, ""
    own = pulumi.ResourceOptions.merge(opts, None)
    own.import_ = None
    return own, str(opts.import_)


def refuse_import(what: str, name: str, opts: pulumi.ResourceOptions | None, do: str) -> None:
    """Raise pulumi.RunError where `import_` is asked for something that has nothing to import."""
    if opts is not None and opts.import_:
        raise pulumi.RunError(f'{what} "{name}": import_ is not possible here; {do}')


def camel(name: str) -> str:
    """`gpu_count` as the API spells it."""
    return re.sub(r"_([a-z0-9])", lambda match: match.group(1).upper(), name)


def output(resource: pulumi.Resource, key: str) -> pulumi.Output[Any]:
    """An output by its key in the state."""
    value: pulumi.Output[Any] = pulumi.get(resource, key)
    return value
