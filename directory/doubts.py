"""Why a mapping that was found is not followed without a tick. Pure.

X gives handles to others. A handle that was read from an old post may belong to somebody else by now, and it is the
new bearer who can prove it: so a handle counts only as of the day on which it was seen.
"""

import enum
from collections.abc import Iterable
from datetime import UTC, date, timedelta
from typing import Final

from directory.mappings import Mapping
from directory.queries import Query
from directory.x_time import FIRST_DAY_OF_X

NAME_HOLDS: Final = timedelta(days=365)
"""How long before the proof of a handle it may have been seen, to be taken for the same bearer's."""


class Doubt(enum.StrEnum):
    """Why a person has to look before they follow."""

    DISPUTED = "disputed"
    """Instances name different accounts."""
    LIMITED = "limited"
    """Only an instance says so that this one shows and does not rely on."""
    LINKS_ONLY = "links-only"
    """Profiles link to each other; neither side was proven."""
    UNCHECKED = "unchecked"
    """Nobody proved it."""
    NAME_SEEN_LONG_AGO = "name-seen-long-ago"
    """Only the name matches, and it was seen more than a year before it was proven, or before the account whose number
    stands beside it was proven under another name."""
    NAME_OF_UNKNOWN_AGE = "name-of-unknown-age"
    """Only the name matches, and nothing tells when it was seen."""
    STALE = "stale"
    """The instance that says so has not been heard from for a day: it may have withdrawn it since."""


def doubt_of_name(query: Query, mapping: Mapping, today: date) -> Doubt | None:
    """Tells why the handle of a query may not mean the bearer who proved it. Returns None where it does.

    A handle alone, without a day, was typed today. A day before X existed or after today cannot be true, and counts
    as unknown.
    """
    if query.seen is None:
        return None if query.x_id is None else Doubt.NAME_OF_UNKNOWN_AGE
    if not FIRST_DAY_OF_X <= query.seen <= today:
        return Doubt.NAME_OF_UNKNOWN_AGE
    if query.seen < mapping.issued.astimezone(UTC).date() - NAME_HOLDS:
        return Doubt.NAME_SEEN_LONG_AGO
    return None


def doubt_beside_id(query: Query, known: Iterable[Mapping]) -> Doubt | None:
    """Tells why the handle of a query is no longer that of its id: a mapping of this id was proven under another one,
    on the day on which the handle was seen, or later. Returns None where nobody says so on whom we rely.

    Whoever proves the handle then is somebody else.
    """
    if query.seen is None or query.x_handle is None:
        return None
    for mapping in known:
        is_renamed = mapping.x_handle.key != query.x_handle.key
        if mapping.is_relied_on and is_renamed and mapping.issued.astimezone(UTC).date() >= query.seen:
            return Doubt.NAME_SEEN_LONG_AGO
    return None
