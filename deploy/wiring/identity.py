"""Checks at every start whether the secrets of this machine are those of the instance.

One transaction covers all of them, so that two first starts at the same moment agree on one set. Nothing is
made before everything was checked. A start that is killed in between leaves secrets without a record. The next
start on this machine records them; if another machine started first, they have to be copied from there.
"""

from datetime import datetime

from deploy.wiring.demo_guard import check_no_demo
from deploy.wiring.instance import migrated_database
from deploy.wiring.log import key_folder
from deploy.wiring.vault import check_secrets, keep_secrets
from directory.clock import Clock, SystemClock
from directory.settings import Role, Settings
from directory.store.database import Connection, Database
from directory.store.instance_identity import lock_identity
from federation.errors import LogRefused
from federation.keys.instance import NewKeys, ShowRecoveryKey, log_host
from federation.keys.own_keys import check_keys, keep_keys


async def settle_start(settings: Settings, dsn: str, show: ShowRecoveryKey | None) -> NewKeys | None:
    """Checks, makes and records the secrets that the roles of this process need. The recovery key of new keys is
    handed over by `show` before they are made. Returns new keys, None where they existed or are not needed.

    Raises OtherKeys, OtherVault, OtherClientKeys, MissingKeyFile, UnsafeKeyFile, LogRefused,
    DemoInPublic, DirectoryUnavailable, RecoveryNotConfirmed.
    """
    has_members = bool(settings.roles & {Role.WEB, Role.WORKER})
    has_keys = Role.SEQUENCER in settings.roles
    async with migrated_database(dsn, connections=1) as database:
        new = await _offer_keys(settings, database, show, with_secrets=has_members) if has_keys else None
        async with database.transaction() as connection:
            now = SystemClock().now()
            await _check(settings, connection, now, with_keys=has_keys, with_secrets=has_members)
            if has_members:
                await keep_secrets(connection, settings, now)
            if has_keys:
                return await _keep(settings, connection, new, now)
    return None


async def settle_keys(
    settings: Settings, database: Database, clock: Clock, show: ShowRecoveryKey | None
) -> NewKeys | None:
    """Does the same for the keys alone, whatever the roles, for commands that publish."""
    new = await _offer_keys(settings, database, show, with_secrets=False)
    async with database.transaction() as connection:
        await _check(settings, connection, clock.now(), with_keys=True, with_secrets=False)
        return await _keep(settings, connection, new, clock.now())


async def _offer_keys(
    settings: Settings, database: Database, show: ShowRecoveryKey | None, *, with_secrets: bool
) -> NewKeys | None:
    """Hands the recovery key of a new instance over, after all checks. No lock is held while the operator reads it.
    Returns None where there are keys."""
    folder = key_folder(settings)
    if folder.exists():
        return None
    async with database.transaction() as connection:
        await _check(settings, connection, SystemClock().now(), with_keys=True, with_secrets=with_secrets)
    return NewKeys.generate(log_host(settings)).handed_over(show)


async def _check(
    settings: Settings, connection: Connection, now: datetime, *, with_keys: bool, with_secrets: bool
) -> None:
    await lock_identity(connection)
    await check_no_demo(settings, connection)
    if with_secrets:
        await check_secrets(connection, settings, now)
    if with_keys:
        await check_keys(connection, key_folder(settings))


async def _keep(
    settings: Settings, connection: Connection, new: NewKeys | None, now: datetime
) -> NewKeys | None:
    # Where the folder was there a moment ago and is gone, nobody was asked: the key waits in its file.
    made = new or NewKeys.generate(log_host(settings))
    if await keep_keys(connection, key_folder(settings), made, now):
        return made
    if made.is_shown:
        raise LogRefused(
            "somebody else has made the keys at the same time: the recovery key just shown serves nothing"
        )
    return None
