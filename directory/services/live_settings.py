"""The settings of the instance as a process knows them: read again every two seconds, so that none is restarted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Self

import structlog

from directory.errors import DirectoryUnavailable
from directory.instance_settings import InstanceSettings, InvalidInstanceSetting
from directory.store.instance_settings import InstanceSettingStore

REFRESH_EVERY_S: Final = 2.0
READ_WITHIN_S: Final = 5.0

log = structlog.get_logger(__name__)


class LiveSettings:
    """One a process. What it knows stays while the database is away: a switch never falls back to its default."""

    def __init__(self, store: InstanceSettingStore, known: InstanceSettings) -> None:
        self._store = store
        self._known = known
        self._trouble: str | None = None

    @classmethod
    async def load(cls, store: InstanceSettingStore) -> Self:
        """Reads them for the first time. Raises DirectoryUnavailable, InvalidInstanceSetting."""
        return cls(store, await store.read())

    @property
    def now(self) -> InstanceSettings:
        """The last that were read."""
        return self._known

    async def refresh(self) -> None:
        """Reads them again; where that fails, they stay as they were."""
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                self._known = await self._store.read()
        except (DirectoryUnavailable, InvalidInstanceSetting, TimeoutError) as error:
            self._tell(str(error) or "the database did not answer")
        except Exception:
            # A fault here must not end the reading for good.
            log.exception("the settings of the instance could not be read")
        else:
            self._trouble = None

    def _tell(self, reason: str) -> None:
        if reason != self._trouble:
            log.warning("the settings of the instance stay as they were", reason=reason)
        self._trouble = reason


@asynccontextmanager
async def kept_fresh(settings: LiveSettings) -> AsyncIterator[None]:
    """Reads them again and again until the block ends."""
    task = asyncio.create_task(_refresh_for_ever(settings), name="settings")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _refresh_for_ever(settings: LiveSettings) -> None:
    while True:
        await asyncio.sleep(REFRESH_EVERY_S)
        await settings.refresh()
