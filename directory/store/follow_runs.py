"""Follow runs: stored, claimed for a step, and moved along the table of moves."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from directory.accounts import AccountNetwork
from directory.follows.runs import Budget, Run, RunKind, Source
from directory.follows.states import OPEN, RUN_MOVES, ItemState, RunMove, RunState
from directory.mappings import Network
from directory.store.account_columns import account_network_code, account_network_of_code
from directory.store.accounts import plain_uuid
from directory.store.database import Connection, Database
from directory.store.leases import Lease, LeasedTable

RUN_LEASE: Final = timedelta(minutes=2)
"""For so long a run waits after a process that was killed. A step takes half of it at most."""
CALL_LIMIT: Final = RUN_LEASE / 2
"""So long after somebody was marked as sent, the call that follows them is over."""
KEEP_ENDED: Final = timedelta(days=180)
"""How long an ended run can be looked at and undone."""
FARTHEST: Final = timedelta(hours=26)
"""No step is put off for longer: a network asks for a day at most."""
MAX_PURGED: Final = 20
"""Runs that one step of housekeeping deletes: each can have a hundred thousand people."""
_COLUMNS: Final = "id, member, account, network, host, kind, source, title, state, created_at, starts_at, next_at, ended_at, is_read, note"
_BUDGET: Final = "hour_began, hour_spent, day_began, day_spent, not_before"
_AT_WORK: Final = f"({RunState.PLANNED:d}, {RunState.RUNNING:d}, {RunState.UNDOING:d})"
"""As the partial index spells it."""
FOLLOW_RUNS: Final = LeasedTable(
    name="follow_run",
    lease=RUN_LEASE,
    waits=f"follow_run.state IN {_AT_WORK}",
    ending=None,
    hosts="ARRAY[follow_run.host]",
    heeds_backoff=True,
)


async def insert_run(connection: Connection, run: Run) -> bool:
    """Inserts a run. Returns False where its account has an open one already: two browsers started the same."""
    try:
        async with connection.transaction():
            await connection.execute(
                f"INSERT INTO follow_run ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                run.id, run.member, run.account, _code_of(run.network), run.host, run.kind.value, run.source.value,
                run.title, run.state.value, run.created_at, run.starts_at, run.next_at, run.ended_at, run.is_read,
                run.note,
            )  # fmt: skip
    except asyncpg.UniqueViolationError:
        return False
    return True


async def fetch_run(connection: Connection, member: UUID, run: UUID) -> Run | None:
    """Fetches a run of a member. Returns None where the member has no such run."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM follow_run WHERE id = $1 AND member = $2", run, member
    )
    return None if row is None else run_of(row)


async def fetch_runs(connection: Connection, member: UUID) -> list[Run]:
    """Fetches all runs of a member, the newest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM follow_run WHERE member = $1 ORDER BY created_at DESC, id", member
    )
    return list(map(run_of, rows))


async def find_open_run(connection: Connection, account: UUID) -> Run | None:
    """Finds the open run of an account. Returns None where there is none."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM follow_run WHERE account = $1 AND state = ANY($2::smallint[])",
        account, [state.value for state in OPEN],
    )  # fmt: skip
    return None if row is None else run_of(row)


async def fetch_open_runs(connection: Connection, limit: int) -> list[Run]:
    """Fetches open runs of all members, those due first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM follow_run WHERE state = ANY($1::smallint[]) ORDER BY next_at, id LIMIT $2",
        [state.value for state in OPEN],
        limit,
    )
    return list(map(run_of, rows))


async def claim_run(connection: Connection, now: datetime, busy: Collection[str]) -> tuple[Run, int] | None:
    """Claims the run that has been due for longest. Returns it with the number of the attempt; None where none is due."""
    rows = await FOLLOW_RUNS.claim(connection, now, 1, f"{_COLUMNS}, attempts", busy)
    return (run_of(rows[0]), rows[0]["attempts"]) if rows else None


async def landed_at(connection: Connection, account: UUID, now: datetime) -> datetime:
    """Returns when the calls that an account's runs may still have under way are over: now, or soon."""
    sent = await connection.fetchval(
        "SELECT max(i.changed_at) FROM follow_item i JOIN follow_run r ON r.id = i.run"
        f" WHERE r.account = $1 AND i.state = {ItemState.SENT:d}",
        account,
    )
    return now if sent is None else min(max(now, sent + CALL_LIMIT), now + CALL_LIMIT)


async def wait_for_calls(connection: Connection, run: UUID, account: UUID, now: datetime) -> None:
    """Has a run wait until the calls of its account that may be under way are over."""
    landed = await landed_at(connection, account, now)
    await connection.execute(
        "UPDATE follow_run SET next_at = GREATEST(next_at, $2) WHERE id = $1", run, landed
    )


