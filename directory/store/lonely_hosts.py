"""What is kept of a host goes with the last account on it: a server of one person names that person."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from directory.store.account_hosts import HOST_OF_ACCOUNT, IS_ON_MASTODON, host_in
from directory.store.database import Connection

_HOSTS: Final = f"""
SELECT {HOST_OF_ACCOUNT} AS host FROM linked_account
UNION SELECT split_part(handle_key, '@', 2) FROM linked_account WHERE {IS_ON_MASTODON}
"""
_HOSTS_OF: Final = f"""
SELECT {HOST_OF_ACCOUNT} AS host FROM linked_account WHERE {{condition}}
UNION SELECT split_part(handle_key, '@', 2) FROM linked_account WHERE {IS_ON_MASTODON} AND {{condition}}
UNION SELECT {host_in("issuer")} FROM token WHERE account IN (SELECT id FROM linked_account WHERE {{condition}})
"""
_LONELY: Final = f"host = ANY($1::text[]) AND host NOT IN ({_HOSTS})"


async def fetch_hosts_of_member(connection: Connection, member: UUID) -> list[str]:
    """Reads the hosts that a member's accounts name."""
    return await _hosts(connection, "member = $1", member)


async def fetch_hosts_of_account(connection: Connection, account: UUID) -> list[str]:
    """Reads the hosts that an account names."""
    return await _hosts(connection, "id = $1", account)


async def forget_lonely_hosts(connection: Connection, hosts: Collection[str]) -> None:
    """Deletes the app registrations and back-offs of those hosts that no account names any more.

    Called in the transaction that deleted the accounts. A sign-in under way and a revocation have what they need with
    them; the next sign-in registers anew. A back-off stays while a revocation waits for its host.
    """
    if not hosts:
        return
    await connection.execute(f"DELETE FROM mastodon_app WHERE {_LONELY}", hosts)
    await connection.execute(
        f"DELETE FROM host_backoff WHERE {_LONELY}"
        f" AND host NOT IN (SELECT {host_in('issuer')} FROM revocation)",
        hosts,
    )


async def _hosts(connection: Connection, condition: str, key: UUID) -> list[str]:
    rows = await connection.fetch(_HOSTS_OF.format(condition=condition), key)
    return [row["host"] for row in rows if row["host"]]
