"""Sends with one system call what a server writes in one turn of the loop: a head, and a small body after it.

Each write to a socket wakes who reads: it costs more than the server's work on a small answer.
"""

import asyncio
from typing import Any, Final

GATHERED_BYTES: Final = 16 * 2**10
"""What is more is written at once, and not copied: the server is told to pause as early as without this."""


class GatheringTransport(asyncio.Transport):
    """Stands between a server and the transport of its connection. Nothing is held longer than for the present turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._gathered: list[bytes] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Takes data to send before the next turn of the loop."""
        if self._size + len(data) > GATHERED_BYTES or not isinstance(data, bytes) or self.is_closing():
            self.send_gathered()
            self._transport.write(data)
        elif data:
            if not self._gathered:
                self._loop.call_soon(self.send_gathered)
            self._gathered.append(data)
            self._size += len(data)

    def writelines(self, list_of_data: Any) -> None:
        """Takes several pieces."""
        for data in list_of_data:
            self.write(data)

    def send_gathered(self) -> None:
        """Sends what was gathered, at once. Where the connection has ended meanwhile, nobody is there to have it."""
        if not self._gathered:
            return
        whole = self._gathered[0] if len(self._gathered) == 1 else b"".join(self._gathered)
        self._gathered.clear()
        self._size = 0
        if not self._transport.is_closing():
            self._transport.write(whole)

    def write_eof(self) -> None:
        """Ends our side, after what was gathered."""
        self.send_gathered()
        self._transport.write_eof()

    def close(self) -> None:
        """Ends the connection, after what was gathered."""
        self.send_gathered()
        self._transport.close()

    def abort(self) -> None:
        """Ends the connection at once."""
        self._gathered.clear()
        self._size = 0
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        """Returns how much is not sent."""
        return self._size + self._transport.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Returns where the server is told to pause and to resume."""
        return self._transport.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Sets where the server is told to pause and to resume."""
        self._transport.set_write_buffer_limits(high, low)

    def is_closing(self) -> bool:
        """Whether the connection ends."""
        return self._transport.is_closing()

    def can_write_eof(self) -> bool:
        """Whether our side alone can end."""
        return self._transport.can_write_eof()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Returns what is known of the connection."""
        return self._transport.get_extra_info(name, default)

    def is_reading(self) -> bool:
        """Whether the connection is read."""
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        """Reads nothing more for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Reads again."""
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hands what is read to another protocol."""
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Returns the protocol that is handed what is read."""
        return self._transport.get_protocol()
