"""How far a run is."""

from datetime import datetime

import msgspec

from directory.follows.runs import Budget, Counts, Run


class Progress(msgspec.Struct, frozen=True):
    """A run, what became of its people, what its account has spent, when something is sent next, and when it will have
    ended as far as can be told. None where nothing is left to be done, or it waits for the member."""

    run: Run
    counts: Counts
    budget: Budget | None
    next_slot: datetime | None
    ends_at: datetime | None
