"""Reads the X ids of a list of X's, `[{"following": {"accountId": "12", "userLink": "…"}}, …]`.

Strict in every row: a list that was changed may name strangers.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from directory.archive.json_stream import Event
from directory.archive.problems import ArchiveError, ArchiveProblem
from directory.errors import InvalidIdentifier
from directory.identifiers import XId

_LIST_DEPTH: Final = 1
_ROW_DEPTH: Final = 2
_FIELDS_DEPTH: Final = 3
_ID_FIELD: Final = "accountId"


def read_ids(batches: Iterable[list[Event]], key: str, file: str) -> Iterator[int]:
    """Yields the `accountId` of every row, in their order; each row has one object under `key`.

    Raises ArchiveError: WRONG_SHAPE, NUMBERS_FOR_STRINGS, BAD_ID.
    """
    return _RowReader(key, file).read(batches)


class _RowReader:
    def __init__(self, key: str, file: str) -> None:
        self._key = key
        self._file = file
        self._row_key: object = None
        self._found: int | None = None

    def read(self, batches: Iterable[list[Event]]) -> Iterator[int]:
        depth = 0
        field: object = None
        for event, value in chain.from_iterable(batches):
            if event == "map_key":
                field = value
                if depth == _ROW_DEPTH:
                    self._take_row_key(value)
            elif event in {"start_map", "start_array"}:
                self._check_opening(depth, field, event)
                depth += 1
            elif event in {"end_map", "end_array"}:
                depth -= 1
                if depth == _LIST_DEPTH:
                    yield self._finish_row()
            elif depth < _FIELDS_DEPTH:
                raise self._error(ArchiveProblem.WRONG_SHAPE)
            elif field == _ID_FIELD and depth == _FIELDS_DEPTH:
                self._take_id(event, value)

    def _take_row_key(self, key: object) -> None:
        if key != self._key or self._row_key is not None:
            raise self._error(ArchiveProblem.WRONG_SHAPE)
        self._row_key = key

    def _check_opening(self, depth: int, field: object, event: str) -> None:
        """Requires a list of maps of maps. Fields with lists or maps, which X may add to the innermost, are skipped."""
        if depth < _FIELDS_DEPTH:
            is_expected = event == ("start_map" if depth else "start_array")
        else:
            is_expected = depth == _FIELDS_DEPTH and field != _ID_FIELD
        if not is_expected:
            raise self._error(ArchiveProblem.WRONG_SHAPE)

    def _take_id(self, event: str, value: object) -> None:
        if event == "number":
            raise self._error(ArchiveProblem.NUMBERS_FOR_STRINGS)
        if event != "string" or self._found is not None:
            raise self._error(ArchiveProblem.WRONG_SHAPE)
        try:
            self._found = XId.parse(value).value
        except InvalidIdentifier as error:
            raise self._error(ArchiveProblem.BAD_ID) from error

    def _finish_row(self) -> int:
        found = self._found
        if found is None:
            raise self._error(ArchiveProblem.WRONG_SHAPE)
        self._row_key = self._found = None
        return found

    def _error(self, code: ArchiveProblem) -> ArchiveError:
        return ArchiveError(code, self._file)
