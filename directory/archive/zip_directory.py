"""Reads the table of contents of a ZIP as a stream: an entry that the caller drops costs no memory.

Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3. Every number in a ZIP is a claim: each is
checked against the size of the file before anything is read or reserved for it.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from directory.archive.limits import CHUNK_BYTES, MAX_ZIP_DIRECTORY_BYTES
from directory.archive.problems import ArchiveError, ArchiveProblem

MAX_COMMENT_BYTES: Final = 0xFFFF
_MAX_U16: Final = 0xFFFF
_MAX_U32: Final = 0xFFFFFFFF

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_EXTRA = struct.Struct("<2H")
_END_MAGIC: Final = b"PK\5\6"
_END64_LOCATOR_MAGIC: Final = b"PK\6\7"
_END64_MAGIC: Final = b"PK\6\6"
_ENTRY_MAGIC: Final = b"PK\1\2"
_EXTRA_ZIP64: Final = 1
_FLAG_ENCRYPTED: Final = 1 << 0 | 1 << 13
_FLAG_UTF8: Final = 1 << 11


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One row of the table of contents: claims, to be compared with what is read."""

    path: str
    method: int
    is_encrypted: bool
    crc: int
    compressed_bytes: int
    decompressed_bytes: int
    header_offset: int
    raw_name: bytes


@dataclass(frozen=True, slots=True)
class _End:
    """The place of the table of contents; `shift` is the number of bytes before the ZIP in its file."""

    start: int
    length: int
    shift: int


def read_zip_directory(file: BinaryIO, size: int, name: str, *, max_entries: int) -> Iterator[ZipEntry]:
    """Yields the entries of the ZIP `file` of `size` bytes, in their order.

    Raises ArchiveError: not a ZIP, truncated, broken, split, or more entries than `max_entries`. OSError passes.
    """
    end = _find_end(file, size, name)
    if end.length > MAX_ZIP_DIRECTORY_BYTES:
        raise ArchiveError(ArchiveProblem.ZIP_TOO_MANY_FILES, name)
    window = _Window(file, end.start, end.length, name)
    count = 0
    while window.remaining:
        count += 1
        if count > max_entries:
            raise ArchiveError(ArchiveProblem.ZIP_TOO_MANY_FILES, name)
        yield _read_entry(window, end.shift, name)


class _Window:
    """A stretch of the file, read in order, a chunk at a time."""

    def __init__(self, file: BinaryIO, start: int, length: int, name: str) -> None:
        self._file = file
        self._next = start
        self._unread = length
        self._name = name
        self._buffer = b""
        self._at = 0

    @property
    def remaining(self) -> int:
        return self._unread + len(self._buffer) - self._at

    def take(self, count: int) -> bytes:
        if count > self.remaining:
            raise ArchiveError(ArchiveProblem.ZIP_BROKEN, self._name)
        while len(self._buffer) - self._at < count:
            self._fill()
        self._at += count
        return self._buffer[self._at - count : self._at]

    def _fill(self) -> None:
        self._file.seek(self._next)
        chunk = self._file.read(min(self._unread, CHUNK_BYTES))
        if not chunk:
            raise ArchiveError(ArchiveProblem.ZIP_BROKEN, self._name)
        self._buffer = self._buffer[self._at :] + chunk
        self._at = 0
        self._next += len(chunk)
        self._unread -= len(chunk)


def ends_as_zip(file: BinaryIO, size: int) -> bool:
    """Tells whether a file ends as a ZIP does, whatever it begins with."""
    return _last_end_record(_tail_of(file, size)[1]) is not None


def _tail_of(file: BinaryIO, size: int) -> tuple[int, bytes]:
    start = max(0, size - MAX_COMMENT_BYTES - _END.size - _END64_LOCATOR.size)
    file.seek(start)
    return start, file.read(size - start)


