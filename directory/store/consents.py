"""Consents: a row for each time that one was given. A row is ended, never changed, but that one from the future is from now."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from directory.clock import CLOCK_SLACK
from directory.members.consents import (
    PRESENT_VERSION,
    Consent,
    ConsentEnd,
    ConsentKind,
    check_version,
    expiry_of,
)
from directory.members.errors import ConsentMissing
from directory.members.newcomer_messages import MessageState
from directory.store.accounts import lock_member, plain_uuid, update_rechecks
from directory.store.database import Connection, Database
from directory.store.publication_rows import withdraw_all_of_member
from directory.store.standing_ends import end_standing

_STOP_MESSAGES: Final = (
    f"UPDATE newcomer_message SET state = {MessageState.STOPPED.value}"
    f" WHERE member = $1 AND state = {MessageState.ACTIVE.value}"
)
_COLUMNS: Final = "member, kind, version, given_at, expires, ended_at, ended_by"


class ConsentStore:
    """Trusted: whoever can change these rows can make the instance act without a member's consent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def give_consent(self, member: UUID, kind: ConsentKind, version: int, now: datetime) -> Consent:
        """Gives or renews a consent. Raises MemberGone, ConsentOutdated."""
        check_version(kind, version)
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            return await give_consent(connection, member, kind, now)

    async def withdraw_consent(self, member: UUID, kind: ConsentKind, now: datetime) -> bool:
        """Ends a consent and what rests on it: publications are withdrawn, kept lists deleted and nobody followed
        by them any more, messages stopped. Raises MemberGone.

        Returns whether the consent held until now.
        """
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            was_given = await _end(connection, member, kind, ConsentEnd.WITHDRAWN, now)
            if kind is ConsentKind.PUBLISH:
                await withdraw_all_of_member(connection, member)
                await update_rechecks(connection, member, now)
            if kind is ConsentKind.KEEP_FOLLOW_LIST:
                await connection.execute("DELETE FROM follow_list WHERE member = $1", member)
                await end_standing(connection, member, now)
            if kind is ConsentKind.ANNOUNCE_NEWCOMERS:
                await connection.execute(_STOP_MESSAGES, member)
        return was_given

    async def list_consents(self, member: UUID) -> list[Consent]:
        """Lists all consents that a member ever gave, the oldest first."""
        async with self._database.connection() as connection:
            return await fetch_consents(connection, member)

    async def end_expired_consents(self, now: datetime, limit: int) -> int:
        """Ends expired consents, and deletes the lists that rest on them; returns how many consents ended."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                "UPDATE consent SET ended_at = expires, ended_by = $3 WHERE id IN (SELECT id FROM consent"
                " WHERE ended_at IS NULL AND expires <= $1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED)"
                " RETURNING member, kind",
                now,
                limit,
                ConsentEnd.EXPIRED,
            )
            members = [row["member"] for row in rows if row["kind"] == ConsentKind.KEEP_FOLLOW_LIST]
            await connection.execute("DELETE FROM follow_list WHERE member = ANY($1::uuid[])", members)
        return len(rows)


async def bring_consents_back(connection: Connection, now: datetime) -> None:
    """Makes consents that were given under a clock which ran ahead ones of now: they last as long as any from now on."""
    await connection.execute(
        "UPDATE consent SET given_at = $1::timestamptz, expires = expires - (given_at - $1::timestamptz)"
        " WHERE ended_at IS NULL AND given_at > $2",
        now,
        now + CLOCK_SLACK,
    )


async def fetch_consents(connection: Connection, member: UUID) -> list[Consent]:
    """Reads all consents of a member, the oldest first."""
    rows = await connection.fetch(f"SELECT {_COLUMNS} FROM consent WHERE member = $1 ORDER BY id", member)
    return [_consent_of(row) for row in rows]


async def find_consent(
    connection: Connection, member: UUID, kind: ConsentKind, now: datetime
) -> Consent | None:
    """Finds the consent that holds now, and keeps its row from ending until the transaction ends. Returns None
    where none does."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM consent WHERE member = $1 AND kind = $2 AND ended_at IS NULL FOR SHARE",
        member,
        kind,
    )
    consent = _consent_of(row) if row is not None else None
    return consent if consent is not None and consent.holds(now) else None


async def require_consent(
    connection: Connection, member: UUID, kind: ConsentKind, version: int | None, now: datetime
) -> Consent:
    """Returns the consent that holds; gives it now where `version` is that of the present text. The member is
    locked.

    Raises ConsentMissing, ConsentOutdated.
    """
    held = await find_consent(connection, member, kind, now)
    if version is not None:
        check_version(kind, version)
        if held is None or held.version != version:
            return await give_consent(connection, member, kind, now)
    if held is None:
        raise ConsentMissing
    return held


async def give_consent(connection: Connection, member: UUID, kind: ConsentKind, now: datetime) -> Consent:
    """Stores a consent to the present text; the member is locked."""
    await _end(connection, member, kind, ConsentEnd.RENEWED, now)
    row = await connection.fetchrow(
        "INSERT INTO consent (member, kind, version, given_at, expires) VALUES ($1, $2, $3, $4, $5)"
        f" RETURNING {_COLUMNS}",
        member,
        kind,
        PRESENT_VERSION[kind],
        now,
        expiry_of(kind, now),
    )
    if row is None:
        raise ConsentMissing
    return _consent_of(row)


async def _end(
    connection: Connection, member: UUID, kind: ConsentKind, end: ConsentEnd, now: datetime
) -> bool:
    """Ends the open consent. Returns False where there was none, or it had expired before."""
    ended = await connection.fetchval(
        "UPDATE consent SET ended_at = LEAST($4, expires),"
        " ended_by = CASE WHEN expires <= $4 THEN $5::smallint ELSE $3::smallint END"
        " WHERE member = $1 AND kind = $2 AND ended_at IS NULL RETURNING ended_by",
        member,
        kind,
        end,
        now,
        ConsentEnd.EXPIRED,
    )
    return bool(ended == end)


def _consent_of(row: asyncpg.Record) -> Consent:
    return Consent(
        member=plain_uuid(row["member"]),
        kind=ConsentKind(row["kind"]),
        version=row["version"],
        given_at=row["given_at"],
        expires=row["expires"],
        ended_at=row["ended_at"],
        ended_by=ConsentEnd(row["ended_by"]) if row["ended_by"] is not None else None,
    )
