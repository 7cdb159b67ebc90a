"""The commands that look at a running stack and change nothing, and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import AsJson, Directory, StackName


def status(
    directory: Directory = Path(),
    stack: StackName = None,
    account: Annotated[
        bool, typer.Option("--account", help="Everything in the account, not one stack.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.")] = False,
    interval: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="Seconds between two looks of --watch.", show_default="COREWEAVE_POLL_SECONDS"
        ),
    ] = None,
    exit_code: Annotated[
        bool,
        typer.Option("--exit-code", help="End with 1 failed, 4 not known, 3 changed outside, 5 in progress."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how the objects of a stack are: state, conditions, drift, replicas, traffic, claims, endpoints, cost per hour.

    Outside of a stack directory, and with --account, everything in the account. One LIST of each kind is asked for, and
    nothing is changed.

    The document of --json (with --watch one for each change, a line each): ok, errors, findings, project, stack, endpoint, counts (objects by
    state), drift, objects (kind, key, name, id, state, reason, status, conditions, updatedAt, drift, disabled, replicas,
    traffic, claim, endpoints, costPerHour), buckets, others, cost, notes.

    Example: cw-inference status stacks/quickstart --stack dev --watch
    """
    from .announcing import announce_look

    announce_look("reading", directory, stack, as_json=as_json)
    from .status import status as run

    run(
        directory,
        stack,
        account=account,
        watch=watch,
        interval=interval,
        exit_code=exit_code,
        as_json=as_json,
    )


def diff(directory: Directory = Path(), stack: StackName = None, as_json: AsJson = False) -> None:
    """Compare what is declared with what is live, without engine and state: one LIST of each kind, and nothing is changed.

    An object is known by the id that the stack would choose, else by its name. What only the state, another stack or object
    storage tells is listed as not known. Buckets are not compared. Exit codes: 0 equal, 3 different, 4 a kind could not be
    listed.

    The document of --json: version, ok, errors, findings, project, stack, endpoint, equal (labels), differences (what: adds,
    changes, replaces, removes, breaks; kind, key, id, changes with path, live, declared; why), notKnown, notRead (kind, why).

    Example: cw-inference diff stacks/quickstart --stack dev
    """
    from .announcing import announce_look

    announce_look("comparing", directory, stack, as_json=as_json)
    from .diff import diff as run

    run(directory, stack, as_json=as_json)


def outputs(
    directory: Directory = Path(),
    stack: StackName = None,
    get: Annotated[
        str,
        typer.Option(
            "--get",
            metavar="PATH",
            help='One value: deployments.chat.apiId, models["acme/chat"].baseUrls[0].',
        ),
    ] = "",
    url: Annotated[
        str, typer.Option("--url", metavar="KEY", help="The base URL of a deployment's model, or of a model.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Print what the stack exports: base URLs of models, endpoints, ids, buckets. No request is made.

    The document of --json: ok, errors, findings, project, stack, outputs (with --get or --url that value alone), notes.

    Example: cw-inference outputs --url chat
    """
    from .announcing import announce_look

    announce_look("reading", directory, stack, as_json=as_json)
    from .outputs import outputs as run

    run(directory, stack, get=get, url=url, as_json=as_json)


def call(
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="A deployment by its key or name, or the name of a model.")
    ],
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What is asked; - reads standard input.")],
    directory: Annotated[
        Path, typer.Option("--dir", help="The stack directory.", show_default="here")
    ] = Path(),
    stack: StackName = None,
    gateway: Annotated[
        str, typer.Option("--gateway", help="The name of one of several gateways.", show_default="the first")
    ] = "",
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="At most so many tokens.")
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds for the whole answer.")
    ] = 60.0,
    curl: Annotated[
        bool, typer.Option("--curl", help="Print the curl command that sends it, and send nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send one prompt to a model, as its clients do, and print the completion.

    The address is read from the service, the token is the run's own; a gateway for Weights & Biases takes WANDB_API_KEY.

    The document of --json: ok, errors, findings, model, gateway, url, status, seconds, member (who answered; null: not known), content,
    answer.

    Example: cw-inference call chat "Hello"
    """
    from .announcing import announce_look

    announce_look("asking", directory, stack, as_json=as_json)
    from .call import Request
    from .call import call as run

    asked = Request(key, prompt, gateway, max_tokens, timeout)
    run(asked, directory, stack, curl=curl, as_json=as_json)


def doctor(
    directory: Directory = Path(),
    stack: StackName = None,
    before: Annotated[
        bool,
        typer.Option("--before", help="What is needed before anything runs: machine, token, declaration."),
    ] = False,
    account: Annotated[
        bool, typer.Option("--account", help="Everything in the account, not one stack.")
    ] = False,
    target: Annotated[
        str,
        typer.Option("--target", metavar="KEY", help="Only this deployment or model.", show_default=False),
    ] = "",
    completions: Annotated[
        bool,
        typer.Option("--completions/--no-completions", help="Ask each model for a completion, or do not."),
    ] = True,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds for one completion.")] = 60.0,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with code 4 where there are warnings.")
    ] = False,
    short: Annotated[bool, typer.Option("--short", help="Print findings alone.")] = False,
    explain: Annotated[
        str, typer.Option("--explain", metavar="CODE", help="Print what a check looks at, and what fixes it.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Find out why a stack does not answer: service, gateways, traffic, deployments, weights, and real completions.

    Nothing is changed. Each finding has what fixes it. Exit codes: 1 a check failed (with --before 2), 4 one could not be made,
    5 something is still in progress.

    The document of --json: ok, errors, findings, first (the finding to look at first), checks (category, code, description,
    subject, outcome, detail, what, why, do, seconds), counts.

    Example: cw-inference doctor stacks/quickstart --stack dev
    """
    from .announcing import announce_look

    if not explain:
        announce_look("examining", directory, stack, as_json=as_json)
    from .doctor import Asked
    from .doctor import doctor as run
    from .doctor import explain as run_explain

    if explain:
        run_explain(explain)
        return
    run(Asked(before, account, target, completions, timeout, strict, short, as_json), directory, stack)


def smoke(
    directory: Directory = Path(),
    stack: StackName = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target", metavar="KEY", help="Only this deployment; again for more.", show_default=False
        ),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", help="What is asked.", show_default="as declared under smoke")
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option("--expect", metavar="TEXT", help="What the completion has to contain, in any case."),
    ] = None,
    max_latency: Annotated[
        float | None, typer.Option("--max-latency", min=0.001, help="Seconds that a completion may take.")
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", min=1, max=20, help="Completions of each deployment.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask each deployment for a real completion, and say of each whether it is proven that its declared revision answers.

    An `up` of a declaration with `smoke:` does the same at its end, and fails where it fails. Exit codes: 1 a test failed,
    4 not every deployment that requests reach is proven, 5 something is still in progress. A deployment with weight 0 and a
    disabled one count where --target or the declaration names them.

    The document of --json: ok, errors, findings, smoke (subject, model, gateway, proof: passed, failed or unproven, why,
    inProgress, takesTraffic, evidence).

    Example: cw-inference smoke --prompt "What is 2 + 2?" --expect 4
    """
    from .announcing import announce_look

    announce_look("asking", directory, stack, as_json=as_json)
    from .smoke import Overrides
    from .smoke import smoke as run

    overrides = Overrides(prompt, expect, max_latency, count, tuple(target or ()))
    run(directory, stack, overrides, as_json=as_json)
