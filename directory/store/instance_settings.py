"""The settings of the instance: one row for each that is not at its default."""

from datetime import datetime
from typing import Any

import msgspec

from directory.instance_settings import InstanceSettings, InvalidInstanceSetting, read_instance_settings
from directory.store.database import Database


class InstanceSettingStore:
    """Trusted: whoever can change these rows speaks for the instance, and can close it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> InstanceSettings:
        """All of them as of now. Raises InvalidInstanceSetting for a row that cannot be what it is."""
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT key, value FROM instance_setting")
        try:
            return read_instance_settings({row["key"]: msgspec.json.decode(row["value"]) for row in rows})
        except InvalidInstanceSetting as error:
            raise InvalidInstanceSetting(
                f"what is stored cannot be: {error}; `passerelle settings unset` goes back to the default"
            ) from error

    async def put(self, key: str, value: Any, now: datetime) -> None:
        """Stores a value that `parse_setting` gave. Durable once it returns."""
        async with self._database.connection() as connection:
            await connection.execute(
                "INSERT INTO instance_setting (key, value, changed_at) VALUES ($1, $2, $3)"
                " ON CONFLICT (key) DO UPDATE SET value = $2, changed_at = $3",
                key,
                msgspec.json.encode(value).decode(),
                now,
            )

    async def remove(self, key: str) -> None:
        """Goes back to the default."""
        async with self._database.connection() as connection:
            await connection.execute("DELETE FROM instance_setting WHERE key = $1", key)
