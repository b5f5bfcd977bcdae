"""Claims of wishes that newcomers are followed. A claim counts until another one, and until its batch is made."""

from typing import Final

from directory.follows.runs import StandingMatch
from directory.store.database import Connection

_IS_CLAIMED: Final = "account = $1 AND member = $2 AND since = $3 AND looked_at = $4"


async def finish_batch(connection: Connection, wish: StandingMatch) -> bool:
    """Ends a claim whose batch is made. Returns False where it counts no more: the wish has ended, or was claimed again."""
    return await _change(connection, wish, "looked_at = NULL")


async def release_batch(connection: Connection, wish: StandingMatch) -> bool:
    """Makes the batch of a claim due again now. Returns False as `finish_batch` does."""
    return await _change(connection, wish, "last_batch = $5, looked_at = NULL", wish.last_batch)


async def give_day_back(connection: Connection, wish: StandingMatch) -> bool:
    """Makes the batch of a claim due again as soon as somebody comes. Returns False as `finish_batch` does."""
    return await _change(connection, wish, "last_batch = $5", wish.last_batch)


async def _change(connection: Connection, wish: StandingMatch, changes: str, *values: object) -> bool:
    done = await connection.fetchval(
        f"UPDATE standing_match SET {changes} WHERE {_IS_CLAIMED} RETURNING true",
        wish.account, wish.member, wish.since, wish.looked_at, *values,
    )  # fmt: skip
    return bool(done)
