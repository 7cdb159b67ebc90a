"""The commands on model weights in a bucket, and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import AsJson, StackName

weights = typer.Typer(help="Model weights in a bucket.", no_args_is_help=True, rich_markup_mode=None)


@weights.command()
def push(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder that holds the weights.")],
    bucket: Annotated[str, typer.Argument(metavar="BUCKET")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="The model.path of the deployment.")],
    zone: Annotated[str, typer.Option(help="The bucket's zone.", show_default="asked of the bucket")] = "",
    directory: Annotated[
        Path, typer.Option("--dir", help="A stack directory whose settings count too.")
    ] = Path(),
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Upload what the bucket does not have yet, compared by content; may be repeated after a break.

    Symbolic links are followed. Left out: .git, .cache, .huggingface, .DS_Store and *.incomplete.

    The document of --json: ok, errors, findings, count, bytes, skipped (there already), dryRun, files, extra (under PATH, not in the
    folder), deleted, warnings.

    Example: cw-inference weights push ./llama acme-weights models/llama-3.1-8b
    """
    from .uploads import Push
    from .uploads import push as run

    asked = Push(folder, bucket, path, tuple(exclude or ()), delete, dry_run)
    run(asked, zone=zone, directory=directory, stack=stack, as_json=as_json)
