"""Reads what is stored of a member's follows, for their export."""

from typing import Final
from uuid import UUID

from directory.follows.runs import IgnoredPerson, Item
from directory.mappings import Network
from directory.store.account_columns import account_network_of_code
from directory.store.accounts import plain_uuid
from directory.store.database import Connection
from directory.store.follow_items import COLUMNS, item_of

_ITEMS: Final = (
    f"SELECT r.id AS run, {COLUMNS} FROM follow_item i JOIN follow_run r ON r.id = i.run"
    " WHERE r.member = $1 ORDER BY i.run, i.number"
)


async def fetch_items_of_member(connection: Connection, member: UUID) -> list[tuple[UUID, Item]]:
    """Reads the people of all runs of a member, each with its run."""
    return [(plain_uuid(row["run"]), item_of(row)) for row in await connection.fetch(_ITEMS, member)]


async def fetch_ignored(connection: Connection, member: UUID) -> list[IgnoredPerson]:
    """Reads whom a member does not want offered, the first ignored first."""
    rows = await connection.fetch(
        "SELECT network, target_id, ignored_at FROM ignored_person WHERE member = $1 ORDER BY ignored_at, id",
        member,
    )
    return [
        IgnoredPerson(
            Network(account_network_of_code(row["network"]).value), row["target_id"], row["ignored_at"]
        )
        for row in rows
    ]
