"""An instance that tails one peer, for tests: a real database, the guarded client, and what is to be seen afterwards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from directory.networks.http import DEFAULT_LIMITS, GuardedClient
from directory.networks.limits import Limits
from directory.origins import Standing
from directory.store.database import Database
from directory.store.mapping_rows import ensure_origin
from federation.peers.jobs import TailJobs
from federation.peers.looks import Looks
from federation.peers.tail import Pace, Tail
from federation.peers.verdicts import Verdict
from federation.store.peer_logs import PeerLogStore
from federation.store.quiet_logs import QuietLogStore
from federation.tlog.keys import VerifierKey
from federation.tlog.merkle import EMPTY_ROOT
from tests.harness.clock import FakeClock
from tests.harness.peer_log import ORIGIN, Unsigned

STATE = (
    "peer_log", "peer_document", "peer_bundle", "peer_revoke", "peer_statement", "peer_missing", "peer_evidence",
    "mapping", "arrival", "left_out", "origin",
)  # fmt: skip
NOT_STATE = {
    "fault",
    "failures",
    "next_at",
    "attempts",
    "target_size",
    "day",
    "day_size",
    "free_size",
    "day_taken",
    "asked_at",
    "seen_at",
    "quiet_under",
    "stopped",
    "slow_until",
}


class Reader:
    """An instance, as far as it reads the logs of peers."""

    def __init__(self, database: Database, clock: FakeClock, client: GuardedClient) -> None:
        self.database = database
        self.clock = clock
        self.logs = PeerLogStore(database)
        self._client = client
        self.use(DEFAULT_LIMITS)

    def use(self, limits: Limits) -> None:
        """Reads with other limits of a request from now on."""
        self.tail = Tail(self.database, self.clock, self._client, Unsigned(self._client), limits)
        looks = Looks(QuietLogStore(self.database), self.clock, self._client, within_s=1.0)
        self.jobs = TailJobs(self.logs, self.tail, looks, self.clock)

    async def confirm(
        self, address: str, first_key: VerifierKey, *, origin: str = ORIGIN, seen: int = 0, **columns: Any
    ) -> None:
        """Enters a peer as operators do who have compared its fingerprint."""
        now = self.clock.now()
        async with self.database.transaction() as connection:
            await connection.execute(
                "INSERT INTO peer (origin, address, first_key, confirmed_at, we_follow) VALUES ($1, $2, $3, $4, 2)",
                origin, address, str(first_key), now,
            )  # fmt: skip
            for name, value in columns.items():
                await connection.execute(f"UPDATE peer SET {name} = $1", value)  # noqa: S608 - a column that a test names
            await connection.execute(
                "INSERT INTO peer_log (origin, root, next_at, day, free_size) VALUES ($1, $2, $3, $4, $5)",
                origin, EMPTY_ROOT, now, now.date(), seen,
            )  # fmt: skip
            await ensure_origin(connection, origin)

    async def round(self, limit_s: float = 60) -> Verdict:
        """Runs one round of the peer that is due, an hour later if none is."""
        job = await self.logs.claim_due(self.clock.now())
        if job is None:
            self.clock.advance(hours=1)
            job = await self.logs.claim_due(self.clock.now())
        assert job is not None
        return await self.tail.run(job, Pace(read_for_s=limit_s, ask_for_s=300))

    async def run_due(self) -> int:
        """Runs the jobs that are due, as a worker does. Returns how many there were."""
        count = 0
        while (work := await self.jobs.claim(())) is not None:
            await work.run()
            count += 1
        return count

    async def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        async with self.database.connection() as connection:
            return [dict(row) for row in await connection.fetch(sql, *values)]

    async def log(self, origin: str = ORIGIN) -> dict[str, Any]:
        return (await self.rows("SELECT * FROM peer_log WHERE origin = $1", origin))[0]

    async def leaves(self) -> list[int]:
        """The leaves of the peer whose mappings answer."""
        return [
            row["leaf"] for row in await self.rows("SELECT leaf FROM mapping WHERE state = 1 ORDER BY leaf")
        ]

    async def standing(self, origin: str = ORIGIN) -> Standing:
        return Standing(
            (await self.rows("SELECT standing FROM origin WHERE name = $1", origin))[0]["standing"]
        )

    async def state(self) -> dict[str, list[dict[str, Any]]]:
        """All that is known of peers but how their reading goes."""
        return {
            table: sorted(
                (
                    {k: v for k, v in row.items() if k not in NOT_STATE}
                    for row in await self.rows(f"TABLE {table}")
                ),
                key=repr,
            )
            for table in STATE
        }

    async def check(self) -> None:
        """Checks what always holds: no statement of a revoked leaf, and what answers was read and has its body."""
        assert not await self.rows("SELECT FROM peer_statement s JOIN peer_revoke r ON r.place = s.place")
        statements = {
            r["leaf"] for r in await self.rows("SELECT place % (1::bigint << 40) AS leaf FROM peer_statement")
        }
        assert set(await self.leaves()) == statements
        log = await self.log()
        assert all(leaf < log["bodies_size"] <= log["size"] for leaf in statements)


@asynccontextmanager
async def reading(database: Database, clock: FakeClock) -> AsyncIterator[Reader]:
    """Opens the guarded client for a reader."""
    async with GuardedClient("Passerelle/test", allow_loopback=True) as client:
        yield Reader(database, clock, client)
