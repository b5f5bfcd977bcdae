"""What the services of members are built on: the database, the clock, the secrets and the instance settings."""

from dataclasses import dataclass

from deploy.wiring.databases import Databases
from deploy.wiring.vault import Secrets, open_secrets
from directory.clock import Clock
from directory.services.live_settings import LiveSettings
from directory.settings import Settings
from directory.store.database import Database
from directory.store.instance_settings import InstanceSettingStore
from directory.store.reads import ReadDatabase


@dataclass(frozen=True, slots=True)
class Ground:
    """Built once for each process."""

    settings: Settings
    database: Database
    clock: Clock
    secrets: Secrets
    instance: LiveSettings
    reads: ReadDatabase | None = None

    @property
    def databases(self) -> Databases:
        """The database, and what answers are read from."""
        return Databases(self.database, self.reads)

    """What answers are read from; None: the database itself."""

    def instance_name(self) -> str:
        """Returns the present name of the instance."""
        return self.instance.now.name


async def open_ground(
    settings: Settings, database: Database, clock: Clock, reads: ReadDatabase | None = None
) -> Ground:
    """Opens the ground of the services over a migrated database.

    Raises VaultError, DirectoryUnavailable, InvalidInstanceSetting.
    """
    secrets = await open_secrets(settings, database, clock)
    return Ground(settings, database, clock, secrets, await load_live_settings(database), reads)


async def load_live_settings(database: Database) -> LiveSettings:
    """Reads the instance settings for the first time. Raises DirectoryUnavailable, InvalidInstanceSetting."""
    return await LiveSettings.load(InstanceSettingStore(database))
