"""Puts a backup in the place of what a data folder and its database hold.

The mark of what was signed is no part of a backup: that of this machine stays, and where there is none, nothing is signed
until the operator has confirmed what was. So an older copy never signs other trees of sizes that others have seen.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.backups.archive import Archive
from deploy.backups.blocking import held
from deploy.backups.errors import BackupError
from deploy.backups.loading import loaded
from deploy.backups.making import Telling
from deploy.backups.secret_copies import drafted
from deploy.database import data_folder
from deploy.migrate import known_migrations, migrate
from deploy.migration_locks import RESTORE_LOCK, take_migrating_lock
from directory.clock import Clock
from directory.errors import DirectoryUnavailable
from directory.settings import Settings
from directory.store.database import DRIVER_TROUBLE, Connection, connect, errors_told
from directory.store.table_counts import count_other_sessions, list_tables
from federation.keys.instance import log_origin

_HELD: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class NotEmpty(BackupError):
    """The database is in use by an instance already."""

    def __init__(self, tables: int) -> None:
        super().__init__(
            f"the database here has {tables} tables already: `passerelle restore --replace` puts the backup in their place,"
            " and what they hold is lost then. Nothing was changed"
        )


class InUse(BackupError):
    """The instance runs."""

    def __init__(self, sessions: int) -> None:
        super().__init__(
            f"the database is in use ({sessions} connections): stop the instance, on all its machines. Nothing was changed"
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put in place."""

    vault_aside: Path | None
    """Where the vault is kept that was there before; None where there was none, or the same."""


def check_suitable(settings: Settings, archive: Archive) -> None:
    """Checks that a backup is for this version and this instance. Raises BackupError."""
    known = known_migrations()
    newer = sum(
        len(set(names) - known.get(app, set())) for app, names in archive.description.migrations.items()
    )
    if newer:
        raise BackupError(
            f"{archive.path} was made by Passerelle {archive.description.software}, whose database knows {newer} changes"
            " that this version does not: install that version or a newer one. Nothing was changed"
        )
    own, theirs = log_origin(settings), archive.description.origin
    if own != theirs:
        raise BackupError(
            f"{archive.path} is a backup of {theirs}, and this instance is {own}: set PASSERELLE_PUBLIC_URL to the address"
            " that it had. Nothing was changed"
        )


@dataclass(frozen=True, slots=True)
class Restoring:
    """Where a backup is restored to."""

    settings: Settings
    dsn: str
    clock: Clock
    telling: Telling

    def restore(self, archive: Archive, *, replace: bool) -> Restored:
        """Restores a checked backup, all or nothing: what fails or is broken off before the end has changed nothing.

        Raises BackupError, SecretFileError, DirectoryUnavailable, MigrationBusy, MigrationFailed, OSError.
        """
        data, rows = data_folder(self.settings), archive.description.rows
        with (
            drafted(data, archive.secrets, self.clock.now()) as placing,
            held(_kept_free(self.dsn, replace=replace)) as guard,
            closing(archive.read_dump()) as dump,
            _held_signals() as hold,
        ):
            self.telling.begin("Restoring the database", archive.dump_bytes)
            with loaded(self.dsn, dump, rows, self.telling.advance, guard=guard):
                hold()  # from here to the end it takes a moment
            placing.place()
        try:
            asyncio.run(migrate(self.dsn))
        except DirectoryUnavailable as error:
            raise BackupError(
                f"all is restored, and the database has gone since ({error}): start the instance"
            ) from error
        return Restored(placing.aside)


@asynccontextmanager
async def _kept_free(dsn: str, *, replace: bool) -> AsyncIterator[int]:
    """Keeps instances from starting on the database during the block; yields the process of its session at the server.

    Raises NotEmpty, InUse, MigrationBusy, DirectoryUnavailable.
    """
    connection = await connect(dsn)
    try:
        with errors_told():
            await _claim(connection, replace=replace)
        yield connection.get_server_pid()
    finally:
        with suppress(OSError, *DRIVER_TROUBLE):  # it may be gone by now, with what it holds
            await connection.close()


async def _claim(connection: Connection, *, replace: bool) -> None:
    # Before they are counted: who starts after that waits, and who is starting has connections by then.
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", RESTORE_LOCK):
        raise InUse(await count_other_sessions(connection))
    if sessions := await count_other_sessions(connection):
        raise InUse(sessions)
    if (tables := len(await list_tables(connection))) and not replace:
        raise NotEmpty(tables)
    await take_migrating_lock(connection)


@contextmanager
def _held_signals() -> Iterator["Hold"]:
    """Yields what holds back the signals that end a process, until the block ends."""
    hold = Hold()
    try:
        yield hold
    finally:
        hold.release()


class Hold:
    """Holds signals back, once it is called."""

    def __init__(self) -> None:
        self._is_held = False

    def __call__(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
        self._is_held = True

    def release(self) -> None:
        if self._is_held:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
