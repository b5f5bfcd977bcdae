"""The pool of connections to PostgreSQL, whose failures are raised as errors of the directory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self

import asyncpg
import structlog

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

from directory.errors import DatabaseUnreachable, DirectoryUnavailable
from directory.store.known_types import KnowingConnection
from directory.store.quiet_errors import hide_values

# asyncpg's classes are generic for the type checker only.
if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

Check = Callable[["asyncpg.Connection[asyncpg.Record]"], Coroutine[Any, Any, None]]

CONNECT_TIMEOUT_S: Final = 5.0
ACQUIRE_TIMEOUT_S: Final = 10.0
COMMAND_TIMEOUT_S: Final = 60.0
CLOSES_WITHIN_S: Final = 5.0
IDLE_S: Final = 60.0
"""Before a connection that nobody needed is closed: each holds 3 MB at the server."""
TELL_AGAIN_S: Final = 60.0
REFUSED_PAUSE_S: Final = 0.05
LEFT_FOR_SIGNING: Final = 3
"""A pool that is larger leaves so many of what the role may open to the one of the sequencer, which needs them all."""
MEND_REFUSAL: Final = "set PASSERELLE_DATABASE_CONNECTIONS lower, or allow the role more: each process takes that many, and 3 more to sign"

log = structlog.get_logger(__name__)

DRIVER_TROUBLE: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Every kind of error of asyncpg: they have no class in common."""

_GONE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # The server has told the end of the connection, and the connection is not closed yet.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    # A connection that the pool opens while it is used: the role has another password, or the database another name.
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
# Beside a server that does not answer: one that refuses the login, and an invalid address (port 99999).
_NO_WAY_IN = (*_GONE, asyncpg.PostgresError, ValueError, OverflowError)


def is_of_database(error: Exception) -> bool:
    """Returns whether an error is of the database itself: asking for less would meet it again. An error about a value, or
    in reading a row, is not."""
    if isinstance(error, asyncpg.DataError):
        return False
    return isinstance(error, DirectoryUnavailable | asyncpg.PostgresError | asyncpg.InternalClientError)


async def _leave_as_it_is(_: object) -> None:
    """Resets nothing: stores change no state of a session, and a reset costs one more round trip each time.

    Whoever needs state of a session (a lock, a listener) opens a connection of its own.
    """


def _unreachable(error: Exception) -> DatabaseUnreachable:
    """What is told. An address that cannot be read is not repeated: a part of its password could stand in the error."""
    if isinstance(error, ValueError):
        return DatabaseUnreachable("could not connect to the database: its address cannot be read")
    return DatabaseUnreachable(f"could not connect to the database: {error}")


def _known(error: Exception) -> DirectoryUnavailable | None:
    """Removes the values from an error, and returns what it means where the database has gone, or its disk is full."""
    hide_values(error)
    if isinstance(error, asyncpg.DiskFullError):
        return DirectoryUnavailable(f"the disk of the database is full: {error}")
    if isinstance(error, _GONE):
        return DirectoryUnavailable(f"the database did not answer: {error}")
    return None


async def connect(dsn: str, *, timeout_s: float = CONNECT_TIMEOUT_S) -> "asyncpg.Connection[asyncpg.Record]":
    """Opens a connection outside of any pool. Raises DatabaseUnreachable."""
    try:
        return await asyncpg.connect(dsn, timeout=timeout_s, connection_class=KnowingConnection)
    except _NO_WAY_IN as error:
        raise _unreachable(error) from error


@contextmanager
def errors_told() -> Iterator[None]:
    """Raises what the database fails with over a connection outside of any pool as the pool does: DirectoryUnavailable where it
    has gone, or its disk is full."""
    try:
        yield
    except Exception as error:
        if (known := _known(error)) is not None:
            raise known from error
        raise


