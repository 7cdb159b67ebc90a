"""The simulator put together, and served on a loopback port by a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from dataclasses import dataclass

import uvicorn
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp

from .access_keys import AccessKeys
from .behaviour import Behaviour
from .clock import Clock
from .control import Control
from .data_plane import DataPlane
from .directory import WorldDirectory
from .exchange import Exchange
from .faults import Faults
from .journal import Journal
from .object_storage import ObjectStorage
from .observability import Observability
from .presentation import Presenter
from .rest import RestApi
from .state_file import StateFile
from .telemetry import Telemetry
from .world import World

START_SECONDS = 20.0
STOP_SECONDS = 2


@dataclass(frozen=True)
class Parts:
    """One simulated service: its ASGI application and what a test looks at."""

    application: ASGIApp
    world: World
    journal: Journal
    faults: Faults
    storage: ObjectStorage
    control: Control


def build_app(behaviour: Behaviour | None = None, clock: Clock | None = None, url: str = "") -> Parts:
    """Put a service together; `url` is where it will answer, and is what gateways' endpoints begin with."""
    behaviour = behaviour or Behaviour()
    clock = clock or Clock()
    storage = ObjectStorage(clock)
    world = World(clock, storage, behaviour)
    world.follow_behaviour(lambda knobs: _turn_storage_knobs(storage, knobs))
    journal, faults, presenter = Journal(), Faults(), Presenter(world, url)
    telemetry = Telemetry(clock.now)
    control = Control(world, journal, faults, presenter, storage, telemetry)
    observability = Observability(world, telemetry)
    sides = Router(
        routes=[
            Mount("/gateways", DataPlane(WorldDirectory(world), now=clock.now, answered=telemetry.answered)),
            Route("/api/{rest:path}", observability),
            Route("/loki/{rest:path}", observability),
            Mount("/v1/cwobject", AccessKeys(world, storage.credentials)),
            Mount("/", RestApi(world, presenter)),
        ],
        redirect_slashes=False,
    )

    def organisation_of_key(access_key_id: str) -> str | None:
        key = storage.credentials.find(access_key_id)
        return key.organisation_id if key else None

    application = Exchange(sides, storage, control.application(), world, journal, faults, organisation_of_key)
    return Parts(application, world, journal, faults, storage, control)


def _turn_storage_knobs(storage: ObjectStorage, behaviour: Behaviour) -> None:
    storage.credentials.delay_seconds = behaviour.key_delay_seconds
    storage.bucket_delay_seconds = behaviour.bucket_delay_seconds


class Simulator:
    """The service on a loopback port, as a context manager; it answers when `__enter__` returns.

    `port` 0 takes a free one. `url` serves the Inference API, the gateways' endpoints, and S3. `token` is the
    administrator's of the first organisation. `state`: what it has is taken from there, and kept there.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
        clock: Clock | None = None,
        state: StateFile | None = None,
    ) -> None:
        self._behaviour = behaviour or Behaviour()
        self._clock = clock or Clock()
        self._host = host
        self._port = port
        self._state = state

    def __enter__(self) -> Simulator:
        self._socket = _listening_socket(self._host, self._port)
        self.url = f"http://{self._host}:{self._socket.getsockname()[1]}"
        parts = build_app(self._behaviour, self._clock, self.url)
        self.world, self.journal, self.faults = parts.world, parts.journal, parts.faults
        self.storage, self.control = parts.storage, parts.control
        application = parts.application
        if self._state is not None:
            application = self._continued(self._state, application)
        self._server = _Server(_configuration(application))
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="simulator", daemon=True
        )
        self._thread.start()
        self._wait_until_started()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._thread.join()
        if self._state is not None:
            self._state.stop()
        self._socket.close()
        self.storage.close()

    def _continued(self, state: StateFile, application: ASGIApp) -> ASGIApp:
        try:
            state.restore(self.world, self.storage)
            state.start(self.world, self.storage, self._socket.getsockname()[1])
        except (OSError, ValueError):
            self._socket.close()
            self.storage.close()
            raise
        return state.watching(application)

    @property
    def clock(self) -> Clock:
        """The simulated time."""
        return self._clock

    @property
    def behaviour(self) -> Behaviour:
        """The knobs; assign a changed copy to turn some of them."""
        return self.world.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self.world.behaviour = behaviour

    @property
    def token(self) -> str:
        """The first organisation's first administrator token."""
        organisation = self._behaviour.organisations[0]
        return next(token.secret for token in organisation.tokens if token.role == "admin")

    def _wait_until_started(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(f"the simulator did not start on {self.url}")
            time.sleep(0.005)


class _Server(uvicorn.Server):
    """uvicorn's server, which can be stopped from any thread at once: its own loop looks every tenth of a second whether it is
    to end, and waits as long again before it does.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        """Serve until `stop`."""
        await self.on_tick(0)
        await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what is idle; what is being answered has `STOP_SECONDS`."""
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        deadline = self._loop.time() + STOP_SECONDS
        while (self.server_state.connections or self.server_state.tasks) and self._loop.time() < deadline:
            await asyncio.sleep(0.002)
        for task in list(self.server_state.tasks):
            task.cancel()

    def stop(self) -> None:
        """End it; only once it has started."""
        self._loop.call_soon_threadsafe(self._stopped.set)


def _listening_socket(host: str, port: int) -> socket.socket:
    """A socket that names TCP as its protocol: without that, asyncio leaves Nagle's delay on, 40 ms an answer."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


def _configuration(application: ASGIApp) -> uvicorn.Config:
    """Plain h11 without wrappers: a fault reaches the connection through the server's own `send`."""
    return uvicorn.Config(
        application,
        http="h11",
        ws="none",
        interface="asgi3",
        lifespan="off",
        proxy_headers=False,
        log_config=None,
        access_log=False,
        date_header=False,
        timeout_keep_alive=60,
    )
