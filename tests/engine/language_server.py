"""A program of these tests behind a language server, which the engine calls as it calls Pulumi's own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import language_pb2_grpc

OWN_CONNECTIONS = ("grpc.use_local_subchannel_pool", 1)


def keep_connections_apart() -> None:
    """Otherwise a program whose engine happens to get the port of an earlier one finds that one's dead connection, which
    the process keeps, and ends with "Resource monitor has terminated".
    """
    if OWN_CONNECTIONS not in _GRPC_CHANNEL_OPTIONS:
        _GRPC_CHANNEL_OPTIONS.append(OWN_CONNECTIONS)


@contextlib.contextmanager
def language_server(program: Callable[[], Any]) -> Iterator[str]:
    keep_connections_apart()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageServer(program), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()
