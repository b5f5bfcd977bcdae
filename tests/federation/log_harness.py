"""A log in a database, its sequencer, and an oracle that checks everything after each step."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from directory.mapping_life import MappingState
from directory.mappings import Mapping
from directory.store.database import Database
from directory.store.mapping_rows import withdraw_mappings
from directory.store.staged_leaves import fetch_staged_leaves
from federation.fsck.run import FsckReport, check_database_log
from federation.keys.instance import MARK_FILE, KeyFolder
from federation.keys.operations import RightTree
from federation.own_log.recovery import check_not_older, find_right_tree
from federation.own_log.sequencer import Sequencer
from federation.protocol.entry import STRIDE_BYTES, MappingEntry, parse_entry
from federation.protocol.log_state import LogState, read_own_checkpoint
from federation.protocol.tile_places import place_of
from federation.store.log_rows import fetch_state
from federation.tlog.bundles import decode_bundle
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.merkle import EMPTY_ROOT
from federation.tlog.tiles import bundles_added
from tests.federation.tlog.naive import naive_root
from tests.harness.clock import FakeClock
from tests.harness.mappings import bluesky
from tests.harness.stored import StoredMappings

HOST = "one.example"
ORIGIN = "one.example/log"


class LogHarness:
    """A log for tests. `sequencer()` makes a new sequencer over the same database and keys, as after a restart."""

    def __init__(self, database: Database, data: Path, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.keys = KeyFolder(data)
        self.recovery = self.keys.make(HOST)
        self.first_key = self.keys.read().logs[0].vkey
        self.mappings = StoredMappings(database)
        self.made = 0
        self.signed: dict[int, bytes] = {}

    def sequencer(self, max_batch: int = 10_000) -> Sequencer:
        return Sequencer(self.keys, ORIGIN, self.clock, max_batch=max_batch)

    async def right_tree(self) -> RightTree:
        """Returns all that is published, as a recovery names it."""
        async with self.database.connection() as connection:
            await check_not_older(connection, ORIGIN, self.keys)
            return await find_right_tree(connection, ORIGIN, self.clock.now())

    async def add_pending(self, count: int) -> list[Mapping]:
        """Adds mappings as publishing leaves them: pending, without a leaf."""
        first, self.made = self.made, self.made + count
        people = [
            bluesky(f"person{n}", 1_000 + n, origin=ORIGIN, issued=self.clock.now())
            for n in range(first, first + count)
        ]
        await self.mappings.add(people, MappingState.PENDING)
        return people

    async def run(self, sequencer: Sequencer | None = None) -> int:
        """Appends, signs and publishes everything that is pending. Returns the number of entries."""
        sequencer = sequencer or self.sequencer()
        total = 0
        async with self.database.connection() as connection:
            while count := await sequencer.run_once(connection):
                total += count
        return total

    async def withdraw(self, leaves: Collection[int]) -> None:
        """Withdraws mappings, as a member's withdrawal does."""
        async with self.database.transaction() as connection:
            rows = await connection.fetch(
                "SELECT id FROM mapping WHERE leaf = ANY($1::bigint[])", list(leaves)
            )
            staged = await fetch_staged_leaves(connection)
            numbers = {row["id"] for row in rows} | {staged[leaf] for leaf in leaves if leaf in staged}
            await withdraw_mappings(connection, sorted(numbers))

    async def live_leaves(self) -> list[int]:
        """Lists the leaves whose mappings answer."""
        return [
            row["leaf"]
            for row in await self.fetch(
                "SELECT leaf FROM mapping WHERE state = 1 AND leaf IS NOT NULL ORDER BY leaf"
            )
        ]

    async def state(self) -> LogState:
        async with self.database.connection() as connection:
            state = await fetch_state(connection)
        assert state is not None
        return state

    async def fetch(self, sql: str) -> list[dict[str, Any]]:
        async with self.database.connection() as connection:
            return [dict(row) for row in await connection.fetch(sql)]

    async def hide(self, number: int, *, with_id: bool = True) -> None:
        """Hides the X account of a mapping, by its row number; without its id as who knows the handle alone does."""
        async with self.database.connection() as connection:
            await connection.execute(
                "INSERT INTO hide (id, origin, network, x_id, x_handle, x_handle_key, reason, hidden_by, hidden_at)"
                " SELECT gen_random_uuid(), origin, network, CASE WHEN $3 THEN x_id END, x_handle, x_handle_key, 'rules', 'x', $2"
                " FROM mapping WHERE id = $1",
                number,
                self.clock.now(),
                with_id,
            )

    def reset_mark(self) -> None:
        """Sets the mark back to that of new keys, for a database that was emptied on purpose."""
        (self.keys.path / MARK_FILE).write_text(str(Checkpoint(ORIGIN, 0, EMPTY_ROOT)))

    def note_signed(self, size: int, root: bytes) -> None:
        """Checks that no size is ever signed with two roots, by any process, published or not."""
        assert self.signed.setdefault(size, root) == root

    async def entries(self) -> list[bytes]:
        """Reads every published entry from the bundles."""
        kept = {row["place"]: row["data"] for row in await self.fetch("SELECT place, data FROM log_tile")}
        entries: list[bytes] = []
        for bundle in bundles_added(0, (await self.state()).published_size):
            data = kept[place_of(bundle)]
            entries += decode_bundle(data[: bundle.width * STRIDE_BYTES], bundle.width)
        return entries

    async def check_history(self) -> None:
        """Checks that all trees ever signed are prefixes of one, and that every mapping ever made has one leaf."""
        entries = await self.entries()
        for size, root in self.signed.items():
            assert size <= len(entries)
            assert naive_root(entries[:size]) == root
        assert sum(isinstance(parse_entry(entry), MappingEntry) for entry in entries) == self.made

    async def check(self) -> FsckReport:
        """Checks that fsck is clean, and that no size was ever signed with two roots."""
        state = await self.state()
        for note in filter(None, (state.signed, state.published)):
            checkpoint = read_own_checkpoint(note)
            self.note_signed(checkpoint.size, checkpoint.root)
        if state.published is not None:
            assert read_own_checkpoint(state.published).size == state.published_size
        keys = self.keys.read()
        report = await check_database_log(
            self.database,
            checkpoint_keys=[key.vkey for key in keys.logs],
            first_key=self.first_key,
            now=self.clock.now(),
        )
        assert report.is_clean, list(map(str, report.findings))
        return report
