"""Measures how fast arrivals meet kept lists: 1,000 lists of 5,000 people beside the first sync of a large peer."""

import random
import time
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from deploy.bench.databases import new_database
from deploy.bench.results import Result
from directory.answers import take_in_leaves
from directory.demo import World
from directory.identifiers import AtHandle, Did, XHandle, XId
from directory.mappings import Evidence, EvidenceKind, Mapping, Network, Strength
from directory.members.consents import PRESENT_VERSION, ConsentKind
from directory.members.kept_lists import pack_list
from directory.queries import Lists, Query
from directory.store.arrivals import ArrivalStore
from directory.store.database import Connection, Database

LISTS: Final = 1_000
PEOPLE_ON_A_LIST: Final = 5_000
ORIGIN: Final = "peer.invalid/log"
"""A name that nobody can have."""
STRANGERS: Final = 3
"""Of so many people on a list one has arrived."""
MIN_PER_SECOND: Final = 1_000.0
FILL_STEP: Final = 50_000
_NAMESPACE: Final = UUID(int=0x70617373)


async def bench_arrivals(admin_dsn: str, people: int) -> list[Result]:
    """Fills a database with kept lists and arrivals, and lets them meet."""
    dsn = await new_database(admin_dsn, f"passerelle_bench_arrivals_{people}")
    database = await Database.connect(dsn, max_connections=2)
    try:
        now = datetime.now(UTC)
        await fill_arrivals(database, people, LISTS, now)
        started = time.perf_counter()
        found = await meet_all(database, now)
        seconds = time.perf_counter() - started
    finally:
        await database.close()
    rate = people / seconds
    return [
        Result(
            f"arrivals that meet {LISTS:,} lists of {PEOPLE_ON_A_LIST:,}, a second",
            f"{rate:,.0f}/s, {found:,} newcomers",
            f"{MIN_PER_SECOND:,.0f}/s",
            rate / MIN_PER_SECOND,
            1.0,
            at_least=True,
        )
    ]


async def meet_all(database: Database, now: datetime) -> int:
    """Meets all arrivals that are due. Returns how many newcomers were found."""
    arrivals = ArrivalStore(database)
    found = 0
    while (arrival := await arrivals.claim_due_arrival(now)) is not None:
        found += await arrivals.meet_arrival(arrival, now)
    return found


async def fill_arrivals(database: Database, people: int, lists: int, now: datetime) -> None:
    """Fills an empty database: `lists` kept lists, and `people` of one peer that are still to be matched."""
    world = World(0)
    async with database.transaction() as connection:
        for number in range(lists):
            await _keep_list(connection, world, number, people, now)
        for start in range(0, people, FILL_STEP):
            said = [
                (slot, _mapping(world, slot, now)) for slot in range(start, min(start + FILL_STEP, people))
            ]
            await take_in_leaves(connection, ORIGIN, said, now)
    async with database.connection() as connection:
        await connection.execute("VACUUM ANALYZE", timeout=None)


def _mapping(world: World, slot: int, now: datetime) -> Mapping:
    handle = world.handle(slot)
    proofs = (Evidence(EvidenceKind.X_POST_ID, now), Evidence(EvidenceKind.BLUESKY_OAUTH, now))
    return Mapping(
        XId(world.x_id(slot)),
        XHandle(handle),
        Network.BLUESKY,
        Did(f"did:plc:{slot:024d}"),
        AtHandle(f"{handle.lower()}.invalid"),
        Strength.BOUND,
        proofs,
        ORIGIN,
        slot,
        now,
        now + timedelta(days=180),
    )


async def _keep_list(connection: Connection, world: World, number: int, people: int, now: datetime) -> None:
    member, random_ = uuid5(_NAMESPACE, str(number)), random.Random(number)
    slots = {random_.randrange(people * STRANGERS) for _ in range(PEOPLE_ON_A_LIST)}
    followed = [
        Query(
            XId(world.x_id(slot)),
            XHandle(world.handle(slot)) if slot % 2 else None,
            Lists.FOLLOWING,
            now.date() if slot % 2 else None,
        )
        for slot in slots
    ]
    kept = pack_list(Lists.FOLLOWING, followed, now)
    await connection.execute("INSERT INTO member (id, created) VALUES ($1, $2)", member, now)
    await connection.execute(
        "INSERT INTO consent (member, kind, version, given_at, expires) VALUES ($1, $2, $3, $4, $5)",
        member,
        ConsentKind.KEEP_FOLLOW_LIST.value,
        PRESENT_VERSION[ConsentKind.KEEP_FOLLOW_LIST],
        now,
        now + timedelta(days=365),
    )
    await connection.execute(
        "INSERT INTO follow_list (id, member, kind, x_ids, x_handles, x_seen, kept_at)"
        " VALUES ($1, $1, $2, $3, $4, $5, $6)",
        member,
        kept.kind.value,
        kept.x_ids,
        kept.x_handles,
        kept.x_seen,
        kept.kept_at,
    )
