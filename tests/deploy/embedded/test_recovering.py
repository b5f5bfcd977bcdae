"""Before a server is told to stop, it is asked whether it recovers: PostgreSQL 18 may then wait for ever."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.embedded import open_database
from deploy.embedded.client import is_recovering
from deploy.embedded.folders import SOCKET_PORT


@asynccontextmanager
async def refusing(folder: Path, message: str) -> AsyncIterator[None]:
    """Refuses connections as a server does that cannot take them now (PostgreSQL's `backend_startup.c`: 57P03)."""
    fields = b"".join(
        kind + text.encode() + b"\0"
        for kind, text in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", "57P03"), (b"M", message))
    )

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!i", await reader.readexactly(4))
        await reader.readexactly(length - 4)
        writer.write(b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\0")
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(refuse, folder / f".s.PGSQL.{SOCKET_PORT}"):
        yield


@pytest.mark.parametrize(
    ("message", "recovers"),
    [
        ("the database system is in recovery mode", True),
        ("the database system is starting up", True),
        ("the database system is not yet accepting connections", True),
        ("the database system is shutting down", False),
    ],
)
async def test_what_a_server_says_that_takes_no_connection_now(
    public_folder: Path, message: str, recovers: bool
) -> None:
    async with refusing(public_folder, message):
        assert await asyncio.to_thread(is_recovering, public_folder) == recovers


def test_a_server_that_answers_or_is_not_there_does_not_recover(data_dir: Path, public_folder: Path) -> None:
    assert not is_recovering(public_folder)
    with open_database(data_dir) as database:
        assert not is_recovering(database.socket_dir)
