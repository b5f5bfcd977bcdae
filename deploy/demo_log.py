"""Publishes demo people through the signed log, as members do: pending first, then with a leaf each."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from deploy.demo import CHUNK_PEOPLE, DemoPresent, Progress
from directory.clock import Clock
from directory.demo import DEMO_ORIGINS, demo_rows
from directory.mapping_life import MappingState
from directory.mappings import Strength
from directory.store.database import Database
from directory.store.demo import DemoStore
from directory.store.mapping_rows import ensure_origin
from directory.store.mappings import COPY_COLUMNS, MappingRow
from federation.own_log.draining import drain
from federation.own_log.sequencer import Sequencer
from federation.store.invented import withdraw_invented

_STRENGTH: Final = COPY_COLUMNS.index("strength")
_STATE: Final = COPY_COLUMNS.index("state")
_ORIGIN: Final = COPY_COLUMNS.index("origin")
_PENDING: Final = MappingState.PENDING.value
_IMPORTED: Final = Strength.IMPORTED.value


class SignedDemo:
    """Publishes and withdraws demo people by the sequencer of this instance."""

    def __init__(self, database: Database, sequencer: Sequencer, clock: Clock) -> None:
        self._database = database
        self._sequencer = sequencer
        self._clock = clock

    async def publish(self, people: int, seed: int, on_progress: Progress, on_waiting: Progress) -> None:
        """Adds `people` synthetic people, and waits until our own log has appended them.

        The mappings of the demo's other origin, and unchecked hints, which enter no log, stay with the demo's
        own origins. Raises DemoPresent, DirectoryUnavailable, LogRefused.
        """
        store = DemoStore(self._database)
        if await store.is_present():
            raise DemoPresent
        async with self._database.connection() as connection:
            own = await ensure_origin(connection, self._sequencer.origin)
        now = self._clock.now().replace(microsecond=0)
        async with store.filling(DEMO_ORIGINS) as filling:
            hints, others = filling.origins
            for first in range(0, people, CHUNK_PEOPLE):
                count = min(CHUNK_PEOPLE, people - first)
                rows = demo_rows(count, now=now, origins=(own, others), seed=seed, first=first)
                await filling.copy_rows(_as_pending(rows, own, hints))
                on_progress(first + count)
        await drain(self._database, self._sequencer, self._clock, on_waiting)

    async def withdraw(self, on_waiting: Progress) -> int:
        """Withdraws the demo people of our own log, and waits until it has revoked them; returns how many."""
        withdrawn = 0
        while True:
            async with self._database.transaction() as connection:
                count = await withdraw_invented(connection, self._sequencer.origin)
            if not count:
                break
            withdrawn += count
        if withdrawn:
            await drain(self._database, self._sequencer, self._clock, on_waiting)
        return withdrawn


def _as_pending(rows: Iterable[MappingRow], own: int, hints: int) -> Iterator[MappingRow]:
    for row in rows:
        if row[_ORIGIN] != own:
            yield row
        elif row[_STRENGTH] == _IMPORTED:
            yield _with_value(row, _ORIGIN, hints)
        else:
            yield _with_value(row, _STATE, _PENDING)


def _with_value(row: Any, at: int, value: int) -> MappingRow:
    changed: MappingRow = (*row[:at], value, *row[at + 1 :])
    return changed
