"""One call of a batch, and what is known by its end."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from directory.follows.port import Attempt, Outcome, Told
from directory.follows.states import ItemState
from directory.networks.errors import NetworkError
from directory.networks.mastodon.api import AskedToWait
from directory.networks.sign_in_errors import NeedsSignIn

STEP_S: Final = 30.0
"""After so long nothing new is begun: the lease of a run is short, and a silent server takes 10 s for each."""


class Call:
    """One call of a batch: what is known of each item so far, and whether it may go on."""

    def __init__(self, items: Sequence[Attempt]) -> None:
        self.wait_until: datetime | None = None
        self.short_until: datetime | None = None
        """Until when nobody else can be found; whoever was found is still followed."""
        self.spent = 0
        self.known: dict[int, Outcome] = {}
        self.is_ended = False
        self._items = items
        self._ends_at = asyncio.get_running_loop().time() + STEP_S

    @property
    def is_over(self) -> bool:
        return (
            self.is_ended or self.wait_until is not None or asyncio.get_running_loop().time() >= self._ends_at
        )

    def know(self, outcome: Outcome) -> None:
        """Notes what became of an item."""
        self.known[outcome.number] = outcome

    def end(self, error: NetworkError | NeedsSignIn) -> None:
        """Ends at a trouble with the server. Raises it where nothing else is to be told."""
        if isinstance(error, AskedToWait):
            self.wait_until = error.until
        elif not self.known:
            raise error
        self.is_ended = True

    def told(self, *, with_rest: bool = True) -> Told:
        """Returns what is known. The rest was not sent."""
        rest = [
            Outcome(item.number, ItemState.PENDING)
            for item in self._items
            if with_rest and item.number not in self.known
        ]
        return Told((*self.known.values(), *rest), self.spent, self.wait_until or self.short_until)
