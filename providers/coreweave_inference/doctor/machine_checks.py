"""Checks of this machine, the state backend and the declaration before anything runs. Nothing is ever changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import yaml

from coreweave_inference.checks import Finding
from coreweave_inference.engine.installation import CommandFailed
from coreweave_inference.errors import (
    CoreWeaveError,
    InvalidDeclaration,
    StartupError,
    one_line,
    plural,
)
from coreweave_inference.network.endpoints import without_password
from coreweave_inference.version import __version__

from .check import Check, Outcome, Problem, Problems, Skip
from .setup import SetUp

PASSPHRASES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
LANGUAGE_HOST = "pulumi-language-python"
PROVIDER_SECONDS = 30.0
BACKEND_SECONDS = 30.0


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
    try:
        done = subprocess.run(
            [str(python), "-c", code], capture_output=True, text=True, timeout=PROVIDER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Problem(
            f"{python} did not import coreweave_inference within {PROVIDER_SECONDS:g} s",
            "run `pulumi install` in the stack directory",
        ) from None
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
        answer = setup.cli.run(["whoami", "--json"], str(setup.directory.path), {}, seconds=BACKEND_SECONDS)
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
        setup.cli.run(arguments, str(setup.directory.path), {}, seconds=BACKEND_SECONDS)
    except CommandFailed as error:
        raise Problem(
            f"the secrets in {file.name} cannot be decrypted: {one_line(str(error), 200)}",
            f"set {PASSPHRASES[0]} to the stack's passphrase, or log in to the provider of its secrets",
        ) from None
    return "the encrypted configuration can be read"


def declared(setup: SetUp) -> str:
    """What is declared can work: the findings of `cw-inference check`, weights and bucket policies among them."""
    if not (setup.path / "inference.yaml").is_file():
        raise Skip("a program declares the stack; `cw-inference preview` checks it")
    try:
        report = setup.report(not setup.answers)
    except InvalidDeclaration as error:
        raise Problem(
            "; ".join(one_line(str(fault), 200) for fault in error.faults), "correct the declaration"
        ) from None
    found = [_of_finding(finding) for finding in (*report.errors, *report.warnings)]
    if found:
        raise Problems(found)
    if not setup.answers:
        return "no finding in the files; nothing was asked of the service"
    notes = f", {plural(len(report.notes), 'thing')} not read" if report.notes else ""
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
DECLARATION: tuple[Check[SetUp], ...] = (Check("declaration", "what is declared can work", declared),)
