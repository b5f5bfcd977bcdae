"""What checks of posts and checks of links share beyond their leases: a member waits for them, for a day at
most."""

from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from directory.clock import CLOCK_SLACK
from directory.members.challenges import CHECK_LEASE, MAX_CHECKS_PER_DAY, CheckState
from directory.members.errors import TooManyAttempts
from directory.proofs.schedule import FIRST_CHECK_WINDOW, next_try
from directory.store.database import Connection
from directory.store.leases import Lease, LeasedTable

IS_WAITING: Final = f"state = {CheckState.WAITING:d}"


class Attempt(Protocol):
    """A check as it was claimed; `attempts` is the number of this attempt."""

    @property
    def id(self) -> UUID: ...
    @property
    def member(self) -> UUID: ...
    @property
    def attempts(self) -> int: ...
    @property
    def created(self) -> datetime: ...


class CheckTable:
    """A table of checks. The caller holds the connection, and a transaction where two steps are one."""

    def __init__(self, name: str, hosts: str | None = None) -> None:
        """Takes constants of the code only."""
        self._name = name
        self.rows: Final = LeasedTable(
            name=name,
            lease=CHECK_LEASE,
            waits=IS_WAITING,
            ending="state = $3, reason = $4, finished_at = $5",
            hosts=hosts,
            farthest=FIRST_CHECK_WINDOW + CLOCK_SLACK,
        )

    async def require_room(self, connection: Connection, member: UUID, now: datetime) -> None:
        """Raises TooManyAttempts where the member has asked for too many checks in the last 24 h."""
        recent = await connection.fetchval(
            f"SELECT count(*) FROM {self._name} WHERE member = $1 AND created > $2",
            member,
            now - timedelta(days=1),
        )
        if recent >= MAX_CHECKS_PER_DAY:
            raise TooManyAttempts

    async def lock(self, connection: Connection, check: Attempt) -> bool:
        """Locks the member and the check. Returns False if the member is gone or this attempt no longer counts."""
        if not await connection.fetchval(
            "SELECT true FROM member WHERE id = $1 FOR NO KEY UPDATE", check.member
        ):
            return False
        return await self.rows.lock(connection, _lease_of(check))

    async def finish(
        self, connection: Connection, check: Attempt, state: CheckState, reason: str | None, now: datetime
    ) -> None:
        """Finishes a waiting check: only a moderator can change it afterwards."""
        await self.rows.finish(connection, _lease_of(check), state, reason, now)

    async def refute(self, connection: Connection, check: Attempt, reason: str, now: datetime) -> bool:
        """Finishes a check whose proof was seen and does not hold. Returns False if the check is gone or
        finished."""
        if not await self.lock(connection, check):
            return False
        await self.finish(connection, check, CheckState.REFUTED, reason, now)
        return True

    async def reschedule(
        self, connection: Connection, check: Attempt, reason: str, now: datetime, retry_after_s: int | None
    ) -> bool:
        """Reschedules a check whose source was unreachable; gives up after 24 h, or after a wait that the
        source asked for. Returns False if the check is
        gone or was given up."""
        if not await self.lock(connection, check):
            return False
        due = next_try(check.created, now, check.attempts, str(check.id), retry_after_s)
        if due is None:
            await self.finish(connection, check, CheckState.GAVE_UP, reason, now)
            return False
        await self.rows.reschedule(connection, _lease_of(check), due)
        await connection.execute(f"UPDATE {self._name} SET reason = $2 WHERE id = $1", check.id, reason)
        return True

    async def release(self, connection: Connection, check: Attempt, now: datetime) -> None:
        """Releases a check whose attempt was broken off: it is due again now."""
        await self.rows.release(connection, _lease_of(check), now)


def _lease_of(check: Attempt) -> Lease:
    return Lease(check.id, check.attempts)
