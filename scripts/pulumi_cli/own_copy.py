"""The checkout's own copy on disk: one writer at a time, and never half a copy under its name.

Nothing here knows where a copy comes from.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .download import Tell


@contextlib.contextmanager
def locked(copy: Path, tell: Tell) -> Iterator[None]:
    """Hold the right to write `copy`; the system takes it back from a process that dies."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    with copy.with_name(f"{copy.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(f"another run is getting {copy}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def staging(copy: Path) -> Iterator[Path]:
    """Give a fresh directory beside `copy`, on the same file system; what killed runs left goes. Needs the lock."""
    for left_over in copy.parent.glob(f"{copy.name}.new-*"):
        remove(left_over)
    directory = Path(tempfile.mkdtemp(prefix=f"{copy.name}.new-", dir=copy.parent))
    try:
        yield directory
    finally:
        remove(directory)


def put_in_place(new: Path, copy: Path, trash: Path) -> None:
    """Give the finished directory `new` the name `copy`; what had that name goes into `trash`. Needs the lock."""
    if os.path.lexists(copy):
        copy.rename(trash)
    new.rename(copy)


def remove(path: Path) -> None:
    """Remove a file or a directory, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
