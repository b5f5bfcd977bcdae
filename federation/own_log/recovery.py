"""What our own log must be like before its key is recovered."""

from datetime import datetime

from directory.store.database import Connection
from federation.own_log.preconditions import check_clock, load_state


async def check_before_recovery(connection: Connection, origin: str, now: datetime) -> None:
    """Checks all that would keep the recovery from being published, before a recovery key is made for it.

    Raises LogRefused.
    """
    state = await load_state(connection, origin)
    if state is not None:
        check_clock(state, now)
