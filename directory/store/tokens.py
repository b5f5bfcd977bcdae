"""Tokens of members, sealed, and the lease under which one is renewed.

A renewal asks a stranger's server, which may hang: so who renews a token holds no lock and no connection meanwhile. The
lease is in the row, by the database's clock. What was handed over, or kept anew, in that time is no longer the token that
was renewed (`token_hash`), and the result is refused.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from directory.errors import DirectoryUnavailable
from directory.members.errors import UnknownAccount
from directory.members.receipts import HandedOver
from directory.members.tokens import HELD_FOR_S, HOLD_TIMEOUT_S, WAIT_TIMEOUT_S, Token
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import NeedsSignIn
from directory.store.account_columns import account_network_of_code
from directory.store.accounts import plain_uuid
from directory.store.database import Connection, Database
from directory.store.purposes import purpose_code, purpose_of_code

TOKEN_TURN_LOCK: Final = 0x70617374
"""`past`: the class of the locks of single tokens; the second key is from the token's hash."""

LOOK_EVERY_S: Final = 0.25
"""While another renews the token."""
_HELD_FOR: Final = f"interval '{HELD_FOR_S} s'"
# A lease that ends later was written under a clock that ran ahead.
_IS_FREE: Final = (
    "(held_until IS NULL OR held_until <= clock_timestamp()"
    f" OR held_until > clock_timestamp() + 2 * {_HELD_FOR})"
)
_COLUMNS: Final = (
    "token.id, account, purpose, issuer, scopes, granted_at, refreshed_at, access_expires, sealed"
)


def _hand_over(condition: str) -> str:
    """Returns the statement that moves some tokens to the revocations; `$1` is now."""
    return (
        f"WITH gone AS (DELETE FROM token WHERE {condition} RETURNING id, account, issuer, token_hash, sealed)"
        " INSERT INTO revocation (id, network, issuer, token_hash, sealed, asked_at, next_at)"
        " SELECT gone.id, linked_account.network, gone.issuer, gone.token_hash, gone.sealed, $1, $1"
        " FROM gone JOIN linked_account ON linked_account.id = gone.account RETURNING network, issuer"
    )


_HAND_OVER_OF_MEMBER: Final = _hand_over("account IN (SELECT id FROM linked_account WHERE member = $2)")
_HAND_OVER_OF_ACCOUNT: Final = _hand_over("account = $2")
_HAND_OVER_ONE: Final = _hand_over("account = $2 AND purpose = $3")
_HAND_OVER_THIS: Final = _hand_over("id = $2 AND token_hash = $3")


class HeldToken:
    """A token that only its holder may renew, until its lease ends."""

    def __init__(self, database: Database, row: asyncpg.Record, limit: asyncio.Timeout) -> None:
        """`limit` breaks the holder off, unless it has something to keep."""
        self._database = database
        self._limit = limit
        self._hash: bytes = row["token_hash"]
        self._held_until: datetime = row["held_until"]
        self.token = _token_of(row)
        self.sealed: bytes = row["sealed"]

    async def replace(
        self, token_hash: bytes, sealed: bytes, now: datetime, access_expires: datetime | None
    ) -> bool:
        """Stores the renewed token, however late; durable once it returns. Returns False where the former one was handed over
        or replaced meanwhile: the renewed one is then nobody's."""
        self._limit.reschedule(None)  # the former one is spent
        async with self._database.transaction() as connection:
            await take_token_turn(connection, token_hash)
            is_replaced = await connection.fetchval(
                "UPDATE token SET token_hash = $3, sealed = $4, refreshed_at = $5, access_expires = $6"
                " WHERE id = $1 AND token_hash = $2 RETURNING true",
                self.token.id,
                self._hash,
                token_hash,
                sealed,
                now,
                access_expires,
            )
            if is_replaced:
                await need_token(connection, token_hash)
        return bool(is_replaced)

    async def give_back(self, now: datetime) -> None:
        """Hands a token over that cannot be renewed: the member has to sign in there again. That of an account which moved
        lives on at its former server unless it is revoked. One that was kept meanwhile stays."""
        async with self._database.connection() as connection:
            await connection.fetch(_HAND_OVER_THIS, now, self.token.id, self._hash)

    async def release(self) -> None:
        """Ends the lease, unless another's has begun. Where the database is gone it ends by itself."""
        with suppress(DirectoryUnavailable):
            async with self._database.connection() as connection:
                await connection.execute(
                    "UPDATE token SET held_until = NULL WHERE id = $1 AND held_until = $2",
                    self.token.id,
                    self._held_until,
                )


