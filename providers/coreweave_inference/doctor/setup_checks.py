"""Checks before anything runs: this machine, the token, and what is declared. Nothing is ever changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.checks import Finding, Report
from coreweave_inference.clock import Clock, system
from coreweave_inference.engine import stacks
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.engine.installation import CommandFailed, PulumiCli
from coreweave_inference.engine.refusals import StartupError
from coreweave_inference.errors import (
    CoreWeaveError,
    Forbidden,
    InvalidDeclaration,
    NotFound,
    Refused,
    SettingsError,
    Unauthorized,
    one_line,
)
from coreweave_inference.model.kinds import Kind
from coreweave_inference.network.connections import ca_file, proxy_for
from coreweave_inference.network.endpoints import without_password
from coreweave_inference.settings.resolution import Settings
from coreweave_inference.version import __version__

from .check import Category, Check, Outcome, Problem, Problems, Skip, bind
from .probes import connects_with_tls, resolves

PASSPHRASES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
LANGUAGE_HOST = "pulumi-language-python"
PROVIDER_SECONDS = 60
APART_SECONDS = 60.0
TOO_FAR_SECONDS = 600.0
"""Object storage refuses signatures of a clock that is 15 minutes off; a token service may be stricter."""


@dataclass
class SetUp:
    """What is looked at; `settings_at` and `report` are the command line's own."""

    path: Path
    stack: str | None
    settings_of: Callable[[str | None], Settings]
    report: Callable[[], Report]
    clock: Clock = system
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @cached_property
    def directory(self) -> StackDirectory:
        """Raises StartupError where there is no project."""
        return StackDirectory.at(self.path)

    @cached_property
    def cli(self) -> PulumiCli:
        """Raises StartupError where there is none, or an old one."""
        return PulumiCli.found(self.environ)

    @cached_property
    def stack_name(self) -> str:
        """Raises StartupError where several might be meant."""
        return stacks.chosen(self.directory, self.cli, self.stack)

    @cached_property
    def settings(self) -> Settings:
        """Raises SettingsError."""
        return self.settings_of(self.stack_name)

    @cached_property
    def api(self) -> InferenceApi:
        """A client of the service."""
        return InferenceApi.of(self.settings, clock=self.clock)

    def close(self) -> None:
        """Close the client, if there is one."""
        if "api" in vars(self):
            self.api.close()


def directory(setup: SetUp) -> str:
    """There is a project for Python."""
    try:
        return f"project {setup.directory.project}"
    except StartupError as error:
        raise Problem(str(error), "name a stack directory, or make one: `cw-inference init DIR`") from None


def program_python(setup: SetUp) -> str:
    """The virtualenv that the project wants is the one that runs."""
    try:
        setup.directory.require_virtualenv()
    except StartupError as error:
        raise Problem(
            str(error), "run the `cw-inference` of that virtualenv, or change it in Pulumi.yaml"
        ) from None
    version = ".".join(map(str, sys.version_info[:3]))
    return f"Python {version} in {sys.prefix}, coreweave-inference {__version__}"


def provider_python(setup: SetUp) -> str:
    """The Python that plain `pulumi` runs providers in has this package, in this version."""
    found = setup.directory.virtualenv
    if found is None:
        raise Skip("the project names no virtualenv, so providers run in the Python on PATH")
    python = setup.directory.path / found / "bin" / "python"
    if not python.exists():
        raise Skip(f"{found} is not there yet; `pulumi install` makes it for plain pulumi")
    code = "import coreweave_inference as found; print(found.__version__)"
    done = subprocess.run(
        [str(python), "-c", code], capture_output=True, text=True, timeout=PROVIDER_SECONDS, check=False
    )
    if done.returncode != 0:
        raise Problem(
            f"{python} cannot import coreweave_inference: {one_line(done.stderr, 200)}",
            "run `pulumi install` in the stack directory",
        )
    if done.stdout.strip() != __version__:
        raise Problem(
            f"{python} has coreweave-inference {done.stdout.strip()}, and this is {__version__}",
            "make both the same: `pulumi install` after changing requirements.txt",
        )
    return f"{python}, the same version"


def pulumi_cli(setup: SetUp) -> str:
    """The CLI is there, and new enough."""
    try:
        return f"{setup.cli.command}, version {setup.cli.version}"
    except StartupError as error:
        raise Problem(str(error), "install it: https://www.pulumi.com/docs/install/") from None


