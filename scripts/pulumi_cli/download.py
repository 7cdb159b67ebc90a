"""Files from the network and the checksums that vouch for them. Nothing here knows what a file is for."""

from __future__ import annotations

import hashlib
import http.client
import queue
import re
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from .inspection import Left

RESPONSE_SECONDS = 5.0
"""How long a site may take to begin its answer, name look-up and every address it has included."""

_STALL_SECONDS = 20.0
_QUIET_SECONDS = 2.0
_CHUNK = 1 << 18
_CHECKSUM_LINE = re.compile(r"(?P<digest>[0-9a-fA-F]{64})\s+\*?(?:\./)?(?P<name>\S.*)")

Tell = Callable[[str], None]


class Missing(Left):
    """The site answered that it has no such file."""


def read_text(url: str, response_seconds: float = RESPONSE_SECONDS) -> str:
    """Return a small text file. Raises `Missing` or `Left`."""
    with _open(url, response_seconds) as answer:
        try:
            return answer.read(1 << 20).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise Left(f"{url}: the answer broke off ({_reason(error)})") from error


def save(url: str, target: Path, tell: Tell, response_seconds: float = RESPONSE_SECONDS) -> None:
    """Write the file at `url` to `target`, telling how far it is once it takes longer than two seconds.

    Raises `Missing` or `Left`; also when fewer bytes came than were announced.
    """
    with _open(url, response_seconds) as answer, target.open("wb") as file:
        announced = int(answer.headers.get("Content-Length") or 0)
        received = _copy(url, answer, file, Progress(announced, tell))
    if announced and received != announced:
        raise Left(f"{url}: the answer broke off after {received} of {announced} bytes")


def sha256(path: Path) -> str:
    """Return the digest of a file in lower-case hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def listed_digest(checksums: str, name: str) -> str | None:
    """Return what a checksums file, in the form that `sha256sum` writes, says about the file `name`."""
    for line in checksums.splitlines():
        match = _CHECKSUM_LINE.fullmatch(line.strip())
        if match and match["name"] == name:
            return match["digest"].lower()
    return None


def refuse_other_than(digest: str, path: Path, name: str) -> None:
    """Raise `Left` unless the file at `path` has this digest."""
    if (actual := sha256(path)) != digest:
        raise Left(f"{name} is refused: its SHA-256 is {actual}, the checksums file says {digest}")


class Progress:
    """Tells how much has come: nothing in the first two seconds, then at most once a second."""

    def __init__(self, total: int, tell: Tell, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._tell, self._clock = total, tell, clock
        self._next = clock() + _QUIET_SECONDS
        self._interval = 1.0 if sys.stderr.isatty() else 5.0

    def update(self, received: int) -> None:
        """Take note that `received` bytes have come so far."""
        if (now := self._clock()) < self._next:
            return
        self._next = now + self._interval
        of_total = f" of {self._total / 1e6:.0f} MB" if self._total else " MB"
        self._tell(f"  {received / 1e6:.0f}{of_total}")


def _copy(url: str, answer: http.client.HTTPResponse, file: IO[bytes], progress: Progress) -> int:
    received = 0
    try:
        while chunk := answer.read(_CHUNK):
            file.write(chunk)
            received += len(chunk)
            progress.update(received)
    except (TimeoutError, http.client.HTTPException, ConnectionError) as error:
        raise Left(f"{url}: the answer broke off after {received} bytes ({_reason(error)})") from error
    return received


def _open(url: str, response_seconds: float) -> http.client.HTTPResponse:
    """Open `url`, giving the site `response_seconds` in all.

    The time limit of a socket covers neither the look-up of a name nor the sum over a name's addresses,
    so the question is asked in a thread that is left alone when the time is over.
    """
    answers: queue.Queue[Any] = queue.Queue(1)
    threading.Thread(target=_ask, args=(url, answers), daemon=True).start()
    site = urllib.parse.urlsplit(url).netloc
    try:
        answer = answers.get(timeout=response_seconds)
    except queue.Empty:
        raise Left(f"{site} did not answer within {response_seconds:g} s") from None
    if isinstance(answer, urllib.error.HTTPError):
        answer.close()
        kind = Missing if answer.code in (403, 404, 410) else Left
        raise kind(f"{url} answers {answer.code} {answer.reason}")
    if isinstance(answer, Exception):
        raise Left(f"{site} cannot be reached ({_reason(answer)})") from answer
    return answer  # type: ignore[no-any-return]


def _ask(url: str, answers: queue.Queue[Any]) -> None:
    try:
        answers.put(urllib.request.urlopen(url, timeout=_STALL_SECONDS))
    except (OSError, http.client.HTTPException, ValueError) as error:
        answers.put(error)


def _reason(error: BaseException) -> str:
    cause = getattr(error, "reason", None) or error
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
