"""The time by which what cannot be taken back is ended, for all processes: one row.

Trusted: whoever can change it can have everything end that ends with time.
"""

from datetime import datetime
from typing import Final

from directory.lived_time import LivedTime, Times, see_time
from directory.store.database import Database

_READ: Final = "SELECT believed, seen_at, days FROM lived_time WHERE id = 1 FOR UPDATE"
_WRITE: Final = """
INSERT INTO lived_time (id, believed, seen_at, days) VALUES (1, $1, $2, $3)
ON CONFLICT (id) DO UPDATE SET believed = excluded.believed, seen_at = excluded.seen_at, days = excluded.days
"""


async def look_at_clock(database: Database, now: datetime) -> Times:
    """Records a look at our clock. Returns its time, and the one that is believed after this look."""
    async with database.transaction() as connection:
        row = await connection.fetchrow(_READ)
        before = None if row is None else LivedTime(row["believed"], row["seen_at"], row["days"])
        after = see_time(before, now)
        if after != before:
            await connection.execute(_WRITE, after.believed, after.seen_at, after.days)
    return Times(now, after.believed)
