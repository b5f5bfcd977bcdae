"""Runs ordinary reads and writes, written with Piccolo's tables, over a connection of ours.

So they are part of the caller's transaction, and their failures are raised as all others are. Hot paths, locks
and whole sets are SQL of their own in the other modules of this folder.
"""

from typing import Any

import asyncpg
from piccolo.query.base import Query

from directory.store.database import Connection


async def run(connection: Connection, query: "Query[Any, Any]") -> list[asyncpg.Record]:
    """Runs a query of a table that has a dialect. Returns its rows; of a write those that it asked for."""
    (statement,) = query.querystrings
    sql, values = statement.compile_string()
    return list(await connection.fetch(sql, *values))
