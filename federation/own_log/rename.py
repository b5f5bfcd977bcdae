"""From trying out to a public address: the log `localhost` is put away, and one of the real name begins.

A log that others may have seen never changes its name: they would take it for a fork.
"""

from datetime import datetime
from pathlib import Path

from directory.secret_files import sync_folder
from directory.store.database import Database
from directory.store.instance_identity import forget_secret
from federation.errors import LogRefused
from federation.keys.instance import LOCAL_NAME, KeyFolder
from federation.keys.operations import LOG_SUFFIX
from federation.keys.own_keys import KEYS
from federation.own_log.sequencer_task import LEADER_LOCK
from federation.store.renaming import put_log_away


async def leave_localhost(database: Database, keys: KeyFolder, host: str, now: datetime) -> tuple[int, Path]:
    """Returns how many mappings wait to be said anew, and where the former keys lie. New keys are still to be made.

    Raises LogRefused where the log is not `localhost`, or an instance runs; MissingKeys, UnsafeKeys.
    """
    old, new = keys.read().origin, host + LOG_SUFFIX
    if old != LOCAL_NAME + LOG_SUFFIX:
        raise LogRefused(f"the log {old} may have been seen by others, so it keeps its name")
    if old == new:
        raise LogRefused("this instance has no public address yet: set PASSERELLE_PUBLIC_URL first")
    away = keys.path.with_name(f"{keys.path.name}-{LOCAL_NAME}-{now:%Y%m%d%H%M%S}")
    async with database.transaction() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", LEADER_LOCK):
            raise LogRefused("an instance is running on this database: stop it first")
        count = await put_log_away(connection, old, new)
        await forget_secret(connection, KEYS)
    # After the commit: where it ends in between, it is done again.
    keys.path.rename(away)
    sync_folder(keys.path.parent)
    return count, away
