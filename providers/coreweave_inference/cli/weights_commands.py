"""The commands on model weights in a bucket, and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import AsJson, StackName

weights = typer.Typer(help="Model weights in a bucket.", no_args_is_help=True, rich_markup_mode=None)


Bucket = Annotated[str, typer.Argument(metavar="BUCKET")]
Zone = Annotated[str, typer.Option(help="The bucket's zone.", show_default="asked of the bucket")]
SettingsOf = Annotated[Path, typer.Option("--dir", help="A stack directory whose settings count too.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")]


def _announce(line: str, *, as_json: bool) -> None:
    from .announcing import announce

    announce(line, as_json=as_json)


@weights.command()
def push(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder that holds the weights.")],
    bucket: Bucket,
    path: Annotated[str, typer.Argument(metavar="PATH", help="The model.path of the deployment.")],
    zone: Zone = "",
    directory: SettingsOf = Path(),
    stack: StackName = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN", help="Files or folders to leave out, such as '*.bin'; again for more."
        ),
    ] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete files under PATH that the folder does not have.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Upload what the bucket does not have yet, compared by content; may be repeated after a break.

    Symbolic links are followed. Left out: .git, .cache, .huggingface, .DS_Store and *.incomplete.

    The document of --json: ok, errors, findings, count, bytes, skipped (there already), dryRun, files, extra (under PATH, not in the
    folder), deleted, warnings.

    Example: cw-inference weights push ./llama acme-weights models/llama-3.1-8b
    """
    _announce(f"comparing {folder} with {path} in bucket {bucket} …", as_json=as_json)
    from .uploads import Push
    from .uploads import push as run

    asked = Push(folder, bucket, path, tuple(exclude or ()), delete, dry_run)
    run(asked, zone=zone, directory=directory, stack=stack, as_json=as_json)


@weights.command("list")
def list_weights(
    bucket: Annotated[
        str | None,
        typer.Argument(metavar="[BUCKET]", help="Else those of the declaration, or all.", show_default=False),
    ] = None,
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="Only what is below it.")] = "",
    directory: SettingsOf = Path(),
    stack: StackName = None,
    as_json: AsJson = False,
) -> None:
    """Show the models in a bucket: size, files, what they cost a month at most, and which deployments read them.

    Uploads that were begun and not completed are named, since their parts are billed.

    The document of --json: version, ok, errors, findings, buckets (bucket, path, why, bytes, costPerMonth, models with path,
    isModel, files, bytes, costPerMonth, newest, readBy; unfinished), prices.

    Example: cw-inference weights list acme-weights
    """
    _announce(f"reading {f'bucket {bucket}' if bucket else 'buckets'} …", as_json=as_json)
    from .weights_list import list_weights as run

    run(bucket, path, directory=directory, stack=stack, as_json=as_json)


@weights.command("check")
def check_weights(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[BUCKET|FOLDER]",
            help="Else what the declaration's deployments read.",
            show_default=False,
        ),
    ] = None,
    path: Annotated[
        str | None, typer.Argument(metavar="[PATH]", help="The path in the bucket.", show_default=False)
    ] = None,
    directory: SettingsOf = Path(),
    stack: StackName = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a model is whole: config, tokenizer, every part that the index names, and the header of each.

    Only names, sizes, small files and headers are read. Exit codes: 0 whole, 2 something is wrong, 4 something could not be read.

    The document of --json: version, ok, errors, findings (as of `check`), models (bucket, path, whole, files, bytes, loaded,
    notRead).

    Example: cw-inference weights check acme-weights models/llama-3.1-8b
    """
    _announce(f"checking {what or 'what the deployments read'} …", as_json=as_json)
    from .weights_check import check_weights as run

    run(what, path, directory=directory, stack=stack, as_json=as_json)


@weights.command("copy")
def copy_weights(
    bucket: Bucket,
    path: Annotated[str, typer.Argument(metavar="PATH", help="What is copied.")],
    to_path: Annotated[str, typer.Argument(metavar="TO_PATH", help="Where it goes.")],
    to_bucket: Annotated[
        str, typer.Option("--to-bucket", help="Another bucket.", show_default="the same one")
    ] = "",
    zone: Zone = "",
    directory: SettingsOf = Path(),
    stack: StackName = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of other content.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Copy a model to another path or bucket without downloading it; may be repeated after a break.

    What is there with the same content stays. Other content is refused before the first copy, unless --overwrite is given.

    The document of --json: version, ok, errors, findings, count, bytes, skipped (there already), overwritten, dryRun, files,
    extra (at the target, not at the source), warnings.

    Example: cw-inference weights copy acme-weights models/llama-3.1-8b models/llama-3.1-8b-v2
    """
    _announce(f"comparing {path} with {to_path} …", as_json=as_json)
    from .weights_copy import Copy
    from .weights_copy import copy_weights as run

    asked = Copy(bucket, path, to_bucket or bucket, to_path, overwrite, dry_run)
    run(asked, zone=zone, directory=directory, stack=stack, as_json=as_json)
