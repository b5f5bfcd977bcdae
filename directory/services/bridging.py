"""Bridged accounts: who is on the other network only, and has a copy there that a bridge keeps.

Not trusted: what the bridge says is held against the account that was proven. A page works without it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from directory.accounts import TargetAccount
from directory.clock import Clock
from directory.networks.errors import NetworkError
from directory.networks.sign_in_errors import SignInError

log = structlog.get_logger(__name__)

WAIT_S: Final = 3.0
"""How long a page waits for the bridge."""
WAIT_TO_START_S: Final = 20.0
"""How long a start waits for all that were ticked."""
MAX_OF_A_PAGE: Final = 50
MAX_TICKED: Final = 200
"""In one run: more than a person ticks one by one."""
AT_ONCE: Final = 16
"""Calls over all members, in one process."""
AT_ONCE_EACH: Final = 8
"""Calls for one member: nobody has all places."""
KEPT_FOR: Final = timedelta(days=1)
AFTER_FAILURE: Final = timedelta(minutes=2)
"""Before a bridge that did not answer is asked about somebody again."""
MAX_KEPT: Final = 10_000

Find = Callable[[TargetAccount], Awaitable[TargetAccount | None]]
"""Finds the bridged account of an account, as `directory.networks.bridges.Bridges.find` does."""


class Bridging:
    """The bridged accounts of people. What was seen is kept in the process for a day, for pages alone."""

    def __init__(self, find: Find, clock: Clock) -> None:
        self._find = find
        self._clock = clock
        self._places = asyncio.Semaphore(AT_ONCE)
        self._kept: OrderedDict[str, tuple[datetime, TargetAccount | None]] = OrderedDict()

    async def of(self, accounts: Sequence[TargetAccount]) -> dict[str, TargetAccount]:
        """Returns the bridged accounts that are known, or found within 3 seconds, by the texts of the ids they stand
        for."""
        asked, now = accounts[:MAX_OF_A_PAGE], self._clock.now()
        kept = {str(each.id): self._kept.get(str(each.id)) for each in asked}
        found = {key: entry[1] for key, entry in kept.items() if entry is not None and now < entry[0]}
        missing = [each for each in asked if str(each.id) not in found]
        found.update(await self._look_at(missing, WAIT_S))
        return {key: account for key, account in found.items() if account is not None}

    async def look_again(self, accounts: Sequence[TargetAccount]) -> dict[str, TargetAccount]:
        """Asks the bridge anew, whatever is kept: before anybody is followed. Returns those that it was seen to have."""
        found = await self._look_at(accounts[:MAX_TICKED], WAIT_TO_START_S)
        return {key: account for key, account in found.items() if account is not None}

    async def _look_at(
        self, accounts: Sequence[TargetAccount], wait_s: float
    ) -> dict[str, TargetAccount | None]:
        found: dict[str, TargetAccount | None] = {}
        if not accounts:
            return found
        mine = asyncio.Semaphore(AT_ONCE_EACH)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s), asyncio.TaskGroup() as calls:
                for each in accounts:
                    calls.create_task(self._look(each, mine, found))
        return found

    async def _look(
        self, account: TargetAccount, mine: asyncio.Semaphore, found: dict[str, TargetAccount | None]
    ) -> None:
        key = str(account.id)
        async with mine, self._places:
            try:
                found[key] = await self._find(account)
            except (SignInError, NetworkError) as error:
                log.info("a bridge did not answer", error=type(error).__name__)
                self._keep(key, None, AFTER_FAILURE)
            else:
                self._keep(key, found[key], KEPT_FOR)

    def _keep(self, key: str, account: TargetAccount | None, length: timedelta) -> None:
        self._kept[key] = self._clock.now() + length, account
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
