"""Reads the JSON inside a file of X's as a stream of events, with a few chunks in memory whatever the size.

`window.YTD.<name>.part<N> = [ … ]`: after a BOM, what follows the first `=`, without a last `;`.
It is never evaluated. ijson's own object builder is not used: the paths it keeps grow with the
square of the nesting, so that 16,000 brackets take hundreds of megabytes. Numbers are read as C's:
Python's integers refuse more than 4,300 digits, which ijson 3.6 does not check and goes on with a null
pointer.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import ijson  # type: ignore[import-untyped]  # the package ships no types

from directory.archive.limits import CHUNK_BYTES, MAX_PREFIX_BYTES, MAX_TOKEN_BYTES
from directory.archive.problems import ArchiveError, ArchiveProblem

Event = tuple[str, object]

_BOM: Final = b"\xef\xbb\xbf"
_END = b" \t\r\n;"
_LIST_PREFIX = re.compile(rb"\s*window\.YTD\.([a-z_]+)\.part[0-9]{1,6}\s*")
_JSON_NAME = re.compile(r"\.json", re.IGNORECASE | re.ASCII)
# A byte order mark of UTF-16, or a zero beside the first character.
_UTF16 = re.compile(rb"\xff\xfe|\xfe\xff|[^\0]\0|\0[^\0]", re.DOTALL)
_CONFIG_PREFIX = re.compile(rb"\s*window\.__THAR_CONFIG\s*")


def json_of_list(chunks: Iterable[bytes], words: Iterable[str], file: str) -> Iterator[bytes]:
    """Yields the JSON of a file whose prefix names one of `words`: a block list is not taken for follows.

    A file that ends in `.json` may be JSON alone: its rows name their list, too.
    Raises ArchiveError: NO_ASSIGNMENT, WRONG_PREFIX, FILE_EMPTY, UTF16.
    """
    if _JSON_NAME.search(file):
        chunks, is_bare = _peek(iter(chunks))
        if is_bare:
            return _without_end(iter(chunks))
    head, rest = _split_prefix(iter(chunks), file)
    match = _LIST_PREFIX.fullmatch(head)
    if match is None or match[1].decode("ascii") not in words:
        raise _wrong_prefix(head, file)
    return _without_end(rest)


def json_of_config(chunks: Iterable[bytes], file: str) -> Iterator[bytes]:
    """Yields the JSON of manifest.js. Raises ArchiveError as `json_of_list` does."""
    if _JSON_NAME.search(file):
        chunks, is_bare = _peek(iter(chunks))
        if is_bare:
            return _without_end(iter(chunks))
    head, rest = _split_prefix(iter(chunks), file)
    if _CONFIG_PREFIX.fullmatch(head) is None:
        raise _wrong_prefix(head, file)
    return _without_end(rest)


def json_events(json: Iterable[bytes], file: str) -> Iterator[list[Event]]:
    """Yields batches of (event, value) as `ijson.basic_parse` names them; empty batches are left out.

    Raises ArchiveError(NOT_JSON) on the first byte that cannot be JSON, or where it breaks off, and
    ArchiveError(ROW_TOO_LONG) on a text or a run of spaces of more than MAX_TOKEN_BYTES.
    """
    events: list[Event] = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events, use_float=True)
    silent_bytes = 0
    for piece in _pieces(json):
        try:
            _feed(parser.send, piece, file)
        except ArchiveError:
            # What was whole before the damage is read.
            if events:
                yield events
            raise
        silent_bytes = 0 if events else silent_bytes + len(piece)
        if silent_bytes > MAX_TOKEN_BYTES:
            raise ArchiveError(ArchiveProblem.ROW_TOO_LONG, file)
        if events:
            yield events
            del events[:]
    _feed(lambda _: parser.close(), b"", file)
    if events:
        yield events


def _feed(send: Callable[[bytes], object], piece: bytes, file: str) -> None:
    try:
        send(piece)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise ArchiveError(ArchiveProblem.NOT_JSON, file) from error


def _pieces(json: Iterable[bytes]) -> Iterator[bytes]:
    """Cuts chunks to at most CHUNK_BYTES: all events of a chunk are in memory at once."""
    for chunk in json:
        for at in range(0, len(chunk), CHUNK_BYTES):
            yield chunk[at : at + CHUNK_BYTES]


def _split_prefix(chunks: Iterator[bytes], file: str) -> tuple[bytes, Iterator[bytes]]:
    """Splits at the first `=`. Returns what stands before it, without BOM, and all that follows."""
    head = b""
    for chunk in chunks:
        head += chunk
        if _UTF16.match(head):
            raise ArchiveError(ArchiveProblem.UTF16, file)
        if b"=" in head[:MAX_PREFIX_BYTES]:
            prefix, _, first = head.partition(b"=")
            return prefix.removeprefix(_BOM), _joined(first, chunks)
        if len(head) >= MAX_PREFIX_BYTES:
            break
    raise ArchiveError(ArchiveProblem.NO_ASSIGNMENT if head else ArchiveProblem.FILE_EMPTY, file)


def _peek(chunks: Iterator[bytes]) -> tuple[Iterator[bytes], bool]:
    """Returns the chunks without BOM, and whether they begin as JSON does."""
    first = next(chunks, b"")
    plain = first.removeprefix(_BOM)
    is_bare = plain[:MAX_PREFIX_BYTES].lstrip().startswith((b"[", b"{"))
    return _joined(plain if is_bare else first, chunks), is_bare


def _wrong_prefix(head: bytes, file: str) -> ArchiveError:
    """Makes the error for a wrong prefix. JSON alone has no assignment: its first `=` is one in an address."""
    is_json = head.lstrip().startswith((b"[", b"{"))
    return ArchiveError(ArchiveProblem.NO_ASSIGNMENT if is_json else ArchiveProblem.WRONG_PREFIX, file)


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _without_end(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Drops one `;` and the spaces around it at the end, wherever chunks are cut."""
    held = b""
    for chunk in chunks:
        body = chunk.rstrip(_END)
        if not body and len(held) + len(chunk) <= CHUNK_BYTES:
            held += chunk
            continue
        yield held + body
        held = chunk[len(body) :]
    if held.count(b";") > 1:
        yield held
