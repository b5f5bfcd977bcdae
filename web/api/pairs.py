"""Reads the body of a match, slice by slice, so that a long list holds up nobody.

Nearly all bodies are written as programs write them: a slice of pairs is then read in one step. Any other is read as JSON.
What is wrong is named as `web.api.bodies` names it, from the part of the body that it stands in.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Final, NoReturn

import msgspec
from litestar.exceptions import ClientException
from msgspec import Meta

from directory.courtesy import take_list_turn
from directory.errors import InvalidIdentifier, InvalidQuery
from directory.identifiers import MAX_X_ID
from directory.queries import Query, parse_day
from directory.services.written_lists import AskedPairs
from web.api.bodies import decode_body
from web.api.schema import MAX_API_PAIRS, MatchIn, PairIn

SLICE_BYTES: Final = 24_576
"""Some 700 plain pairs with names, which take less than half a millisecond. No pair is longer."""
SLICE_PAIRS: Final = 250
"""Of those that are read as JSON."""
SHOWN_BYTES: Final = 4_096
"""So much is read of what stands where nothing may, to say what is wrong."""

_BEGIN: Final = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"pairs"[ \t\r\n]*:[ \t\r\n]*\[[ \t\r\n]*')
_END: Final = re.compile(rb"\][ \t\r\n]*\}[ \t\r\n]*")
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_PLAIN: Final = re.compile(
    r'\[(?:null|"([1-9][0-9]{0,18})"), ?(?:null|"([A-Za-z0-9_]{1,20})")(?:, ?(?:null|"([0-9-]{10})"))?\](?:, ?|\Z)'
)
_GROUPS: Final = 4
"""Between two pairs, and the three parts of one."""
# An array that holds no other, and the comma behind it. Whether it is JSON, and a pair, is seen when it is decoded.
_ANY: Final = re.compile(
    rb'\[[^"\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]]*+)*+\][ \t\r\n]*(?P<comma>,[ \t\r\n]*)?'
)
_ID_BEGINS: Final = b'["'
_ID_ENDS: Final = b'",null]'
_BETWEEN_IDS: Final = _ID_ENDS + b"," + _ID_BEGINS
_ids_decoder: Final = msgspec.json.Decoder(list[Annotated[int, Meta(ge=1, le=MAX_X_ID)]])
_decoder: Final = msgspec.json.Decoder(list[PairIn])


async def read_pairs(body: bytes) -> AskedPairs:
    """Reads a `MatchIn`. It takes turns with other lists: whoever reads one has a place for it.

    Raises a 400 with one sentence that names what is wrong, and InvalidQuery.
    """
    reader = PairReader(body)
    while reader.read_slice():
        await take_list_turn()
    return reader.asked


class PairReader:
    """Reads a body that holds a `MatchIn`."""

    def __init__(self, body: bytes) -> None:
        """Raises ClientException where it does not begin as one."""
        begin = _BEGIN.match(body)
        if begin is None:
            _refuse(body[:SHOWN_BYTES])
        self.asked = AskedPairs([], [], [])
        self._body = body
        self._at = begin.end()
        self._is_last = _END.match(body, self._at) is not None
        """Whether nothing but the end of the body may follow."""

    def read_slice(self) -> bool:
        """Reads the next pairs. Returns whether more follow. Raises ClientException, InvalidQuery."""
        if not self._is_last and not self._read_plain():
            self._read_any()
        if len(self.asked) > MAX_API_PAIRS:
            _refuse(self._body[: self._at].rstrip(b", \t\r\n") + b"]}")
        if self._is_last and _END.fullmatch(self._body, self._at) is None:
            _refuse(b'{"pairs":[["1",null]' + self._body[self._at : self._at + SHOWN_BYTES])
        return not self._is_last

    def _read_plain(self) -> bool:
        """Reads as many whole pairs as fit into a slice. Returns False, and reads none, where one is written otherwise."""
        stop = self._body.rfind(b"],", self._at, self._at + SLICE_BYTES) + 2
        if len(self._body) - self._at <= SLICE_BYTES:
            stop = max(stop, self._body.rfind(b"]]") + 1)
        part = self._body[self._at : stop]
        if not self._take_ids(part) and not self._take_plain(part):
            return False
        self._is_last = self._body[stop - 2 : stop] != b"],"
        self._at = stop if self._is_last else self._after_space(stop)
        return True

    def _after_space(self, at: int) -> int:
        space = _SPACE.match(self._body, at)
        return at if space is None else space.end()

    def _take_ids(self, part: bytes) -> bool:
        """Takes pairs that are an id alone, as all of a list mostly are, in a third of the time. Returns False, and takes none,
        where one is not."""
        pairs = part.replace(b", ", b",").removesuffix(b",")
        if not pairs.startswith(_ID_BEGINS) or not pairs.endswith(_ID_ENDS):
            return False
        inner = pairs[len(_ID_BEGINS) : -len(_ID_ENDS)]
        numbers = inner.replace(_BETWEEN_IDS, b",")
        if not numbers.replace(b",", b"").isdigit():
            return False
        try:
            x_ids = _ids_decoder.decode(b"[" + numbers + b"]")
        except (msgspec.DecodeError, ValueError):
            return False
        # A comma that stood in a string would divide it into two.
        if len(inner) - len(numbers) != (len(x_ids) - 1) * (len(_BETWEEN_IDS) - 1):
            return False
        self.asked.x_ids += x_ids
        self.asked.handles += [None] * len(x_ids)
        self.asked.seen += [None] * len(x_ids)
        return True

    def _take_plain(self, part: bytes) -> bool:
        """Takes pairs that are written as programs write them. Returns False, and takes none, where one is not."""
        try:
            parts = _PLAIN.split(part.decode("ascii"))
        except UnicodeDecodeError:
            return False
        if len(parts) == 1 or any(parts[::_GROUPS]):
            return False
        return self._take(parts[1::_GROUPS], parts[2::_GROUPS], parts[3::_GROUPS])

    def _take(
        self, x_ids: Sequence[str | None], handles: Sequence[str | None], days: Sequence[str | None]
    ) -> bool:
        """Takes plain pairs. Returns False, and takes none, where one is no query."""
        # Nearly always all have an id and no day, or all have a handle.
        if None in handles and (any(days) or None in x_ids) and not all(map(_is_query, x_ids, handles, days)):
            return False
        try:
            parsed: dict[str | None, date] = {day: parse_day(day) for day in set(days) if day is not None}
        except InvalidQuery:
            return False
        numbers = [int(x_id) if x_id else None for x_id in x_ids]
        if max(filter(None, numbers), default=0) > MAX_X_ID:
            return False
        self.asked.x_ids += numbers
        self.asked.handles += handles
        self.asked.seen += [parsed.get(day) for day in days] if parsed else [None] * len(days)
        return True

    def _read_any(self) -> None:
        first = stop = end = self._at
        for _ in range(SLICE_PAIRS):
            pair = _ANY.match(self._body, stop, stop + SLICE_BYTES)
            if pair is None:
                _refuse(self._body[: stop + SHOWN_BYTES])
            stop, end, self._is_last = pair.end(), pair.end(), pair["comma"] is None
            if not self._is_last:
                end = pair.start("comma")
            if self._is_last or stop - first > SLICE_BYTES:
                break
        self._at = stop
        try:
            pairs = _decoder.decode(b"[" + self._body[first:end] + b"]")
        except (msgspec.DecodeError, ValueError):
            _refuse(self._body[:end] + b"]}")
        for pair_in in pairs:
            self._take_any(pair_in)

    def _take_any(self, pair: PairIn) -> None:
        number = len(self.asked) + 1
        try:
            query = Query.parse_pair(pair.id, pair.handle, seen=pair.seen)
        except (InvalidIdentifier, InvalidQuery) as error:
            raise InvalidQuery(f"pair {number}: {error}") from error
        self.asked.x_ids.append(query.x_id.value if query.x_id is not None else None)
        self.asked.handles.append(query.x_handle.value if query.x_handle is not None else None)
        self.asked.seen.append(query.seen)


def _is_query(x_id: str | None, handle: str | None, day: str | None) -> bool:
    return handle is not None or (x_id is not None and day is None)


def _refuse(part: bytes) -> NoReturn:
    """Says what is wrong with a body, from the part that it stands in. Raises ClientException."""
    decode_body(part, MatchIn)
    raise ClientException(detail="the body cannot be read: it is not one list of pairs")
