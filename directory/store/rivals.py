"""Rivals of a published X account: whoever was seen to bear its handle, or has proven it, since its own proof was seen.

The rival may leave again, and take along all rows that tell of it. That the handle may have passed on stays true: so
it is kept with the account, until its own proof is seen again. The caller holds the locks of `lock_x_parties`.
"""

from datetime import datetime
from uuid import UUID

from directory.accounts import LinkedAccount, XAccount
from directory.members.rechecks import next_recheck_at
from directory.store.accounts import find_like_x_accounts, save_account
from directory.store.database import Connection
from directory.store.publication_rows import restate_account


async def save_seen(
    connection: Connection, before: LinkedAccount, after: LinkedAccount, now: datetime
) -> None:
    """Stores an account that was proven again or re-checked. Others under its new X handle have a rival."""
    await save_account(connection, before, after, now)
    if after.x is not None and after.handle.key != before.handle.key:
        await tell_namesakes(connection, after.x, after.member, now)


async def tell_namesakes(connection: Connection, x: XAccount, member: UUID, now: datetime) -> None:
    """Tells accounts that other members hold under the handle which this member bears now that they have a rival."""
    # Nobody else holds its id: others who are found bear the handle.
    for held in await find_like_x_accounts(connection, x):
        if held.member != member:
            await tell_of_rival(connection, held, now)


async def tell_of_rival(connection: Connection, held: LinkedAccount, now: datetime) -> None:
    """Stores that an account has a rival: its proof is re-checked now, where that can be done without its member, and
    what is published of it is contested until it was seen. A re-check under way no longer counts: it may have looked
    before. Nothing changes for an account that lapsed."""
    if held.is_lapsed:
        return
    due = now if next_recheck_at(held, now) is not None else None
    await connection.execute(
        "UPDATE linked_account SET has_rival = true, recheck_at = $2, recheck_attempts = recheck_attempts + 1"
        " WHERE id = $1",
        held.id,
        due,
    )
    await restate_account(connection, held, now)


async def forget_rival(connection: Connection, holder: UUID) -> None:
    """Stores that the moderators decided for the holder of an account."""
    await connection.execute("UPDATE linked_account SET has_rival = false WHERE id = $1", holder)
