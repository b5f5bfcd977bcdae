"""Lets the log go on after a clock that ran ahead, at the operator's word that it is right now.

1. What was issued in the future is stored again with right times, one publication at a time: the next batch says it, and
   revokes the leaf before, as for a renewal.
2. Re-checks that were planned for a time far in the future are due now: what is published expires without them. Consents
   that were given in the future, and runs that wait since then, are of now: they would last so much longer.
3. Then the times of the last batch are set to now, and the cosignature of a time to come is dropped. What our witness has
   cosigned of the logs of peers stays, with the time that it is now: nobody has believed a time so far ahead. Until this
   last step the log stays in doubt: after a kill in between, the same command does the rest.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from directory.clock import Clock
from directory.mappings import MAX_AHEAD
from directory.members.rechecks import RECHECK_EVERY
from directory.store.consents import bring_consents_back
from directory.store.database import Connection
from directory.store.rechecks import bring_rechecks_forward
from directory.store.waiting_permissions import bring_waits_back
from federation.errors import LogEmpty, LogRefused
from federation.own_log.preconditions import MAX_CLOCK_STEP, WrongClock, check_clock, load_state
from federation.own_log.restamping import is_ahead, restamp
from federation.protocol.log_state import LogState
from federation.store.ahead import list_ahead, lock_ahead, say_again
from federation.store.cosignatures import delete_cosignatures_after
from federation.store.log_rows import reset_times
from federation.store.witnessed import find_newest_time, reset_witnessed_times


@dataclass(frozen=True, slots=True)
class AheadLog:
    """A log that was written by a clock which ran ahead of `now`."""

    state: LogState
    now: datetime
    database_now: datetime
    leaves: int
    """Leaves that were issued in the future."""


class ClockIsRight(LogRefused):
    """Nothing in the log is later than the clock of this machine: there is nothing to recover"""

    def __init__(self) -> None:
        super().__init__(str(self.__doc__))


async def find_ahead(connection: Connection, origin: str, clock: Clock) -> AheadLog:
    """Finds what a wrong clock left. Changes nothing. Raises LogEmpty, ClockIsRight, LogRefused."""
    state, now = await load_state(connection, origin), clock.now()
    if state is None:
        raise LogEmpty("the log is not begun yet: there is nothing to recover")
    ahead = await list_ahead(connection, origin, now + MAX_AHEAD)
    if not ahead and await _is_right(connection, state, now):
        raise ClockIsRight
    told = await connection.fetchval("SELECT clock_timestamp()")
    return AheadLog(state, now, told, len(ahead))


async def recover_clock(connection: Connection, origin: str, clock: Clock) -> int:
    """Stores again what was issued in the future, and lifts the doubt. Returns how many mappings the next batches say
    anew. Raises LogEmpty, LogRefused."""
    count = 0
    for number in await list_ahead(connection, origin, clock.now() + MAX_AHEAD):
        count += await _say_again(connection, origin, number, clock.now())
    await bring_rechecks_forward(connection, clock.now() + RECHECK_EVERY, clock.now())
    await bring_consents_back(connection, clock.now())
    await bring_waits_back(connection, clock.now())
    async with connection.transaction():
        state, now = await load_state(connection, origin, lock=True), clock.now()
        if state is None:
            raise LogEmpty("the log is not begun yet: there is nothing to recover")
        # Another machine, whose clock runs ahead still, may have written a batch since the list was read.
        is_ahead_again = await list_ahead(connection, origin, now + MAX_AHEAD)
        if is_ahead_again or not await reset_times(connection, state, now):
            raise LogRefused("another process has written the log at the same time: run this again")
        await delete_cosignatures_after(connection, origin, now)
        await reset_witnessed_times(connection, now)
    return count


async def _say_again(connection: Connection, origin: str, number: int, now: datetime) -> bool:
    async with connection.transaction():
        found = await lock_ahead(connection, origin, number)
        if found is None or not is_ahead(found[0], now):
            return False
        mapping, publication = found
        right = msgspec.structs.replace(restamp(mapping, now), leaf=None)
        await say_again(connection, number, publication, right)
    return True


async def _is_right(connection: Connection, state: LogState, now: datetime) -> bool:
    try:
        await check_clock(connection, state, now)
    except WrongClock:
        return False
    newest = await find_newest_time(connection)
    return newest is None or newest <= now + MAX_CLOCK_STEP
