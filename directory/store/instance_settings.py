"""The instance settings as rows: one for each that is not at its default."""

from datetime import datetime
from typing import Any

import msgspec

from directory.instance_settings import InstanceSettings, InvalidInstanceSetting, read_instance_settings
from directory.store.database import Database
from directory.store.ordinary import run
from directory.store.tables import InstanceSetting


class InstanceSettingStore:
    """Trusted: whoever can change these rows decides what the instance says of itself, and can close it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> InstanceSettings:
        """Reads all settings. Raises InvalidInstanceSetting for a row that is not a valid setting."""
        async with self._database.connection() as connection:
            rows = await run(connection, InstanceSetting.select(InstanceSetting.key, InstanceSetting.value))
        try:
            return read_instance_settings({row["key"]: msgspec.json.decode(row["value"]) for row in rows})
        except InvalidInstanceSetting as error:
            raise InvalidInstanceSetting(
                f"what is stored cannot be: {error}; `passerelle settings unset` goes back to the default"
            ) from error

    async def put(self, key: str, value: Any, now: datetime) -> None:
        """Stores a value that `parse_setting` returned. Durable once it returns."""
        row = InstanceSetting(key=key, value=msgspec.json.encode(value).decode(), changed_at=now)
        put = InstanceSetting.insert(row).on_conflict(
            target=InstanceSetting.key,
            action="DO UPDATE",
            values=[InstanceSetting.value, InstanceSetting.changed_at],
        )
        async with self._database.connection() as connection:
            await run(connection, put)

    async def remove(self, key: str) -> None:
        """Resets a setting to its default."""
        async with self._database.connection() as connection:
            await run(connection, InstanceSetting.delete().where(InstanceSetting.key == key))
