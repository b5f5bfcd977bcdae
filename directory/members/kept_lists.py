"""A list of an archive that is kept with the member's consent, as three arrays."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from directory.errors import InvalidQuery
from directory.identifiers import XHandle, XId
from directory.queries import MAX_MATCH_PAIRS, Lists, Query
from directory.x_time import FIRST_DAY_OF_X

LIST_NAMES = {
    Lists.FOLLOWING: "following",
    Lists.FOLLOWER: "followers",
    Lists.BLOCK: "blocked",
    Lists.MUTE: "muted",
}

NO_DAY: Final = date(1970, 1, 1)
"""Stands for an unknown day. No handle was seen on it: it lies before the first day of X."""


class KeptList(msgspec.Struct, frozen=True):
    """The people of one list: their ids, and in the same order their handles in lower case, and the days on which
    these were seen; 0, '' and NO_DAY where unknown."""

    kind: Lists
    x_ids: Sequence[int]
    x_handles: Sequence[str]
    x_seen: Sequence[date]
    kept_at: datetime

    def queries(self) -> list[Query]:
        """Returns a query for each person of the list."""
        people = zip(self.x_ids, self.x_handles, self.x_seen, strict=True)
        return [query_of(x_id, handle, seen, self.kind) for x_id, handle, seen in people]


def query_of(x_id: int, handle: str, seen: date, kind: Lists) -> Query:
    """Makes the query for one person of a list. A handle alone keeps its NO_DAY: it was not typed today."""
    is_known = bool(handle) and (seen != NO_DAY or not x_id)
    return Query(
        XId(x_id) if x_id else None, XHandle(handle) if handle else None, kind, seen if is_known else None
    )


def _day_of(query: Query, today: date) -> date:
    """Returns the day on which the handle of a query was seen: today where it was typed, NO_DAY where it is unknown
    or cannot be true."""
    if query.x_handle is None:
        return NO_DAY
    if query.seen is None:
        return today if query.x_id is None else NO_DAY
    return query.seen if FIRST_DAY_OF_X <= query.seen <= today else NO_DAY


def _belongs_on(kind: Lists, lists: Lists) -> bool:
    """Whether somebody on `lists` belongs on the kept list `kind`: nobody who is blocked or muted is kept as one
    to follow."""
    if lists and not lists & kind:
        return False
    return kind is not Lists.FOLLOWING or not lists.is_refused


def _is_told_better(x_id: int, handle: str, handles: set[str], x_ids: set[int]) -> bool:
    """Whether another entry of the list has the same id or handle, and both of them."""
    return (not x_id and handle in handles) or (not handle and x_id in x_ids)


def pack_list(kind: Lists, people: Iterable[Query], now: datetime) -> KeptList:
    """Packs the people of one list, each once. They are sorted: the order of the archive is dropped.

    People of other lists are left out, and of those followed whoever is blocked or muted. Raises InvalidQuery above 100,000 people, or where `kind` is not one single list.
    """
    if kind not in LIST_NAMES:
        raise InvalidQuery("one list is kept at a time")
    pairs: dict[tuple[int, str], date] = {}
    for query in people:
        if _belongs_on(kind, query.lists):
            pair = query.x_id.value if query.x_id else 0, query.x_handle.key if query.x_handle else ""
            pairs[pair] = max(pairs.get(pair, NO_DAY), _day_of(query, now.date()))
    if len(pairs) > MAX_MATCH_PAIRS:
        raise InvalidQuery(f"more than {MAX_MATCH_PAIRS} people on one list")
    known = {handle for x_id, handle in pairs if x_id and handle}, {x_id for x_id, handle in pairs if handle}
    ordered = sorted(pair for pair in pairs if not _is_told_better(*pair, *known))
    return KeptList(
        kind,
        [x_id for x_id, _ in ordered],
        [handle for _, handle in ordered],
        list(map(pairs.__getitem__, ordered)),
        now,
    )
