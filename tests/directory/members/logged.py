"""Publishing with a log, as in an instance: a pending mapping answers once the log has published it."""

from pathlib import Path

from directory.clock import Clock
from directory.services.publishing import Publishing
from directory.store.database import Database
from directory.store.members import MemberStore
from directory.store.publications import PublicationStore
from directory.store.session_locks import release_session_lock
from federation.keys.instance import KeyFolder
from federation.own_log.sequencer import Sequencer
from federation.own_log.sequencer_task import LEADER_LOCK
from tests.directory.members.people import INSTANCE, ORIGIN


class LoggedPublishing(Publishing):
    """Publishing with a sequencer of its own, over the keys in `folder`. Several may share a database and a folder."""

    def __init__(self, database: Database, clock: Clock, folder: Path) -> None:
        super().__init__(MemberStore(database), PublicationStore(database), clock, ORIGIN)
        keys = KeyFolder(folder)
        keys.make(INSTANCE)
        self._database = database
        self._sequencer = Sequencer(keys, ORIGIN, clock)

    async def say(self) -> int:
        """Appends and publishes all that is pending, and takes it in; revokes and deletes what was withdrawn.

        Returns how many mappings were taken in.
        """
        before = await self._published_size()
        async with self._database.connection() as connection:
            # One sequencer at a time, as in an instance.
            await connection.execute("SELECT pg_advisory_lock($1)", LEADER_LOCK)
            try:
                while await self._sequencer.run_once(connection):
                    pass
            finally:
                await release_session_lock(connection, LEADER_LOCK)
            return int(
                await connection.fetchval(
                    "SELECT count(*) FROM mapping WHERE state = 1 AND leaf >= $1", before
                )
            )

    async def stage(self) -> None:
        """Gives pending mappings their leaves and signs nothing, as where the process ends at that step."""
        async with self._database.connection() as connection:
            await self._sequencer._stage(connection)

    async def _published_size(self) -> int:
        async with self._database.connection() as connection:
            return await connection.fetchval("SELECT published_size FROM log_state") or 0
