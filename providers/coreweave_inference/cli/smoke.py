"""`smoke`, and the smoke test at the end of an `up`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from coreweave_inference.declaration import FILE, SmokeDeclaration, read, read_for_stack
from coreweave_inference.doctor.running import Running
from coreweave_inference.doctor.smoke import Proof, SmokeResult, SmokeTest
from coreweave_inference.doctor.smoke import smoke as run_test
from coreweave_inference.errors import StartupError, did_you_mean, one_line
from coreweave_inference.model.kinds import Kind

from .account_lists import opened
from .doctor import LiveReads, secrets_hidden
from .exits import FAILED, IN_PROGRESS, UNKNOWN, report_errors
from .live_account import Scope, scope_of
from .output import print_document, print_lines
from .reports import print_smoke, smoke_document, smoke_failed


@dataclass(frozen=True)
class Overrides:
    """What the command line says instead of the declaration."""

    prompt: str | None = None
    expect: str | None = None
    max_latency: float | None = None
    count: int | None = None
    targets: tuple[str, ...] = ()


def smoke(directory: Path, stack: str | None, overrides: Overrides, *, as_json: bool) -> None:
    """Ask the models, print what is proven, and end with the code of the worst."""
    with report_errors(as_json=as_json):
        scope = scope_of(directory, stack)
        if scope.recorded is None:
            raise StartupError(
                f"{directory}: is no stack directory, so nothing is declared there that could be proven; "
                "name one, or ask one model with `cw-inference call`"
            )
        declared = declared_test(directory, scope.stack)
        test, keys = _test(declared, overrides)
        results = run_on(scope, test, keys)
    code = code_of(results, named=bool(keys))
    if as_json:
        empty = {"ok": code != UNKNOWN, "errors": [], "findings": [], "smoke": []}
        print_document({**empty, **smoke_document(results)})
    elif results:
        print_smoke(results)
    else:
        print_lines(["there is no deployment to ask"])
    if code:
        raise typer.Exit(code)


def code_of(results: Sequence[SmokeResult], *, named: bool) -> int:
    """0 where every deployment is proven that has to be: those that requests reach, or those that were named.

    Else the worst: failed, still in progress, not known.
    """
    expected = [found for found in results if found.takes_traffic or named]
    if smoke_failed(results):
        return FAILED
    if any(found.in_progress for found in expected):
        return IN_PROGRESS
    proofs = {found.proof for found in expected}
    return UNKNOWN if Proof.UNPROVEN in proofs or Proof.PASSED not in proofs else 0


def declared_test(directory: Path, stack: str) -> SmokeDeclaration | None:
    """The `smoke` section of a stack's declaration; None without one. Raises InvalidDeclaration."""
    path = directory / FILE
    if not path.is_file():
        return None
    return (read_for_stack(path, stack.rsplit("/", 1)[-1]) if stack else read(path)).smoke


def _test(declared: SmokeDeclaration | None, overrides: Overrides) -> tuple[SmokeTest, tuple[str, ...]]:
    given = declared or SmokeDeclaration("Answer with the word hello.")
    test = SmokeTest(
        overrides.prompt or given.prompt,
        # What the declaration expects is expected of its own prompt.
        overrides.expect or (None if overrides.prompt else given.expect),
        overrides.max_latency or given.max_latency,
        overrides.count or given.count,
    )
    return test, overrides.targets or given.deployments


def run_on(scope: Scope, test: SmokeTest, keys: Sequence[str] = ()) -> list[SmokeResult]:
    """The test of the deployments `keys`, or of all. Raises StartupError for a key that nothing has."""
    recorded = scope.recorded
    if keys and recorded is not None:
        known = [item.key for item in recorded if item.kind is Kind.DEPLOYMENT]
        for key in keys:
            if key not in known:
                raise StartupError(
                    f'"{key}": no deployment of the stack has that key; {did_you_mean(key, known)}known: {", ".join(known) or "none"}'
                )
        recorded = tuple(item for item in recorded if item.kind is not Kind.DEPLOYMENT or item.key in keys)
    with opened(scope.settings) as api, LiveReads.of(scope.settings, api) as reads:
        running = Running(scope.settings, recorded, reads, completion_seconds=test.max_latency)
        return [secrets_hidden(found, scope.settings) for found in run_test(running, test, reads.lists)]


def after_up(directory: Path, stack: str, targets: Sequence[str]) -> list[SmokeResult]:
    """The declared smoke test of a stack that is up; nothing without one, and with `targets` of those deployments alone."""
    declared = declared_test(directory, stack)
    if declared is None:
        return []
    scope = scope_of(directory, stack)
    test, keys = _test(declared, Overrides())
    if targets:
        own = [item.key for item in scope.recorded or () if item.kind is Kind.DEPLOYMENT]
        named = {target.rsplit("::", 1)[-1].rsplit(".", 1)[-1] for target in targets}
        keys = tuple(key for key in own if key in named and key in (keys or own))
        if not keys:
            return []
    return run_on(scope, test, keys)


def not_run(why: str) -> list[SmokeResult]:
    """For a test that could not be made: the run before it went well, and what serves is not proven."""
    return [SmokeResult("every deployment", "all models", "all gateways", Proof.UNPROVEN, one_line(why, 300))]
