"""Why somebody is left out of a plan, was skipped or failed in a run. The texts for people stand with the pages."""

import enum
from collections.abc import Mapping
from typing import Final

from directory.doubts import Doubt


class Reason(enum.IntEnum):
    """The numbers are stored: never change them. Below 100: left out of a plan, or skipped; from 100 on: failed."""

    NONE = 0
    ALREADY_FOLLOWED = 1
    OWN_ACCOUNT = 2
    CHOSEN_AWAY = 3
    """The member took the tick away, or ignores this person."""
    NEEDS_TICK = 4
    """An unchecked hint, or a silent instance: nobody is followed for it without a tick of their own."""
    DISPUTED = 5
    LIMITED = 6
    NAME_SEEN_LONG_AGO = 7
    NAME_OF_UNKNOWN_AGE = 8
    REFUSED_ON_X = 9
    """Blocked or muted on X."""
    MOVED = 10
    """The account says that it moved: the new one is offered instead."""
    GONE = 11
    LABELLED = 12
    """The moderators of the network say that it impersonates somebody, or have taken it down."""
    NOT_THAT_ID = 13
    """The handle leads to another account than the one that was proven."""
    WITHDRAWN = 14
    """Nobody says any more that this is the person."""
    OTHER_NETWORK = 15
    """There is no account of theirs on the member's network; a bridge may be offered."""
    SWITCHED_OFF = 16
    """The operators let nobody be followed there."""
    FOLLOWED_THERE = 17
    """The member follows whom the run would block."""

    NOT_FOUND = 100
    """The member's own server does not find the account: the other server may be silent or blocked."""
    BLOCKED = 101
    """The member and the other person, or their servers, have blocked each other."""
    REJECTED = 102
    """The other person has declined."""
    REFUSED = 103
    """The network refused it, for a reason of its own."""
    NOT_TAKEN = 104
    """The server said yes, and nothing came of it."""
    LIMIT_REACHED = 105
    """The account follows as many people as its server allows."""
    MEMBER_MOVED = 106
    """The member's own account has moved: nothing can be followed from it."""

    @property
    def is_failure(self) -> bool:
        return self >= Reason.NOT_FOUND

    @property
    def label(self) -> str:
        return self.name.lower().replace("_", "-")


FOR_ALL: Final = frozenset({Reason.LIMIT_REACHED, Reason.MEMBER_MOVED})
"""Reasons that are the same for all who are left in a run."""
MAY_END: Final = frozenset(
    {
        Reason.NEEDS_TICK,
        Reason.DISPUTED,
        Reason.LIMITED,
        Reason.NAME_SEEN_LONG_AGO,
        Reason.NAME_OF_UNKNOWN_AGE,
        Reason.NOT_THAT_ID,
        Reason.WITHDRAWN,
        Reason.SWITCHED_OFF,
    }
)
"""Why a run skips somebody whom a plan wants again once it is over. While it lasts, plans leave them out by themselves."""
_OF_DOUBT: Final[Mapping[Doubt, Reason]] = {
    Doubt.DISPUTED: Reason.DISPUTED,
    Doubt.LIMITED: Reason.LIMITED,
    Doubt.STALE: Reason.NEEDS_TICK,
    Doubt.LINKS_ONLY: Reason.NEEDS_TICK,
    Doubt.UNCHECKED: Reason.NEEDS_TICK,
    Doubt.NAME_SEEN_LONG_AGO: Reason.NAME_SEEN_LONG_AGO,
    Doubt.NAME_OF_UNKNOWN_AGE: Reason.NAME_OF_UNKNOWN_AGE,
}


def reason_of_doubt(doubt: Doubt | None) -> Reason:
    """Returns why somebody is left out for a doubt, or without one as a tick was taken away or never set."""
    return Reason.NEEDS_TICK if doubt is None else _OF_DOUBT[doubt]
