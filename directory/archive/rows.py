"""A list of X's, `[{"following": {"accountId": "12", "userLink": "…"}}, …]`, as X ids.

Strict in every row: a list that was changed may name strangers.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from directory.archive.json_stream import Event
from directory.archive.problems import ArchiveError, ArchiveProblem
from directory.errors import InvalidIdentifier
from directory.identifiers import XId

_ROW_DEPTH: Final = 2
_FIELDS_DEPTH: Final = 3
_OPENING: Final = frozenset({"start_map", "start_array"})
_CLOSING: Final = frozenset({"end_map", "end_array"})


def read_ids(batches: Iterable[list[Event]], key: str, file: str) -> Iterator[int]:
    """The `accountId` of every row, in their order; each row has one object under `key`.

    Raises ArchiveError: WRONG_SHAPE, NUMBERS_FOR_STRINGS, BAD_ID.
    """
    machine = _RowMachine(key, file)
    for events in batches:
        yield from machine.take(events)


class _RowMachine:
    """Where in a list the parser stands: depth 1 in the list, 2 in a row, 3 among its fields."""

    def __init__(self, key: str, file: str) -> None:
        self._key = key
        self._file = file
        self._depth = 0
        self._row_key: object = None
        self._field: object = None
        self._found: int | None = None

    def take(self, events: list[Event]) -> Iterator[int]:
        for event, value in events:
            if event == "map_key":
                self._enter_key(value)
            elif event in _OPENING:
                self._open(event)
            elif event in _CLOSING:
                self._depth -= 1
                if self._depth == 1:
                    yield self._finish_row()
            else:
                self._take_value(event, value)

    def _enter_key(self, key: object) -> None:
        if self._depth == _ROW_DEPTH:
            if key != self._key or self._row_key is not None:
                raise self._error(ArchiveProblem.WRONG_SHAPE)
            self._row_key = key
        elif self._depth == _FIELDS_DEPTH:
            self._field = key

    def _open(self, event: str) -> None:
        # A list of maps of maps; what X may add inside of them one day, no deeper, is passed over.
        expected = "start_array" if self._depth == 0 else "start_map"
        if self._depth > _FIELDS_DEPTH + 1 or (self._depth < _FIELDS_DEPTH and event != expected):
            raise self._error(ArchiveProblem.WRONG_SHAPE)
        if self._depth == _FIELDS_DEPTH and self._field == "accountId":
            raise self._error(ArchiveProblem.WRONG_SHAPE)
        self._depth += 1

    def _take_value(self, event: str, value: object) -> None:
        if self._depth < _FIELDS_DEPTH:
            raise self._error(ArchiveProblem.WRONG_SHAPE)
        if self._depth == _FIELDS_DEPTH and self._field == "accountId":
            self._found = self._parse_id(event, value)

    def _parse_id(self, event: str, value: object) -> int:
        if event == "number":
            raise self._error(ArchiveProblem.NUMBERS_FOR_STRINGS)
        if event != "string" or self._found is not None:
            raise self._error(ArchiveProblem.WRONG_SHAPE)
        try:
            return XId.parse(value).value
        except InvalidIdentifier as error:
            raise self._error(ArchiveProblem.BAD_ID) from error

    def _finish_row(self) -> int:
        found = self._found
        if found is None:
            raise self._error(ArchiveProblem.WRONG_SHAPE)
        self._row_key = self._field = self._found = None
        return found

    def _error(self, code: ArchiveProblem) -> ArchiveError:
        return ArchiveError(code, self._file)
