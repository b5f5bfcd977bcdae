"""Tells who holds a lock of the database that somebody waits for, in words for an operator, and who waits."""

from typing import Final

import asyncpg

from directory.store.database import Connection

_SESSION: Final = "pid, application_name, client_addr, state, backend_start FROM pg_stat_activity"
_OF_ADVISORY_LOCK: Final = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND (classid::bigint << 32) | objid::bigint = "
)
_HOLDERS: Final = f"SELECT {_SESSION} WHERE pid IN ({_OF_ADVISORY_LOCK}$1 AND granted)"
_BLOCKERS: Final = (
    f"SELECT {_SESSION} WHERE pid IN (SELECT unnest(pg_blocking_pids(waiting.pid)) FROM pg_stat_activity waiting"
    " WHERE waiting.application_name = $1 AND waiting.datname = current_database())"
)


def waiting_for(advisory_lock: int) -> str:
    """Returns the SQL that finds the processes of the server whose sessions wait for an advisory lock."""
    return f"{_OF_ADVISORY_LOCK}{advisory_lock} AND NOT granted"


async def name_holders(connection: Connection, advisory_lock: int) -> str:
    """Names who holds an advisory lock; empty where nobody does."""
    return _words_of(await connection.fetch(_HOLDERS, advisory_lock))


async def name_blockers(connection: Connection, application: str) -> str:
    """Names whom the sessions of an application wait for; empty where they wait for nobody."""
    return _words_of(await connection.fetch(_BLOCKERS, application))


def _words_of(sessions: list[asyncpg.Record]) -> str:
    return " and ".join(_of_one(session) for session in sessions)


def _of_one(session: asyncpg.Record) -> str:
    """Of sessions of other roles the server shows little."""
    address, began = session["client_addr"], session["backend_start"]
    known = [
        session["application_name"],
        f"from {address}" if address else "",
        f"since {began:%Y-%m-%d %H:%M:%S %Z}" if began else "",
        session["state"],
    ]
    words = ", ".join(str(word) for word in known if word)
    return f"process {session['pid']} of the server" + (f" ({words})" if words else "")
