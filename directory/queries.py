"""A query: one X account, by id, by handle or by both, the lists that it stands on, and when its name was seen."""

import enum
import re
from collections.abc import Generator, Iterable, Iterator
from datetime import date
from functools import lru_cache
from typing import Final, Self

import msgspec

from directory.errors import InvalidIdentifier, InvalidLine, InvalidQuery
from directory.identifiers import XHandle, XId
from directory.pasted.cleaning import clean
from directory.pasted.parts import PART_CHARS, split_at
from directory.pasted.x_account import parse_x_account
from directory.x_names import X_NAME

MAX_MATCH_PAIRS: Final = 100_000
MAX_LINE_CHARS: Final = 64


class Lists(enum.Flag):
    """The lists of an archive that a person stands on.

    What they mean is looked up in tables: flags are combined slowly, and this is asked several times of each person found.
    """

    NONE = 0
    FOLLOWING = enum.auto()
    FOLLOWER = enum.auto()
    BLOCK = enum.auto()
    MUTE = enum.auto()

    @property
    def is_refused(self) -> bool:
        """Whether the person is blocked or muted: never followed, whatever else they stand on."""
        return _IS_REFUSED[self._value_]

    @property
    def is_wanted(self) -> bool:
        """Whether a general tick may choose the person: followed on X, and neither blocked nor muted.

        Somebody on no list at all was asked for in person.
        """
        return _IS_WANTED[self._value_]

    @property
    def words(self) -> tuple[str, ...]:
        """The words for the lists in files: `following`, `follower`, `block`, `mute`."""
        return _WORDS_OF_LISTS[self._value_]

    @classmethod
    def parse(cls, letters: str) -> Self:
        """Parses letters of `frbm`, each at most once, in any order. Raises InvalidQuery."""
        lists = cls.NONE
        for letter in letters:
            kind = _LIST_OF_LETTER.get(letter)
            if kind is None or kind in lists:
                raise InvalidQuery(f"{letter!r} is no list, or named twice")
            lists |= kind
        return lists

    def __str__(self) -> str:
        return _LETTERS_OF_LISTS[self._value_]


_LIST_OF_LETTER: Final = {"f": Lists.FOLLOWING, "r": Lists.FOLLOWER, "b": Lists.BLOCK, "m": Lists.MUTE}
_LETTERS_OF_LISTS: Final = [
    "".join(letter for letter, kind in _LIST_OF_LETTER.items() if kind.value & value) for value in range(16)
]
_WORDS_OF_LISTS: Final = [
    tuple((kind.name or "").lower() for kind in _LIST_OF_LETTER.values() if kind.value & value)
    for value in range(16)
]
_REFUSED: Final = Lists.BLOCK | Lists.MUTE
_IS_REFUSED: Final = [bool(lists & _REFUSED) for lists in map(Lists, range(16))]
_IS_WANTED: Final = [
    lists is Lists.NONE or bool(lists & Lists.FOLLOWING and not lists & _REFUSED)
    for lists in map(Lists, range(16))
]


# A list of a hundred thousand people repeats the same few combinations.
_parse_lists = lru_cache(maxsize=64)(Lists.parse)

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


# Nor does it hold more days than X has existed.
@lru_cache(maxsize=16_384)
def parse_day(text: str) -> date:
    """Parses `YYYY-MM-DD`. Any day is taken: `directory.doubts` decides whether it can be true. Raises InvalidQuery."""
    try:
        # Python reads other forms of ISO 8601, too.
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidQuery(f"{text[:20]!r} is no day; write it as 2024-12-31")


def _parse_handle(text: str) -> XHandle:
    """Parses a handle, or says why it is none. Raises InvalidIdentifier."""
    return XHandle(text) if X_NAME.fullmatch(text) else XHandle.parse(text)


