"""The progress of an upload or a copy: a bar on a terminal, else a line for each tenth of a large one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from coreweave_inference.errors import one_line
from coreweave_inference.storage.uploads import UploadProgress


@contextmanager
def transfer_shown(*, quiet: bool) -> Iterator[tuple[Callable[[str], None], UploadProgress]]:
    """What is called with each key that is compared, and with the progress of an upload."""
    if quiet:
        yield (lambda key: None), (lambda key, sent, total: None)
        return
    if not sys.stderr.isatty():
        yield (lambda key: None), _Tenths()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("looking", total=None)
        yield (
            lambda key: bar.update(task, description=f"comparing {one_line(key)}"),
            lambda key, sent, total: bar.update(task, description=one_line(key), completed=sent, total=total),
        )


class _Tenths:
    """Progress without a terminal: one line for each tenth of a large upload."""

    LARGE = 1_000_000_000

    def __init__(self) -> None:
        self._shown_tenth = 0

    def __call__(self, _key: str, sent: int, total: int) -> None:
        tenth = sent * 10 // total if total else 10
        if total >= self.LARGE and tenth > self._shown_tenth:
            self._shown_tenth = tenth
            print(f"uploaded {tenth * 10} % of {total / 1e9:.1f} GB", file=sys.stderr, flush=True)
