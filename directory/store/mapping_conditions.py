"""The conditions on rows of `mapping`, written once: states, hides, and what the origin's standing allows.

The numbers stand in the text, not in parameters, so that PostgreSQL uses the partial indexes.
"""

from typing import Final

from directory.mapping_life import MappingState, Move, sources
from directory.origins import ANSWERING

IS_PENDING: Final = f"m.state = {MappingState.PENDING.value}"
IS_ACTIVE: Final = f"m.state = {MappingState.ACTIVE.value}"
IS_WITHDRAWN: Final = f"m.state = {MappingState.WITHDRAWN.value}"

SAME_ACCOUNT: Final = (
    "h.origin = m.origin AND h.network = m.network AND (h.x_id = m.x_id"
    " OR (h.x_handle_key = m.x_handle_key AND (h.x_id IS NULL OR m.x_id IS NULL)))"
)
"""The hide `h` covers the mapping `m`: the same id where both are known, else the same handle."""

# Two conditions instead of SAME_ACCOUNT's OR, so that each is one look into an index or a hash.
IS_NOT_HIDDEN: Final = (
    "NOT EXISTS (SELECT FROM hide h WHERE h.origin = m.origin AND h.network = m.network AND h.x_id = m.x_id)"
    " AND NOT EXISTS (SELECT FROM hide h WHERE h.origin = m.origin AND h.network = m.network"
    " AND h.x_handle_key = m.x_handle_key AND (h.x_id IS NULL OR m.x_id IS NULL))"
)

_STANDINGS: Final = ", ".join(str(standing.value) for standing in sorted(ANSWERING))
STANDING_ANSWERS: Final = f"origin.standing IN ({_STANDINGS})"
"""The origin's standing lets its mappings answer, if it is heard of."""


def origin_answers(heard_after: str) -> str:
    """Whether the origin's mappings answer. `heard_after` is the parameter with the time before which an origin
    that was last heard of is hidden; our own log and invented origins are never waited for."""
    return f"{STANDING_ANSWERS} AND (origin.heard_at IS NULL OR origin.heard_at > {heard_after})"


def in_states_before(move: Move) -> str:
    """The states from which `move` is allowed."""
    return f"m.state IN ({', '.join(str(state.value) for state in sources(move))})"