def language_host(setup: SetUp) -> str:
    """Plain `pulumi` finds the language host; `cw-inference` needs none."""
    beside = os.pathsep.join([os.path.dirname(setup.cli.command), setup.environ.get("PATH", "")])
    found = shutil.which(LANGUAGE_HOST, path=beside)
    if found is None:
        raise Problem(
            f"{LANGUAGE_HOST} is neither beside the CLI nor on PATH",
            "use `cw-inference`, which needs none; for plain `pulumi` install the CLI's whole archive",
        )
    return found


def backend(setup: SetUp) -> str:
    """The state backend answers, and which stack is meant is clear."""
    try:
        answer = setup.cli.run(["whoami", "--json"], str(setup.directory.path), {})
    except CommandFailed as error:
        raise Problem(
            f"the state backend does not answer: {one_line(str(error), 300)}",
            "log in with `pulumi login`, or set PULUMI_BACKEND_URL",
        ) from None
    try:
        name = setup.stack_name
    except CoreWeaveError as error:
        raise Problem(
            str(error), "name it with --stack, or add one: `cw-inference init . --stack dev`"
        ) from None
    url = yaml.safe_load(answer.stdout or "{}").get("url")
    return f"stack {name} at {without_password(str(url))}"


def passphrase(setup: SetUp) -> str:
    """What decrypts the stack's secrets is there, and right."""
    file = setup.directory.stack_file(setup.stack_name)
    settings = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    uses_passphrase = isinstance(settings, dict) and "encryptionsalt" in settings
    is_set = any(name in setup.environ for name in PASSPHRASES)
    if uses_passphrase and not is_set:
        raise Problem(
            f"{file.name} is encrypted with a passphrase, and none is set",
            f"export {PASSPHRASES[0]}, or name a file in {PASSPHRASES[1]}",
        )
    if not setup.directory.secret_keys(setup.stack_name):
        return "no encrypted configuration"
    arguments = ["config", "--show-secrets", "--json", "--stack", setup.stack_name]
    try:
        setup.cli.run(arguments, str(setup.directory.path), {})
    except CommandFailed as error:
        raise Problem(
            f"the secrets in {file.name} cannot be decrypted: {one_line(str(error), 200)}",
            f"set {PASSPHRASES[0]} to the stack's passphrase, or log in to the provider of its secrets",
        ) from None
    return "the encrypted configuration can be read"


def token(setup: SetUp) -> str:
    """There is a token, and an endpoint that it may be sent to."""
    try:
        found = setup.settings
        found.require_trusted()
    except SettingsError as error:
        raise Problem(str(error), "docs/settings.md says where token and endpoint come from") from None
    if found.conflicts:
        raise Problem(" ".join(found.conflicts), "unset the one that is not meant", outcome=Outcome.WARNING)
    return f"from {found.token_source}, for {found.endpoint} ({found.endpoint_source})"


def proxy_and_certificates(setup: SetUp) -> str:
    """Proxy and certificates of the environment can be used."""
    try:
        proxy, file = proxy_for(setup.settings.endpoint, setup.environ), ca_file(setup.environ)
    except SettingsError as error:
        raise Problem(str(error), "correct the variable, or unset it") from None
    return f"proxy {without_password(proxy) if proxy else 'none'}, certificates {file or 'of this machine'}"


def reachable(setup: SetUp) -> str:
    """The API's name resolves, and its certificate holds."""
    url = setup.settings.endpoint
    told = []
    probes: tuple[Callable[[], str], ...] = (
        lambda: resolves(url, setup.environ),
        lambda: connects_with_tls(url, setup.clock, setup.environ),
    )
    for probe in probes:
        try:
            told.append(probe())
        except Skip as skip:
            told.append(str(skip))
    return "; ".join(filter(None, told))


def role(setup: SetUp) -> str:
    """The token may read, and may write: an empty change of an object that cannot exist is refused for another reason."""
    source = setup.settings.token_source
    try:
        setup.api.list(Kind.GATEWAY)
    except Unauthorized as error:
        raise Problem(
            f"the service does not accept the token from {source} ({error.message})",
            f"set {source} to a new token",
        ) from None
    except Forbidden as error:
        raise Problem(
            f"the token from {source} may not read ({error.message})", "give it a role: docs/access.md"
        ) from None
    try:
        setup.api.update(Kind.DEPLOYMENT, str(uuid.uuid4()), {})
    except Forbidden as error:
        raise Problem(
            f"the token from {source} may read and not write ({error.message})",
            "give it the role Inference Admin (docs/access.md); a preview needs no more than it has",
            outcome=Outcome.WARNING,
        ) from None
    except (NotFound, Refused):
        pass
    return "reads and writes"


