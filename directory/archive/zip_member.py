"""Decompresses one file inside a ZIP as a stream, and checks each claim of the table of contents.

Source: PKWARE APPNOTE.TXT 6.3.10, section 4.3.7; methods 0 (stored) and 8 (deflate, RFC 1951).
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from directory.archive.limits import CHUNK_BYTES, MAX_OFFSET_WRAPS, MAX_RATIO, RATIO_GRACE_BYTES
from directory.archive.problems import ArchiveError, ArchiveProblem
from directory.archive.zip_directory import ZipEntry

_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_MAGIC: Final = b"PK\3\4"
_STORED: Final = 0
_DEFLATED: Final = 8
_RAW_DEFLATE: Final = -15
_WRAP_BYTES: Final = 2**32


def read_entry(
    file: BinaryIO, zip_bytes: int, entry: ZipEntry, name: str, report: Callable[[int], None]
) -> Iterator[bytes]:
    """Yields the file's bytes in chunks of at most CHUNK_BYTES; `report` takes the compressed bytes read.

    Raises ArchiveError where the entry cannot be read, its data breaks off, differs from its checksum, or expands too
    far. OSError passes.
    """
    _check_entry(entry, name)
    compressed = _compressed_chunks(file, _find_data(file, zip_bytes, entry, name), entry, name, report)
    crc = 0
    count = 0
    for chunk in compressed if entry.method == _STORED else _inflate(compressed, name):
        crc = zlib.crc32(chunk, crc)
        count += len(chunk)
        if count > entry.decompressed_bytes:
            break
        yield chunk
    if count != entry.decompressed_bytes or crc != entry.crc:
        raise _damaged(name)


def _check_entry(entry: ZipEntry, name: str) -> None:
    """Refuses an entry that cannot be read, before any of it is."""
    if entry.is_encrypted:
        raise ArchiveError(ArchiveProblem.ZIP_ENCRYPTED, name)
    if entry.method not in {_STORED, _DEFLATED}:
        raise ArchiveError(ArchiveProblem.ZIP_METHOD, name)
    if _is_bomb(entry.decompressed_bytes, entry.compressed_bytes):
        raise ArchiveError(ArchiveProblem.ZIP_BOMB, name)


def _compressed_chunks(
    file: BinaryIO, start: int, entry: ZipEntry, name: str, report: Callable[[int], None]
) -> Iterator[bytes]:
    position = start
    left = entry.compressed_bytes
    while left:
        file.seek(position)
        chunk = file.read(min(left, CHUNK_BYTES))
        if not chunk:
            raise _damaged(name)
        position += len(chunk)
        left -= len(chunk)
        report(len(chunk))
        yield chunk


def _find_data(file: BinaryIO, zip_bytes: int, entry: ZipEntry, name: str) -> int:
    """Finds where the data of an entry begins.

    Finder writes offsets of 32 bits into ZIPs beyond 4 GiB, too: what they lost is found by trying.
    """
    for offset in _places_of(entry.header_offset, zip_bytes):
        start = _data_offset(file, offset, entry)
        if start is not None and start + entry.compressed_bytes <= zip_bytes:
            return start
    raise _damaged(name)


def _places_of(offset: int, zip_bytes: int) -> Iterator[int]:
    if offset < zip_bytes:
        yield offset
    for place in range(offset % _WRAP_BYTES, min(zip_bytes, MAX_OFFSET_WRAPS * _WRAP_BYTES), _WRAP_BYTES):
        if place != offset:
            yield place


def _data_offset(file: BinaryIO, header_offset: int, entry: ZipEntry) -> int | None:
    """Returns where the data begins behind a header, None where none of this entry is there."""
    file.seek(header_offset)
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(_LOCAL_MAGIC):
        return None
    *_, name_length, extra_length = _LOCAL.unpack(header)
    # A file with two names can show one content to us and another to a scanner.
    if file.read(name_length) != entry.raw_name:
        return None
    return header_offset + _LOCAL.size + int(name_length) + int(extra_length)


def _inflate(compressed: Iterator[bytes], name: str) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_RAW_DEFLATE)
    taken = given = 0
    for chunk in compressed:
        taken += len(chunk)
        for plain in _inflate_chunk(inflater, chunk, name):
            given += len(plain)
            if _is_bomb(given, taken):
                raise ArchiveError(ArchiveProblem.ZIP_BOMB, name)
            yield plain
    if not inflater.eof:
        raise _damaged(name)


def _inflate_chunk(inflater: "zlib._Decompress", chunk: bytes, name: str) -> Iterator[bytes]:
    """Yields all that `chunk` expands to, in pieces of at most CHUNK_BYTES."""
    pending = chunk
    while not inflater.eof:
        try:
            plain = inflater.decompress(pending, CHUNK_BYTES)
        except zlib.error as error:
            raise _damaged(name) from error
        yield plain
        pending = inflater.unconsumed_tail
        if not pending and len(plain) < CHUNK_BYTES:
            return


def _is_bomb(decompressed: int, compressed: int) -> bool:
    return decompressed > RATIO_GRACE_BYTES and decompressed > compressed * MAX_RATIO


def _damaged(name: str) -> ArchiveError:
    return ArchiveError(ArchiveProblem.ZIP_BROKEN, name)
