"""Collects the bytes of an answer, unpacked as they arrive and never more than allowed."""

import zlib
from typing import Final

from directory.networks.errors import BadAnswer, TooLarge

ENCODINGS: Final = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip"}
# A gzip stream is hardly larger than its content: a stored block of 64 KiB costs 5 bytes, head and
# tail a few dozen. Nothing else bounds a stream of empty blocks.
_MAX_OVERHEAD_BYTES: Final = 1_024
_OVERHEAD_DIVISOR: Final = 1_000
_GZIP_WINDOW: Final = zlib.MAX_WBITS | 16
# A piece of an answer costs more time than its bytes do: answers of one-byte chunks are refused.
_FREE_PIECES: Final = 4_096
_BYTES_A_PIECE: Final = 64


class BoundedBody:
    """The content of an answer, taken piece by piece, of at most `max_bytes`."""

    def __init__(self, host: str, encoding: str, max_bytes: int) -> None:
        """Raises BadAnswer for an encoding that was not asked for."""
        if encoding.strip().lower() not in ENCODINGS:
            raise BadAnswer(host, "answered in an encoding that was not asked for", may_have_arrived=True)
        gzip = ENCODINGS[encoding.strip().lower()]
        self._host = host
        self._max_bytes = max_bytes
        self._max_raw_bytes = max_bytes
        if gzip:
            self._max_raw_bytes += max_bytes // _OVERHEAD_DIVISOR + _MAX_OVERHEAD_BYTES
        self._unpack = zlib.decompressobj(_GZIP_WINDOW) if gzip else None
        self._raw_bytes = 0
        self._pieces = 0
        self._content = bytearray()

    def announce(self, raw_bytes: int) -> None:
        """Refuses an answer whose announced length is too large, before it is read. Raises TooLarge."""
        if raw_bytes > self._max_raw_bytes:
            raise self._too_large()

    def add(self, piece: bytes | bytearray) -> None:
        """Takes the next bytes off the wire. Raises TooLarge, BadAnswer."""
        self._raw_bytes += len(piece)
        self._pieces += 1
        self.announce(self._raw_bytes)
        if self._pieces > _FREE_PIECES + self._raw_bytes // _BYTES_A_PIECE:
            raise self._bad("answered in too many small pieces")
        self._content += self._unpacked(piece)
        if len(self._content) > self._max_bytes:
            raise self._too_large()

    def whole(self) -> bytes:
        """Returns the content, after the last piece. Raises BadAnswer where the packed stream breaks off."""
        if self._unpack is not None and self._raw_bytes and not self._unpack.eof:
            raise self._bad("the packed answer breaks off")
        return bytes(self._content)

    def _unpacked(self, piece: bytes | bytearray) -> bytes | bytearray:
        if self._unpack is None:
            return piece
        room = self._max_bytes - len(self._content)
        try:
            unpacked = self._unpack.decompress(piece, room + 1)
        except zlib.error:
            raise self._bad("the packed answer is damaged") from None
        if self._unpack.unused_data:
            raise self._bad("something follows the packed answer")
        return unpacked

    def _too_large(self) -> TooLarge:
        return TooLarge(
            self._host, f"answered with more than {self._max_bytes:,} bytes", may_have_arrived=True
        )

    def _bad(self, why: str) -> BadAnswer:
        return BadAnswer(self._host, why, may_have_arrived=True)
