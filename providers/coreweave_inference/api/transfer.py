"""One request and its whole answer, within a time and a size.

An answer that trickles, swells when it is unpacked, or never comes must not hold a run. Nothing here repeats a request
or knows what an answer means.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from coreweave_inference.network.limits import CutShort, Hanging, joined, within

from .http_library import httpx

LARGEST_ANSWER = 64 * 2**20
"""Bytes of an answer, unpacked. A list of 5,000 deployments has a tenth of that."""
PACKED = ("gzip", "x-gzip", "deflate")


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
    client: httpx.Client,
    request: httpx.Request,
    *,
    seconds: float,
    stopped: Callable[[], bool],
    hanging: Hanging | None = None,
) -> Answer:
    """Send `request`; its answer as a whole, within the limits of `within`.

    Raises CutShort, and what httpx raises (RequestError).
    """

    def send(abandoned: Callable[[], bool]) -> Answer:
        response = client.send(request, stream=True)
        try:
            content = joined(_unpacked(response), LARGEST_ANSWER, abandoned)
            return Answer(response.status_code, response.headers, content)
        finally:
            response.close()

    return within(send, request.method, seconds=seconds, stopped=stopped, hanging=hanging)


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