async def _count_granted(pool: Pool, wanted: int, processes: int) -> int:
    """Returns how large a pool may be: as wanted, or the part of each process in what the limit of our role leaves."""
    if wanted * processes <= LEFT_FOR_SIGNING:
        return wanted
    limit = int(await pool.fetchval("SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user"))
    granted = wanted if limit < 0 else max(1, min(wanted, (limit - LEFT_FOR_SIGNING) // processes))
    if granted < wanted:
        log.warning(
            "the database refuses more connections",
            reason=f"the role may open {limit}" + (f", of {processes} processes" if processes > 1 else ""),
            wanted=wanted,
            taken=granted,
            mend=MEND_REFUSAL,
        )
    return granted


async def _open_pool(dsn: str, size: int, check: Check | None) -> Pool:
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        max_inactive_connection_lifetime=IDLE_S,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        reset=_leave_as_it_is,
        init=check,
        connection_class=KnowingConnection,
        server_settings={"application_name": "passerelle", "jit": "off"},
    )


async def _open_granted_pool(dsn: str, wanted: int, processes: int, check: Check | None) -> Pool:
    """Opens a pool as large as wanted, or another one where our role may open less."""
    pool = await _open_pool(dsn, wanted, check)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            granted = await _count_granted(pool, wanted, processes)
            if granted == wanted:
                return pool
            await pool.close()
    except BaseException:
        pool.terminate()
        raise
    return await _open_pool(dsn, granted, check)


class Database:
    """A pool of connections. Trusted: whoever can write to it can change every answer."""

    def __init__(self, pool: Pool, *, acquire_timeout_s: float = ACQUIRE_TIMEOUT_S) -> None:
        """`acquire_timeout_s`: how long whoever asks waits for a connection while all are lent."""
        self._pool = pool
        self._acquire_timeout_s = acquire_timeout_s
        self._told_at = -TELL_AGAIN_S

    @classmethod
    async def connect(
        cls,
        dsn: str,
        *,
        max_connections: int = 10,
        processes: int = 1,
        acquire_timeout_s: float = ACQUIRE_TIMEOUT_S,
        check: Check | None = None,
    ) -> Self:
        """Opens the pool. `processes`, this one among them, share what our role may open. `check` looks at each new connection,
        and raises where it is not to be used. Raises DatabaseUnreachable where the server does not answer."""
        try:
            pool = await _open_granted_pool(dsn, max_connections, processes, check)
        except _NO_WAY_IN as error:
            raise _unreachable(error) from error
        return cls(pool, acquire_timeout_s=acquire_timeout_s)

    async def close(self, within_s: float = CLOSES_WITHIN_S) -> None:
        """Waits a moment for running queries, then closes every connection, whoever waits for an answer: a count of millions,
        or a server that hangs, keeps no process from ending. What was not committed is not done."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._pool.close()

    def terminate(self) -> None:
        """Ends every connection at once, whoever waits for an answer."""
        self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lends a connection of the pool. Raises DirectoryUnavailable where none can be had."""
        try:
            connection = await self._acquire()
            try:
                yield connection
            except asyncpg.InternalClientError:
                connection.terminate()  # it would answer the same to everybody who is lent it
                raise
            finally:
                await self._pool.release(connection)
        except Exception as error:
            if (known := _known(error)) is not None:
                raise known from error
            raise

    async def _acquire(self) -> "PoolConnectionProxy[asyncpg.Record]":
        """Lends a connection. Where the server refuses another one, waits for one that is given back."""
        async with asyncio.timeout(self._acquire_timeout_s):
            while True:
                try:
                    return await self._pool.acquire()
                except asyncpg.TooManyConnectionsError as error:
                    self._tell_refusal(error)
                    if not self._pool.get_size():
                        raise
                await asyncio.sleep(REFUSED_PAUSE_S)

    def _tell_refusal(self, error: asyncpg.TooManyConnectionsError) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= TELL_AGAIN_S:
            self._told_at = now
            log.warning(
                "the database refuses more connections",
                reason=str(error),
                held=self._pool.get_size(),
                mend=MEND_REFUSAL,
            )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lends a connection inside a transaction: committed at the end, rolled back on any error."""
        async with self.connection() as connection:
            try:
                async with connection.transaction():
                    yield connection
            except asyncpg.InterfaceError as error:
                # Nothing is left to roll back, and that hides why.
                if isinstance(error.__context__, _GONE):
                    raise error.__context__ from None
                raise
