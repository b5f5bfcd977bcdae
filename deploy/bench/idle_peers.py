"""Measures what 200 peers with nothing new cost: processor time, and requests to each."""

import asyncio
from datetime import timedelta
from typing import Final

from deploy.bench.many_logs import ManyLogs, many_logs
from deploy.bench.pair import LOOK_EVERY_S, Running, database_cpu_s, running_follower
from deploy.bench.results import Result
from deploy.ports import free_port
from directory.clock import SystemClock
from directory.store.mapping_rows import ensure_origin
from federation.tlog.merkle import EMPTY_ROOT

PEERS: Final = 200
WATCHED_S: Final = 90.0
SPREAD_S: Final = 40
TARGET_CPU: Final = 0.01
TARGET_REQUESTS: Final = 2.0


async def bench_idle_peers(
    admin_dsn: str, peers: int = PEERS, seconds: float = WATCHED_S, settle_s: float = SPREAD_S
) -> list[Result]:
    """Watches an instance without peers, and then with them, for so many seconds each.

    In `settle_s` those that were read last are looked at once more, as all others were.
    """
    async with running_follower(admin_dsn) as follower, many_logs(free_port(), peers) as many:
        alone, _ = await _watch(follower, seconds)
        await _follow_all(follower, many, settle_s)
        await asyncio.sleep(settle_s)
        many.asked.clear()
        cpu, database = await _watch(follower, seconds)
        requests = many.asked.total() / peers * 60 / seconds
        most = max(many.asked.values(), default=0)
    return [
        Result(
            f"{peers} peers with nothing new: share of a core, above that without peers",
            f"{cpu - alone:.2%}, the database's own {database:.2%}",
            f"{TARGET_CPU:.0%}; without peers {alone:.2%}",
            (cpu - alone) / TARGET_CPU,
            1.0,
        ),
        Result(
            f"{peers} peers with nothing new: requests a minute to each",
            f"{requests:.2f}; {most} in {seconds:.0f} s to the one that was asked most",
            f"{TARGET_REQUESTS:g}",
            requests / TARGET_REQUESTS,
            1.0,
        ),
    ]


async def _watch(follower: Running, seconds: float) -> tuple[float, float]:
    """Returns which share of a core the process took, and that of its database connections."""
    before, database = follower.cpu_s(), database_cpu_s(follower)
    await asyncio.sleep(seconds)
    return (follower.cpu_s() - before) / seconds, (database_cpu_s(follower) - database) / seconds


async def _follow_all(follower: Running, many: ManyLogs, spread_s: float) -> None:
    """Enters all logs as peers that operators have confirmed, due one after the other, and waits until each was read."""
    now = SystemClock().now()
    async with follower.database.transaction() as connection:
        for number, (host, log) in enumerate(many.logs.items()):
            await connection.execute(
                "INSERT INTO peer (origin, address, first_key, confirmed_at, we_follow) VALUES ($1, $2, $3, $4, 2)",
                log.origin,
                f"http://{host}:{many.port}",
                str(log.keys.logs[0].vkey),
                now,
            )
            due = now + timedelta(seconds=number * spread_s / len(many.logs))
            await connection.execute(
                "INSERT INTO peer_log (origin, root, next_at) VALUES ($1, $2, $3)",
                log.origin,
                EMPTY_ROOT,
                due,
            )
            await ensure_origin(connection, log.origin)
    while await follower.fetchval("SELECT count(*) FROM peer_log WHERE quiet_under IS NULL"):  # noqa: ASYNC110 - it is in the database
        await asyncio.sleep(LOOK_EVERY_S)