def clock(setup: SetUp) -> str:
    """This machine's clock and the service's agree."""
    setup.api.list(Kind.GATEWAY)
    told = setup.api.service_time()
    if told is None:
        raise Skip("the service tells no time")
    apart = setup.clock.now() - told
    if abs(apart) > APART_SECONDS:
        way = "ahead of" if apart > 0 else "behind"
        raise Problem(
            f"this machine's clock is {abs(apart):.0f} s {way} the service's",
            "set it (`timedatectl set-ntp true`): signatures for object storage are refused when it is off",
            outcome=Outcome.FAILED if abs(apart) > TOO_FAR_SECONDS else Outcome.WARNING,
        )
    return f"{abs(apart):.0f} s apart"


def quota_and_claims(setup: SetUp) -> str:
    """No claim of the account waits for quota or hardware."""
    waiting = [
        Problem(
            f"{found.pending_instances} of {found.pending_instances + found.allocated_instances} instances are pending",
            "what is declared beside it may wait too: ask for quota, or for another zone (`cw-inference catalog`)",
            why="; ".join(f"{c.reason} {c.message}".strip() for c in found.conditions if not c.status),
            subject=f'capacity claim "{found.name}"',
        )
        for found in setup.api.list(Kind.CAPACITY_CLAIM)
        if found.pending_instances
    ]
    if waiting:
        raise Problems(waiting)
    return "nothing is pending; the service publishes no quota, and refuses a claim over it with 429"


def declared(setup: SetUp) -> str:
    """What is declared can work: the findings of `cw-inference check`, weights and bucket policies among them."""
    if not (setup.path / "inference.yaml").is_file():
        raise Skip("a program declares the stack; `cw-inference preview` checks it")
    try:
        report = setup.report()
    except InvalidDeclaration as error:
        raise Problem(
            "; ".join(one_line(str(fault), 200) for fault in error.faults), "correct the declaration"
        ) from None
    found = [_of_finding(finding) for finding in (*report.errors, *report.warnings)]
    if found:
        raise Problems(found)
    notes = f", {len(report.notes)} things were not looked at" if report.notes else ""
    return f"no finding{notes}"


def _of_finding(finding: Finding) -> Problem:
    where = f" ({finding.place})" if finding.place else ""
    return Problem(
        f"{finding.code}{where}: {finding.what}",
        finding.do,
        why=finding.why,
        subject=str(finding.about),
        outcome=Outcome.FAILED if finding.severity.value == "error" else Outcome.WARNING,
    )


MACHINE: tuple[Check[SetUp], ...] = (
    Check("stack-directory", "the stack directory has a project for Python", directory, fatal=True),
    Check("program-python", "the program runs in the Python that the project wants", program_python),
    Check("provider-python", "the providers' Python has this package", provider_python),
    Check("pulumi-cli", "the Pulumi CLI is there and new enough", pulumi_cli, fatal=True),
    Check("language-host", "plain pulumi finds its language host", language_host, warning=True),
    Check("state-backend", "the state backend answers, and has the stack", backend, fatal=True),
    Check("passphrase", "the stack's secrets can be decrypted", passphrase),
)
SERVICE: tuple[Check[SetUp], ...] = (
    Check("token", "there is a token, and an endpoint that it may be sent to", token, fatal=True),
    Check("proxy", "proxy and certificates can be used", proxy_and_certificates, fatal=True),
    Check("api-reachable", "the Inference API can be reached", reachable, fatal=True),
    Check("token-role", "the token reads and writes", role),
    Check("clock", "this machine's clock agrees with the service's", clock),
    Check("quota", "no claim waits for quota or hardware", quota_and_claims, warning=True),
)
DECLARATION: tuple[Check[SetUp], ...] = (Check("declaration", "what is declared can work", declared),)


def setup_categories(setup: SetUp) -> Iterator[Category]:
    """This machine, the service, the declaration."""
    yield Category("machine", str(setup.path), bind(MACHINE, setup))
    if "stack_name" not in vars(setup):
        return
    yield Category("service", "the service", bind(SERVICE, setup))
    if "settings" in vars(setup):
        yield Category("declaration", "the declaration", bind(DECLARATION, setup))
