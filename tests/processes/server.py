"""A process that has imported what providers and commands import, and forks one of them for whoever connects.

A start of Python with all that costs half a second of CPU time, and a suite starts a thousand. What is forked is a process of
its own all the same: with the files, the directory and the environment of whoever asked for it.
"""

from __future__ import annotations

import gc
import io
import marshal
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
from contextlib import suppress

PROVIDER_PID = "TESTS_PROVIDER_PID"
"""Environment variable: the file in which a provider writes down which process it is."""
NOWHERE = "http://127.0.0.1:9"
PYTHON = "TESTS_PYTHON"
"""Environment variable: what a command starts its providers with."""


def serve(address: str) -> None:
    """Fork for each connection, until standard input ends."""
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as selector:
        listener.bind(address)
        listener.listen(64)
        _import_everything()
        gc.freeze()  # What is loaded by now stays, in each that is forked too.
        print("ready", flush=True)
        selector.register(listener, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        running: dict[int, tuple[int, socket.socket]] = {}
        while True:
            for key, _ in selector.select():
                if key.fd == 0:
                    return
                if key.fileobj is listener:
                    connection = listener.accept()[0]
                    child = _forked(connection, listener, [c for _, c in running.values()])
                    handle = os.pidfd_open(child)
                    running[handle] = (child, connection)
                    with suppress(OSError):
                        connection.sendall(child.to_bytes(8, "big"))
                    selector.register(handle, selectors.EVENT_READ)
                else:
                    selector.unregister(key.fd)
                    child, connection = running.pop(key.fd)
                    os.close(key.fd)
                    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                    with suppress(OSError):
                        connection.sendall(code.to_bytes(8, "big", signed=True))
                    connection.close()


def _forked(connection: socket.socket, listener: socket.socket, others: list[socket.socket]) -> int:
    length, files, _, _ = socket.recv_fds(connection, 8, 3)
    child = os.fork()
    if child:
        for file in files:
            os.close(file)
        return child
    for other in (listener, *others):
        other.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    code = 1
    try:
        code = _run(connection, int.from_bytes(length, "big"))
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _run(connection: socket.socket, length: int) -> int:
    asked = b""
    while len(asked) < length:
        asked += connection.recv(length - len(asked))
    module, arguments, directory, environment = marshal.loads(asked)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    sys.path.insert(0, directory)
    # As `python -u` has it, whatever PYTHONUNBUFFERED says here: a provider tells its port by the buffer below, and flushes nothing.
    sys.stdout = io.TextIOWrapper(
        os.fdopen(1, "wb", buffering=0, closefd=False), encoding="utf-8", write_through=True
    )
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    if module == "coreweave_inference.cli":
        sys.executable = environment.get(PYTHON, sys.executable)
    elif PROVIDER_PID in environment:
        with open(environment[PROVIDER_PID], "w", encoding="ascii") as file:
            file.write(str(os.getpid()))
    sys.modules.pop(module, None)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _end_with(connection: socket.socket) -> None:
    """A process whose client was killed is killed too."""
    with suppress(OSError):
        connection.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


def _import_everything() -> None:
    # What is loaded by the first request of each kind.
    import grpc.experimental  # noqa: F401
    import httpx
    import pulumi.dynamic  # noqa: F401
    from coreweave_inference.cli import application, check, previews, reports, review, running  # noqa: F401
    from coreweave_inference.clock import system
    from coreweave_inference.host import provider_host  # noqa: F401
    from coreweave_inference.resources import (  # noqa: F401
        account,
        capacity_claim,
        deployment,
        gateway,
        inference_bucket_policy,
        readiness,
        weights_bucket,
    )
    from coreweave_inference.storage.connection import S3Connection
    from coreweave_inference.storage.credentials import S3Credentials

    S3Connection(NOWHERE, lambda: S3Credentials("none", "none"), "default", system).client  # noqa: B018
    with suppress(httpx.TransportError):
        httpx.get(NOWHERE, trust_env=False)


if __name__ == "__main__":
    serve(sys.argv[1])
