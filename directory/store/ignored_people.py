"""People whom a member does not want offered any more."""

from datetime import datetime
from typing import Final
from uuid import UUID

from directory.accounts import AccountNetwork
from directory.mappings import Network
from directory.store.account_columns import account_network_code
from directory.store.accounts import lock_member
from directory.store.database import Database

MAX_IGNORED: Final = 20_000
"""How many people one member can ignore on a network."""


class IgnoredPeopleStore:
    """Not trusted with more than it holds: whoever changes it can hide people from a member's plans, or show them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_ignored(self, member: UUID, network: Network) -> frozenset[str]:
        """Finds the ids of those whom a member ignores on a network."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT target_id FROM ignored_person WHERE member = $1 AND network = $2",
                member,
                _code(network),
            )
        return frozenset(row["target_id"] for row in rows)

    async def ignore(self, member: UUID, network: Network, target_id: str, now: datetime) -> bool:
        """Ignores somebody from now on. Returns False where the member ignores too many already. Raises MemberGone."""
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            done = await connection.execute(
                "INSERT INTO ignored_person (member, network, target_id, ignored_at) SELECT $1, $2, $3, $4"
                " WHERE (SELECT count(*) FROM ignored_person WHERE member = $1 AND network = $2) < $5"
                " ON CONFLICT DO NOTHING",
                member, _code(network), target_id, now, MAX_IGNORED,
            )  # fmt: skip
            known = await connection.fetchval(
                "SELECT true FROM ignored_person WHERE member = $1 AND network = $2 AND target_id = $3",
                member, _code(network), target_id,
            )  # fmt: skip
        return bool(done == "INSERT 0 1" or known)

    async def restore(self, member: UUID, network: Network, target_id: str) -> bool:
        """Offers somebody again. Returns whether they were ignored."""
        async with self._database.connection() as connection:
            gone = await connection.fetchval(
                "DELETE FROM ignored_person WHERE member = $1 AND network = $2 AND target_id = $3 RETURNING true",
                member, _code(network), target_id,
            )  # fmt: skip
        return bool(gone)


def _code(network: Network) -> int:
    return account_network_code(AccountNetwork(network.value))
