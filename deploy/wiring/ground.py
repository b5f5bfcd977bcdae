"""What the services of members stand on: the database, the clock, the secrets and the settings of the instance."""

from dataclasses import dataclass

from deploy.wiring.vault import Secrets, open_secrets
from directory.clock import Clock
from directory.services.live_settings import LiveSettings
from directory.settings import Settings
from directory.store.database import Database
from directory.store.instance_settings import InstanceSettingStore


@dataclass(frozen=True, slots=True)
class Ground:
    """One a process."""

    settings: Settings
    database: Database
    clock: Clock
    secrets: Secrets
    instance: LiveSettings

    def instance_name(self) -> str:
        """What the instance is called now."""
        return self.instance.now.name


async def open_ground(settings: Settings, database: Database, clock: Clock) -> Ground:
    """Over an open, migrated database. Raises VaultError, DirectoryUnavailable, InvalidInstanceSetting."""
    secrets = await open_secrets(settings, database, clock)
    return Ground(settings, database, clock, secrets, await load_live_settings(database))


async def load_live_settings(database: Database) -> LiveSettings:
    """The settings of the instance, read for the first time. Raises DirectoryUnavailable, InvalidInstanceSetting."""
    return await LiveSettings.load(InstanceSettingStore(database))
