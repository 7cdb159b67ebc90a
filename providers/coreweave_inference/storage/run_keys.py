"""One key for object storage for all processes of a `cw-inference` run.

The command answers on a socket in the directory of the run, which nobody else may enter, and makes the key when the first
process asks. Nothing is written to disk; a process that gets no answer makes a key of its own.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from coreweave_inference.clock import RUN_DIRECTORY, Clock
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.settings.secret import Secret

from .credentials import S3Credentials

SOCKET = "keys"
PATIENCE_SECONDS = 10.0
LONGEST_LINE = 65_536

_answering: set[str] = set()
"""Directories of runs whose processes this one answers: it asks nobody."""


def place_of(endpoint: str, token: Secret) -> str:
    """What two processes must have in common to share a key."""
    return sha256(f"{endpoint}\n{token.reveal()}".encode()).hexdigest()


@contextmanager
def answering(
    directory: Path, place: str, source: Callable[[], S3Credentials], clock: Clock
) -> Iterator[None]:
    """Hand the key of `source` to the processes of a run. Where there can be no socket, each of them makes its own."""
    listener = _listening(directory / SOCKET)
    if listener is None:
        yield
        return
    _answering.add(str(directory))

    def answer(asker: socket.socket) -> None:
        with asker, suppress(OSError, ValueError):
            asker.settimeout(PATIENCE_SECONDS)
            asker.sendall(json.dumps(_answer(_read(asker), place, source, clock)).encode() + b"\n")

    def answer_all() -> None:
        with suppress(OSError):
            while True:
                asker, _ = listener.accept()
                threading.Thread(target=answer, args=(asker,), name="key", daemon=True).start()

    threading.Thread(target=answer_all, name="keys", daemon=True).start()
    try:
        yield
    finally:
        _answering.discard(str(directory))
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def of_run(place: str, clock: Clock, without: str = "") -> S3Credentials | None:
    """The key of the run that this process belongs to, another one than `without`; None where there is none to be had."""
    directory = os.environ.get(RUN_DIRECTORY)
    if not directory or directory in _answering:
        return None
    with suppress(OSError, ValueError, TypeError, KeyError), socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(PATIENCE_SECONDS)
        asking.connect(str(Path(directory) / SOCKET))
        asking.sendall(json.dumps({"place": place, "without": without}).encode() + b"\n")
        return _credentials(_read(asking), clock.monotonic())
    return None


def _listening(path: Path) -> socket.socket | None:
    try:
        listener = socket.socket(socket.AF_UNIX)
    except (AttributeError, OSError):
        return None
    try:
        listener.bind(str(path))
        listener.listen(16)
    except OSError:  # The path of the directory may be too long for a socket.
        listener.close()
        return None
    return listener


def _answer(asked: Any, place: str, source: Callable[[], S3Credentials], clock: Clock) -> dict[str, Any]:
    if asked["place"] != place:
        return {}
    try:
        key = source()
        if key.access_key_id == asked["without"] and key.discard is not None:
            key.discard()
            key = source()
    except CoreWeaveError:
        return {}
    now = clock.monotonic()
    return {
        "id": key.access_key_id,
        "secret": key.secret_key,
        "session": key.session_token,
        "age": None if key.made_at is None else now - key.made_at,
        "left": None if key.renew_at is None else key.renew_at - now,
    }


def _credentials(answer: Any, now: float) -> S3Credentials:
    age, left = answer["age"], answer["left"]
    return S3Credentials(
        answer["id"],
        answer["secret"],
        answer["session"],
        renew_at=None if left is None else now + left,
        made_at=None if age is None else now - age,
    )


def _read(connection: socket.socket) -> Any:
    """One line of JSON."""
    with connection.makefile("rb") as file:
        return json.loads(file.readline(LONGEST_LINE))
