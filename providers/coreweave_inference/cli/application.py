"""The commands and their options. What a command does is in a module of its own, imported when it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from .arguments import AsJson, Directory, StackName, Yes
from .check import check
from .exits import Commands, report_errors
from .fit import fit
from .live_commands import call, diff, doctor, outputs, smoke, status
from .output import say
from .review import review
from .run_commands import RUNS
from .weights_commands import weights

application = typer.Typer(
    name="cw-inference",
    cls=Commands,
    help="A model-serving stack on CoreWeave Dedicated Inference: brought up, changed, watched and taken down.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="Stacks are Pulumi's: `pulumi stack ls`, `pulumi stack select` and `pulumi stack rm` list, select and remove them.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
application.add_typer(weights, name="weights")


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where the stack directory is, or is to be.")
    ],
    name: Annotated[str, typer.Option(help="The project's name.", show_default="the directory's")] = "",
    stack: Annotated[str, typer.Option(help="The stack to add.")] = "dev",
    zone: Annotated[str, typer.Option(help="The zone of the starting declaration.")] = "US-EAST-04A",
) -> None:
    """Make a stack directory, or add a stack to one; nothing is ever overwritten.

    Example: cw-inference init stacks/assistant --stack dev --zone US-EAST-04A
    """
    from .scaffold import init as run

    with report_errors():
        for line in run(directory, name=name, stack=stack, zone=zone):
            say(line)


def import_account(
    directory: Directory = Path(),
    stack: StackName = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="WHAT,…",
            help="Kinds (gateways, claims, deployments), names, patterns such as 'chat*', or ids; else everything.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str,
        typer.Option(help="The project's name, for a new stack directory.", show_default="the directory's"),
    ] = "",
    apply: Annotated[
        bool, typer.Option("--apply", help="Bring the objects into the stack's state, and preview.")
    ] = False,
    yes: Yes = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the declaration and the proof, and write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a declaration of what an account has, and prove that its next preview is empty. Never writes to the account.

    Writes inference.yaml (or adds to it), import.json for `pulumi import --file`, and import-report.md. With --apply the
    objects come into the stack's state, and a preview is shown. May be repeated.

    Exit codes: 0 the next preview is empty; 3 it is not, or findings stop it (with what, and what to do); 2 refused (a gateway
    without deployments that use it, a name that nothing has, an object that another stack has).

    The document of --json: ok, errors, findings, project, stack, files, imported (kind, key, id, name, status), present (ids, names of
    buckets), leftOut (label, why), used (section, key: what is under `existing`), environment (variables to export), expected (what,
    label, changes: what the next preview would show), open (what is not known), applied, preview (counts of the preview after
    --apply), declaration (with --dry-run).

    Example: cw-inference import stacks/serving --stack prod --only 'gateways,chat*' --apply
    """
    from .announcing import announce_look

    announce_look("importing into", directory, stack, as_json=as_json)
    from .importing import Asked
    from .importing import import_account as run

    asked = Asked(directory, stack, only, name, apply, yes, dry_run, as_json)
    run(asked)


def catalog(directory: Directory = Path(), stack: StackName = None, as_json: AsJson = False) -> None:
    """Show the zones, instance types, engine versions, config keys and environment names that the service offers.

    The document of --json: ok, errors, findings, zones, instanceTypes (by zone), engines (versions, configKeys,
    environmentNames by engine), notRead (what could not be read, and why).

    Example: cw-inference catalog --json
    """
    from .announcing import announce

    announce("reading what the service offers …", as_json=as_json)
    from .catalog import catalog as run

    run(directory, stack, as_json=as_json)


def policy(
    bucket: Annotated[str, typer.Argument(metavar="BUCKET")],
    prefix: Annotated[
        list[str] | None, typer.Option(help="A folder of weights; again for more. None: the bucket.")
    ] = None,
    owner_access: Annotated[
        str,
        typer.Option(metavar="organization|none", help="Whether the owner's own users keep their access."),
    ] = "none",
    organization_id: Annotated[
        str, typer.Option(help="The owner's organization, for --owner-access organization.")
    ] = "",
) -> None:
    """Print the bucket policy by which the inference service may read weights, for whoever owns the bucket.

    Example: cw-inference policy acme-weights --prefix models --owner-access organization --organization-id ab1cd2
    """
    from .policies import policy as run

    run(bucket, prefix or [], owner_access=owner_access, organization_id=organization_id)


def simulate(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port on 127.0.0.1; 0 takes a free one.")
    ] = 0,
    speed: Annotated[float, typer.Option(help="Simulated seconds per second.")] = 1.0,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KNOB=VALUE",
            help="How the service behaves, e.g. deployment_create_seconds=30; `help` lists the settings.",
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep objects, buckets, settings and the port there, and go on with them.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a service that behaves like CoreWeave's on a loopback port, until Ctrl-C. Costs nothing, reaches nobody.

    Example: cw-inference simulate --port 8080 --speed 10
    """
    from .simulation import simulate as run

    run(port=port, speed=speed, settings=setting or [], state=state, as_json=as_json)


def version() -> None:
    """Print the version.

    Example: cw-inference version
    """
    from coreweave_inference import __version__

    print(__version__)


def _print_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


@application.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A model-serving stack on CoreWeave Dedicated Inference: brought up, changed, watched and taken down."""


OTHERS: tuple[Callable[..., None], ...] = (
    status,
    diff,
    outputs,
    call,
    doctor,
    smoke,
    init,
    check,
    fit,
    catalog,
    policy,
    simulate,
    version,
    review,
)
for command in (*RUNS, *OTHERS):
    application.command()(command)
application.command("import")(import_account)
