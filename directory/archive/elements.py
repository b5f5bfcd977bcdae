"""Cuts a JSON array, which comes in chunks of bytes, into its elements.

It follows strings and brackets only: whether an element is JSON is for its reader to say, so that one that is not
costs itself alone. Memory is bounded by the longest element.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from typing import Final

from directory.archive.limits import MAX_DEPTH, MAX_ROW_BYTES
from directory.archive.problems import ArchiveError, ArchiveProblem

_SPACES: Final = b" \t\r\n"
# A whole string, or one byte that matters outside of strings; a lone quote begins a string that goes on.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["{}\[\],]', re.DOTALL)
_OTHER_VALUE = re.compile(rb'["{\d\-tfn]')
_QUOTE, _COMMA, _CLOSE_OBJECT = b'",}'
_OPEN: Final = frozenset(b"{[")
_CLOSE: Final = frozenset(b"}]")


def read_elements(chunks: Iterable[bytes], file: str) -> Iterator[bytes]:
    """Yields the elements of the array. Raises ArchiveError: NOT_JSON, WRONG_SHAPE, ROW_TOO_LONG."""
    framer = _Framer(file)
    for chunk in chunks:
        yield from framer.push(chunk)
    if not framer.is_closed:
        raise ArchiveError(ArchiveProblem.NOT_JSON, file)


class _Framer:
    def __init__(self, file: str) -> None:
        self._file = file
        self._rest = b""
        """What was read of the present element."""
        self._at = 0
        """How far the present element was looked through."""
        self._depth = 0
        self._is_open = False
        self._has_comma = False
        self.is_closed = False

    def push(self, chunk: bytes) -> Iterator[bytes]:
        data = self._rest + chunk
        if not self._is_open:
            data = self._opened(data)
        if self._is_open and not self.is_closed:
            data = yield from self._cut(data)
        if self.is_closed and data.strip(_SPACES):
            raise self._error(ArchiveProblem.NOT_JSON)
        if len(data) > MAX_ROW_BYTES and not self.is_closed:
            raise self._error(ArchiveProblem.ROW_TOO_LONG)
        self._rest = b"" if self.is_closed else data

    def _opened(self, data: bytes) -> bytes:
        data = data.lstrip(_SPACES)
        if not data:
            return data
        if not data.startswith(b"["):
            is_other = _OTHER_VALUE.match(data) is not None
            raise self._error(ArchiveProblem.WRONG_SHAPE if is_other else ArchiveProblem.NOT_JSON)
        self._is_open = True
        return data[1:]

    def _cut(self, data: bytes) -> Generator[bytes, None, bytes]:
        """Yields the elements that end in `data`. Returns what follows them."""
        start = 0
        for token in _TOKEN.finditer(data, self._at):
            byte = data[token.start()]
            if byte == _QUOTE:
                if token.end() - token.start() == 1:
                    return self._keep(data, start, token.start())
            elif byte in _OPEN:
                self._depth += 1
                if self._depth > MAX_DEPTH:
                    raise self._error(ArchiveProblem.WRONG_SHAPE)
            elif self._depth:
                self._depth -= byte in _CLOSE
            else:
                yield from self._element(data[start : token.start()], byte)
                start = token.end()
                if self.is_closed:
                    return data[start:]
        return self._keep(data, start, len(data))

    def _keep(self, data: bytes, start: int, looked_through: int) -> bytes:
        self._at = looked_through - start
        return data[start:]

    def _element(self, element: bytes, ending: int) -> Iterator[bytes]:
        is_comma = ending == _COMMA
        if len(element) > MAX_ROW_BYTES:
            raise self._error(ArchiveProblem.ROW_TOO_LONG)
        if ending == _CLOSE_OBJECT or (not element.strip(_SPACES) and (is_comma or self._has_comma)):
            raise self._error(ArchiveProblem.NOT_JSON)
        self._has_comma = is_comma
        self.is_closed = not is_comma
        if element.strip(_SPACES):
            yield element

    def _error(self, code: ArchiveProblem) -> ArchiveError:
        return ArchiveError(code, self._file)
