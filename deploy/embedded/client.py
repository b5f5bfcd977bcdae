"""Connects to the server as its superuser: checks that it answers, and makes our role and database."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg

from deploy.embedded.cluster import SUPERUSER
from deploy.embedded.folders import SOCKET_PORT

ROLE = "passerelle"
DATABASE = "passerelle"
_CONNECT_TIMEOUT_S = 10

_NOT_NOW = (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError)


_SHUTTING_DOWN = "shutting down"


def dsn(socket_dir: Path, database: str = DATABASE, role: str = ROLE) -> str:
    """Makes the address of a database, for asyncpg and libpq; complete, so that no PG* variable has an effect."""
    return f"postgresql://{role}@/{database}?host={quote(str(socket_dir))}&port={SOCKET_PORT}"


def ensure_database(socket_dir: Path) -> bool:
    """Makes sure that our role, which is no superuser, and its database exist. Returns False where the server does not
    answer."""
    return _run(_ensure_database(socket_dir))


async def _ensure_database(socket_dir: Path) -> bool:
    try:
        async with _connected(dsn(socket_dir, "postgres", SUPERUSER)) as connection:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", ROLE):
                await connection.execute(f"CREATE ROLE {ROLE} LOGIN")
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
            may_end_log = await connection.fetchval("SELECT pg_has_role($1, 'pg_checkpoint', 'USAGE')", ROLE)
        if not may_end_log:
            await _let_end_log(socket_dir)
    except asyncpg.TooManyConnectionsError:
        return True  # it answers, and is in full use
    except _NOT_NOW:
        return False
    return True


def is_recovering(socket_dir: Path) -> bool:
    """Returns whether the server says that it starts, or recovers from a crash."""
    return _run(_is_recovering(socket_dir))


def _run(work: Coroutine[Any, Any, bool]) -> bool:
    """Runs it to its end: in a thread of its own, as the caller may be inside an event loop."""
    with ThreadPoolExecutor(1) as thread:
        try:
            running = thread.submit(asyncio.run, work)
        except RuntimeError:  # the program ends, and starts no thread any more
            return asyncio.run(work)
        return running.result()


async def _is_recovering(socket_dir: Path) -> bool:
    try:
        async with _connected(dsn(socket_dir, "postgres", SUPERUSER)):
            return False
    except asyncpg.CannotConnectNowError as error:
        return _SHUTTING_DOWN not in str(error)
    except (*_NOT_NOW, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return False


async def _let_end_log(socket_dir: Path) -> None:
    """Lets our role end the write-ahead log, to remove what was erased from it too.

    The grant that `_ensure_database` checks for comes last.
    """
    async with _connected(dsn(socket_dir, DATABASE, SUPERUSER)) as connection:
        await connection.execute(f"GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {ROLE}")
        await connection.execute(f"GRANT pg_checkpoint TO {ROLE}")


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(address, timeout=_CONNECT_TIMEOUT_S)
    try:
        yield connection
    finally:
        await connection.close()
