"""Sends many rows: a few at a time, with room for others between them, and to an end when the server ends."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Coroutine, Iterable, Sequence
from typing import Any, Final, TypeVar

import asyncpg

from directory.courtesy import give_way
from directory.store.database import Connection

WHOLE_S: Final = 3.0
"""For what is on its way when its sender is cancelled: a server that takes no more keeps no process from its end."""
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
    """Adds rows by COPY. Raises ConnectionDoesNotExistError where the server ends meanwhile."""
    await _send(connection, connection.copy_records_to_table(table, records=rows, columns=columns))


async def execute_many(connection: Connection, statement: str, args: Iterable[Sequence[Any]]) -> None:
    """Executes a statement with each of the arguments, which may be made as they are asked for: while the database is at work
    on some, the next are made, encoded and sent. Raises ConnectionDoesNotExistError where the server ends meanwhile.

    Whoever cancels it waits until all is sent and answered: a driver that stops in between waits for an answer to what it
    never asked. Where that takes longer than `WHOLE_S`, or is cancelled again, the connection ends.
    """
    await _send(connection, connection.executemany(statement, args), is_whole=True)


async def _send(connection: Connection, sending: Coroutine[Any, Any, Any], *, is_whole: bool = False) -> None:
    """Waits until all is sent and answered.

    asyncpg waits until the socket takes more, and does not hear that it never will (a full disk ends the server while rows
    are on their way); neither does its time limit.
    """
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def tell(_: object) -> None:
        if not ended.done():
            ended.set_result("")

    connection.add_termination_listener(tell)
    sent: asyncio.Future[Any] = asyncio.ensure_future(sending)
    try:
        await asyncio.wait([sent, ended], return_when=asyncio.FIRST_COMPLETED)
        if not sent.done():
            raise asyncpg.ConnectionDoesNotExistError("the connection ended while rows were sent")
        await sent
    finally:
        try:
            if is_whole:
                await asyncio.wait([sent, ended], timeout=WHOLE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if is_whole and not sent.done():
                connection.terminate()
            sent.cancel()
            await asyncio.wait({sent})
            if not connection.is_closed():
                connection.remove_termination_listener(tell)
