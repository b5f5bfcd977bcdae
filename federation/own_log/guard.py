"""What else is asked before this process signs: whether others know more of our log than the database holds."""

from typing import Protocol

from directory.store.database import Connection
from federation.keys.instance import InstanceKeys


class Guard(Protocol):
    """Asked at each start of the sequencer, and once an hour while it leads. It may use the network, for seconds."""

    async def check(self, connection: Connection, keys: InstanceKeys) -> None:
        """Raises LogRefused where somebody has a checkpoint that a key of this log has signed, and the database does not
        hold that tree."""


class NoGuard:
    """For a log that nobody else can know: one that is made for a measurement or a test."""

    async def check(self, connection: Connection, keys: InstanceKeys) -> None:
        """Refuses nothing."""
