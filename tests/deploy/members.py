"""Members in the data folder of real processes, written and read from outside with the same services."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import asyncpg

from deploy.migrate import migrate
from deploy.wiring.members import MemberParts, open_members
from directory.accounts import BlueskyAccount, LinkedAccount, ProvenAccount
from directory.clock import Clock, SystemClock
from directory.settings import Settings
from directory.store.database import Database
from tests.directory.members.people import at_bluesky
from tests.harness.fake_plc import FakePlc

T = TypeVar("T")


class Members:
    """`data` is the folder of the processes, `dsn` their database; `clock` is for what is written here; `plc` tells the
    processes the names of those who join."""

    def __init__(
        self,
        data: Path,
        dsn: str,
        clock: Clock | None = None,
        *,
        plc: FakePlc | None = None,
        public_url: str | None = None,
    ) -> None:
        self._plc = plc
        self._settings = Settings(data=data, allow_loopback=True, public_url=public_url)
        self.dsn = dsn
        self.clock = clock or SystemClock()
        asyncio.run(migrate(dsn))

    def call(self, work: Callable[[MemberParts], Awaitable[T]]) -> T:
        """Runs a call of the services of members."""

        async def run() -> T:
            database = await Database.connect(self.dsn, max_connections=4)
            try:
                async with open_members(self._settings, database, self.clock) as members:
                    return await work(members)
            finally:
                await database.close()

        return asyncio.run(run())

    def fetch(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """Reads from the database, past the services."""

        async def run() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.dsn)
            try:
                return list(await connection.fetch(sql, *values))
            finally:
                await connection.close()

        return asyncio.run(run())

    def join(self, name: str) -> UUID:
        """Adds a member, signed in at Bluesky as `name`."""
        proven = at_bluesky(name, at=self.clock.now())
        if self._plc is not None and isinstance(proven.account, BlueskyAccount):
            self._plc.add(proven.account)
        return self.call(lambda members: members.membership.sign_in(proven)).member

    def link(self, member: UUID, proven: ProvenAccount) -> LinkedAccount:
        return self.call(lambda members: members.membership.link(member, proven))

    def hand_in(self, member: UUID, post: Callable[[str], str]) -> UUID:
        """Hands in the post at the address that `post(sentence)` returns; returns the id of its check."""

        async def run(members: MemberParts) -> UUID:
            kept = await members.proving.open_challenge(member)
            kept = kept or await members.proving.new_challenge(member, "one.example", "en")
            url = await asyncio.to_thread(post, kept.challenge.sentence)
            return (await members.proving.submit(member, kept.id, url)).id

        return self.call(run)
