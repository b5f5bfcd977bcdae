"""Measures what one lookup takes of the processor, in the web process and in the database together."""

import random
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import asyncpg
import msgspec
import psutil

from deploy.bench.load import get_request, measure_load
from deploy.bench.measured import BARE_PATH, EMPTY_PATH, MeasuredServer
from deploy.bench.processes import cpu_s, database_server
from deploy.bench.results import Result
from directory.demo import World
from directory.queries import Query
from directory.store.database import Database
from directory.store.mappings import MappingStore

ROUNDS: Final = 5
CONNECTIONS: Final = 32
COST_US: Final = 150.0
OF_EMPTY: Final = 0.9
LONE_LOOKUPS: Final = 2_000
LISTS_BEFORE: Final = 8
LIST_PEOPLE: Final = 1_000
_BACKENDS: Final = (
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'passerelle' AND datname = current_database()"
)


class Cost(msgspec.Struct, frozen=True):
    """Processor time of one request, in microseconds."""

    web: float
    database: float

    @property
    def both(self) -> float:
        return self.web + self.database


async def bench_lookup_cost(
    server: MeasuredServer, dsn: str, lookups: Sequence[bytes], people: int, seconds: float
) -> list[Result]:
    """Measures a lookup beside an empty handler and the bare server, in turn: nothing where the database is on another
    machine."""
    if await database_server(dsn) is None:
        return []
    asked = {"bare": [get_request(BARE_PATH)], "empty": [get_request(EMPTY_PATH)], "lookup": lookups}
    costs: dict[str, list[Cost]] = {name: [] for name in asked}
    for _ in range(ROUNDS):
        for name, requests in asked.items():
            costs[name].append(await _measure(server, dsn, requests, seconds))
    bare, empty, lookup = (_median(costs[name]) for name in asked)
    return [
        Result(
            f"one lookup, {people:,} people: processor time of process and database",
            f"{lookup.both:.0f} µs, {lookup.database:.0f} of them the database",
            f"{COST_US:.0f} µs; the server alone takes {bare.both:.0f}, an empty handler {empty.both:.0f}",
            lookup.both / COST_US,
            1.0,
        ),
        Result(
            f"one lookup, {people:,} people: processor time, as of an empty handler",
            f"{lookup.both:.0f} µs",
            f"{empty.both:.0f} µs, an empty handler",
            empty.both / lookup.both,
            OF_EMPTY,
            at_least=True,
        ),
        await _on_new_connections(dsn, people),
    ]


async def _measure(server: MeasuredServer, dsn: str, requests: Sequence[bytes], seconds: float) -> Cost:
    before = await _used(server, dsn)
    load = await measure_load(server.port, requests, connections=CONNECTIONS, seconds=seconds)
    after = await _used(server, dsn)
    return Cost(*((end - begin) / load.asked * 1e6 for begin, end in zip(before, after, strict=True)))


async def _used(server: MeasuredServer, dsn: str) -> tuple[float, float]:
    """Returns the seconds of the web process, and of the database for its connections."""
    connection = await asyncpg.connect(dsn)
    try:
        backends = [row["pid"] for row in await connection.fetch(_BACKENDS)]
    finally:
        await connection.close()
    return cpu_s([server.process]), cpu_s(psutil.Process(pid) for pid in backends)


def _median(costs: Sequence[Cost]) -> Cost:
    return sorted(costs, key=lambda cost: cost.both)[len(costs) // 2]


async def _on_new_connections(dsn: str, people: int) -> Result:
    """Measures lookups asked one at a time, over connections that have matched no list and over others, in turn."""
    new, old = [], []
    for _ in range(ROUNDS):
        new.append(await _lone_lookup_us(dsn, people, lists=0))
        old.append(await _lone_lookup_us(dsn, people, lists=LISTS_BEFORE))
    measured, reference = statistics.median(new), statistics.median(old)
    return Result(
        f"one lookup at a time, {people:,} people: the database, over a new connection",
        f"{measured:.0f} µs",
        f"{reference:.0f} µs over one that has matched lists",
        measured / reference,
        1.5,
    )


async def _lone_lookup_us(dsn: str, people: int, lists: int) -> float:
    """Returns the processor time of the database for one lookup, in microseconds."""
    world, random_, now = World(0), random.Random(4), datetime.now(UTC)
    database = await Database.connect(dsn, max_connections=1)
    try:
        store = MappingStore(database)
        for _ in range(lists):
            slots = [random_.randrange(people) for _ in range(LIST_PEOPLE)]
            await store.find_mappings([Query.parse(str(world.x_id(slot))) for slot in slots], now)
        async with database.connection() as connection:
            backend = psutil.Process(connection.get_server_pid())
        before = cpu_s([backend])
        for _ in range(LONE_LOOKUPS):
            await store.find_mappings([Query.parse(str(world.x_id(random_.randrange(people))))], now)
        return (cpu_s([backend]) - before) / LONE_LOOKUPS * 1e6
    finally:
        await database.close()
