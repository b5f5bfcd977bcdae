"""A connection that breaks at one of its calls, before the server did what was asked or after it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

from directory.store.database import Connection

CALLS: Final = ("execute", "executemany", "fetch", "fetchrow", "fetchval", "copy_records_to_table")
COMMIT: Final = "COMMIT"
READ: Final = "SELECT"
LABEL_WORDS: Final = 4

When = Literal["before", "during", "after"]
"""*before*: nothing was sent to the server. *during*: the commit was sent, and its answer is not waited for.
*after*: the server has done it, and the caller does not learn it."""


class Crash(BaseException):
    """The process has ended: nothing may catch this and go on."""


def crash() -> None:
    """Ends the work of a process, but not the process."""
    raise Crash


class Faults:
    """Counts the points at which a process may end, and ends it at number `at`, counted from 0."""

    def __init__(self, at: int = -1, when: When = "before", end: Callable[[], None] = crash) -> None:
        self.at = at
        self.when = when
        self.points: list[str] = []
        self._end = end

    def arrive(self, label: str) -> bool:
        """Counts a point before its call. Returns whether it is the one to end at."""
        if self.when == "during" and label != COMMIT:
            return False
        self.points.append(label)
        is_here = len(self.points) - 1 == self.at
        if is_here and self.when == "before":
            self._end()
        return is_here

    def leave(self, *, is_here: bool) -> None:
        """Ends the work after the call of the point, where it is the one."""
        if is_here:
            self._end()

    def around(self, label: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Wraps a call as a point."""

        def struck(*args: Any, **options: Any) -> Any:
            is_here = self.arrive(label)
            result = call(*args, **options)
            self.leave(is_here=is_here)
            return result

        return struck


class FaultyConnection:
    """A connection of which every write and every commit is a point. Nothing changes on the disk in between."""

    def __init__(self, connection: Connection, faults: Faults) -> None:
        self._connection = connection
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        if name not in CALLS:
            return found

        async def call(*args: Any, **options: Any) -> Any:
            label = _label(name, str(args[0]))
            if label.startswith(READ):
                return await found(*args, **options)
            is_here = self._faults.arrive(label)
            result = await found(*args, **options)
            self._faults.leave(is_here=is_here)
            return result

        return call

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Runs a transaction. After a crash at its commit, none of it is stored or all of it; the caller does not
        learn which."""
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            yield
            is_here = self._faults.arrive(COMMIT)
        except BaseException:
            await transaction.rollback()
            raise
        commit = asyncio.ensure_future(transaction.commit())
        if is_here and self._faults.when == "during":
            await asyncio.sleep(0)  # it is sent at the task's first step
            self._faults.leave(is_here=True)
        await commit
        self._faults.leave(is_here=is_here)


def _label(name: str, first: str) -> str:
    return f"COPY {first}" if name.startswith("copy") else " ".join(first.split()[:LABEL_WORDS])
