"""Changes the domain of an instance: its log is put away as a whole, and goes on under another name.

1. *Announce*: the keys of the new log are made in a folder beside the present one, and a document of the present log says
   `moved_to`. The log goes on as before.
2. *Finish*, with the instance stopped: the present log revokes all that it says, so that nobody keeps what a member could
   withdraw nowhere; it is written out as files for its former address; then what was published is to be said anew by the
   new log, whose first document says `moved_from`.

Killed at any point, the same step is run again and does the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from directory.clock import Clock
from directory.secret_files import sync_folder
from directory.store.database import Connection, Database
from directory.store.instance_identity import find_known_secret, lock_identity
from directory.store.mapping_rows import ensure_origin, say_mappings_anew, store_lost
from federation.errors import LogRefused
from federation.keys.documents import load_documents
from federation.keys.instance import FOLDER, LOCAL_NAME, KeyFolder, NewKeys, ShowRecoveryKey
from federation.keys.operations import LOG_SUFFIX, Operations
from federation.keys.own_keys import KEYS, record_keys
from federation.keys.rotate import KeyRotation
from federation.own_log.leading import leading
from federation.own_log.reader import LogService
from federation.own_log.sequencer import Sequencer
from federation.own_log.static_copy import write_static_copy
from federation.store.log import LogStore
from federation.store.log_rows import fetch_state
from federation.store.renaming import list_holding, put_log_away

ANNOUNCE: Final = (
    "With the former PASSERELLE_PUBLIC_URL, run `passerelle keys move` and the new address first"
    ' (docs/operations.md, "Changing your domain").'
)


@dataclass(frozen=True, slots=True)
class Announced:
    """What was announced: `new` are the keys that were made, None where they were there; `document` is pending, None where
    it was said before."""

    folder: KeyFolder
    new: NewKeys | None
    document: Operations | None


@dataclass(frozen=True, slots=True)
class Moved:
    """What has changed: so many mappings are to be said anew, the former keys lie in `away`, and the former log in
    `files`."""

    waiting: int
    away: Path
    files: Path


def folder_beside(keys: KeyFolder, host: str) -> KeyFolder:
    """Returns the folder for the keys of another name, beside the present one."""
    return KeyFolder(keys.path.parent, f"{FOLDER}-{host}")


async def announce_move(
    database: Database, keys: KeyFolder, host: str, clock: Clock, show: ShowRecoveryKey | None
) -> Announced:
    """Makes the keys of the log of `host`, and the document that says so. Everything that can refuse comes before the new
    recovery key is handed over.

    Raises LogRefused, LogEmpty, RotationTooEarly, RecoveryNotConfirmed, MissingKeys, UnsafeKeys.
    """
    own = keys.read()
    if own.origin in {LOCAL_NAME + LOG_SUFFIX, host + LOG_SUFFIX}:
        raise LogRefused(
            f"the log {own.origin} has nowhere to move from: see `passerelle keys leave-localhost`"
        )
    rotation, beside, new = KeyRotation(database, keys, clock), folder_beside(keys, host), None
    if not beside.exists():
        current = await rotation.find_movable()
        new = NewKeys.generate(host).handed_over(show)
        beside.make_new(new, current.log_key)
    made = beside.read()
    if made.origin != host + LOG_SUFFIX or made.moved_from not in [key.vkey for key in own.logs]:
        raise LogRefused(f"the keys in {beside.path} are not those of a log that goes on from this one")
    return Announced(beside, new, await rotation.move(made.logs[0].vkey))


class Moving:
    """Finishes a move. Trusted with the keys of both logs."""

    def __init__(
        self, database: Database, keys: KeyFolder, host: str, clock: Clock, build: Callable[[str], Sequencer]
    ) -> None:
        """`build` builds the sequencer of an origin over the present keys."""
        self._database = database
        self._keys = keys
        self._beside = folder_beside(keys, host)
        self._origin = host + LOG_SUFFIX
        self._clock = clock
        self._build = build

    async def finish(self) -> Moved:
        """Puts the present log away. Can be repeated. Raises LogRefused, LogWaits, MissingKeys, UnsafeKeys."""
        if not self._beside.exists():
            raise LogRefused(f"no move to {self._origin} was announced", mend=ANNOUNCE)
        async with self._database.connection() as connection, leading(connection):
            state = await fetch_state(connection)
            files = self._keys.path.parent / "moved"
            if state is not None:
                files = files / state.origin.removesuffix(LOG_SUFFIX)
                await self._check_said(connection, state.origin)
                await self._end(connection, state.origin)
                await write_static_copy(LogService(LogStore(self._database), self._clock), files / "log")
                await self._put_away(connection, state.origin)
            waiting = await connection.fetchval(
                "SELECT count(*) FROM mapping m JOIN origin ON origin.id = m.origin WHERE origin.name = $1",
                self._origin,
            )
            return Moved(waiting, await self._swap_folders(connection), files)

    async def _check_said(self, connection: Connection, origin: str) -> None:
        """Checks that the published log says where it goes on."""
        said = [document for document, leaf in await load_documents(connection) if leaf is not None]
        key = self._beside.read_logs()[0].vkey
        if not said or said[-1].moved_to != key or origin == self._origin:
            raise LogRefused(f"the log {origin} does not say that it moves to {key}", mend=ANNOUNCE)

    async def _end(self, connection: Connection, origin: str) -> None:
        """Publishes all that waits, and then the revokes of all that holds."""
        sequencer = self._build(origin)
        await sequencer.check(connection)
        await _run(connection, sequencer)
        async with connection.transaction():
            holding = await list_holding(connection)
            before = await ensure_origin(connection, origin)
            await say_mappings_anew(connection, before, await ensure_origin(connection, self._origin))
            await store_lost(connection, before, holding, self._clock.now())
        await _run(connection, sequencer)
        async with connection.transaction():
            if left := await list_holding(connection):
                raise LogRefused(f"{len(left)} leaves of {origin} still hold: run this again")

    async def _put_away(self, connection: Connection, origin: str) -> None:
        """From here on the keys beside are the instance's: a start without them is refused."""
        async with connection.transaction():
            await lock_identity(connection)
            await put_log_away(connection, origin, self._origin)
            await record_keys(connection, self._beside, self._clock.now())

    async def _swap_folders(self, connection: Connection) -> Path:
        """Puts the keys beside in their place. After the commit: where it ends in between, it is done again."""
        known = await find_known_secret(connection, KEYS)
        if known is None or known.fingerprint != self._beside.fingerprint():
            raise LogRefused("the database is that of other keys", mend=ANNOUNCE)
        path, away = self._keys.path, _away(self._keys, self._clock.now())
        if self._keys.exists():
            path.rename(away)
        self._beside.path.rename(path)
        sync_folder(path.parent)
        async with connection.transaction():
            await record_keys(connection, self._keys, self._clock.now())
        return away


def _away(keys: KeyFolder, now: datetime) -> Path:
    host = keys.read().origin.removesuffix(LOG_SUFFIX) if keys.exists() else "former"
    return keys.path.with_name(f"{FOLDER}-{host}-{now:%Y%m%d%H%M%S}")


async def _run(connection: Connection, sequencer: Sequencer) -> None:
    while await sequencer.run_once(connection):
        pass
