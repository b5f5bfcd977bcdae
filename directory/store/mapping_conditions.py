"""The SQL conditions on rows of `mapping`, written once: states, hides, and the origin's standing.

The numbers stand in the text, not in parameters, so that PostgreSQL uses the partial indexes.
"""

from datetime import timedelta
from typing import Final

from directory.mapping_life import MappingState, Move, sources
from directory.mappings import MAX_AHEAD
from directory.origins import ANSWERING, STALE_AFTER

IS_PENDING: Final = f"m.state = {MappingState.PENDING.value}"
IS_ACTIVE: Final = f"m.state = {MappingState.ACTIVE.value}"
IS_WITHDRAWN: Final = f"m.state = {MappingState.WITHDRAWN.value}"

_MAX_AHEAD_S: Final = MAX_AHEAD // timedelta(seconds=1)

SAME_ACCOUNT: Final = (
    "h.origin = m.origin AND h.network = m.network AND (h.x_id = m.x_id"
    " OR (h.x_handle_key = m.x_handle_key AND (h.x_id IS NULL OR m.x_id IS NULL)))"
)
"""The hide `h` covers the mapping `m`: the same id where both are known, else the same handle."""

# Two conditions instead of SAME_ACCOUNT's OR, so that each is one look-up in an index or a hash.
IS_NOT_HIDDEN: Final = (
    "NOT EXISTS (SELECT FROM hide h WHERE h.origin = m.origin AND h.network = m.network AND h.x_id = m.x_id)"
    " AND NOT EXISTS (SELECT FROM hide h WHERE h.origin = m.origin AND h.network = m.network"
    " AND h.x_handle_key = m.x_handle_key AND (h.x_id IS NULL OR m.x_id IS NULL))"
)

NOBODY_HIDES_IT: Final = f"((SELECT NOT EXISTS (SELECT FROM hide)) OR ({IS_NOT_HIDDEN}))"
"""The same for statements that answer. Where nobody is hidden, which is asked once for all of a statement, no mapping is looked
for among the hides."""

_STANDINGS: Final = ", ".join(str(standing.value) for standing in sorted(ANSWERING))
STANDING_ANSWERS: Final = f"origin.standing IN ({_STANDINGS})"
"""The origin's standing lets its mappings answer, while it is heard from."""


def holds_at(now: str) -> str:
    """Returns the condition under which a mapping has begun to hold, and has not expired. `now` is the parameter with
    the time."""
    return f"m.expires > {now} AND {has_begun(now)}"


def has_begun(now: str) -> str:
    """Returns the condition under which a mapping has begun to hold: it was not issued in the future."""
    return f"m.issued <= {now}::timestamptz + interval '{_MAX_AHEAD_S} s'"


def origin_answers(heard_after: str) -> str:
    """Returns the condition under which an origin's mappings answer.

    `heard_after` is the parameter with a time: an origin that was last heard from before it is hidden. Our own
    log and demo origins have no such time, and are never hidden for it.
    """
    return f"{STANDING_ANSWERS} AND (origin.heard_at IS NULL OR origin.heard_at > {heard_after})"


def is_stale(now: str) -> str:
    """Returns whether an origin has not been heard from for a day: its mappings are followed unseen by nobody."""
    return f"coalesce(origin.heard_at <= {now}::timestamptz - interval '{STALE_AFTER // timedelta(seconds=1)} s', false)"


def is_checked(now: str) -> str:
    """Returns whether our own look at the evidence of a mapping counts still."""
    return f"coalesce(m.checked_until > {now}, false)"


def in_states_before(move: Move) -> str:
    """Returns the condition for the states from which `move` is allowed."""
    return f"m.state IN ({', '.join(str(state.value) for state in sources(move))})"
