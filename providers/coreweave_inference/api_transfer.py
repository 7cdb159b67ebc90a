"""One request and its whole answer, within a time and a size.

An answer that trickles, swells when it is unpacked, or never comes must not hold a run. Nothing here repeats a request
or knows what an answer means.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import httpx

LARGEST_ANSWER = 64 * 2**20
"""Bytes of an answer, unpacked. A list of 5,000 deployments has a tenth of that."""
LOOK_SECONDS = 0.2
GRACE_SECONDS = {"GET": 1.0}
"""How long a request may still take once the run was asked to stop, by method."""
GRACE_OF_A_WRITE = 5.0
PACKED = ("gzip", "x-gzip", "deflate")


class CutShort(Exception):
    """No whole answer: `str` says why. `final`: a repeat would end the same way."""

    def __init__(self, why: str, *, final: bool) -> None:
        super().__init__(why)
        self.final = final


@dataclass(frozen=True)
class Answer:
    """A whole answer, unpacked."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status_code < 300


def transfer(
    client: httpx.Client, request: httpx.Request, *, seconds: float, stopped: Callable[[], bool]
) -> Answer:
    """Send `request`; its answer as a whole, after at most `seconds` (real time).

    Once `stopped` says so, a read ends after `GRACE_SECONDS`, and a write, of which it matters what became of it, after
    `GRACE_OF_A_WRITE`. Raises CutShort, and what httpx raises (RequestError).
    """
    job = _Job(client, request)
    threading.Thread(target=job.run, name="request", daemon=True).start()
    start, stop_seen = time.monotonic(), 0.0
    grace = GRACE_SECONDS.get(request.method, GRACE_OF_A_WRITE)
    while not job.done.wait(LOOK_SECONDS):
        now = time.monotonic()
        stop_seen = stop_seen or (now if stopped() else 0.0)
        if stop_seen and now - stop_seen >= grace:
            job.abandoned = True
            raise CutShort("stopped before the answer came", final=True)
        if now - start >= seconds:
            job.abandoned = True
            raise CutShort(f"no whole answer within {seconds:.0f} s", final=False)
    if job.error is not None:
        raise job.error
    assert job.answer is not None
    return job.answer


class _Job:
    """A request in a thread of its own, which can be abandoned: a read that hangs cannot be ended from outside."""

    def __init__(self, client: httpx.Client, request: httpx.Request) -> None:
        self._client = client
        self._request = request
        self.done = threading.Event()
        self.abandoned = False
        self.answer: Answer | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        """Leave the answer or the error, whichever it comes to."""
        try:
            response = self._client.send(self._request, stream=True)
            try:
                self.answer = Answer(response.status_code, response.headers, b"".join(self._parts(response)))
            finally:
                response.close()
        except Exception as error:
            self.error = error
        finally:
            self.done.set()

    def _parts(self, response: httpx.Response) -> Iterator[bytes]:
        size = 0
        for part in _unpacked(response):
            size += len(part)
            if size > LARGEST_ANSWER:
                raise CutShort(f"the answer is larger than {LARGEST_ANSWER >> 20} MiB", final=True)
            if self.abandoned:
                return
            yield part


def _unpacked(response: httpx.Response) -> Iterator[bytes]:
    """The body in parts, none of them much larger than the largest answer whatever it was packed from."""
    if response.is_stream_consumed:  # A transport that had the whole answer at once.
        yield response.content
        return
    coding = response.headers.get("content-encoding", "identity").strip().lower() or "identity"
    if coding == "identity":
        yield from response.iter_raw()
        return
    if coding not in PACKED:
        raise CutShort(f'the answer is packed as "{coding[:20]}", which was not asked for', final=True)
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        for chunk in response.iter_raw():
            yield unpack.decompress(chunk, LARGEST_ANSWER + 1)
            while unpack.unconsumed_tail:
                yield unpack.decompress(unpack.unconsumed_tail, LARGEST_ANSWER + 1)
    except zlib.error as error:
        raise CutShort("the answer cannot be unpacked", final=False) from error
