"""The people of follow runs: written by COPY, changed many at a time, each change along the table of moves.

The caller holds a transaction, and the lease of the run where it changes anything.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from directory.follows.port import Outcome
from directory.follows.reasons import Reason
from directory.follows.runs import Counts, Item, Wanted
from directory.follows.states import ITEM_MOVES, ItemMove, ItemState
from directory.identifiers import XHandle, XId
from directory.queries import Lists, Query
from directory.store.account_columns import read_target_account
from directory.store.copying import few_at_a_time
from directory.store.database import Connection

_COPIED: Final = (
    "run", "number", "target_id", "target_handle", "x_id", "x_handle", "x_seen", "lists", "is_ticked", "changed_at",
)  # fmt: skip
COLUMNS: Final = (
    "i.number, i.target_id, i.target_handle, i.x_id, i.x_handle, i.x_seen, i.lists, i.is_ticked, i.state, i.reason,"
    " i.remote, i.looks, i.changed_at, r.network"
)
"""What `item_of` reads: `i` is the item, `r` its run."""
_SELECT: Final = f"SELECT {COLUMNS} FROM follow_item i JOIN follow_run r ON r.id = i.run"
_LEFT: Final = f"({ItemState.PENDING:d}, {ItemState.SENT:d}, {ItemState.UNDOING:d})"
"""As the partial index spells it."""


class RunItems:
    """The people of one run. Trusted: whoever can change these rows can have a member follow anybody."""

    def __init__(self, connection: Connection, run: UUID) -> None:
        self._connection = connection
        self._run = run

    async def insert(self, wanted: Iterable[Wanted], now: datetime, *, first: int = 0) -> None:
        """Inserts the people of a plan, each of another account, by COPY."""
        rows = (
            (
                self._run, number, str(each.account.id), str(each.account.handle),
                each.query.x_id.value if each.query.x_id else None,
                str(each.query.x_handle) if each.query.x_handle else "",
                each.query.seen, each.query.lists.value, each.is_ticked, now,
            )
            for number, each in enumerate(wanted, first)
        )  # fmt: skip
        await self._connection.copy_records_to_table(
            "follow_item", records=few_at_a_time(rows), columns=_COPIED
        )

    async def fetch(self, state: ItemState, limit: int, *, after: int = -1) -> list[Item]:
        """Fetches people in a state, in the order of the plan, behind number `after`."""
        rows = await self._connection.fetch(
            f"{_SELECT} WHERE i.run = $1 AND i.state = $2 AND i.number > $3 ORDER BY i.number LIMIT $4",
            self._run, state, after, limit,
        )  # fmt: skip
        return [item_of(row) for row in rows]

    async def fetch_page(self, after: int, limit: int) -> list[Item]:
        """Fetches people in any state, in the order of the plan, behind number `after`."""
        rows = await self._connection.fetch(
            f"{_SELECT} WHERE i.run = $1 AND i.number > $2 ORDER BY i.number LIMIT $3",
            self._run,
            after,
            limit,
        )
        return [item_of(row) for row in rows]

    async def move(
        self,
        move: ItemMove,
        numbers: Sequence[int],
        now: datetime,
        *,
        remotes: Sequence[str] = (),
        reason: Reason = Reason.NONE,
    ) -> list[int]:
        """Moves items that are in a state from which the move leads. Returns the numbers of those that it moved, in order.

        `remotes` are in the order of `numbers`; an empty one leaves what is known.
        """
        steps = ITEM_MOVES[move]
        (after,) = set(steps.values())
        rows = await self._connection.fetch(
            "UPDATE follow_item i SET state = $4, reason = $5, changed_at = $6,"
            " remote = CASE WHEN m.remote = '' THEN i.remote ELSE m.remote END, looks = 0"
            " FROM unnest($2::int[], $7::text[]) AS m (number, remote)"
            " WHERE i.run = $1 AND i.number = m.number AND i.state = ANY($3::smallint[]) RETURNING i.number",
            self._run, list(numbers), [state.value for state in steps], after.value, reason.value, now,
            list(remotes) or [""] * len(numbers),
        )  # fmt: skip
        return sorted(row["number"] for row in rows)

    async def move_all(self, move: ItemMove, now: datetime, *, reason: Reason = Reason.NONE) -> int:
        """Moves all items of a run that are in a state from which the move leads. Returns how many."""
        steps = ITEM_MOVES[move]
        (after,) = set(steps.values())
        done: str = await self._connection.execute(
            "UPDATE follow_item SET state = $3, reason = $4, changed_at = $5, looks = 0"
            " WHERE run = $1 AND state = ANY($2::smallint[])",
            self._run, [state.value for state in steps], after.value, reason.value, now,
        )  # fmt: skip
        return int(done.rpartition(" ")[2])

    async def find_already(self, ids: Sequence[str], handle_keys: Sequence[str], now: datetime) -> int:
        """Marks those as followed already who are, by id, or by handle in lower case where the network tells no id. Returns
        how many."""
        done: str = await self._connection.execute(
            "UPDATE follow_item SET state = $4, reason = $5, changed_at = $6 WHERE run = $1 AND state = $7"
            " AND (target_id = ANY($2::text[]) OR lower(target_handle) = ANY($3::text[]))",
            self._run, list(ids), list(handle_keys), ItemState.ALREADY.value, Reason.ALREADY_FOLLOWED.value, now,
            ItemState.PENDING.value,
        )  # fmt: skip
        return int(done.rpartition(" ")[2])

    async def count_look(self, outcomes: Iterable[Outcome], now: datetime) -> None:
        """Counts one more look at items that are still only sent."""
        numbers = [each.number for each in outcomes]
        await self._connection.execute(
            "UPDATE follow_item SET looks = looks + 1, changed_at = $3 WHERE run = $1 AND number = ANY($2::int[])",
            self._run, numbers, now,
        )  # fmt: skip

    async def count(self) -> Counts:
        """Counts the items of a run by state and reason."""
        rows = await self._connection.fetch(
            "SELECT state, reason, count(*) AS n FROM follow_item WHERE run = $1 GROUP BY state, reason",
            self._run,
        )
        states: dict[ItemState, int] = {}
        reasons: dict[Reason, int] = {}
        for row in rows:
            state, reason = ItemState(row["state"]), Reason(row["reason"])
            states[state] = states.get(state, 0) + row["n"]
            if reason is not Reason.NONE:
                reasons[reason] = reasons.get(reason, 0) + row["n"]
        return Counts(states, reasons)

    async def has_left(self) -> bool:
        """Tells whether anything of a run is pending, sent or being taken back."""
        sql = f"SELECT EXISTS (SELECT FROM follow_item WHERE run = $1 AND state IN {_LEFT})"
        return bool(await self._connection.fetchval(sql, self._run))


def item_of(row: asyncpg.Record) -> Item:
    """Reads a row, with the network of its run."""
    return Item(
        number=row["number"],
        account=read_target_account(row["network"], row["target_id"], row["target_handle"]),
        query=Query(
            XId(row["x_id"]) if row["x_id"] is not None else None,
            XHandle(row["x_handle"]) if row["x_handle"] else None,
            Lists(row["lists"]),
            row["x_seen"],
        ),
        is_ticked=row["is_ticked"],
        state=ItemState(row["state"]),
        reason=Reason(row["reason"]),
        remote=row["remote"],
        looks=row["looks"],
        changed_at=row["changed_at"],
    )
