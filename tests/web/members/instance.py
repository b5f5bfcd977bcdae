"""An instance with members: the real server and the real jobs, in a thread, over a database of the test."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, Final, Literal

from hypercorn.asyncio import serve

from deploy.metrics_server import serving_metrics
from deploy.ports import free_port
from deploy.servers.on_hypercorn import bounded_config
from deploy.web_server import with_bounds
from deploy.wiring.common import Common
from deploy.wiring.identity import settle_keys
from deploy.wiring.jobs import build_worker
from deploy.wiring.log import build_sequencer, running_sequencer
from deploy.wiring.members import MemberParts, open_members
from deploy.wiring.web import build_all_services
from directory.clock import Clock, SystemClock
from directory.jobs.worker import Worker, running_worker
from directory.networks.http import GuardedClient
from directory.operator_texts import read_operator_texts
from directory.settings import Settings
from directory.shared_counts import make_shared_counts, open_shared_counts
from directory.store.database import Database
from tests.harness.fake_x import FakeX
from tests.harness.instance import RunningInstance
from tests.peers.pds import Pds
from web.app import create_app
from web.member_services import MemberServices
from web.middleware.counting import Counted, Counting
from web.services import Services

PROCESSES: Final = int(os.environ.get("PASSERELLE_TEST_PROCESSES", "1"))
"""With 2, what one process keeps and the next would need fails: all tests of members can be run so."""
OpenClient = Callable[[], AbstractAsyncContextManager[GuardedClient]]
Log = Literal["at once", "by hand", "running"]


@asynccontextmanager
async def loopback_client() -> AsyncIterator[GuardedClient]:
    async with GuardedClient("Passerelle/test", allow_loopback=True) as client:
        yield client


class InTurn:
    """Gives each request to another application than the one before: whatever the first has kept in memory, the second has
    not."""

    def __init__(self, apps: Sequence[Any]) -> None:
        self._first = apps[0]
        self._turns = cycle(apps)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        app = next(self._turns) if scope["type"] == "http" else self._first
        await app(scope, receive, send)


class MemberInstance(RunningInstance):
    """What is published answers once the log has said it: at once, unless it is to wait for that."""

    members: MemberServices
    worker: Worker
    processes = PROCESSES
    """So many applications over one database answer in turn, as the processes of `PASSERELLE_WORKERS` do."""

    def __init__(
        self, settings: Settings, dsn: str, clock: Clock, open_client: OpenClient, *, log: Log, jobs: bool
    ) -> None:
        super().__init__(settings, dsn, clock)
        self._jobs = jobs
        self._open_client = open_client
        self._log = log

    async def announce(self) -> None:
        """What was restated answers."""
        await self.members.announce()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        self.database = await Database.connect(self._dsn, max_connections=8)
        try:
            await self._serve_over(self.database)
        finally:
            await self.database.close()

    async def _serve_over(self, database: Database) -> None:
        settings, clock = self.settings, self.clock
        async with (
            AsyncExitStack() as others,
            self._open_client() as http,
            open_members(settings, database, clock, http=http) as parts,
            self._running_log(),
            self._running_jobs(parts),
        ):
            common = self._common(others)
            self.services = self._build(parts, common)
            assert self.services.members is not None
            self.members = self.services.members
            app = with_bounds(create_app(self.services), settings)
            if self.processes > 1:
                app = InTurn(
                    [app, *[with_bounds(each, settings) for each in await self._open_others(others, common)]]
                )
            config = bounded_config()
            config.bind = [f"127.0.0.1:{settings.port}"]
            config.graceful_timeout = 0.2
            async with serving_metrics(settings, self.services):
                server = asyncio.create_task(serve(app, config, shutdown_trigger=self._stopping.wait))
                await self._wait_until_listening()
                self._ready.set()
                await server

    async def _open_others(self, others: AsyncExitStack, common: Common) -> list[Any]:
        """Opens what other web processes of the machine have: everything anew but the database and the data folder."""
        apps = []
        for _ in range(1, self.processes):
            database = await Database.connect(self._dsn, max_connections=8)
            others.push_async_callback(database.close)
            http = await others.enter_async_context(self._open_client())
            parts = await others.enter_async_context(
                open_members(self.settings, database, self.clock, http=http)
            )
            self.settings_elsewhere.append(parts.ground.instance)
            apps.append(create_app(self._build(parts, common)))
        return apps

    def _build(self, parts: MemberParts, common: Common) -> Services:
        if self._log == "at once":
            return build_all_services(parts, self.worker, self.write_log, common)
        return build_all_services(parts, self.worker, common=common)

    def _common(self, others: AsyncExitStack) -> Common:
        """Returns what the processes share."""
        if self.processes == 1:
            return Common.alone(self.settings)
        file = make_shared_counts(len(Counted))
        others.callback(os.close, file)
        shared = open_shared_counts(file, len(Counted))
        return Common(
            read_operator_texts(self.settings), Counting(self.processes, secrets.token_bytes(32), shared)
        )

    @asynccontextmanager
    async def _running_jobs(self, parts: MemberParts) -> AsyncIterator[None]:
        self.worker = build_worker(parts)
        async with running_worker(self.worker, is_on=self._jobs):
            yield

    async def write_log(self) -> None:
        """Brings all that is pending into the log."""
        sequencer = build_sequencer(self.settings, self.clock)
        async with self.database.connection() as connection:
            while await sequencer.run_once(connection):
                pass

    @asynccontextmanager
    async def _running_log(self) -> AsyncIterator[None]:
        await settle_keys(self.settings, self.database, self.clock, None)
        if self._log != "running":
            yield
            return
        async with running_sequencer(self.settings, self._dsn):
            yield


@contextmanager
def member_instance(
    dsn: str,
    data: Path,
    *,
    pds: Pds | None = None,
    x: FakeX | None = None,
    clock: Clock | None = None,
    open_client: OpenClient = loopback_client,
    log: Log = "at once",
    jobs: bool = True,
    processes: int = PROCESSES,
    **settings: Any,
) -> Iterator[MemberInstance]:
    """An instance whose Bluesky is the PDS, and whose X is the fake one. Its log is written by its sequencer
    ("running", each second by the real clock), by `write_log` ("by hand"), or at each click ("at once"). Without `jobs`
    nothing is done but by `worker.drain`. `processes` applications answer in turn."""
    chosen: dict[str, Any] = {
        "port": free_port(),
        "metrics_port": free_port(),
        "data": data,
        "allow_loopback": True,
        "rate_lookups_per_minute": 0,
        "rate_pages_per_minute": 0,
        "rate_pairs_per_minute": 0,
        "rate_sign_ins_per_minute": 0,
        "bluesky_app_view": "",
    }
    if pds is not None:
        chosen |= {"plc_url": pds.plc_url, "handle_resolver": pds.url, "bluesky_server": pds.url}
    if x is not None:
        sources = x.sources(fxtwitter=False)
        chosen |= {
            "x_syndication": sources.syndication,
            "x_oembed": sources.oembed_x,
            "x_oembed_twitter": sources.oembed_twitter,
        }
    instance = MemberInstance(
        Settings(**chosen | settings), dsn, clock or SystemClock(), open_client, log=log, jobs=jobs
    )
    instance.processes = processes
    instance.start()
    try:
        yield instance
    finally:
        instance.stop()
