"""What the tests run in the place of `python`: it asks the server for a process, hands it its own files, and ends as it does.

Run as `python -I -S client.py SOCKET PYTHON PYTHONPATH arguments…`. Where the server cannot help, it becomes that Python.
"""

from __future__ import annotations

import _signal  # The other one imports much, and this is started often.
import marshal
import os
import socket
import sys

MODULES = ("pulumi.dynamic", "coreweave_inference.host.provider_host", "coreweave_inference.cli")


def main(address: str, python: str, path: str, *arguments: str) -> None:
    """Ask for a process; if there is none to be had, be one."""
    bare = [argument for argument in arguments if argument != "-u"]
    connection = socket.socket(socket.AF_UNIX)
    usable = bare[:1] == ["-m"] and bare[1] in MODULES and os.environ.get("PYTHONPATH") == path
    try:
        if not usable:
            raise ConnectionError
        connection.connect(address)
    except OSError:
        os.execv(python, [python, *arguments])
    asked = marshal.dumps((bare[1], bare[2:], os.getcwd(), dict(os.environ)))
    socket.send_fds(connection, [len(asked).to_bytes(8, "big")], [0, 1, 2])
    connection.sendall(asked)
    process = int.from_bytes(connection.recv(8), "big")
    if process:  # The engine ends its providers with an interrupt.
        _signal.signal(_signal.SIGINT, lambda number, _: os.kill(process, number))
    code = connection.recv(8)
    sys.exit(int.from_bytes(code, "big", signed=True) if code else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
