"""Sign-ins under way: stored when a browser leaves for a network, deleted at its first return."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from directory.accounts import AccountNetwork
from directory.clock import CLOCK_SLACK
from directory.members.errors import MemberGone
from directory.members.sign_ins import MAX_SIGN_INS, SIGN_IN_LIFE
from directory.networks.port import Purpose
from directory.store.account_columns import account_network_code, account_network_of_code
from directory.store.accounts import plain_uuid
from directory.store.database import Database
from directory.store.purposes import purpose_code, purpose_of_code

PURGE_LIMIT: Final = 10_000


class SignInRow(msgspec.Struct, frozen=True):
    """A sign-in as it is stored: hashes and a sealed message."""

    id: UUID
    state_hash: bytes
    browser_hash: bytes
    purpose: Purpose
    network: AccountNetwork
    member: UUID | None
    sealed: bytes


class SignInStore:
    """Trusted: whoever can add rows can have another person's sign-in end in their own browser."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_sign_in(self, row: SignInRow, now: datetime) -> None:
        """Stores a sign-in for ten minutes; a browser's eleventh replaces its oldest. Raises MemberGone."""
        try:
            async with self._database.transaction() as connection:
                await connection.execute(
                    "DELETE FROM sign_in WHERE id IN (SELECT id FROM sign_in WHERE browser_hash = $1"
                    " ORDER BY expires DESC OFFSET $2)",
                    row.browser_hash,
                    MAX_SIGN_INS - 1,
                )
                await connection.execute(
                    "INSERT INTO sign_in (id, state_hash, browser_hash, purpose, network, member, sealed, expires)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                    row.id,
                    row.state_hash,
                    row.browser_hash,
                    purpose_code(row.purpose),
                    account_network_code(row.network),
                    row.member,
                    row.sealed,
                    now + SIGN_IN_LIFE,
                )
        except asyncpg.ForeignKeyViolationError:
            raise MemberGone from None

    async def take_sign_in(self, state_hash: bytes, browser_hash: bytes, now: datetime) -> SignInRow | None:
        """Takes the sign-in that this browser began with this state: it is deleted and returned.

        Returns None where there is none, or it expired, as one does that a clock which ran ahead has stored. The state in another browser leaves the sign-in as it
        is.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                "DELETE FROM sign_in WHERE state_hash = $1 AND browser_hash = $2"
                " RETURNING id, purpose, network, member, sealed, expires",
                state_hash,
                browser_hash,
            )
        if row is None or not now < row["expires"] <= _latest(now):
            return None
        return SignInRow(
            plain_uuid(row["id"]),
            state_hash,
            browser_hash,
            purpose_of_code(row["purpose"]),
            account_network_of_code(row["network"]),
            plain_uuid(row["member"]) if row["member"] is not None else None,
            row["sealed"],
        )

    async def purge_sign_ins(self, now: datetime) -> int:
        """Deletes expired sign-ins, at most 10,000 at a time; returns how many."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "DELETE FROM sign_in WHERE id IN (SELECT id FROM sign_in WHERE expires <= $1 OR expires > $2 LIMIT $3)"
                " RETURNING id",
                now,
                _latest(now),
                PURGE_LIMIT,
            )
        return len(rows)


def _latest(now: datetime) -> datetime:
    """Returns when the newest sign-in expires that clocks as they should be have stored."""
    return now + SIGN_IN_LIFE + CLOCK_SLACK
