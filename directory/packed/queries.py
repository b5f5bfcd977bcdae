"""Queries as bytes: what a list of a hundred thousand people takes while it is matched."""

from datetime import date
from typing import Any, Final

import msgspec

from directory.identifiers import XHandle, XId
from directory.packed.sequence import Packed
from directory.queries import Lists, Query

_LISTS: Final = [Lists(value) for value in range(16)]
"""Looked up, not called: an enum's constructor takes longer than the rest of a query."""

QueryParts = tuple[int | None, str | None, int, date | None]
"""The X id, the handle, the lists, and the day on which the handle was seen."""

_decoder: Final = msgspec.msgpack.Decoder(QueryParts)


def parts_of_query(query: Query) -> QueryParts:
    """Takes a query apart."""
    x_id, handle = query.x_id, query.x_handle
    return (
        x_id.value if x_id is not None else None,
        handle.value if handle is not None else None,
        query.lists._value_,
        query.seen,
    )


def query_of_parts(parts: QueryParts) -> Query:
    """Makes the query that was taken apart."""
    x_id, handle, lists, seen = parts
    return Query(
        XId(x_id) if x_id is not None else None,
        XHandle(handle) if handle is not None else None,
        _LISTS[lists],
        seen,
    )


class PackedQueries(Packed[Query]):
    """Queries, in the order in which they were asked.

    A query takes 130 to 200 bytes as it is, and 40 packed: the few take a megabyte.
    """

    __slots__ = ()

    FEW = 5_000

    @staticmethod
    def _taken_apart(value: Query) -> tuple[Any, ...]:
        return parts_of_query(value)

    @staticmethod
    def _made_of(packed: bytearray) -> Query:
        return query_of_parts(_decoder.decode(packed))
