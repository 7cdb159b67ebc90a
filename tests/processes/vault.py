"""A key service for the stacks of tests: Vault's transit engine, as far as the engine asks it. One for each process.

A passphrase is made a key by a million rounds of hashing, which is a third of what a run of the engine costs. What is
encrypted in a state is so all the same, with the key that this service wraps.
"""

from __future__ import annotations

import atexit
import json
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRETS_PROVIDER = "hashivault://tests"
WRAPPED = "vault:v1:"


class _Transit(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/v1/transit/encrypt/tests":
            answer = {"ciphertext": WRAPPED + asked["plaintext"]}
        else:
            answer = {"plaintext": asked["ciphertext"].removeprefix(WRAPPED)}
        body = json.dumps({"data": answer}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@cache
def vault() -> dict[str, str]:
    """The variables by which the engine finds it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Transit)
    threading.Thread(target=server.serve_forever, name="vault", daemon=True).start()
    atexit.register(server.server_close)
    atexit.register(server.shutdown)
    return {"VAULT_SERVER_URL": f"http://127.0.0.1:{server.server_port}", "VAULT_SERVER_TOKEN": "tests"}
