"""What PostgreSQL's own types are is asked once, and not over each connection."""

from typing import Any

import asyncpg
import pytest

from directory.store import known_types
from directory.store.database import Database, connect

INTROSPECTION = (
    "SELECT count(*) FROM pg_prepared_statements WHERE strpos(statement, 'typeinfo' || '_tree') > 0"
)
"""How often this connection has asked: asyncpg prepares what it asks."""


async def _read_arrays(dsn: str) -> int:
    connection = await connect(dsn)
    try:
        assert await connection.fetchval("SELECT $1::bigint[]", [1, 2**40]) == [1, 2**40]
        assert await connection.fetchval("SELECT $1::bytea[]", [b"\x00"]) == [b"\x00"]
        return int(await connection.fetchval(INTROSPECTION))
    finally:
        await connection.close()


async def test_a_second_connection_asks_for_no_type_that_comes_with_postgresql(dsn: str) -> None:
    """Each asked for its arrays, which took the database 10 ms of CPU for each kind."""
    await _read_arrays(dsn)
    assert await _read_arrays(dsn) == 0


async def test_a_type_of_this_database_alone_is_asked_for_again(dsn: str, database: Database) -> None:
    """Attack: two databases, in which one number stands for different types."""
    async with database.connection() as other:
        await other.execute("CREATE TYPE ours AS (a bigint, b text)")
        assert await other.fetchval("SELECT (7, 'seven')::ours") == (7, "seven")
        await other.execute("DROP TYPE ours")
        await other.execute("CREATE TYPE ours AS (a text)")
    connection = await connect(dsn)
    try:
        assert await connection.fetchval("SELECT ROW('eight')::ours") == ("eight",)
        assert await connection.fetchval(INTROSPECTION) == 1
    finally:
        await connection.close()


async def test_an_answer_without_the_type_is_not_kept(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: what stands for a server answers nothing once. No connection of the process could read arrays after that."""
    monkeypatch.setattr(known_types, "_known", {})

    async def nothing(*_: Any) -> tuple[list[Any], Any]:
        return [], known_types._NothingPrepared

    with monkeypatch.context() as once:
        once.setattr(asyncpg.Connection, "_introspect_types", nothing)
        with pytest.raises(asyncpg.InternalClientError):
            await _read_arrays(dsn)
    assert await _read_arrays(dsn) == 1