def _find_end(file: BinaryIO, size: int, name: str) -> _End:
    tail_start, tail = _tail_of(file, size)
    at = _last_end_record(tail)
    if at is None:
        raise ArchiveError(ArchiveProblem.ZIP_TRUNCATED, name)
    _, disk, first_disk, _, _, length, offset, _ = _END.unpack_from(tail, at)
    if not {disk, first_disk} <= {0, _MAX_U16}:
        raise ArchiveError(ArchiveProblem.ZIP_SPLIT, name)
    position = tail_start + at
    located = _find_end64(file, tail, at, tail_start, size)
    if located is not None:
        position, length, offset = located
    elif _MAX_U32 in {length, offset}:
        raise ArchiveError(ArchiveProblem.ZIP_BROKEN, name)
    start = position - length
    if start < 0 or offset > start:
        raise ArchiveError(ArchiveProblem.ZIP_BROKEN, name)
    return _End(start, length, start - offset)


def _last_end_record(tail: bytes) -> int | None:
    """Returns the last place where an end record fits with its comment, None where there is none."""
    at = tail.rfind(_END_MAGIC)
    while at >= 0:
        if at + _END.size <= len(tail):
            comment: int = _END.unpack_from(tail, at)[-1]
            if at + _END.size + comment <= len(tail):
                return at
        at = tail.rfind(_END_MAGIC, 0, at)
    return None


def _find_end64(
    file: BinaryIO, tail: bytes, at: int, tail_start: int, size: int
) -> tuple[int, int, int] | None:
    """Returns the position of the ZIP64 end record, and length and offset of the table of contents; None without one."""
    locator_at = at - _END64_LOCATOR.size
    if locator_at < 0 or tail[locator_at : locator_at + 4] != _END64_LOCATOR_MAGIC:
        return None
    claimed: int = _END64_LOCATOR.unpack_from(tail, locator_at)[2]
    # Where the claimed place is wrong, a record without extra data stands right before its locator.
    for position in (claimed, tail_start + locator_at - _END64.size):
        if not 0 <= position <= size - _END64.size:
            continue
        file.seek(position)
        record = file.read(_END64.size)
        if len(record) == _END64.size and record.startswith(_END64_MAGIC):
            _, _, _, _, _, _, _, _, length, offset = _END64.unpack(record)
            return position, length, offset
    return None


def _read_entry(window: _Window, shift: int, name: str) -> ZipEntry:
    fields = _ENTRY.unpack(window.take(_ENTRY.size))
    magic, _, _, flags, method, _, _, crc, compressed, decompressed = fields[:10]
    name_length, extra_length, comment_length, _, _, _, offset = fields[10:]
    if magic != _ENTRY_MAGIC:
        raise ArchiveError(ArchiveProblem.ZIP_BROKEN, name)
    raw_name = window.take(name_length)
    extra = window.take(extra_length)
    window.take(comment_length)
    if _MAX_U32 in {compressed, decompressed, offset}:
        decompressed, compressed, offset = _widen(extra, decompressed, compressed, offset)
    return ZipEntry(
        _decode_name(raw_name, flags),
        method,
        bool(flags & _FLAG_ENCRYPTED),
        crc,
        compressed,
        decompressed,
        offset + shift,
        raw_name,
    )


def _decode_name(raw: bytes, flags: int) -> str:
    encoding = "utf-8" if flags & _FLAG_UTF8 else "cp437"
    return raw.decode(encoding, errors="replace")


def _widen(extra: bytes, decompressed: int, compressed: int, offset: int) -> tuple[int, int, int]:
    """Replaces values that are all ones by the 64-bit values in the ZIP64 extra field."""
    values = _zip64_values(extra)
    widened = [
        next(values, claimed) if claimed == _MAX_U32 else claimed
        for claimed in (decompressed, compressed, offset)
    ]
    return widened[0], widened[1], widened[2]


def _zip64_values(extra: bytes) -> Iterator[int]:
    at = 0
    while at + _EXTRA.size <= len(extra):
        tag, length = _EXTRA.unpack_from(extra, at)
        at += _EXTRA.size
        if tag == _EXTRA_ZIP64:
            field = extra[at : at + length]
            for value_at in range(0, len(field) - 7, 8):
                yield int.from_bytes(field[value_at : value_at + 8], "little")
            return
        at += length
