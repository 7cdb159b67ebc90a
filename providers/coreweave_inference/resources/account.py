"""The account: the ground that all other resources stand on.

It checks token and endpoint before anything else is looked at, records where the stack lives, and is the last to go:
its deletion waits until everything that the run deleted is gone. It owns nothing.
"""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi.dynamic
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from coreweave_inference.errors import CannotProveGone, CoreWeaveError
from coreweave_inference.version import __version__

from . import removal
from .host import one_line_errors
from .object_provider import HostedProvider
from .program import MODULE, Program, current_program, urn_of
from .session import Session, current
from .values import FORMAT, NOTED, PACKAGE_VERSION, URN, for_engine, plain


class AccountProvider(HostedProvider):
    """Looks, and waits at the end. State format: the module and the name of this class are part of it."""

    @one_line_errors
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """One call with the token: whoever cannot list cannot do anything else either."""
        inputs = plain(news)
        try:
            run = current()
            for conflict in run.settings.conflicts:
                run.log.warning(str(inputs.get(URN, "")), conflict)
            run.organizations_seen()
        except CoreWeaveError as error:
            return CheckResult(news, [CheckFailure("", f"the account cannot be used: {error}")])
        return CheckResult(for_engine(inputs), [])

    @one_line_errors
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Never changes; another endpoint or organisation than the recorded one is an error."""
        _guard(current(), plain(olds))
        return DiffResult(changes=False)

    @one_line_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Record where the stack lives."""
        return CreateResult("account", _outputs(current(), plain(props)))

    @one_line_errors
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Record it again."""
        return UpdateResult(_outputs(current(), {**plain(olds), **plain(news)}))

    @one_line_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The organisation may have become known since."""
        old = plain(props)
        _guard(current(), old)
        return ReadResult(id_, _outputs(current(), old), {URN: old[URN]} if URN in old else {})

    @one_line_errors
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Wait until everything that this run deleted answers 404, and report it."""
        run = current()
        urn = str(props.get(URN, ""))
        deleted = run.memory.deleted
        removal.wait_until_gone(run, deleted, urn)
        if deleted:
            names = ", ".join(sorted(f'{kind.noun} "{name}"' for kind, name in deleted.values()))
            run.log.note(urn, f"seen to be gone: {names}")


def _guard(run: Session, old: dict[str, Any]) -> None:
    run.guard_endpoint(str(old.get("apiEndpoint", "")))
    recorded, seen = str(old.get("organizationId", "")), run.organizations_seen()
    if recorded and seen and recorded not in seen:
        raise CannotProveGone(
            f"this stack belongs to organisation {recorded}, but the token of {run.settings.token_source} sees "
            f"{', '.join(sorted(seen))}; nothing was changed; use the token of {recorded}"
        )


def _outputs(run: Session, props: dict[str, Any]) -> dict[str, Any]:
    known = run.organization(str(props.get("organizationId") or ""))
    kept = {key: props[key] for key in (URN, NOTED) if key in props}
    return {
        **kept,
        "apiEndpoint": run.endpoint,
        "organizationId": known,
        "format": FORMAT,
        PACKAGE_VERSION: __version__,
    }


class Account(pulumi.dynamic.Resource, module=MODULE, name="Account"):
    """The account a stack lives in; made by the first resource that needs it."""

    def __init__(self, name: str = "account", opts: pulumi.ResourceOptions | None = None) -> None:
        program = current_program()
        if program.account is not None:
            raise pulumi.RunError(
                "a stack has one Account; declare it before everything else, or leave it out"
            )
        program.account = self
        # An output is computed once the whole program has run, and everything depends on this resource: so what the
        # program asked for to be looked at first is, before anything is declared to the engine.
        looked = pulumi.Output.from_input("").apply(lambda _: program.look_first())
        props = {URN: urn_of("Account", name, opts), "apiEndpoint": None, "organizationId": looked}
        super().__init__(AccountProvider(), name, props, opts)


def account_of(program: Program) -> pulumi.Resource:
    """The program's account, made now if nobody did."""
    return program.account or Account()
