"""Permissions of runs that wait for their member: they are given back, and the runs stay with all of their people.

A waiting run is due at the time since which it waits.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from directory.clock import CLOCK_SLACK
from directory.follows.waiting import KEEP_PERMISSION, WAITING
from directory.members.errors import MemberGone
from directory.networks.port import Purpose
from directory.store.accounts import lock_member
from directory.store.database import Connection, Database
from directory.store.purposes import purpose_code, purpose_of_code
from directory.store.tokens import hand_over_token

_SINCE: Final = "GREATEST(r.next_at, t.granted_at)"
_WAITS: Final = f"state IN ({', '.join(str(state.value) for state in sorted(WAITING))})"
_UNUSED: Final = (
    f"FROM token t JOIN follow_run r ON r.account = t.account WHERE r.{_WAITS}"
    f" AND (t.purpose <> {purpose_code(Purpose.FOLLOW)}"
    " OR NOT EXISTS (SELECT FROM standing_match s WHERE s.account = t.account))"
)
"""An account has one open run at a time. What newcomers are followed with is kept for them."""


async def find_permission_end(connection: Connection, run: UUID) -> datetime | None:
    """Finds when the permission of a run that waits for its member is given back. Returns None where it does not wait, or
    none is kept for it alone."""
    since: datetime | None = await connection.fetchval(f"SELECT max({_SINCE}) {_UNUSED} AND r.id = $1", run)
    return None if since is None else since + KEEP_PERMISSION


async def bring_waits_back(connection: Connection, now: datetime) -> None:
    """Has runs wait since now that were paused under a clock which ran ahead, and tokens be given now."""
    latest = now + CLOCK_SLACK
    await connection.execute(
        f"UPDATE follow_run SET next_at = $1 WHERE {_WAITS} AND next_at > $2", now, latest
    )
    await connection.execute("UPDATE token SET granted_at = $1 WHERE granted_at > $2", now, latest)


async def give_back_unused(database: Database, now: datetime, limit: int, *, lived: datetime) -> int:
    """Hands permissions over for revocation whose run has waited for too long by the time `lived`. Returns how many members
    had some."""
    before = lived - KEEP_PERMISSION
    async with database.connection() as connection:
        rows = await connection.fetch(
            f"SELECT DISTINCT r.member {_UNUSED} AND {_SINCE} < $1 LIMIT $2", before, limit
        )
    for row in rows:
        await _give_back_of_member(database, row["member"], now, before)
    return len(rows)


async def _give_back_of_member(database: Database, member: UUID, now: datetime, before: datetime) -> None:
    """Looks again under the member's lock: they may have come back."""
    try:
        async with database.transaction() as connection:
            await lock_member(connection, member)
            sql = f"SELECT t.account, t.purpose {_UNUSED} AND {_SINCE} < $1 AND r.member = $2"
            for row in await connection.fetch(sql, before, member):
                await hand_over_token(connection, row["account"], purpose_of_code(row["purpose"]), now)
    except MemberGone:
        return
