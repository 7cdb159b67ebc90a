"""`fit`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import AsJson, StackName


def fit(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[KEY|FOLDER]",
            help="A deployment of the declaration, or a folder of weights on this machine.",
            show_default="every deployment",
        ),
    ] = None,
    directory: Annotated[
        Path, typer.Option("--dir", help="The stack directory.", show_default="here")
    ] = Path(),
    stack: StackName = None,
    instance_type: Annotated[
        str | None,
        typer.Option(
            "--instance-type", metavar="TYPE", help="Other GPUs than the declared ones.", show_default=False
        ),
    ] = None,
    gpus: Annotated[
        str | None,
        typer.Option(
            "--gpus", metavar="N", help="GPUs of one replica.", show_default="the declared ones, else 1"
        ),
    ] = None,
    max_model_len: Annotated[
        str | None,
        typer.Option(
            "--max-model-len",
            metavar="TOKENS",
            help="Tokens of the longest request: 16384, 16k, auto.",
            show_default="the declared ones, else the model's own",
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="OPTION=VALUE",
            help="An option of vLLM, such as kv-cache-dtype=fp8; again for more.",
        ),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            "--engine-version",
            metavar="VERSION",
            help="A version of vLLM.",
            show_default="the declared one, else the newest",
        ),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nothing of the service.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether a model fits into the GPUs of a replica, with the sum, what would help, and all instance types by price.

    Weights and KV cache are computed from config.json and the files (sizes, and headers where they decide); no GPU is used.
    What vLLM needs beside them differs between versions, so that near the limit the verdict is `tight`.

    Exit codes: 0 fits or tight, 2 a value that is not allowed, 3 does not fit, 4 unknown.

    The document of --json: ok, errors, findings, verdict (fits, tight, does not fit, unknown), why, refused (why vLLM does not start, whatever memory there is), weightsGiBPerGpu, kvBytesPerToken,
    kvGiBAvailable (low, high), kvGiBPerRequest, maxModelLen, largestMaxModelLen, maxConcurrency, deployment, instanceType,
    gpus, unknown, helps (setting, verdict), instanceTypes (instanceType, gpu, gpus, verdict, largestMaxModelLen, usdPerHour),
    pricesOf, notes. Without KEY, of several deployments: verdict (the worst), why, deployments.

    Example: cw-inference fit ./llama-3.1-8b --instance-type gd-8xl40s-i128 --max-model-len 32k
    """
    from .announcing import announce, announcement

    doing = "computing the fit of"
    announce(f"{doing} {what} …" if what else announcement(doing, directory, stack), as_json=as_json)
    from .fitting import Asked, run

    asked = Asked(
        what, directory, stack, instance_type, gpus, max_model_len, tuple(setting or ()), version, offline
    )
    run(asked, as_json=as_json)
