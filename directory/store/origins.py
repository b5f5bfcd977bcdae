"""The origins of mappings as rows, with their standing."""

from datetime import datetime

from directory.mappings import MAX_AHEAD
from directory.origins import Origin, Standing
from directory.store import tables
from directory.store.database import Connection, Database
from directory.store.ordinary import run


class OriginStore:
    """Trusted: whoever can change these rows decides whom this instance believes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_origin(self, name: str) -> Origin | None:
        """Finds an origin by its name. Returns None where nothing was ever taken in from it."""
        async with self._database.connection() as connection:
            rows = await run(connection, tables.Origin.select().where(tables.Origin.name == name))
        return next((Origin(row["name"], Standing(row["standing"]), row["heard_at"]) for row in rows), None)

    async def change_standing(self, name: str, before: Standing, after: Standing) -> bool:
        """Changes a standing from `before` to `after`; rewrites no mapping. Returns False where it was no
        longer `before`."""
        change = tables.Origin.update({tables.Origin.standing: after.value}).returning(tables.Origin.id)
        is_as_seen = (tables.Origin.name == name) & (tables.Origin.standing == before.value)
        async with self._database.connection() as connection:
            return bool(await run(connection, change.where(is_as_seen)))

    async def record_heard(self, name: str, at: datetime, now: datetime) -> None:
        """Records the time of an origin's last fresh checkpoint, as `hear_origin` does."""
        async with self._database.connection() as connection:
            await hear_origin(connection, name, at, now)


async def hear_origin(connection: Connection, name: str, at: datetime, now: datetime) -> None:
    """Records the time of an origin's last fresh checkpoint. An older one changes nothing, nor does one from the future:
    an origin that has fallen silent would seem fresh for as long. What is kept from the future was heard under a clock that
    ran ahead, and is replaced."""
    if at > now + MAX_AHEAD:
        return
    is_newer = tables.Origin.heard_at.is_null() | (tables.Origin.heard_at < at)
    is_newer |= tables.Origin.heard_at > now + MAX_AHEAD
    change = tables.Origin.update({tables.Origin.heard_at: at}).where(tables.Origin.name == name)
    await run(connection, change.where(is_newer))


async def silence_origin(connection: Connection, name: str, at: datetime) -> None:
    """Has an origin without a time, as our own has none, count as one that was heard last at `at`."""
    change = tables.Origin.update({tables.Origin.heard_at: at})
    await run(connection, change.where((tables.Origin.name == name) & tables.Origin.heard_at.is_null()))


async def unsilence_origin(connection: Connection, name: str) -> bool:
    """Has an origin answer without a time, as our own does. Returns whether it had one."""
    change = tables.Origin.update({tables.Origin.heard_at: None}).returning(tables.Origin.id)
    had = (tables.Origin.name == name) & tables.Origin.heard_at.is_not_null()
    return bool(await run(connection, change.where(had)))
