"""A loopback server that speaks the three calls of GitHub's REST API by which a comment is kept up to date."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "ghs_loopback"
LIST = re.compile(r"/repos/acme/serving/issues/(\d+)/comments")
ONE = re.compile(r"/repos/acme/serving/issues/comments/(\d+)")
LONGEST_BODY = 65_536


@dataclass
class GitHub:
    """Comments of pull request 7; `refuses` answers every write with that status, and `headers` go with every answer.

    `page`: instead of the API some proxy answers, with this. `moved`: every write is redirected with that status, to where
    the repository is now; the list answers everywhere.
    """

    comments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    login: str = "github-actions[bot]"
    refuses: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    page: str = ""
    moved: int = 0
    url: str = ""

    def add(self, body: str, login: str) -> int:
        """A comment that somebody wrote."""
        number = len(self.comments) + 1
        self.comments.append({"id": number, "body": body, "user": {"login": login}})
        return number

    def answer(self, method: str, target: str, token: str, body: Any) -> tuple[int, Any]:
        """Status and JSON of one request."""
        parts = urlsplit(target)
        target = parts.path.replace("/repos/acme/now", "/repos/acme/serving")
        self.requests.append(f"{method} {parts.path}")
        if token != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}
        if method != "GET" and self.moved and target == parts.path:
            return self.moved, {"message": "Moved Permanently"}
        if method != "GET" and self.refuses:
            return self.refuses, {"message": "Resource not accessible by integration"}
        if method != "GET" and len(body["body"]) > LONGEST_BODY:
            return 422, {"message": "Body is too long (maximum is 65536 characters)"}
        if method == "GET" and LIST.fullmatch(target):
            query = parse_qs(parts.query)
            size, page = int(query.get("per_page", ["30"])[0]), int(query.get("page", ["1"])[0])
            return 200, self.comments[(page - 1) * size : page * size]
        if method == "POST" and LIST.fullmatch(target):
            return 201, self.comments[self.add(body["body"], self.login) - 1]
        one = ONE.fullmatch(target)
        if method == "PATCH" and one:
            comment = self.comments[int(one[1]) - 1]
            comment["body"] = body["body"]
            return 200, comment
        return 404, {"message": "Not Found"}


@contextlib.contextmanager
def serving(hub: GitHub) -> Iterator[GitHub]:
    """`hub` on a free loopback port; `hub.url` says where."""

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, found = hub.answer(self.command, self.path, self.headers.get("authorization", ""), body)
            data = (hub.page or json.dumps(found)).encode()
            self.send_response(200 if hub.page else status)
            if status in (301, 302, 307, 308):
                self.send_header("location", self.path.replace("/acme/serving/", "/acme/now/"))
            for name, value in hub.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _handle  # noqa: N815 -- the library's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
