"""Migrates the database to the schema of this version; refuses a newer one."""

import contextlib
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg

import migrations
from deploy.migration_locks import (
    MIGRATOR,
    TABLE_LOCK_TIMEOUT_S,
    MigrationBusy,
    take_migrating_lock,
    wait_for_restore,
    watched,
)
from directory.store.database import Connection, connect, errors_told
from directory.store.quiet_errors import hide_values

if TYPE_CHECKING:  # its import takes half a second, and is seldom needed
    from piccolo.apps.migrations.commands.base import MigrationResult

APPS: Final = ("directory", "federation")
"""In the order of their tables' references."""


class SchemaTooNew(Exception):
    """The database was made by a newer version of Passerelle."""

    def __init__(self, names: set[str]) -> None:
        super().__init__(f"the database knows {len(names)} changes that this version does not")


class MigrationFailed(Exception):
    """The database could not be brought to the schema of this version; it is as it was before."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the database could not be brought up to date ({reason}), and is as it was before")


def known_migrations() -> dict[str, set[str]]:
    """Returns the ids of all migrations of this version, by app."""
    folder = Path(migrations.__path__[0])
    return {app: {_id_in(path) for path in (folder / app).glob(f"{app}_*.py")} for app in APPS}


def _id_in(path: Path) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("ID = "):
            return line.removeprefix("ID = ").strip('"')
    raise ValueError(f"{path.name} has no ID")


async def pending_migrations(connection: Connection) -> bool:
    """Returns whether the database lacks a migration of this version. Raises SchemaTooNew."""
    known = known_migrations()
    done: dict[str, set[str]] = {app: set() for app in APPS}
    if await connection.fetchval("SELECT to_regclass('migration') IS NOT NULL"):
        for app, name in await connection.fetch("SELECT app_name, name FROM migration"):
            done.setdefault(app, set()).add(name)
    newer = {name for app, names in done.items() for name in names - known.get(app, set())}
    if newer:
        raise SchemaTooNew(newer)
    return any(known[app] - done[app] for app in APPS)


async def migrate(dsn: str) -> bool:
    """Runs the missing migrations, under a lock; returns whether there were any.

    Raises SchemaTooNew, MigrationBusy, MigrationFailed, DirectoryUnavailable.
    """
    async with migrated(dsn) as had_any:
        return had_any


@asynccontextmanager
async def migrated(dsn: str) -> AsyncIterator[bool]:
    """Runs the missing migrations as `migrate` does, and keeps a restore from beginning until the block ends: whoever opens
    their connections in it is counted. Waits for a restore that is under way: what it replaces is nobody's to work on.

    Raises SchemaTooNew, MigrationBusy, MigrationFailed, DirectoryUnavailable.
    """
    connection = await connect(dsn)
    try:
        with errors_told():
            await wait_for_restore(connection)
            await connection.execute(f"SET lock_timeout = '{TABLE_LOCK_TIMEOUT_S} s'")
            had_any = await _migrate(connection, dsn)
        yield had_any
    finally:
        await connection.close()


async def _migrate(connection: Connection, dsn: str) -> bool:
    try:
        if not await pending_migrations(connection):
            return False
        await take_migrating_lock(connection)
        if await pending_migrations(connection):
            await _run_watched(connection, dsn)
    except asyncpg.LockNotAvailableError as error:
        raise MigrationBusy("") from error
    return True


async def _run_watched(connection: Connection, dsn: str) -> None:
    async with watched(connection) as watch:
        try:
            await _run_piccolo(dsn)
        except MigrationFailed as error:
            if isinstance(error.__cause__, asyncpg.LockNotAvailableError):
                raise MigrationBusy(watch.seen) from error
            raise


async def _run_piccolo(dsn: str) -> None:
    # Imported here to keep starts fast: they take half a second and are seldom needed.
    os.environ["PICCOLO_CONF"] = "migrations.piccolo_conf"
    from piccolo.apps.migrations.commands.forwards import run_forwards  # noqa: PLC0415 - see above
    from piccolo.apps.migrations.tables import Migration  # noqa: PLC0415 - see above
    from piccolo.engine.postgres import PostgresEngine  # noqa: PLC0415 - see above

    from migrations import piccolo_conf  # noqa: PLC0415 - see above

    named = {"application_name": MIGRATOR, "lock_timeout": f"{TABLE_LOCK_TIMEOUT_S}s"}
    piccolo_conf.DB = engine = PostgresEngine(config={"dsn": dsn, "server_settings": named})
    Migration._meta._db = None  # else it stays with the first database that this process migrated
    silence = io.StringIO()
    try:
        with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
            # All migrations and their records, or none: one that ran and was not recorded would fail for ever.
            async with engine.transaction():
                for app in APPS:
                    _check(await run_forwards(app))
    except Exception as error:
        hide_values(error)
        raise MigrationFailed(str(error) or type(error).__name__) from error


def _check(result: "MigrationResult") -> None:
    if not result.success:
        raise RuntimeError(result.message)
