"""A host that collects what is sent to it, behind a name that is neither CoreWeave's nor this machine's."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

URL = "http://collector.example"


@dataclass
class Collector:
    """`requests` are what arrived: method and address, and the authorization header. `variables` lead to it."""

    variables: dict[str, str]
    requests: list[tuple[str, str]] = field(default_factory=list)


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    """The host, reached as a proxy is: no name has to be resolved for it."""

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            collector.requests.append(
                (f"{self.command} {self.path}", str(self.headers.get("authorization", "")))
            )
            self.send_response(401)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = _handle  # noqa: N815 -- the library's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(
        {
            "HTTP_PROXY": f"http://127.0.0.1:{server.server_port}",
            "NO_PROXY": "127.0.0.1,localhost",
            "COREWEAVE_ALLOW_HTTP": "1",
        }
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
