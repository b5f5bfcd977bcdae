"""Runs a whole instance for tests: the real server on a socket of its own, in a thread, over a test database."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from hypercorn.asyncio import serve

from deploy.metrics_server import serving_metrics
from deploy.ports import free_port
from deploy.servers.on_hypercorn import bounded_config
from deploy.web_server import with_bounds
from deploy.wiring.databases import Databases
from deploy.wiring.ground import load_live_settings
from deploy.wiring.instance import open_reads
from deploy.wiring.peers import (
    build_peer_services,
    build_peering,
    build_signed_client,
    build_standings,
)
from deploy.wiring.web import build_services
from directory.clock import Clock
from directory.instance_settings import parse_setting
from directory.networks.http import GuardedClient
from directory.services.live_settings import LiveSettings
from directory.settings import Settings
from directory.store.database import Database
from directory.store.instance_settings import InstanceSettingStore
from federation.peers.peering import Peering
from federation.peers.signed_client import SignedClient
from federation.peers.standing import PeerStandings
from tests.harness.clock import FakeClock
from tests.harness.stored import StoredMappings
from web.app import create_app
from web.services import Services

T = TypeVar("T")
START_TIMEOUT_S = 30


class RunningInstance:
    """An instance that answers at `url`; `call` runs work on its event loop."""

    def __init__(self, settings: Settings, dsn: str, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.url = f"http://127.0.0.1:{settings.port}"
        self.metrics_url = "http://{}:{}/metrics".format(*settings.metrics_at)
        self._dsn = dsn
        self._loop = asyncio.new_event_loop()
        self._stopping: asyncio.Event
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="instance", daemon=True)
        self.database: Database
        self.services: Services
        self.http: GuardedClient
        self.peering: Peering
        self.signed: SignedClient
        self.standings: PeerStandings
        self.settings_elsewhere: list[LiveSettings] = []
        """Those of other processes, where a test has several."""

    def call(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Runs a coroutine on the instance's loop. Returns its result."""
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(timeout=60)

    def mappings(self) -> StoredMappings:
        return StoredMappings(self.database)

    def set(self, key: str, text: str | None) -> None:
        """Changes a setting of the instance, None for its default, and has it known at once."""

        async def run() -> None:
            store = InstanceSettingStore(self.database)
            if text is None:
                await store.remove(key)
            else:
                await store.put(key, parse_setting(key, text), self.clock.now())
            for known in (self.services.instance, *self.settings_elsewhere):
                await known.refresh()

        self.call(run)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(START_TIMEOUT_S)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(START_TIMEOUT_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:  # noqa: BLE001 - raised again by whoever started it
            self._failure = error
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        self.database = await Database.connect(self._dsn, max_connections=4)
        try:
            live = await load_live_settings(self.database)
            self.http = GuardedClient("tests", allow_loopback=self.settings.allow_loopback)
            parts = (self.settings, self.database, self.clock, self.http)
            self.peering = build_peering(*parts)
            self.standings = build_standings(self.settings, self.database)
            self.signed = build_signed_client(self.settings, self.clock, self.http)
            async with open_reads(self.settings, self._dsn, self.database) as reads:
                self.services = replace(
                    build_services(self.settings, Databases(self.database, reads), self.clock, live),
                    peers=build_peer_services(*parts),
                )
                await self._answer()
        finally:
            await self.http.close()
            await self.database.close()

    async def _answer(self) -> None:
        app = with_bounds(create_app(self.services), self.settings)
        config = bounded_config()
        config.bind = [f"127.0.0.1:{self.settings.port}"]
        config.graceful_timeout = 0.2
        async with serving_metrics(self.settings, self.services):
            server = asyncio.create_task(serve(app, config, shutdown_trigger=self._stopping.wait))
            await self._wait_until_listening()
            if server.done():
                await server  # another program listens there: why ours does not, is told
            self._ready.set()
            await server

    async def _wait_until_listening(self) -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.settings.port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return


@contextmanager
def running_instance(
    dsn: str,
    *,
    clock: Clock | None = None,
    fill: Callable[[RunningInstance], Awaitable[object]] | None = None,
    **settings: Any,
) -> Iterator[RunningInstance]:
    """Runs an instance over the migrated database at `dsn`, after `fill` has filled it."""
    chosen = Settings(
        **{
            "port": free_port(),
            "metrics_port": free_port(),
            "rate_lookups_per_minute": 0,
            "rate_pages_per_minute": 0,
            "rate_pairs_per_minute": 0,
        }
        | settings
    )
    instance = RunningInstance(chosen, dsn, clock or FakeClock())
    instance.start()
    try:
        if fill is not None:
            work = fill

            async def run() -> None:
                await work(instance)

            instance.call(run)
        yield instance
    finally:
        instance.stop()
