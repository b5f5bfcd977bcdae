"""What a web process and its parent say to each other: whole messages over a pair of sockets.

Not trusted with anything: it carries counts, and that something is due. Both ends are ours.
"""

import asyncio
import enum
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

HEAD: Final = struct.Struct("<BI")
MAX_MESSAGE_BYTES: Final = 16 * 2**20
"""Counts of a process are some 100 kB."""
MAX_UNREAD_BYTES: Final = 2**20
"""What the other end has not read. More is left out: it is told again in a moment."""


FLUSH_S: Final = 1.0


class Said(enum.IntEnum):
    """What a message says."""

    UP = 1
    """The child serves."""
    WAKE = 2
    """A member did something that a job is to do at once."""
    COUNTS = 3
    """The counts of the child for `/metrics`."""
    ASK = 4
    """The parent wants the counts now."""


class Control:
    """One end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        writer.transport.set_write_buffer_limits(0)  # so that draining waits for all of it

    def say(self, said: Said, content: bytes = b"") -> None:
        """Says something, without waiting. It is left out where the other end is gone or does not read."""
        if self._writer.is_closing() or self._writer.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            return
        self._writer.write(HEAD.pack(said, len(content)) + content)

    async def heard(self) -> AsyncIterator[tuple[Said, bytes]]:
        """Yields what the other end says, until it is gone."""
        try:
            while True:
                kind, size = HEAD.unpack(await self._reader.readexactly(HEAD.size))
                if size > MAX_MESSAGE_BYTES:
                    return
                yield Said(kind), await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError):
            return

    async def flush(self) -> None:
        """Waits for a moment until the other end has what was said."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                await self._writer.drain()

    def close(self) -> None:
        """Closes this end."""
        self._writer.close()
