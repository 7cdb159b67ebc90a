"""A folder of weights on this machine: which files of it can be sent to a bucket, and under which names.

Reads directories and the status of files, never their contents. Buckets do not belong here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from coreweave_inference.errors import Fault, InvalidDeclaration, one_line

NOT_WEIGHTS = (".git", ".cache", ".huggingface", ".DS_Store", "*.incomplete")
"""What downloads of models and desktops leave beside the weights; it is not uploaded."""
HUB_CACHE = frozenset({"blobs", "snapshots"})
"""Folders of a model in the cache of the Hugging Face hub, each file in it twice."""
LONGEST_KEY = 1024
"""Bytes of an object's key."""
MOST_FAULTS = 20
MOST_ENTRIES = 50_000
"""Files and folders that are read, links to folders each time: no model has as many, and links can make any number of paths."""
NO_FILES = ("/proc", "/sys")
"""What the system shows of itself: files without end and without a size."""


def files_in(
    folder: Path,
    exclude: Sequence[str] = (),
    prefix: str = "",
    *,
    needed: Callable[[str], bool] | None = None,
) -> dict[str, Path]:
    """The files to send to `prefix`, by their path below `folder` with `/` between its parts, sorted.

    `needed`: nothing is sent; what cannot be read is passed over, unless it is needed.

    Symbolic links are followed. `exclude` and `NOT_WEIGHTS` are patterns for the name of a file or folder, or for the
    whole path below `folder`.

    Raises InvalidDeclaration: no files, more than MOST_ENTRIES, the cache folder of a model instead of a snapshot of it, or files that cannot
    be sent (a dangling link, a link in a circle, a pipe, a name that is not UTF-8, a file that may not be read).
    """
    if all((folder / name).is_dir() for name in HUB_CACHE):
        raise InvalidDeclaration(
            [
                Fault(
                    f"{folder} is a model in the Hugging Face cache and holds each file twice",
                    do=f"{'name' if needed else 'push'} one snapshot: {folder / 'snapshots'}/REVISION",
                )
            ]
        )
    found: dict[str, Path] = {}
    faults: list[Fault] = []
    real = os.path.realpath(folder)
    if _is_of_the_system(real):
        raise InvalidDeclaration(
            [
                Fault(
                    f"{folder} is no folder of weights, but of the system",
                    do="name the folder that holds the weights",
                )
            ]
        )
    walk = _walk(folder, (*NOT_WEIGHTS, *exclude), (), (real, *map(str, Path(real).parents)))
    for count, (relative, what, do) in enumerate(walk, 1):
        if count > MOST_ENTRIES:
            raise InvalidDeclaration(
                [
                    Fault(
                        f"{folder} holds more than {MOST_ENTRIES:,} files and folders, links to folders included",
                        do="name the folder of one model, or leave folders out with --exclude",
                    )
                ]
            )
        if not relative and not what:
            continue
        length = len(os.fsencode(f"{prefix}/{relative}"))
        if not what and length > LONGEST_KEY and not needed:
            what = (
                f"would have a key of {length} bytes with PATH, and an object's key has at most {LONGEST_KEY}"
            )
            do = "push to a shorter PATH, rename it"
        if not what:
            found[relative] = folder / relative
        elif needed is None or needed(relative):
            name = one_line(os.fsencode(folder / relative).decode(errors="replace"))
            faults.append(
                Fault(f"{name} {what}", do=do if needed else f"{do}, or leave it out with --exclude")
            )
    if faults:
        more = (
            [Fault(f"and {len(faults) - MOST_FAULTS} more files cannot be {'read' if needed else 'sent'}")]
            if len(faults) > MOST_FAULTS
            else []
        )
        raise InvalidDeclaration([*faults[:MOST_FAULTS], *more])
    if not found:
        raise InvalidDeclaration(
            [
                Fault(
                    f"{folder} holds no files{'' if needed else ' to upload'}",
                    do="name the folder that holds the weights",
                )
            ]
        )
    return dict(sorted(found.items()))


def is_excluded(relative: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern matches the path, or the name of the file or of a folder above it."""
    parts = PurePosixPath(relative).parts
    names = [*parts, *(str(PurePosixPath(*parts[: n + 1])) for n in range(len(parts)))]
    return any(fnmatchcase(name, pattern.rstrip("/")) for name in names for pattern in patterns)


def _walk(
    folder: Path, patterns: Sequence[str], parts: tuple[str, ...], above: tuple[str, ...]
) -> Iterator[tuple[str, str, str]]:
    """Relative paths, an empty one for each folder; of each entry that cannot be sent, what is wrong with it and what to do.

    `above` are the real paths of the parents.
    """
    here = folder.joinpath(*parts)
    try:
        names = sorted(os.listdir(here))
    except OSError as error:
        yield "/".join(parts), f"cannot be listed: {error.strerror}", "change its permissions"
        return
    for name in names:
        path, relative = here / name, "/".join((*parts, name))
        if is_excluded(relative, patterns):
            continue
        try:
            mode = path.stat().st_mode
        except OSError as error:
            yield relative, _why_unreadable(path, error), "restore it"
            continue
        if stat.S_ISDIR(mode):
            real = os.path.realpath(path)
            yield "", "", ""
            if real in above:
                yield relative, "is a link to a folder that holds it", "remove the link"
            elif _is_of_the_system(real):
                yield relative, "is a link to a folder of the system", "remove the link"
            elif len(os.fsencode(relative)) > LONGEST_KEY:
                yield relative, f"has a path of more than {LONGEST_KEY} bytes", "remove it"
            else:
                yield from _walk(folder, patterns, (*parts, name), (*above, real))
        elif problem := _problem(path, mode, relative):
            yield relative, *problem
        else:
            yield relative, "", ""


def _is_of_the_system(real: str) -> bool:
    return any(real == place or real.startswith(f"{place}/") for place in NO_FILES)


def _why_unreadable(path: Path, error: OSError) -> str:
    if path.is_symlink() and isinstance(error, FileNotFoundError):
        return "is a link to a file that does not exist"
    return f"cannot be read: {error.strerror}"


def _problem(path: Path, mode: int, relative: str) -> tuple[str, str] | None:
    if not stat.S_ISREG(mode):
        return "is not a regular file", "remove it"
    if path.is_symlink() and _is_of_the_system(os.path.realpath(path)):
        return "is a link to a file of the system", "remove the link"
    try:
        relative.encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8", "rename it"
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in relative):
        return "has a control character in its name", "rename it"
    if not os.access(path, os.R_OK):
        return "cannot be read: permission denied", "change its permissions"
    return None
