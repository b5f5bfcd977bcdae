"""Reads a real log over HTTP into a second database: from its checkpoint to the bodies, and on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.migrate import migrate
from directory.store.database import Database
from federation.errors import InvalidTile
from federation.own_log.bodies import BodyService
from federation.own_log.reader import LogService
from federation.peers.verdicts import Verdict
from federation.protocol.body_wire import encode_answers
from federation.store.bodies import BodyStore
from federation.store.log import LogStore
from federation.tlog.tiles import Bundle
from tests.conftest import TEMPLATE
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.federation.peers.tailing import reading
from tests.harness.clock import FakeClock
from tests.harness.peer_log import log_server
from tests.harness.postgres import SharedPostgres


@pytest.fixture
async def other(postgres: SharedPostgres) -> AsyncIterator[Database]:
    """The database of the instance whose log is read."""
    async with postgres.database(await postgres.template(TEMPLATE, migrate)) as address:
        opened = await Database.connect(address, max_connections=4)
        try:
            yield opened
        finally:
            await opened.close()


class RealLog:
    """Serves the log of a LogHarness."""

    def __init__(self, harness: LogHarness) -> None:
        self.log = LogService(LogStore(harness.database), harness.clock)
        self.bodies = BodyService(BodyStore(harness.database), harness.clock)

    async def serve(self, path: str) -> bytes | None:
        if path == "/log/checkpoint":
            return await self.log.checkpoint()
        if path.startswith("/log/operations/"):
            documents = await self.log.documents()
            number = int(path.rpartition("/")[2])
            return documents[number] if number < len(documents) else None
        if path.startswith("/federation/"):
            bundle = Bundle.parse("tile/entries/" + path.removeprefix("/federation/v1/statements/"))
            return encode_answers(await self.bodies.read(bundle))
        try:
            return await self.log.read_tile(path.removeprefix("/log/"))
        except InvalidTile:
            return None


async def test_a_real_log_is_read_and_followed(
    database: Database, other: Database, clock: FakeClock, tmp_path: Path
) -> None:
    harness = LogHarness(other, tmp_path / "data", clock)
    await harness.add_pending(300)
    await harness.run()
    async with log_server(RealLog(harness).serve) as them, reading(database, clock) as reader:
        await reader.confirm(them.address, harness.first_key, origin=ORIGIN)
        assert await reader.round() is Verdict.READ, (await reader.log(ORIGIN))["fault"]
        assert await reader.leaves() == await harness.live_leaves()
        log = await reader.log(ORIGIN)
        assert (log["size"], log["bodies_size"], log["target_size"]) == (301, 301, 301)
        assert log["cosigned_at"] == clock.now()

        await harness.withdraw([3, 7])
        await harness.run()
        clock.advance(seconds=41)
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == await harness.live_leaves()
        assert len(await reader.rows("SELECT FROM peer_statement")) == 298

        asked = len(them.asked)
        clock.advance(seconds=41)
        assert await reader.round() is Verdict.READ
        assert them.asked[asked:] == ["/log/checkpoint"]
