"""Measures what little news costs a peer: ten new mappings in bytes and requests, and how long a withdrawal takes."""

import asyncio
import time
from typing import Final

from deploy.bench.counting_proxy import Counted, counting_proxy
from deploy.bench.pair import LOOK_EVERY_S, Running, first_sync, make_pair, running_follower, running_server
from deploy.bench.results import Result
from deploy.pending import PEOPLE_A_MAPPING, add_pending
from deploy.ports import free_port
from directory.clock import SystemClock
from directory.store.mapping_conditions import IS_ACTIVE
from directory.store.mapping_rows import withdraw_mappings

NEW: Final = 10
WITHDRAWALS: Final = 2
TARGET_NEW_BYTES: Final = 100_000
TARGET_WITHDRAWN_S: Final = 60.0
_IS_THERE: Final = (
    "SELECT count(*) FROM mapping m JOIN origin o ON o.id = m.origin WHERE o.name = $1 AND m.leaf = $2"
)
_ANY: Final = (
    f"SELECT min(m.leaf) FROM mapping m JOIN origin o ON o.id = m.origin WHERE o.name = $1 AND {IS_ACTIVE}"  # noqa: S608 - constants
)


async def bench_updates(admin_dsn: str, people: int) -> list[Result]:
    """Measures both on a log of so many people."""
    port = free_port()
    async with (
        running_server(admin_dsn, people, port) as server,
        running_follower(admin_dsn) as follower,
        counting_proxy(port, server.instance.port) as counted,
    ):
        await make_pair(server, follower)
        await first_sync(follower, people + 1)
        results = [await _ten_new(server, follower, counted, people)]
        seconds = [await _withdrawal(server, follower) for _ in range(WITHDRAWALS)]
    longest = max(seconds)
    return [
        *results,
        Result(
            "a withdrawal: until it is gone at a healthy peer, the longest",
            f"{longest:.1f} s",
            f"{TARGET_WITHDRAWN_S:.0f} s",
            longest / TARGET_WITHDRAWN_S,
            1.0,
        ),
    ]


async def _ten_new(server: Running, follower: Running, counted: Counted, people: int) -> Result:
    await _until_quiet(follower)
    counted.bytes = counted.requests = 0
    now = SystemClock().now().replace(microsecond=0)
    await add_pending(server.database, NEW, server.origin, now, first=people * PEOPLE_A_MAPPING)
    while await follower.fetchval("SELECT bodies_size FROM peer_log") < people + 1 + NEW:  # noqa: ASYNC110 - it is in the database
        await asyncio.sleep(LOOK_EVERY_S)
    return Result(
        f"{NEW} new mappings in a log of {people:,}: bytes, both ways",
        f"{counted.bytes / 1000:.1f} kB in {counted.requests} requests",
        f"{TARGET_NEW_BYTES / 1000:.0f} kB",
        counted.bytes / TARGET_NEW_BYTES,
        1.0,
    )


async def _withdrawal(server: Running, follower: Running) -> float:
    """Withdraws a mapping. Returns after how many seconds the follower has neither it nor its body."""
    await _until_quiet(follower)
    leaf = await follower.fetchval(_ANY, server.origin)
    started = time.perf_counter()
    async with server.database.transaction() as connection:
        number = await connection.fetchval("SELECT id FROM mapping WHERE leaf = $1", leaf)
        await withdraw_mappings(connection, [number])
    while await follower.fetchval(_IS_THERE, server.origin, leaf):  # noqa: ASYNC110 - it is in the database
        await asyncio.sleep(LOOK_EVERY_S)
    return time.perf_counter() - started


async def _until_quiet(follower: Running) -> None:
    while not await follower.fetchval("SELECT count(quiet_under) FROM peer_log"):  # noqa: ASYNC110 - it is in the database
        await asyncio.sleep(LOOK_EVERY_S)