class TokenStore:
    """Trusted: whoever can change these rows can break what members permitted; sealed, they tell nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_token(self, token: Token, token_hash: bytes, sealed: bytes, now: datetime) -> None:
        """Stores a new token in place of the former one of that account and purpose, which is handed over.

        What waits to revoke the new token is dropped: also the former one, where its network gave the same token
        again. Raises UnknownAccount where the account is gone.
        """
        purpose = purpose_code(token.purpose)
        try:
            async with self._database.transaction() as connection:
                # The member's lock comes first, as in an erasure, which takes it before the tokens.
                if not await connection.fetchval(
                    "SELECT true FROM member JOIN linked_account a ON a.member = member.id"
                    " WHERE a.id = $1 FOR NO KEY UPDATE OF member",
                    token.account,
                ):
                    raise UnknownAccount
                await take_token_turn(connection, token_hash)
                await hand_over_token(connection, token.account, token.purpose, now)
                await need_token(connection, token_hash)
                await connection.execute(
                    "INSERT INTO token (id, account, purpose, issuer, scopes, granted_at, refreshed_at,"
                    " access_expires, token_hash, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                    token.id,
                    token.account,
                    purpose,
                    token.issuer,
                    token.scopes,
                    token.granted_at,
                    token.refreshed_at,
                    token.access_expires,
                    token_hash,
                    sealed,
                )
        except asyncpg.ForeignKeyViolationError:
            raise UnknownAccount from None

    async def read_token(self, account: UUID, purpose: Purpose) -> tuple[Token, bytes]:
        """Reads a token and its sealed secret. Raises NeedsSignIn."""
        async with self._database.connection() as connection:
            return await _read(connection, account, purpose)

    async def list_tokens(self, member: UUID) -> list[Token]:
        """Lists a member's tokens, without their secrets."""
        async with self._database.connection() as connection:
            return await fetch_tokens(connection, member)

    @asynccontextmanager
    async def hold_token(self, account: UUID, purpose: Purpose) -> AsyncIterator[HeldToken]:
        """Holds a token for the block: no other process holds it at the same time.

        A holder that waited reads the token as the one before left it. No connection is held meanwhile, and nothing
        that changes the token waits for the block. A process that was killed holds it for a minute. Raises
        NeedsSignIn, and TimeoutError after 15 s of waiting, or 45 s with the block.
        """
        async with asyncio.timeout(HOLD_TIMEOUT_S) as limit:
            async with asyncio.timeout(WAIT_TIMEOUT_S):
                while (held := await self._try_hold(account, purpose, limit)) is None:  # noqa: ASYNC110 - it is in the database
                    await asyncio.sleep(LOOK_EVERY_S)
            try:
                yield held
            finally:
                await held.release()

    async def _try_hold(self, account: UUID, purpose: Purpose, limit: asyncio.Timeout) -> HeldToken | None:
        """Returns None where another holds the token. Raises NeedsSignIn."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                f"UPDATE token SET held_until = clock_timestamp() + {_HELD_FOR}"
                f" WHERE account = $1 AND purpose = $2 AND {_IS_FREE}"
                f" RETURNING {_COLUMNS}, token_hash, held_until",
                account,
                purpose_code(purpose),
            )
            if row is None:
                await _read(connection, account, purpose)
                return None
        return HeldToken(self._database, row, limit)

    async def hand_over_token(self, account: UUID, purpose: Purpose, now: datetime) -> bool:
        """Hands a token over for revocation at its network; returns whether there was one."""
        async with self._database.transaction() as connection:
            return bool(await hand_over_token(connection, account, purpose, now))


async def need_token(connection: Connection, token_hash: bytes) -> None:
    """Drops what waits to revoke a token that is kept from now on.

    A revocation that may be at its network stays: once it is back, the token that was kept meanwhile is deleted.
    """
    await take_token_turn(connection, token_hash)
    await connection.execute("DELETE FROM revocation WHERE token_hash = $1 AND sent_at IS NULL", token_hash)


async def take_token_turn(connection: Connection, token_hash: bytes) -> None:
    """Keeps others from keeping or revoking the same token until the transaction ends.

    Taken after the member's row and before any row of this token.
    """
    await connection.execute(
        "SELECT pg_advisory_xact_lock($1, $2)",
        TOKEN_TURN_LOCK,
        int.from_bytes(token_hash[:4], "big", signed=True),
    )


async def hand_over_tokens_of_member(connection: Connection, member: UUID, now: datetime) -> list[HandedOver]:
    """Moves all tokens of a member to the revocations, with the same id and seal, also those that are held."""
    return _handed_over(await connection.fetch(_HAND_OVER_OF_MEMBER, now, member))


async def hand_over_tokens_of_account(
    connection: Connection, account: UUID, now: datetime
) -> list[HandedOver]:
    """Moves all tokens of an account to the revocations, as for a member."""
    return _handed_over(await connection.fetch(_HAND_OVER_OF_ACCOUNT, now, account))


async def hand_over_token(
    connection: Connection, account: UUID, purpose: Purpose, now: datetime
) -> list[HandedOver]:
    """Moves the token of an account and purpose, if there is one, to the revocations, as for a member."""
    return _handed_over(await connection.fetch(_HAND_OVER_ONE, now, account, purpose_code(purpose)))


def _handed_over(rows: list[asyncpg.Record]) -> list[HandedOver]:
    return [HandedOver(account_network_of_code(row["network"]), row["issuer"]) for row in rows]


async def fetch_tokens(connection: Connection, member: UUID) -> list[Token]:
    """Reads a member's tokens, without their secrets."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM token JOIN linked_account ON linked_account.id = token.account"
        " WHERE linked_account.member = $1 ORDER BY granted_at, token.id",
        member,
    )
    return [_token_of(row) for row in rows]


async def _read(connection: Connection, account: UUID, purpose: Purpose) -> tuple[Token, bytes]:
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM token WHERE account = $1 AND purpose = $2",
        account,
        purpose_code(purpose),
    )
    if row is None:
        raise NeedsSignIn("", "no permission is kept for this account")
    return _token_of(row), row["sealed"]


def _token_of(row: asyncpg.Record) -> Token:
    return Token(
        id=plain_uuid(row["id"]),
        account=plain_uuid(row["account"]),
        purpose=purpose_of_code(row["purpose"]),
        issuer=row["issuer"],
        scopes=row["scopes"],
        granted_at=row["granted_at"],
        refreshed_at=row["refreshed_at"],
        access_expires=row["access_expires"],
    )
