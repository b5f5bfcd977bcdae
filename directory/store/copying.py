"""Adds many rows by COPY: a few at a time, with room for others between them, and to an end when the server ends."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import Any, Final, TypeVar

import asyncpg

from directory.courtesy import give_way
from directory.store.database import Connection

ROWS_AT_ONCE: Final = 32
"""In less than a millisecond, with what it takes to make and to encode them."""

T = TypeVar("T")


async def few_at_a_time(rows: Iterable[T]) -> AsyncIterator[T]:
    """Yields the rows, which may be made as they are asked for, and gives way after each few."""
    for number, row in enumerate(rows, 1):
        yield row
        if number % ROWS_AT_ONCE == 0:
            await give_way()


async def copy_rows(
    connection: Connection,
    table: str,
    rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
    columns: Sequence[str] | None = None,
) -> None:
    """Adds rows by COPY. Raises ConnectionDoesNotExistError where the server ends meanwhile.

    asyncpg waits until the socket takes more, and does not hear that it never will (a full disk ends the server while rows
    are on their way); neither does its time limit.
    """
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def tell(_: object) -> None:
        if not ended.done():
            ended.set_result("")

    connection.add_termination_listener(tell)
    copying: asyncio.Future[str] = asyncio.ensure_future(
        connection.copy_records_to_table(table, records=rows, columns=columns)
    )
    try:
        await asyncio.wait([copying, ended], return_when=asyncio.FIRST_COMPLETED)
        if not copying.done():
            raise asyncpg.ConnectionDoesNotExistError("the connection ended while rows were sent")
        await copying
    finally:
        copying.cancel()
        await asyncio.wait({copying})
        if not connection.is_closed():
            connection.remove_termination_listener(tell)
