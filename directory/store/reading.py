"""What a store that only reads is built on: the primary, or the replicas with it."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

import asyncpg


class ReadingConnection(Protocol):
    """What statements that only read are run with."""

    async def fetch(self, query: str, *args: object) -> list[asyncpg.Record]:
        """Runs a statement. Returns its rows."""


class Readable(Protocol):
    """A database that is read: the primary alone, or with replicas."""

    def connection(self) -> AbstractAsyncContextManager[ReadingConnection]:
        """Lends something to run statements with."""
