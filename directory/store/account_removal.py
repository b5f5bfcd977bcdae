"""Removes accounts: unlinked, handed over, or taken over from a member whose proof of it lapsed."""

from datetime import datetime

from directory.accounts import LinkedAccount
from directory.store.accounts import update_rechecks
from directory.store.challenges import let_go_of_proofs
from directory.store.database import Connection
from directory.store.lonely_hosts import fetch_hosts_of_account, forget_lonely_hosts
from directory.store.publication_rows import withdraw_all_of_account
from directory.store.tokens import hand_over_tokens_of_account


async def remove_account(connection: Connection, account: LinkedAccount, now: datetime) -> None:
    """Deletes an account: its publications are withdrawn, its tokens handed over for revocation, and the sessions
    that began with it end; which post has proven it is forgotten. The member is locked."""
    hosts = await fetch_hosts_of_account(connection, account.id)
    await withdraw_all_of_account(connection, account.id)
    await hand_over_tokens_of_account(connection, account.id, now)
    await connection.execute("DELETE FROM linked_account WHERE id = $1", account.id)
    if account.x is not None:
        await let_go_of_proofs(connection, account.member)
    await forget_lonely_hosts(connection, hosts)
    await update_rechecks(connection, account.member, now)
