"""Tiles that a process keeps: proofs are made with them, whoever else reads tiles at the same moment."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from directory.store.database import Database
from federation.errors import UnknownLeaf
from federation.own_log.reader import LogService
from federation.store.log import LogStore
from federation.tlog.proof import TlogProof
from federation.tlog.reading import inclusion_tiles
from federation.tlog.tiles import Bundle, Tile
from tests.federation.log_harness import LogHarness
from tests.harness.clock import FakeClock


class CrawledStore(LogStore):
    """A store whose tiles somebody crawls: while one reads, they read another."""

    crawled: str = ""
    service: LogService

    async def find_tiles(self, items: Sequence[Tile | Bundle]) -> dict[Tile | Bundle, bytes]:
        found = await super().find_tiles(items)
        if crawled := self.crawled:
            self.crawled = ""
            await self.service.read_tile(crawled)
        return found


async def test_whoever_crawls_the_log_takes_no_proof_away(
    database: Database, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: who reads tile after tile displaces one that a proof needs, between the look at what is kept and its use."""
    monkeypatch.setattr("federation.own_log.reader.MAX_CACHED_TILES", 1)
    harness = LogHarness(database, tmp_path / "data", clock)
    await harness.add_pending(300)
    await harness.run()
    store = CrawledStore(database)
    store.service = service = LogService(store, clock)
    size = (await service.published()).size
    first, *others = inclusion_tiles(3, size)
    assert others
    await service.read_tile(str(first))
    store.crawled = str(Bundle(0, 256))
    proof = TlogProof.parse(await service.make_proof(3))
    assert not store.crawled
    assert proof.index == 3


@pytest.mark.parametrize("leaf", [-1, 4, 2**63])
async def test_a_number_that_is_no_leaf_is_told_as_unknown(
    database: Database, tmp_path: Path, clock: FakeClock, leaf: int
) -> None:
    """Its tiles are listed before its body is looked for: there are none."""
    harness = LogHarness(database, tmp_path / "data", clock)
    await harness.add_pending(3)
    await harness.run()
    with pytest.raises(UnknownLeaf):
        await LogService(LogStore(database), clock).make_proof(leaf)
