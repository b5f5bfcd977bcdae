"""Asks a server only once what PostgreSQL's own types are, and not over each new connection.

asyncpg knows no array but that of texts by heart: over each connection, the first statement with a `bigint[]` or `bytea[]` asks
for it, which takes a server 10 ms of CPU. The types that come with PostgreSQL have the same numbers in every database
("Manually-assigned OIDs stay below 10000", PostgreSQL's documentation, "OID Assignment").
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import asyncpg

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection

FIRST_OTHER_OID: Final = 10_000
"""From here on a type has another number in another database."""

_known: Final[dict[int, list[Any]]] = {}
"""What was answered for each type: as many as our statements have. An answer without the type is not kept: all later
connections would fail by it."""


class _NothingPrepared:
    """Stands for the statement that asks: it was not sent, so that what was prepared before it still is."""

    name: Final = "none"


class KnowingConnection(_Connection):
    """A connection that takes PostgreSQL's own types as another one has read them.

    Where a later asyncpg asks in another way, each connection asks again.
    """

    async def _introspect_types(
        self,
        typeoids: Iterable[int],
        timeout: float | None,  # noqa: ASYNC109 - as asyncpg calls it
    ) -> tuple[list[Any], Any]:
        found: list[Any] = []
        statement: Any = _NothingPrepared
        for oid in typeoids:
            told = _known.get(oid)
            if told is None:
                told, statement = await super()._introspect_types([oid], timeout)  # type: ignore[misc] # asyncpg's own, untyped
                if oid < FIRST_OTHER_OID and any(row["oid"] == oid for row in told):
                    _known[oid] = told
            found += told
        return found, statement
