"""From trying out to a public address: the log `localhost` is put away, and one of the real name begins.

A log that others may have seen never changes its name: they would take it for a fork.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from directory.secret_files import sync_folder
from directory.store.database import Connection, Database
from directory.store.instance_identity import forget_secret, lock_identity
from federation.errors import LogRefused
from federation.keys.instance import LOCAL_NAME, KeyFolder, NewKeys, ShowRecoveryKey
from federation.keys.operations import LOG_SUFFIX
from federation.keys.own_keys import KEYS, check_keys, keep_keys
from federation.own_log.sequencer_task import LEADER_LOCK
from federation.store.renaming import put_log_away


@dataclass(frozen=True, slots=True)
class LeftLocalhost:
    """What has changed: `waiting` mappings are to be said anew, the former keys lie in `away`, `new` are in place."""

    waiting: int
    away: Path
    new: NewKeys


async def leave_localhost(
    database: Database, keys: KeyFolder, host: str, now: datetime, show: ShowRecoveryKey | None = None
) -> LeftLocalhost:
    """Puts the log `localhost` away, and makes the keys of `host`. Their recovery key is handed over before anything
    changes; killed at any point after that, it is done again, or the next start makes keys.

    Raises LogRefused where the log is not `localhost`, or an instance runs; RecoveryNotConfirmed, MissingKeys,
    UnsafeKeys.
    """
    old, origin = keys.read().origin, host + LOG_SUFFIX
    if old != LOCAL_NAME + LOG_SUFFIX:
        raise LogRefused(f"the log {old} may have been seen by others, so it keeps its name")
    if old == origin:
        raise LogRefused("this instance has no public address yet: set PASSERELLE_PUBLIC_URL first")
    async with database.transaction() as connection:
        await _keep_others_out(connection)
    new = NewKeys.generate(host).handed_over(show)
    async with database.transaction() as connection:
        await _keep_others_out(connection)
        waiting = await put_log_away(connection, old, origin)
        await forget_secret(connection, KEYS)
    # After the commit: where it ends in between, it is done again.
    away = keys.path.with_name(f"{keys.path.name}-{LOCAL_NAME}-{now:%Y%m%d%H%M%S}")
    keys.path.rename(away)
    sync_folder(keys.path.parent)
    async with database.transaction() as connection:
        await lock_identity(connection)
        await check_keys(connection, keys)
        if not await keep_keys(connection, keys, new, now):
            raise LogRefused("somebody else has made keys at the same time: `passerelle keys` shows them")
    return LeftLocalhost(waiting, away, new)


async def _keep_others_out(connection: Connection) -> None:
    """Keeps every sequencer from leading until the transaction ends. Raises LogRefused."""
    if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", LEADER_LOCK):
        raise LogRefused("an instance is running on this database: stop it first")
