"""Dumps the database while the instance runs, as it was at one moment."""

from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from deploy.backups.archive import CHUNK_BYTES, OnBytes
from deploy.backups.errors import BackupError
from deploy.backups.programs import Address, started
from directory.store.database import DRIVER_TROUBLE, Connection, connect, errors_told
from directory.store.table_counts import count_rows, export_snapshot, list_migrations, list_tables
from federation.store.log_rows import fetch_state


class NothingThere(BackupError):
    """There is no instance here to back up: the database has no tables"""

    def __init__(self) -> None:
        super().__init__(str(self.__doc__))


@dataclass(frozen=True, slots=True)
class Moment:
    """What the database held at the moment of its dump."""

    snapshot: str
    migrations: dict[str, list[str]]
    rows: dict[str, int]
    leaves: int


@asynccontextmanager
async def moment_of(dsn: str) -> AsyncIterator[Moment]:
    """Holds one moment of the database until the block ends. Raises NothingThere, DirectoryUnavailable."""
    connection = await connect(dsn)
    try:
        with errors_told():
            await connection.transaction(isolation="repeatable_read", readonly=True).start()
            moment = await _look(connection)
        yield moment
    finally:
        # Nothing was written: the transaction ends with the connection, which may be gone by now.
        with suppress(OSError, *DRIVER_TROUBLE):
            await connection.close()


async def _look(connection: Connection) -> Moment:
    tables = await list_tables(connection)
    if "migration" not in tables:
        raise NothingThere
    rows = {table: await count_rows(connection, table) for table in tables}
    state = await fetch_state(connection)
    return Moment(
        await export_snapshot(connection),
        await list_migrations(connection),
        rows,
        0 if state is None else state.published_size,
    )


def dump(dsn: str, moment: Moment, on_bytes: OnBytes) -> Generator[bytes]:
    """Dumps that moment of the database. Raises ProgramFailed at its end where it is not whole."""
    address = Address.of(dsn)
    arguments = [
        "--format=custom",
        "--schema=public",
        f"--snapshot={moment.snapshot}",
        f"--dbname={address.dsn}",
    ]
    with started("pg_dump", [*arguments, "--no-owner", "--no-privileges"], address, writes=True) as running:
        while chunk := running.output.read(CHUNK_BYTES):
            on_bytes(len(chunk))
            yield chunk
        running.finish()
