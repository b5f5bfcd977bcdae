"""Checks at every start whether the secrets of this machine are those of the instance.

One transaction covers all of them, so that two first starts at the same moment agree on one set. Nothing is
made before everything was checked. A start that is killed in between leaves secrets without a record. The next
start on this machine records them; if another machine started first, they have to be copied from there.
"""

from deploy.wiring.demo_guard import check_no_demo
from deploy.wiring.instance import migrated_database
from deploy.wiring.log import key_folder
from deploy.wiring.vault import check_secrets, keep_secrets
from directory.clock import Clock, SystemClock
from directory.settings import Role, Settings
from directory.store.database import Database
from directory.store.instance_identity import lock_identity
from federation.keys.instance import log_host
from federation.keys.own_keys import check_keys, keep_keys


async def settle_start(settings: Settings, dsn: str) -> str | None:
    """Checks, makes and records the secrets that the roles of this process need. Returns the recovery key of
    new keys.

    Raises OtherKeys, OtherVault, OtherClientKeys, MissingKeyFile, UnsafeKeyFile, LogRefused,
    DemoInPublic, DirectoryUnavailable.
    """
    has_members = bool(settings.roles & {Role.WEB, Role.WORKER})
    async with migrated_database(dsn, connections=1) as database, database.transaction() as connection:
        now = SystemClock().now()
        await lock_identity(connection)
        await check_no_demo(settings, connection)
        if has_members:
            await check_secrets(connection, settings, now)
        if Role.SEQUENCER in settings.roles:
            await check_keys(connection, key_folder(settings))
        if has_members:
            await keep_secrets(connection, settings, now)
        if Role.SEQUENCER in settings.roles:
            return await keep_keys(connection, key_folder(settings), log_host(settings), now)
    return None


async def settle_keys(settings: Settings, database: Database, clock: Clock) -> str | None:
    """Does the same for the keys alone, whatever the roles, for commands that publish."""
    async with database.transaction() as connection:
        await lock_identity(connection)
        await check_keys(connection, key_folder(settings))
        return await keep_keys(connection, key_folder(settings), log_host(settings), clock.now())