class Query(msgspec.Struct, frozen=True, gc=False):
    """One X account that is looked up. At least one of id and handle is known.

    `seen` is the day on which the account was seen with the handle, as whoever asks says. Without it, a handle beside
    an id is of unknown age, and a handle alone was typed today.
    """

    x_id: XId | None = None
    x_handle: XHandle | None = None
    lists: Lists = Lists.NONE
    seen: date | None = None

    def __post_init__(self) -> None:
        if self.x_handle is None:
            if self.x_id is None:
                raise InvalidQuery("neither an id nor a handle")
            if self.seen is not None:
                raise InvalidQuery("a day, but no handle that was seen on it")

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parses what a person types: a handle, an id, an address. Raises InvalidIdentifier."""
        account = parse_x_account(text)
        return cls(x_id=account) if isinstance(account, XId) else cls(x_handle=account)

    @classmethod
    def parse_pair(
        cls, x_id: str | None, x_handle: str | None, lists: str = "", seen: str | None = None
    ) -> Self:
        """Parses the two halves of a pair, and the day on which the handle was seen; what is empty is unknown.

        Raises InvalidQuery or InvalidIdentifier.
        """
        return cls(*_parse_halves(x_id, x_handle), _parse_lists(lists), parse_day(seen) if seen else None)

    def __str__(self) -> str:
        """The line form that `parse_lines` reads: `id,handle,lists`, and `,seen` where it is known."""
        number = self.x_id.value if self.x_id is not None else ""
        handle = self.x_handle.value if self.x_handle is not None else ""
        line = f"{number},{handle},{_LETTERS_OF_LISTS[self.lists._value_]}"
        return f"{line},{self.seen}" if self.seen is not None else line


_PLAIN_HANDLE: Final = re.compile(r"[A-Za-z0-9_]{1,64}")


def _parse_halves(x_id: str | None, x_handle: str | None) -> tuple[XId | None, XHandle | None]:
    """Parses an id and a name, either as it was pasted: the name can be an address, which may hold an id instead.

    Raises InvalidIdentifier, and InvalidQuery where two ids stand in it.
    """
    number = XId.parse(clean("an X id", x_id)) if x_id else None
    if not x_handle or _PLAIN_HANDLE.fullmatch(x_handle):
        return number, _parse_handle(x_handle) if x_handle else None
    account = parse_x_account(x_handle)
    if isinstance(account, XHandle):
        return number, account
    if number not in {None, account}:
        raise InvalidQuery("two ids for one person")
    return account, None


# The form that our own scripts write, parsed in one step as there may be a hundred thousand lines. The parsers
# of its parts give the same result, and name the fault of any other line. X's ids of today have 19 digits: these are looked
# for first, as to find that they are no shorter ones takes as long as the rest of the line.
_PLAIN_LINE: Final = re.compile(
    r"([1-8][0-9]{18}|[1-9][0-9]{0,17}),([A-Za-z0-9_]{1,20})?,([frbm]{0,4})(?:,([0-9-]{10}))?"
)
_PLAIN_LINES: Final = re.compile(f"^{_PLAIN_LINE.pattern}$", re.MULTILINE)


_LINE_ENDS: Final = re.compile("\n|\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
"""All at which `str.splitlines` ends a line: whoever sends none but rare ones has as little taken apart at once as others."""
LINES_AT_ONCE_CHARS: Final = PART_CHARS
"""Of a text that are taken apart at a time: a hundred thousand lines at once are as many small texts."""


def parse_lines(text: str, *, max_pairs: int = MAX_MATCH_PAIRS) -> list[Query]:
    """Returns what `read_lines` yields. Raises InvalidQuery as it does."""
    return list(read_lines(text, max_pairs=max_pairs))


def read_lines(text: str, *, max_pairs: int = MAX_MATCH_PAIRS) -> Iterator[Query]:
    """Parses one person a line, `id[,handle[,lists[,seen]]]`; blank lines are skipped.

    Raises InvalidQuery with the number of the first line that cannot be read, once it comes to it.
    """
    first, left = 1, max_pairs
    for lines in _parts_of(text):
        queries = _read_plain_lines(lines)
        if queries is not None and len(queries) <= left:
            yield from queries
            left -= len(queries)
        else:
            left -= yield from _read_each_line(lines, first, left, max_pairs)
        first += lines.count("\n") + 1


def _parts_of(text: str) -> Iterator[str]:
    """Yields some lines of a text at a time, without the line end between two of them."""
    start = 0
    while (end := text.find("\n", start + LINES_AT_ONCE_CHARS)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _read_plain_lines(lines: str) -> list[Query] | None:
    """Parses lines that are all plain; the last may be blank. Returns None where others are among them, or a fault."""
    if len(lines) > LINES_AT_ONCE_CHARS + MAX_LINE_CHARS:
        return None  # their last line is longer than any plain one
    plain = _PLAIN_LINES.findall(lines)
    if len(plain) + lines.endswith("\n") != lines.count("\n") + 1:
        return None
    try:
        return [_query_of_plain(*parts) for parts in plain]
    except InvalidQuery:
        return None


def _query_of_plain(x_id: str, x_handle: str | None, lists: str, seen: str | None) -> Query:
    """Raises InvalidQuery."""
    return Query(
        XId(int(x_id)),
        XHandle(x_handle) if x_handle else None,
        _parse_lists(lists),
        parse_day(seen) if seen else None,
    )


def _read_each_line(lines: str, first: int, left: int, max_pairs: int) -> Generator[Query, None, int]:
    """Parses lines one by one, from the line with the number `first` on. Returns how many were not blank."""
    read = 0
    for number, line in enumerate(lines.split("\n"), first):
        stripped = line.strip()
        if not stripped:
            continue
        if read >= left:
            raise InvalidQuery(f"more than {max_pairs} people at once")
        read += 1
        yield _parse_line(stripped, number)
    return read


def parse_names(text: str, *, max_names: int = MAX_MATCH_PAIRS) -> list[Query]:
    """Returns what `read_names` yields. Raises InvalidLine and InvalidQuery as it does."""
    return list(read_names(text, max_names=max_names))


def read_names(text: str, *, max_names: int = MAX_MATCH_PAIRS) -> Iterator[Query]:
    """Parses what a person pastes, one account on X a line, in any form; blank lines are skipped.

    Raises InvalidLine for the first line that cannot be read, once it comes to it, and InvalidQuery for too many, before
    any is read.
    """
    if sum(bool(line.strip()) for line in _pasted_lines_of(text)) > max_names:
        raise InvalidQuery(f"more than {max_names} people at once")
    for number, line in enumerate(_pasted_lines_of(text), start=1):
        if line.strip():
            yield _parse_name(line, number)


def _pasted_lines_of(text: str) -> Iterator[str]:
    """Yields what `text.splitlines()` returns."""
    for part in split_at(_LINE_ENDS, text, LINES_AT_ONCE_CHARS):
        yield from part.splitlines()


def _parse_name(line: str, number: int) -> Query:
    try:
        return Query.parse(line)
    except InvalidIdentifier as error:
        raise InvalidLine(number, line.strip(), f"line {number}: {error}") from error


def _parse_line(line: str, number: int) -> Query:
    if len(line) > MAX_LINE_CHARS:
        raise InvalidQuery(f"line {number} is too long")
    try:
        if plain := _PLAIN_LINE.fullmatch(line):
            return _query_of_plain(*plain.groups())
        return Query.parse_pair(*(*line.split(",", 3), "", "", "")[:4])
    except (InvalidIdentifier, InvalidQuery) as error:
        raise InvalidQuery(f"line {number}: {error}") from error


def format_lines(queries: Iterable[Query]) -> Iterator[str]:
    """Writes what `parse_lines` reads, a line at a time, without line ends."""
    return map(str, queries)
