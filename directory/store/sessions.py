"""Sessions of members, stored under the hash of their token."""

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from directory.accounts import LinkedAccount
from directory.clock import CLOCK_SLACK
from directory.members.errors import UnknownAccount
from directory.members.sessions import (
    MAX_LABEL_CHARS,
    MAX_SESSIONS,
    SESSION_IDLE,
    SESSION_LIFE,
    Session,
)
from directory.store.accounts import IS_NOT_LAPSED, lock_member, plain_uuid
from directory.store.database import Connection, Database

_COLUMNS: Final = "id, member, account, label, created, used_at"


class SessionStore:
    """Trusted: whoever can add a row can sign in as any member. Reading the rows tells no token."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start_session(
        self,
        account: LinkedAccount,
        token_hash: bytes,
        label: str,
        now: datetime,
        *,
        former: bytes | None = None,
    ) -> Session:
        """Starts a session with an account; the one that the same browser had before (`former`) ends.

        Raises MemberGone, and UnknownAccount where the account was unlinked or lapsed since it was proven.
        """
        async with self._database.transaction() as connection:
            # Under the lock of all changes to a member: no account lapses while a session begins with it.
            await lock_member(connection, account.member)
            if former is not None:
                await connection.execute("DELETE FROM member_session WHERE token_hash = $1", former)
            row = await connection.fetchrow(
                "INSERT INTO member_session (id, member, account, token_hash, label, created, used_at)"
                " SELECT $1, member, id, $4, $5, $6, $6 FROM linked_account"
                f" WHERE member = $2 AND id = $3 AND {IS_NOT_LAPSED} RETURNING {_COLUMNS}",
                uuid4(),
                account.member,
                account.id,
                token_hash,
                label[:MAX_LABEL_CHARS],
                now,
            )
            if row is None:
                raise UnknownAccount
            await connection.execute(
                "DELETE FROM member_session WHERE id IN (SELECT id FROM member_session WHERE member = $1"
                " ORDER BY used_at DESC, created DESC OFFSET $2)",
                account.member,
                MAX_SESSIONS,
            )
        return _session_of(row)

    async def find_session(self, token_hash: bytes, now: datetime) -> Session | None:
        """Finds the live session of a token. Returns None where there is none. Its last use is stored at most
        once an hour."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM member_session WHERE token_hash = $1", token_hash
            )
            session = _session_of(row) if row is not None else None
            if session is None or not session.is_live(now):
                return None
            if session.is_to_be_touched(now):
                await connection.execute(
                    "UPDATE member_session SET used_at = $2 WHERE id = $1 AND used_at = $3",
                    session.id,
                    now,
                    session.used_at,
                )
        return session

    async def list_sessions(self, member: UUID, now: datetime) -> list[Session]:
        """Lists a member's live sessions, the last used first."""
        async with self._database.connection() as connection:
            sessions = await fetch_sessions(connection, member)
        return [session for session in sessions if session.is_live(now)]

    async def end_session(self, member: UUID, session: UUID) -> bool:
        """Ends one of a member's own sessions; returns whether there was one."""
        async with self._database.connection() as connection:
            ended = await connection.fetchval(
                "DELETE FROM member_session WHERE id = $1 AND member = $2 RETURNING true", session, member
            )
        return bool(ended)

    async def end_session_of_token(self, token_hash: bytes) -> None:
        """Ends the session of a token."""
        async with self._database.connection() as connection:
            await connection.execute("DELETE FROM member_session WHERE token_hash = $1", token_hash)

    async def end_all_sessions(self, member: UUID, *, but: UUID | None = None) -> int:
        """Ends all sessions of a member, or all but one; returns how many."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "DELETE FROM member_session WHERE member = $1 AND id IS DISTINCT FROM $2 RETURNING id",
                member,
                but,
            )
        return len(rows)

    async def purge_sessions(self, now: datetime) -> int:
        """Deletes expired sessions; returns how many."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "DELETE FROM member_session WHERE used_at <= $1 OR created <= $2 OR created > $3 RETURNING id",
                now - SESSION_IDLE,
                now - SESSION_LIFE,
                now + CLOCK_SLACK,
            )
        return len(rows)


async def fetch_sessions(connection: Connection, member: UUID) -> list[Session]:
    """Reads all sessions of a member, live or not."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM member_session WHERE member = $1 ORDER BY used_at DESC, created DESC, id",
        member,
    )
    return [_session_of(row) for row in rows]


def _session_of(row: asyncpg.Record) -> Session:
    return Session(
        plain_uuid(row["id"]),
        plain_uuid(row["member"]),
        plain_uuid(row["account"]),
        row["label"],
        row["created"],
        row["used_at"],
    )