async def move_run(
    connection: Connection, run: UUID, move: RunMove, now: datetime, *, note: str = ""
) -> bool:
    """Moves a run, which is due at once where it is at work then. A step that is under way counts no more.

    One that is resumed reads anew who is followed already. Returns False where its state does not allow the move.
    """
    steps = RUN_MOVES[move]
    (after,) = set(steps.values())
    moved = await connection.fetchval(
        "UPDATE follow_run SET state = $3, note = $4, next_at = $5::timestamptz, ended_at = CASE WHEN $6 THEN NULL ELSE $5::timestamptz END,"
        " is_read = is_read AND NOT $7,"
        " attempts = attempts + 1 WHERE id = $1 AND state = ANY($2::smallint[]) RETURNING true",
        run, [state.value for state in steps], after.value, note, now, after in OPEN,
        move is RunMove.RESUME,
    )  # fmt: skip
    return bool(moved)


async def set_read(connection: Connection, run: UUID, *, is_read: bool = True) -> None:
    """Notes that those who are followed already were read, or have to be read anew."""
    await connection.execute("UPDATE follow_run SET is_read = $2 WHERE id = $1", run, is_read)


async def set_host(connection: Connection, run: UUID, host: str) -> None:
    """Notes which host the run asks."""
    await connection.execute("UPDATE follow_run SET host = $2 WHERE id = $1", run, host)


async def reschedule_run(connection: Connection, lease: Lease, due: datetime, note: str) -> bool:
    """Ends a step and makes the next one due; `note` tells why it waits. Returns False where the step counts no more."""
    done = await connection.fetchval(
        "UPDATE follow_run SET next_at = $3, note = $4 WHERE id = $1 AND attempts = $2 RETURNING true",
        *lease, due, note,
    )  # fmt: skip
    return bool(done)


async def poke_run(connection: Connection, run: UUID, now: datetime) -> bool:
    """Makes the next step of a run due now. Returns False where it is not at work."""
    done = await connection.fetchval(
        f"UPDATE follow_run SET next_at = $2, note = '', attempts = attempts + 1"
        f" WHERE id = $1 AND state IN {_AT_WORK} RETURNING true",
        run,
        now,
    )
    return bool(done)


async def mend_schedules(connection: Connection, now: datetime) -> int:
    """Makes runs due now that a clock which ran ahead put off for longer than any run waits. Returns how many."""
    rows = await connection.fetch(
        f"UPDATE follow_run SET next_at = $1 WHERE state IN {_AT_WORK} AND state <> {RunState.PLANNED:d}"
        " AND next_at > $2 RETURNING true",
        now, now + FARTHEST,
    )  # fmt: skip
    return len(rows)


async def lock_budget(connection: Connection, account: UUID, now: datetime) -> Budget:
    """Locks and loads what an account has spent; it begins with nothing."""
    await connection.execute(
        "INSERT INTO follow_budget (account, hour_began, day_began) VALUES ($1, $2, $2) ON CONFLICT DO NOTHING",
        account, now,
    )  # fmt: skip
    row = await connection.fetchrow(
        f"SELECT {_BUDGET} FROM follow_budget WHERE account = $1 FOR UPDATE", account
    )
    assert row is not None  # noqa: S101 - it was inserted above, and its account is locked by the run
    return Budget(**row)


async def find_budget(connection: Connection, account: UUID) -> Budget | None:
    """Finds what an account has spent. Returns None where it never followed."""
    row = await connection.fetchrow(f"SELECT {_BUDGET} FROM follow_budget WHERE account = $1", account)
    return None if row is None else Budget(**row)


async def save_budget(connection: Connection, account: UUID, budget: Budget) -> None:
    """Saves what an account has spent."""
    await connection.execute(
        "UPDATE follow_budget SET hour_began = $2, hour_spent = $3, day_began = $4, day_spent = $5, not_before = $6"
        " WHERE account = $1",
        account, budget.hour_began, budget.hour_spent, budget.day_began, budget.day_spent, budget.not_before,
    )  # fmt: skip


async def purge_runs(database: Database, now: datetime, limit: int, *, lived: datetime) -> int:
    """Deletes runs that ended long ago by the time `lived`, with the people in them. Returns how many. Also mends
    schedules."""
    async with database.connection() as connection:
        await mend_schedules(connection, now)
        rows = await connection.fetch(
            "DELETE FROM follow_run WHERE id = ANY(ARRAY(SELECT id FROM follow_run WHERE ended_at IS NOT NULL"
            " AND ended_at < $1 LIMIT $2)) RETURNING true",
            lived - KEEP_ENDED,
            min(limit, MAX_PURGED),
        )
    return len(rows)


def run_of(row: asyncpg.Record) -> Run:
    """Reads a row."""
    return Run(
        id=plain_uuid(row["id"]),
        member=plain_uuid(row["member"]),
        account=plain_uuid(row["account"]),
        network=Network(account_network_of_code(row["network"]).value),
        host=row["host"],
        kind=RunKind(row["kind"]),
        source=Source(row["source"]),
        title=row["title"],
        state=RunState(row["state"]),
        created_at=row["created_at"],
        starts_at=row["starts_at"],
        next_at=row["next_at"],
        ended_at=row["ended_at"],
        is_read=row["is_read"],
        note=row["note"],
    )


def _code_of(network: Network) -> int:
    return account_network_code(AccountNetwork(network.value))
