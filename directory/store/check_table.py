"""What checks of posts and checks of links have in common: an attempt is claimed, put off, given back or finished."""

from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

from directory.members.challenges import MAX_CHECKS_PER_DAY, CheckState
from directory.members.errors import TooManyAttempts
from directory.proofs.schedule import next_try
from directory.store.database import Connection


class Attempt(Protocol):
    """A check as it was claimed: `attempts` says which of its attempts this is."""

    @property
    def id(self) -> UUID: ...
    @property
    def member(self) -> UUID: ...
    @property
    def attempts(self) -> int: ...
    @property
    def created(self) -> datetime: ...


class CheckTable:
    """One of the tables of checks. The caller holds the connection, and a transaction where two steps are one."""

    def __init__(self, name: Literal["proof_check", "link_check"]) -> None:
        self._name = name

    async def require_room(self, connection: Connection, member: UUID, now: datetime) -> None:
        """Raises TooManyAttempts where the member has asked for too many since yesterday."""
        recent = await connection.fetchval(
            f"SELECT count(*) FROM {self._name} WHERE member = $1 AND created > $2",
            member,
            now - timedelta(days=1),
        )
        if recent >= MAX_CHECKS_PER_DAY:
            raise TooManyAttempts

    async def lock(self, connection: Connection, check: Attempt) -> bool:
        """Whether this attempt is still the one that counts; the member is then locked."""
        if not await connection.fetchval(
            "SELECT true FROM member WHERE id = $1 FOR NO KEY UPDATE", check.member
        ):
            return False
        return bool(
            await connection.fetchval(
                f"SELECT true FROM {self._name} WHERE id = $1 AND state = 0 AND attempts = $2 FOR UPDATE",
                check.id,
                check.attempts,
            )
        )

    async def finish(
        self, connection: Connection, check: UUID, state: CheckState, reason: str | None, now: datetime
    ) -> None:
        """Ends a check: nothing but a moderator changes it after."""
        await connection.execute(
            f"UPDATE {self._name} SET state = $2, reason = $3, finished_at = $4 WHERE id = $1",
            check,
            state,
            reason,
            now,
        )

    async def refute(self, connection: Connection, check: Attempt, reason: str, now: datetime) -> bool:
        """What was to be seen was seen, and does not hold. False: nobody waits."""
        if not await self.lock(connection, check):
            return False
        await self.finish(connection, check.id, CheckState.REFUTED, reason, now)
        return True

    async def put_off(
        self, connection: Connection, check: Attempt, reason: str, now: datetime, retry_after_s: int | None
    ) -> bool:
        """Nobody could show it: it is tried again later, for a day. False: nobody waits, or it was given up
        and the member is asked."""
        if not await self.lock(connection, check):
            return False
        due = next_try(check.created, now, check.attempts, str(check.id), retry_after_s)
        if due is None:
            await self.finish(connection, check.id, CheckState.GAVE_UP, reason, now)
            return False
        await connection.execute(
            f"UPDATE {self._name} SET next_at = $2, reason = $3 WHERE id = $1", check.id, due, reason
        )
        return True

    async def release(self, connection: Connection, check: Attempt, now: datetime) -> None:
        """An attempt that was broken off counts for nothing: the check is due again now."""
        await connection.execute(
            f"UPDATE {self._name} SET next_at = $3, attempts = attempts - 1"
            " WHERE id = $1 AND state = 0 AND attempts = $2",
            check.id,
            check.attempts,
            now,
        )
