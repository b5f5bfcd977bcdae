"""Reads the X ids of a list of X's, `[{"following": {"accountId": "12", "userLink": "…"}}, …]`.

Strict in every row: a list that was changed may name strangers. A row that cannot be read is left out and counted; a
file with more of them than one in a hundred is refused.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from directory.archive.elements import read_elements
from directory.archive.limits import ROWS_FOR_ONE_BAD
from directory.archive.problems import ArchiveError, ArchiveProblem
from directory.archive.user_link import id_in_link
from directory.errors import InvalidIdentifier
from directory.identifiers import XId

_ID_FIELD: Final = "accountId"
_LINK_FIELD: Final = "userLink"
# The form that X writes, read in one step as there may be a million rows. All others are taken apart.
_PLAIN_ROW: Final = (
    rb'[ \t\r\n]*\{[ \t\r\n]*"%b"[ \t\r\n]*:[ \t\r\n]*\{[ \t\r\n]*"accountId"[ \t\r\n]*:[ \t\r\n]*"([1-9][0-9]{0,17}|[1-8][0-9]{18})"[ \t\r\n]*'
    rb'(?:,[ \t\r\n]*"userLink"[ \t\r\n]*:[ \t\r\n]*"[ !#-\[\]-~]*"[ \t\r\n]*)?\}[ \t\r\n]*\}[ \t\r\n]*'
)


class _KeyTwiceError(Exception):
    """A row names one field twice: some readers take the first, others the last."""


class RowReader:
    """Reads one file of a list; each row has one object under `key`."""

    def __init__(self, key: str, file: str) -> None:
        self._key = key
        self._file = file
        self._plain = re.compile(_PLAIN_ROW % key.encode())
        self.rows = 0
        self.bad_rows = 0
        self._first_error: ArchiveError | None = None

    def read(self, chunks: Iterable[bytes]) -> Iterator[int]:
        """Yields the account number of every row, in their order.

        Raises ArchiveError: NOT_JSON, WRONG_SHAPE, NUMBERS_FOR_STRINGS, BAD_ID, ROW_TOO_LONG.
        """
        for element in read_elements(chunks, self._file):
            self.rows += 1
            try:
                yield self._read_row(element)
            except ArchiveError as error:
                self.bad_rows += 1
                self._first_error = self._first_error or error
        if self._first_error is not None and self.bad_rows * ROWS_FOR_ONE_BAD > self.rows:
            raise self._first_error

    def _read_row(self, element: bytes) -> int:
        if plain := self._plain.fullmatch(element):
            return int(plain[1])
        row = self._decode(element)
        fields = row.get(self._key) if isinstance(row, dict) and len(row) == 1 else None
        if not isinstance(fields, dict):
            raise self._error(ArchiveProblem.WRONG_SHAPE)
        x_id = fields[_ID_FIELD] if _ID_FIELD in fields else id_in_link(fields.get(_LINK_FIELD))
        if isinstance(x_id, int | float) and not isinstance(x_id, bool):
            raise self._error(ArchiveProblem.NUMBERS_FOR_STRINGS)
        if not isinstance(x_id, str):
            raise self._error(ArchiveProblem.WRONG_SHAPE)
        try:
            return XId.parse(x_id).value
        except InvalidIdentifier as error:
            raise self._error(ArchiveProblem.BAD_ID) from error

    def _decode(self, element: bytes) -> object:
        try:
            row: object = json.loads(element.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
        except _KeyTwiceError as error:
            raise self._error(ArchiveProblem.WRONG_SHAPE) from error
        except ValueError as error:
            raise self._error(ArchiveProblem.NOT_JSON) from error
        return row

    def _error(self, code: ArchiveProblem) -> ArchiveError:
        return ArchiveError(code, self._file)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise _KeyTwiceError
    return fields


def _no_constant(word: str) -> object:
    """Refuses NaN and Infinity, which Python reads and JSON does not know."""
    raise ValueError(word)
