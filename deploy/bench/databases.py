"""Makes the databases to measure, on a server apart from the directory's own."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from deploy.migrate import migrate


async def new_database(admin_dsn: str, name: str) -> str:
    """Makes an empty, migrated database, in the place of one of that name. Returns its address."""
    await _execute(admin_dsn, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    dsn = _address_of(admin_dsn, name)
    await migrate(dsn)
    return dsn


async def kept_database(admin_dsn: str, name: str, fill: Callable[[str], Awaitable[None]]) -> str:
    """Makes a database that is filled completely or not at all, and kept for the next run. Returns its address."""
    admin = await asyncpg.connect(admin_dsn)
    try:
        is_there = await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", name)
    finally:
        await admin.close()
    dsn = _address_of(admin_dsn, name)
    if is_there:
        await migrate(dsn)
        return dsn
    unfinished = f"{name}_unfinished"
    try:
        await fill(await new_database(admin_dsn, unfinished))
        await _execute(admin_dsn, f"ALTER DATABASE {unfinished} RENAME TO {name}")
    finally:
        await _execute(admin_dsn, f"DROP DATABASE IF EXISTS {unfinished}")
    return dsn


async def copied_database(admin_dsn: str, source: str, name: str) -> str:
    """Makes a copy of a database that nobody is connected to, in the place of one of that name. Returns its address."""
    drop = f"DROP DATABASE IF EXISTS {name}"
    await _execute(admin_dsn, drop, f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY")
    return _address_of(admin_dsn, name)


async def drop_database(admin_dsn: str, name: str) -> None:
    """Drops a database, where it is there."""
    await _execute(admin_dsn, f"DROP DATABASE IF EXISTS {name}")


def name_of(dsn: str) -> str:
    """Returns the name of the database at an address."""
    return urlsplit(dsn).path.removeprefix("/")


def _address_of(admin_dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(admin_dsn)._replace(path=f"/{name}"))


async def _execute(admin_dsn: str, *statements: str) -> None:
    admin = await asyncpg.connect(admin_dsn)
    try:
        for statement in statements:
            await admin.execute(statement)
    finally:
        await admin.close()
