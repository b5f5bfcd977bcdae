"""A list of an archive that a member lets us keep, in two arrays."""

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
    """Who stands on one list: the ids, and beside each the handle in lower case; 0 and '' where unknown."""

    kind: Lists
    x_ids: Sequence[int]
    x_handles: Sequence[str]
    kept_at: datetime

    def queries(self) -> list[Query]:
        """The people, as they are looked up."""
        return [
            query_of(x_id, handle, self.kind) for x_id, handle in zip(self.x_ids, self.x_handles, strict=True)
        ]


class Waiting(msgspec.Struct, frozen=True):
    """A kept list of people followed that holds somebody who was asked for, as the list knows them."""

    follow_list: UUID
    query: Query


def query_of(x_id: int, handle: str, kind: Lists) -> Query:
    """One person of a list."""
    return Query(XId(x_id) if x_id else None, XHandle(handle) if handle else None, kind)


def _is_told_better(x_id: int, handle: str, handles: set[str], x_ids: set[int]) -> bool:
    """Whether another entry of the list says the same of somebody, and more: both their id and their handle."""
    return (not x_id and handle in handles) or (not handle and x_id in x_ids)


def pack_list(kind: Lists, people: Iterable[Query], now: datetime) -> KeptList:
    """The people, each once, in no order that tells anything. Raises InvalidQuery above 100,000 of them, or
    where `kind` is not one single list."""
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
