"""A connection that breaks at one of its calls, before the server did what was asked or after it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from directory.store.database import Connection

CALLS = ("execute", "fetch", "fetchrow", "fetchval", "copy_records_to_table")


class Crash(BaseException):
    """The process is gone: nothing may catch this and go on."""


class FaultyConnection:
    """Counts the calls that change something or could; crashes at call `at`, counted from 0."""

    def __init__(self, connection: Connection, at: int = -1, *, persisted: bool = False) -> None:
        self._connection = connection
        self._at = at
        self._persisted = persisted
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        if name not in CALLS:
            return found

        async def call(*args: Any, **options: Any) -> Any:
            self.strike(before=True)
            result = await found(*args, **options)
            self.strike(before=False)
            return result

        return call

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """A crash at the commit: either nothing of it is there afterwards, or all of it, and nobody was told."""
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            yield
            self.strike(before=True)
        except BaseException:
            await transaction.rollback()
            raise
        await transaction.commit()
        self.strike(before=False)

    def strike(self, *, before: bool) -> None:
        """One point at which the process may end."""
        if before:
            self.calls += 1
        if self.calls - 1 == self._at and before is not self._persisted:
            raise Crash
