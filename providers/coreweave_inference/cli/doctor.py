"""`doctor`: why a stack does not answer, or what is missing before it can be made."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import typer

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.api.completions import DataPlane
from coreweave_inference.api.objects import ApiObject
from coreweave_inference.api.observability import Observability
from coreweave_inference.checks import BucketFacts, Report
from coreweave_inference.clock import system
from coreweave_inference.discovery.gathering import bucket_reader
from coreweave_inference.discovery.weights import Wanted, stores
from coreweave_inference.doctor import printing
from coreweave_inference.doctor.categories import categories, setup_categories
from coreweave_inference.doctor.check import Category, Outcome, Result, run
from coreweave_inference.doctor.running import Running
from coreweave_inference.doctor.setup import SetUp
from coreweave_inference.doctor.smoke import SmokeResult
from coreweave_inference.errors import CoreWeaveError, Failed, StartupError, did_you_mean
from coreweave_inference.fleet.routes import Route
from coreweave_inference.model.kinds import Kind
from coreweave_inference.settings.resolution import TOKEN_VARIABLES, Settings
from coreweave_inference.settings.secret import redacted

from .account_lists import listed, opened
from .context import settings_at
from .exits import FAILED, IN_PROGRESS, REFUSED, UNKNOWN, report_errors, usage_error
from .live_account import scope_of
from .models import WANDB_KEY, key_for
from .output import print_document, print_lines
from .wrapping import columns, wrapped

HANG = 4


@dataclass(frozen=True)
class Asked:
    """What is to be read, and how it is shown."""

    before: bool = False
    account: bool = False
    target: str = ""
    completions: bool = True
    completion_seconds: float = 60.0
    strict: bool = False
    short: bool = False
    as_json: bool = False


def doctor(asked: Asked, directory: Path, stack: str | None) -> None:
    """Run the checks, show each result, and end with the code of the worst."""
    with report_errors(as_json=asked.as_json, document=printing.document(())):
        results = _before(asked, directory, stack) if asked.before else _running(asked, directory, stack)
    if asked.as_json:
        print_document(printing.document(results))
    else:
        print_lines(wrapped(printing.summary(results), columns()))
    if code := code_of(results, before=asked.before, strict=asked.strict):
        raise typer.Exit(code)


def explain(code: str) -> None:
    """Print the page of a check."""
    from coreweave_inference.doctor.reference import checks, explained

    lines = explained(code)
    if lines is None:
        codes = [check.code for check in checks()]
        raise usage_error(
            f'"{code}": no check has that code; {did_you_mean(code, codes)}known: {", ".join(codes)}'
        )
    print_lines(wrapped(lines, columns()))


def code_of(results: Sequence[Result], *, before: bool, strict: bool) -> int:
    """0 without a finding that counts, else the code of the worst one."""
    found = {result.outcome for result in results}
    if Outcome.FAILED in found:
        return REFUSED if before else FAILED
    if Outcome.UNKNOWN in found or (strict and Outcome.WARNING in found):
        return UNKNOWN
    return IN_PROGRESS if Outcome.IN_PROGRESS in found else 0


def _running(asked: Asked, directory: Path, stack: str | None) -> tuple[Result, ...]:
    scope = scope_of(directory, stack, account=asked.account)
    with opened(scope.settings) as api, LiveReads.of(scope.settings, api) as reads:
        running = Running(
            scope.settings,
            scope.recorded,
            reads,
            only=asked.target,
            retry_seconds=min(5.0, scope.settings.retry_seconds),
            completions=asked.completions,
            completion_seconds=asked.completion_seconds,
        )
        if asked.target:
            _require_target(running)
        if not asked.as_json:
            print_lines(wrapped([scope.title], columns()))
        return _run(categories(running), asked, scope.settings)


def _require_target(running: Running) -> None:
    """Raises StartupError for a name that nothing has; an account that cannot be listed is a finding of its own."""
    with suppress(CoreWeaveError):
        _ = running.lists
    if "lists" in vars(running) and not running.shown:
        names = sorted({item.key for item in running.all_shown if item.kind is Kind.DEPLOYMENT})
        raise StartupError(
            f'"{running.only}": no deployment and no model has that name; {did_you_mean(running.only, names)}'
            f"known: {', '.join(names) or 'none'}"
        )


def _before(asked: Asked, directory: Path, stack: str | None) -> tuple[Result, ...]:
    def report(offline: bool) -> Report:
        from .checking import discover_facts, report_on

        return report_on(discover_facts(directory, stack, offline=offline))

    setup = SetUp(directory, stack, lambda name: settings_at(directory, name), report)
    with closing(setup):
        return _run(setup_categories(setup), asked, None)


def _run(found: Iterator[Category], asked: Asked, settings: Settings | None) -> tuple[Result, ...]:
    terminal = printing.Terminal()
    lines = printing.short if asked.short else terminal.lines

    def observe(result: Result) -> None:
        if not asked.as_json:
            print_lines(wrapped(lines(secrets_hidden(result, settings)), columns(), hang=HANG))

    return tuple(secrets_hidden(result, settings) for result in run(found, system, observe))


T = TypeVar("T", Result, SmokeResult)


def secrets_hidden(result: T, settings: Settings | None) -> T:
    """A result in which no token or key is shown, whatever repeated it."""
    known = [os.environ.get(name, "") for name in (*TOKEN_VARIABLES, WANDB_KEY)]
    if settings is not None:
        known.append(settings.token.reveal())

    def hidden(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(hidden, value))
        return redacted(value, filter(None, known)) if type(value) is str else value

    return replace(result, **{name.name: hidden(getattr(result, name.name)) for name in fields(result)})


class LiveReads:
    """What the checks ask for, from the service, object storage and gateways."""

    def __init__(self, settings: Settings, api: InferenceApi, closes: ExitStack) -> None:
        self._settings = settings
        self._api = api
        self._closes = closes
        self._clients: dict[str, DataPlane] = {}

    @classmethod
    @contextmanager
    def of(cls, settings: Settings, api: InferenceApi) -> Iterator[LiveReads]:
        """Closed at the end."""
        with ExitStack() as closes:
            yield cls(settings, api, closes)

    def lists(self) -> Mapping[Kind, Sequence[ApiObject]]:
        """One LIST of each kind. Raises the error of the first that failed."""
        found = listed(self._api)
        if found.unread:
            raise Failed("; ".join(f"{kind.noun}s: {why}" for kind, why in found.unread.items()))
        return found.lists

    def service_time(self) -> float | None:
        """By the service's clock."""
        return self._api.service_time()

    def bucket(self, name: str, paths: Sequence[str]) -> tuple[BucketFacts, Sequence[str]]:
        """Policy and files of a bucket; what cannot be read is not known, and why."""
        reader = bucket_reader(self._settings, self._api, system, os.environ)
        with ThreadPoolExecutor(1) as pool:
            found, notes = stores(reader, {name: [Wanted(path) for path in paths]}, pool)
        return found[name], notes

    def client(self, route: Route) -> DataPlane:
        """One client for each kind of key."""
        if route.key not in self._clients:
            client = DataPlane(
                key_for(route, self._settings.token),
                allow_http=self._settings.allow_http,
                hidden=self._api.hidden,
            )
            self._clients[route.key] = self._closes.enter_context(client)
        return self._clients[route.key]

    def observability(self) -> Observability | None:
        """The service's own logs and metrics."""
        if not self._settings.observe_endpoint:
            return None
        return self._closes.enter_context(Observability(self._settings, hidden=self._api.hidden))
