"""Raw connections to an instance: what no well-behaved client sends."""

import contextlib
import socket
from dataclasses import dataclass
from typing import Final, Self

ANSWER_TIMEOUT_S: Final = 30.0
_PIECE_BYTES: Final = 65_536
_TAKEN_BYTES: Final = 32 * 2**20
"""More than the system keeps for a connection that nobody reads."""


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """One answer. `fields` are by lower-case name."""

    status: int
    fields: dict[str, str]
    body: bytes


class RawConnection:
    """A socket that sends bytes as they are."""

    def __init__(self, port: int, host: str = "127.0.0.1", from_address: str | None = None) -> None:
        source = (from_address, 0) if from_address else None
        self.socket = socket.create_connection((host, port), ANSWER_TIMEOUT_S, source)
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> Self:
        self.socket.sendall(data)
        return self

    def answer(self, *, of_head: bool = False) -> RawAnswer:
        """Reads one answer. Fails where the connection ends before."""
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = 0 if of_head else int(fields.get("content-length", "0"))
        while len(self._read) < length:
            self._more()
        body, self._read = self._read[:length], self._read[length:]
        return RawAnswer(int(first.split(" ")[1]), fields, body)

    def read_to_end(self) -> bytes:
        """Returns all that comes until the other side ends the connection."""
        with contextlib.suppress(ConnectionError):
            while True:
                self._more()
        return self._read

    def is_ended(self) -> bool:
        """Waits until the other side ends the connection, and returns True; False where it sent more, or nothing."""
        try:
            return not self._read and self.socket.recv(_PIECE_BYTES) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def is_cut_off(self, piece: bytes) -> bool:
        """Sends a piece again and again, and returns True once the other side has ended the connection; False where it took all."""
        try:
            for _ in range(_TAKEN_BYTES // len(piece)):
                self.send(piece)
        except ConnectionError:
            return True
        return False

    def _more(self) -> None:
        piece = self.socket.recv(_PIECE_BYTES)
        if not piece:
            raise ConnectionError(f"ended after {self._read[:200]!r}")
        self._read += piece
