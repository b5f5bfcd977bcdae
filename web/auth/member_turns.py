"""Turns of a member: of all forms that one sends, one at a time is acted on in a process.

A change to a member waits for the one before it, in the database, with a connection. Whoever sends twenty forms meanwhile
would keep everybody else from the database.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from litestar.exceptions import TooManyRequestsException

WAITING: Final = 16
"""Forms of one member that wait. More are sent by nobody at a browser."""
RETRY_AFTER_S: Final = 5


class MemberTurns:
    """The turns of all members."""

    def __init__(self) -> None:
        self._turns: dict[UUID, asyncio.Lock] = {}
        self._forms: dict[UUID, int] = {}

    @asynccontextmanager
    async def of(self, member: UUID) -> AsyncIterator[None]:
        """Waits for the member's turn, and has it until the block ends. Raises TooManyRequestsException where too many wait."""
        forms = self._forms.get(member, 0)
        if forms > WAITING:
            raise TooManyRequestsException(headers={"retry-after": str(RETRY_AFTER_S)})
        self._forms[member] = forms + 1
        try:
            async with self._turns.setdefault(member, asyncio.Lock()):
                yield
        finally:
            self._forms[member] -= 1
            if not self._forms[member]:
                del self._forms[member], self._turns[member]
