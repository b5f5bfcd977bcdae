"""The instance settings as a process knows them, refreshed every two seconds so that no change needs a restart."""

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
    """The settings of one process. While the database is away they stay as last read: none falls back to its
    default."""

    def __init__(self, store: InstanceSettingStore, known: InstanceSettings) -> None:
        self._store = store
        self._known = known
        self._trouble: str | None = None

    @classmethod
    async def load(cls, store: InstanceSettingStore) -> Self:
        """Reads the settings for the first time. Raises DirectoryUnavailable, InvalidInstanceSetting."""
        return cls(store, await store.read())

    @property
    def now(self) -> InstanceSettings:
        """Returns the settings as last read."""
        return self._known

    async def refresh(self) -> None:
        """Reads the settings again; where that fails, they stay as they were."""
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                self._known = await self._store.read()
        except (DirectoryUnavailable, InvalidInstanceSetting, TimeoutError) as error:
            self._tell(str(error) or "the database did not answer")
        except Exception:
            # A fault here must not end the refreshing for good.
            log.exception("the settings of the instance could not be read")
        else:
            self._trouble = None

    def _tell(self, reason: str) -> None:
        if reason != self._trouble:
            log.warning("the settings of the instance stay as they were", reason=reason)
        self._trouble = reason


@asynccontextmanager
async def kept_fresh(settings: LiveSettings) -> AsyncIterator[None]:
    """Refreshes the settings until the block ends."""
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
