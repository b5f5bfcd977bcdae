"""Decompresses one file inside a ZIP as a stream, and checks each claim of the table of contents.

Source: PKWARE APPNOTE.TXT 6.3.10, section 4.3.7; methods 0 (stored) and 8 (deflate, RFC 1951).
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from directory.archive.limits import CHUNK_BYTES, MAX_RATIO, RATIO_GRACE_BYTES
from directory.archive.problems import ArchiveError, ArchiveProblem
from directory.archive.zip_directory import ZipEntry

_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_MAGIC: Final = b"PK\3\4"
_STORED: Final = 0
_DEFLATED: Final = 8
_RAW_DEFLATE: Final = -15


def check_entry(entry: ZipEntry, zip_bytes: int) -> None:
    """Refuses an entry that cannot be read, before any of it is. Raises ArchiveError."""
    if entry.is_encrypted:
        raise ArchiveError(ArchiveProblem.ZIP_ENCRYPTED, entry.path)
    if entry.method not in {_STORED, _DEFLATED}:
        raise ArchiveError(ArchiveProblem.ZIP_METHOD, entry.path)
    if _is_bomb(entry.decompressed_bytes, entry.compressed_bytes):
        raise ArchiveError(ArchiveProblem.ZIP_BOMB, entry.path)
    if entry.header_offset + _LOCAL.size + entry.compressed_bytes > zip_bytes:
        raise _damaged(entry)


def read_entry(file: BinaryIO, entry: ZipEntry, report: Callable[[int], None]) -> Iterator[bytes]:
    """Yields the file's bytes in chunks of at most CHUNK_BYTES; `report` takes the compressed bytes read.

    The entry has passed `check_entry`. Raises ArchiveError where the data breaks off, differs from its
    checksum, or expands too far. OSError passes.
    """
    compressed = _compressed_chunks(file, entry, report)
    crc = 0
    count = 0
    for chunk in compressed if entry.method == _STORED else _inflate(compressed, entry):
        crc = zlib.crc32(chunk, crc)
        count += len(chunk)
        if count > entry.decompressed_bytes:
            break
        yield chunk
    if count != entry.decompressed_bytes or crc != entry.crc:
        raise _damaged(entry)


def _compressed_chunks(file: BinaryIO, entry: ZipEntry, report: Callable[[int], None]) -> Iterator[bytes]:
    position = _data_offset(file, entry)
    left = entry.compressed_bytes
    while left:
        file.seek(position)
        chunk = file.read(min(left, CHUNK_BYTES))
        if not chunk:
            raise _damaged(entry)
        position += len(chunk)
        left -= len(chunk)
        report(len(chunk))
        yield chunk


def _data_offset(file: BinaryIO, entry: ZipEntry) -> int:
    file.seek(entry.header_offset)
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(_LOCAL_MAGIC):
        raise _damaged(entry)
    *_, name_length, extra_length = _LOCAL.unpack(header)
    # A file with two names can show one content to us and another to a scanner.
    if file.read(name_length) != entry.raw_name:
        raise _damaged(entry)
    return entry.header_offset + _LOCAL.size + int(name_length) + int(extra_length)


def _inflate(compressed: Iterator[bytes], entry: ZipEntry) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_RAW_DEFLATE)
    taken = given = 0
    for chunk in compressed:
        taken += len(chunk)
        for plain in _inflate_chunk(inflater, chunk, entry):
            given += len(plain)
            if _is_bomb(given, taken):
                raise ArchiveError(ArchiveProblem.ZIP_BOMB, entry.path)
            yield plain
    if not inflater.eof:
        raise _damaged(entry)


def _inflate_chunk(inflater: "zlib._Decompress", chunk: bytes, entry: ZipEntry) -> Iterator[bytes]:
    """Yields all that `chunk` expands to, in pieces of at most CHUNK_BYTES."""
    pending = chunk
    while not inflater.eof:
        try:
            plain = inflater.decompress(pending, CHUNK_BYTES)
        except zlib.error as error:
            raise _damaged(entry) from error
        yield plain
        pending = inflater.unconsumed_tail
        if not pending and len(plain) < CHUNK_BYTES:
            return


def _is_bomb(decompressed: int, compressed: int) -> bool:
    return decompressed > RATIO_GRACE_BYTES and decompressed > compressed * MAX_RATIO


def _damaged(entry: ZipEntry) -> ArchiveError:
    return ArchiveError(ArchiveProblem.ZIP_BROKEN, entry.path)
