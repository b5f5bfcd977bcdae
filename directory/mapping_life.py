"""The states of a mapping, and every move between them.

A mapping of ours is stored PENDING. The log gives it a leaf, and once a published checkpoint covers the leaf the
mapping is taken in: it is ACTIVE, and answers. A WITHDRAWN mapping no longer answers; its row keeps the leaf until
the log has revoked it. A mapping of a peer begins ACTIVE, since it was pending at its own instance. A leaf of ours that holds, and that nothing here says any more, begins WITHDRAWN.

Whether an active mapping is shown is no state: a hide (`directory.moderation.hides`) and the standing of an origin
(`directory.origins`) are kept apart, and change no mapping.
"""

import enum
from collections.abc import Mapping
from typing import Final


class MappingState(enum.IntEnum):
    """The state of a mapping. Only ACTIVE ones answer. The numbers are stored: never change them."""

    PENDING = 0
    ACTIVE = 1
    WITHDRAWN = 2


class Move(enum.Enum):
    """What happens to a mapping; `directory.store.mapping_rows` has one function for each."""

    STORE = enum.auto()
    """A member publishes it."""
    TAKE_IN = enum.auto()
    """A published checkpoint covers its leaf."""
    WITHDRAW = enum.auto()
    """Its member, or a later mapping that replaces it, withdraws it."""
    DISCARD = enum.auto()
    """It was withdrawn before it was in a log: there is nothing to revoke."""
    LET_GO = enum.auto()
    """Its log has revoked it, or its origin is no longer followed."""
    SAY_ANEW = enum.auto()
    """Its log was replaced by another one, which has to append it."""
    LOSE = enum.auto()
    """Its leaf holds, and nothing here says it any more: nobody has kept its body, or another log says it. It is to be
    revoked."""


Step = tuple[MappingState | None, MappingState | None]
"""From a state to a state; None stands for no row."""

MOVES: Final[Mapping[Move, frozenset[Step]]] = {
    Move.STORE: frozenset({(None, MappingState.PENDING)}),
    Move.TAKE_IN: frozenset({(None, MappingState.ACTIVE), (MappingState.PENDING, MappingState.ACTIVE)}),
    Move.WITHDRAW: frozenset(
        {(MappingState.PENDING, MappingState.WITHDRAWN), (MappingState.ACTIVE, MappingState.WITHDRAWN)}
    ),
    Move.DISCARD: frozenset({(MappingState.WITHDRAWN, None)}),
    Move.LET_GO: frozenset({(MappingState.ACTIVE, None), (MappingState.WITHDRAWN, None)}),
    Move.LOSE: frozenset({(None, MappingState.WITHDRAWN)}),
    Move.SAY_ANEW: frozenset(
        {(MappingState.PENDING, MappingState.PENDING), (MappingState.ACTIVE, MappingState.PENDING)}
    ),
}


def sources(move: Move) -> tuple[MappingState, ...]:
    """Returns the states from which `move` is allowed, in order."""
    return tuple(sorted(before for before, _ in MOVES[move] if before is not None))


def target(move: Move) -> MappingState:
    """Returns the state that `move` leads to. Raises ValueError for a move that deletes the row."""
    (after,) = {after for _, after in MOVES[move]}
    if after is None:
        raise ValueError(f"{move.name} leads to no state")
    return after


def check_moves(moves: Mapping[Move, frozenset[Step]]) -> None:
    """Checks a table of moves.

    Raises ValueError where a move is missing or leads to several states, a state cannot be reached or left, or a
    withdrawn mapping could answer again.
    """
    if set(moves) != set(Move):
        raise ValueError("a move is missing from the table")
    steps = [step for steps in moves.values() for step in steps]
    for move, allowed in moves.items():
        if len({after for _, after in allowed}) != 1:
            raise ValueError(f"{move.name} leads to several states, or nowhere")
    for state in MappingState:
        if all(after is not state for _, after in steps):
            raise ValueError(f"nothing leads to {state.name}")
        if all(before is not state or after is state for before, after in steps):
            raise ValueError(f"nothing leads out of {state.name}")
    if any(before is MappingState.WITHDRAWN and after is not None for before, after in steps):
        raise ValueError("what was withdrawn answers again")


check_moves(MOVES)
