"""The people of follow runs: written by COPY, changed many at a time, each change along the table of moves.

The caller holds a transaction, and the lease of the run where it changes anything.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from directory.accounts import TargetAccount
from directory.follows.port import Followed
from directory.follows.reasons import Reason
from directory.follows.runs import Counts, Item, Wanted
from directory.follows.states import ITEM_MOVES, ItemMove, ItemState
from directory.identifiers import XHandle, XId
from directory.queries import Lists, Query
from directory.store.account_columns import read_target_account
from directory.store.copying import copy_rows, few_at_a_time
from directory.store.database import Connection

_COPIED: Final = (
    "run", "number", "target_id", "target_handle", "x_id", "x_handle", "x_seen", "lists", "is_ticked", "bridge_of", "changed_at",
)  # fmt: skip
COLUMNS: Final = (
    "i.number, i.target_id, i.target_handle, i.x_id, i.x_handle, i.x_seen, i.lists, i.is_ticked, i.bridge_of, i.state, i.reason,"
    " i.moved_id, i.moved_handle, i.remote, i.looks, i.changed_at, r.network"
)
"""What `item_of` reads: `i` is the item, `r` its run."""
_SELECT: Final = f"SELECT {COLUMNS} FROM follow_item i JOIN follow_run r ON r.id = i.run"
_LEFT: Final = f"({ItemState.PENDING:d}, {ItemState.SENT:d}, {ItemState.UNDOING:d})"
"""As the partial index spells it."""
_LOOKS_COUNT_ON: Final = frozenset({ItemMove.SEND, ItemMove.TAKE_BACK})
"""Else an item that is sent and never taken would be sent for ever."""


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
                each.query.seen, each.query.lists.value, each.is_ticked, each.bridge_of, now,
            )
            for number, each in enumerate(wanted, first)
        )  # fmt: skip
        await copy_rows(self._connection, "follow_item", rows=few_at_a_time(rows), columns=_COPIED)

    async def fetch(self, state: ItemState, limit: int, *, after: int = -1) -> list[Item]:
        """Fetches people in a state, in the order of the plan, behind number `after`."""
        rows = await self._connection.fetch(
            # The state is spelled out, so that the partial index of those that are left is used.
            f"{_SELECT} WHERE i.run = $1 AND i.state = {state:d} AND i.number > $2 ORDER BY i.number LIMIT $3",
            self._run, after, limit,
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

    async def fetch_requested(self, before: datetime, limit: int) -> list[Item]:
        """Fetches people who were asked before then, and were not looked at since."""
        rows = await self._connection.fetch(
            f"{_SELECT} WHERE i.run = $1 AND i.state = {ItemState.REQUESTED:d} AND i.looks = 0 AND i.changed_at < $2"
            " ORDER BY i.number LIMIT $3",
            self._run, before, limit,
        )  # fmt: skip
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
            " remote = CASE WHEN m.remote = '' THEN i.remote ELSE m.remote END,"
            " looks = CASE WHEN $8 THEN i.looks ELSE 0 END"
            " FROM unnest($2::int[], $7::text[]) AS m (number, remote)"
            " WHERE i.run = $1 AND i.number = m.number AND i.state = ANY($3::smallint[]) RETURNING i.number",
            self._run, list(numbers), [state.value for state in steps], after.value, reason.value, now,
            list(remotes) or [""] * len(numbers), move in _LOOKS_COUNT_ON,
        )  # fmt: skip
        return sorted(row["number"] for row in rows)

    async def note_moved(self, moved: Sequence[tuple[int, TargetAccount | None]]) -> None:
        """Notes where the accounts of items went that were not followed as they moved; None where that cannot be told."""
        numbers, there = [number for number, _ in moved], [account for _, account in moved]
        await self._connection.execute(
            "UPDATE follow_item i SET moved_id = m.id, moved_handle = m.handle"
            " FROM unnest($2::int[], $3::text[], $4::text[]) AS m (number, id, handle)"
            " WHERE i.run = $1 AND i.number = m.number AND i.reason = $5",
            self._run, numbers, [str(each.id) if each else "" for each in there],
            [str(each.handle) if each else "" for each in there], Reason.MOVED.value,
        )  # fmt: skip

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

    async def find_already(self, followed: Sequence[Followed], now: datetime) -> int:
        """Marks pending people as followed already who are: by id, or by handle where the network tells no id. One that is
        followed under the very name that this run chose for it is this run's. Returns how many were followed already."""
        ids = [str(each.id) if each.id is not None else "" for each in followed]
        await self._connection.execute(
            "UPDATE follow_item i SET state = $5, changed_at = $4 FROM unnest($2::text[], $3::text[]) AS f (id, remote)"
            f" WHERE i.run = $1 AND i.state = {ItemState.PENDING:d} AND i.remote <> '' AND i.remote = f.remote"
            " AND i.target_id = f.id AND i.target_id LIKE 'did:%'",
            self._run, ids, [each.remote for each in followed], now, ItemState.FOLLOWED.value,
        )  # fmt: skip
        done: str = await self._connection.execute(
            "UPDATE follow_item SET state = $4, reason = $5, changed_at = $6"
            f" WHERE run = $1 AND state = {ItemState.PENDING:d}"
            " AND (target_id = ANY($2::text[]) OR lower(target_handle) = ANY($3::text[]))",
            self._run,
            [each for each in ids if each],
            [each.acct.lower() for each in followed if each.id is None],
            ItemState.ALREADY.value, Reason.ALREADY_FOLLOWED.value, now,
        )  # fmt: skip
        return int(done.rpartition(" ")[2])

    async def fail_pending(self, reason: Reason, now: datetime) -> None:
        """Fails all who are pending."""
        await self._connection.execute(
            "UPDATE follow_item SET state = $2, reason = $3, changed_at = $4"
            f" WHERE run = $1 AND state = {ItemState.PENDING:d}",
            self._run, ItemState.FAILED.value, reason.value, now,
        )  # fmt: skip

    async def count_looks(self, numbers: Sequence[int], now: datetime) -> None:
        """Counts one more look at items that are still only sent, requested or being taken back."""
        await self._connection.execute(
            "UPDATE follow_item SET looks = looks + 1, changed_at = $3 WHERE run = $1 AND number = ANY($2::int[])"
            f" AND state IN ({ItemState.SENT:d}, {ItemState.REQUESTED:d}, {ItemState.UNDOING:d})",
            self._run, list(numbers), now,
        )  # fmt: skip

    async def fetch_looked_at(self, states: Collection[ItemState], looks: int) -> list[int]:
        """Fetches the numbers of items that are left, in one of these states, and were looked at so often."""
        rows = await self._connection.fetch(
            f"SELECT number FROM follow_item WHERE run = $1 AND state IN {_LEFT} AND state = ANY($2::smallint[])"
            " AND looks >= $3 ORDER BY number",
            self._run, [state.value for state in states], looks,
        )  # fmt: skip
        return [row["number"] for row in rows]

    async def fetch_never_looked_at(self, numbers: Sequence[int]) -> frozenset[int]:
        """Fetches the numbers of those of these items that nobody has looked at since they were sent: they were sent once."""
        rows = await self._connection.fetch(
            "SELECT number FROM follow_item WHERE run = $1 AND number = ANY($2::int[]) AND looks = 0",
            self._run, list(numbers),
        )  # fmt: skip
        return frozenset(row["number"] for row in rows)

    async def fetch_waiting_since(self, state: ItemState) -> list[tuple[int, datetime]]:
        """Fetches how often items that are left in a state were looked at, and since when the first of each has waited."""
        rows = await self._connection.fetch(
            "SELECT looks, min(changed_at) AS since FROM follow_item"
            f" WHERE run = $1 AND state = {state:d} GROUP BY looks",
            self._run,
        )
        return [(row["looks"], row["since"]) for row in rows]

    async def has_any(self, state: ItemState) -> bool:
        """Tells whether anybody in the run is in this state."""
        sql = f"SELECT EXISTS (SELECT FROM follow_item WHERE run = $1 AND state = {state:d})"
        return bool(await self._connection.fetchval(sql, self._run))

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
    is_moved = bool(row["moved_id"]) and row["reason"] == Reason.MOVED
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
        bridge_of=row["bridge_of"],
        state=ItemState(row["state"]),
        reason=Reason(row["reason"]),
        moved_to=read_target_account(row["network"], row["moved_id"], row["moved_handle"])
        if is_moved
        else None,
        remote=row["remote"],
        looks=row["looks"],
        changed_at=row["changed_at"],
    )
