"""A list of an archive that is kept with the member's consent, as two arrays."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from directory.errors import InvalidQuery
from directory.identifiers import XHandle, XId
from directory.queries import MAX_MATCH_PAIRS, Lists, Query

LIST_NAMES = {
    Lists.FOLLOWING: "following",
    Lists.FOLLOWER: "followers",
    Lists.BLOCK: "blocked",
    Lists.MUTE: "muted",
}


class KeptList(msgspec.Struct, frozen=True):
    """The people of one list: their ids, and in the same order their handles in lower case; 0 and '' where unknown."""

    kind: Lists
    x_ids: Sequence[int]
    x_handles: Sequence[str]
    kept_at: datetime

    def queries(self) -> list[Query]:
        """Returns a query for each person of the list."""
        return [
            query_of(x_id, handle, self.kind) for x_id, handle in zip(self.x_ids, self.x_handles, strict=True)
        ]


class Waiting(msgspec.Struct, frozen=True):
    """A kept list of follows that holds a person, and the query for that person as the list names them."""

    follow_list: UUID
    query: Query


def query_of(x_id: int, handle: str, kind: Lists) -> Query:
    """Makes the query for one person of a list."""
    return Query(XId(x_id) if x_id else None, XHandle(handle) if handle else None, kind)


def _is_told_better(x_id: int, handle: str, handles: set[str], x_ids: set[int]) -> bool:
    """Whether another entry of the list has the same id or handle, and both of them."""
    return (not x_id and handle in handles) or (not handle and x_id in x_ids)


def pack_list(kind: Lists, people: Iterable[Query], now: datetime) -> KeptList:
    """Packs the people of one list, each once. They are sorted: the order of the archive is dropped.

    Raises InvalidQuery above 100,000 people, or where `kind` is not one single list.
    """
    if kind not in LIST_NAMES:
        raise InvalidQuery("one list is kept at a time")
    pairs = {
        (query.x_id.value if query.x_id else 0, query.x_handle.key if query.x_handle else "")
        for query in people
    }
    if len(pairs) > MAX_MATCH_PAIRS:
        raise InvalidQuery(f"more than {MAX_MATCH_PAIRS} people on one list")
    known = {handle for x_id, handle in pairs if x_id and handle}, {x_id for x_id, handle in pairs if handle}
    ordered = sorted(pair for pair in pairs if not _is_told_better(*pair, *known))
    return KeptList(kind, [x_id for x_id, _ in ordered], [handle for _, handle in ordered], now)
