"""Any sequence of publishing, withdrawing, renewing, crashing and restarting keeps the invariants of the log."""

import asyncio
import tempfile
from pathlib import Path
from typing import cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.migrate import migrate
from directory.store.database import Connection, Database
from federation.entry import MappingEntry, RevokeEntry, parse_entry
from federation.liveness import Liveness
from federation.store.places import place_of
from federation.tlog.bundles import decode_bundle
from federation.tlog.tiles import bundles_added
from tests.conftest import TEMPLATE
from tests.federation.faults import Crash, FaultyConnection
from tests.federation.log_harness import LogHarness
from tests.federation.tlog.naive import naive_root
from tests.harness.clock import FakeClock
from tests.harness.postgres import SharedPostgres

Step = tuple[str, int]

STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("publish"), st.integers(1, 300)),
    st.tuples(st.just("withdraw"), st.integers(0, 1_000)),
    st.tuples(st.just("renew"), st.integers(0, 1_000)),
    st.tuples(st.just("crash"), st.integers(0, 40)),
    st.tuples(st.just("crash-after"), st.integers(0, 40)),
    st.tuples(st.just("run"), st.just(0)),
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=3, max_size=12))
def test_the_log_of_any_life_is_well(postgres: SharedPostgres, steps: list[Step]) -> None:
    asyncio.run(live(postgres, steps))


async def live(postgres: SharedPostgres, steps: list[Step]) -> None:
    template = await postgres.template(TEMPLATE, migrate)
    async with postgres.database(template) as dsn:
        database = await Database.connect(dsn, max_connections=2)
        try:
            with tempfile.TemporaryDirectory() as folder:
                harness = LogHarness(database, Path(folder) / "data", FakeClock())
                await harness.run()
                size = 1
                for step in steps:
                    await take(harness, step)
                    grown = (await harness.check()).checkpoint.size
                    assert grown >= size
                    size = grown
                    harness.clock.advance(seconds=1)
                await harness.run()
                await check_invariants(harness)
        finally:
            await database.close()


async def take(harness: LogHarness, step: Step) -> None:
    what, number = step
    match what:
        case "publish":
            await harness.add_pending(number)
        case "withdraw":
            await harness.withdraw(await some_leaf(harness, number))
        case "renew":
            await harness.withdraw(await some_leaf(harness, number))
            await harness.add_pending(1)
        case "run":
            await harness.run()
        case _:
            async with harness.database.connection() as connection:
                faulty = FaultyConnection(connection, number, persisted=what == "crash-after")
                try:
                    await harness.sequencer().run_once(cast("Connection", faulty))
                except Crash:
                    return


async def some_leaf(harness: LogHarness, number: int) -> list[int]:
    leaves = await harness.live_leaves()
    return [leaves[number % len(leaves)]] if leaves else []


async def check_invariants(harness: LogHarness) -> None:
    """The tree is the naive one; a live leaf has its body; an absent body has a revoke; only live leaves answer."""
    checkpoint = (await harness.check()).checkpoint
    kept = {row["place"]: row["data"] for row in await harness.fetch("SELECT place, data FROM log_tile")}
    entries: list[bytes] = []
    for bundle in bundles_added(0, checkpoint.size):
        entries += decode_bundle(kept[place_of(bundle)], bundle.width)
    assert naive_root(entries) == checkpoint.root
    liveness = Liveness()
    liveness.extend(entries)
    bodies = {row["leaf"] for row in await harness.fetch("SELECT leaf FROM log_statement")}
    assert bodies == set(liveness.live)
    assert await harness.live_leaves() == sorted(bodies)
    parsed = [parse_entry(entry) for entry in entries]
    revoked = {entry.target for entry in parsed if isinstance(entry, RevokeEntry)}
    published = {at for at, entry in enumerate(parsed) if isinstance(entry, MappingEntry)}
    assert published - bodies == revoked
