"""The states of a run of follows and of each person in it, and every move between them.

An item that was SENT may have reached the network: whoever finds one after a process was killed asks the network what became
of it before anything is sent again. An undo takes back what its run followed, and nothing else.
"""

import enum
from collections.abc import Mapping
from typing import Final, TypeVar


class ItemState(enum.IntEnum):
    """The state of one person in a run. The numbers are stored: never change them."""

    PENDING = 0
    SENT = 1
    """Maybe sent; what became of it is still to be seen."""
    FOLLOWED = 2
    REQUESTED = 3
    """The other person decides."""
    ALREADY = 4
    """Was followed before this run, and stays so after an undo."""
    FAILED = 5
    SKIPPED = 6
    UNDOING = 7
    """Maybe taken back; what became of it is still to be seen."""
    UNDONE = 8

    @property
    def label(self) -> str:
        return self.name.lower()


class RunState(enum.IntEnum):
    """The state of a run. The numbers are stored: never change them."""

    PLANNED = 0
    """Begins at its time."""
    RUNNING = 1
    PAUSED = 2
    NEEDS_SIGN_IN = 3
    """The permission has ended: it goes on by itself after a sign-in."""
    DONE = 4
    CANCELLED = 5
    UNDOING = 6
    UNDONE = 7

    @property
    def label(self) -> str:
        return self.name.lower().replace("_", "-")

    @property
    def is_open(self) -> bool:
        """Whether anything is still to be done, by us or by the member."""
        return self in OPEN


class ItemMove(enum.Enum):
    """What happens to an item."""

    SEND = enum.auto()
    """It is about to be sent, under a name that was chosen before."""
    FOLLOW = enum.auto()
    """The network says that the person is followed."""
    REQUEST = enum.auto()
    """The network says that the follow waits for the person."""
    FIND = enum.auto()
    """The person was followed before the run."""
    TAKE_BACK = enum.auto()
    """It was not sent after all, or the network knows nothing of it."""
    FAIL = enum.auto()
    SKIP = enum.auto()
    """It is not to be followed any more: what was found has changed."""
    RETRY = enum.auto()
    UNDO = enum.auto()
    """The follow is about to be taken back."""
    KEEP = enum.auto()
    """The network refused to take it back."""
    END = enum.auto()
    """The follow is taken back."""


class RunMove(enum.Enum):
    """What happens to a run."""

    START = enum.auto()
    PAUSE = enum.auto()
    RESUME = enum.auto()
    LOSE_PERMISSION = enum.auto()
    FINISH = enum.auto()
    CANCEL = enum.auto()
    UNDO = enum.auto()
    END_UNDO = enum.auto()


OPEN: Final = frozenset(
    {RunState.PLANNED, RunState.RUNNING, RunState.PAUSED, RunState.NEEDS_SIGN_IN, RunState.UNDOING}
)
"""An account has one open run at a time."""

_I = ItemState
ITEM_MOVES: Final[Mapping[ItemMove, Mapping[ItemState, ItemState]]] = {
    ItemMove.SEND: {_I.PENDING: _I.SENT},
    ItemMove.FOLLOW: {_I.SENT: _I.FOLLOWED, _I.REQUESTED: _I.FOLLOWED},
    ItemMove.REQUEST: {_I.SENT: _I.REQUESTED},
    ItemMove.FIND: {_I.PENDING: _I.ALREADY, _I.SENT: _I.ALREADY},
    ItemMove.TAKE_BACK: {_I.SENT: _I.PENDING},
    ItemMove.FAIL: {_I.PENDING: _I.FAILED, _I.SENT: _I.FAILED, _I.REQUESTED: _I.FAILED},
    ItemMove.SKIP: {_I.PENDING: _I.SKIPPED, _I.SENT: _I.SKIPPED},
    ItemMove.RETRY: {_I.FAILED: _I.PENDING},
    ItemMove.UNDO: {_I.FOLLOWED: _I.UNDOING, _I.REQUESTED: _I.UNDOING, _I.SENT: _I.UNDOING},
    ItemMove.KEEP: {_I.UNDOING: _I.FOLLOWED},
    ItemMove.END: {_I.UNDOING: _I.UNDONE},
}
_R = RunState
RUN_MOVES: Final[Mapping[RunMove, Mapping[RunState, RunState]]] = {
    RunMove.START: {_R.PLANNED: _R.RUNNING},
    RunMove.PAUSE: {_R.RUNNING: _R.PAUSED, _R.PLANNED: _R.PAUSED, _R.NEEDS_SIGN_IN: _R.PAUSED},
    RunMove.RESUME: {
        _R.PAUSED: _R.RUNNING,
        _R.NEEDS_SIGN_IN: _R.RUNNING,
        _R.DONE: _R.RUNNING,
        _R.CANCELLED: _R.RUNNING,
    },
    RunMove.LOSE_PERMISSION: {_R.RUNNING: _R.NEEDS_SIGN_IN},
    RunMove.FINISH: {_R.RUNNING: _R.DONE},
    RunMove.CANCEL: dict.fromkeys((_R.PLANNED, _R.RUNNING, _R.PAUSED, _R.NEEDS_SIGN_IN), _R.CANCELLED),
    RunMove.UNDO: dict.fromkeys((_R.RUNNING, _R.PAUSED, _R.NEEDS_SIGN_IN, _R.DONE, _R.CANCELLED), _R.UNDOING),
    RunMove.END_UNDO: {_R.UNDOING: _R.UNDONE},
}

S = TypeVar("S", ItemState, RunState)
M = TypeVar("M", ItemMove, RunMove)


def check_moves(moves: Mapping[M, Mapping[S, S]], names: type[M], states: type[S], first: S) -> None:
    """Checks a table of moves. Raises ValueError where a move is missing, leads to several states or nowhere, or a state
    cannot be reached."""
    if set(moves) != set(names):
        raise ValueError("a move is missing from the table")
    for move, steps in moves.items():
        if len(set(steps.values())) != 1:
            raise ValueError(f"{move.name} leads to several states, or nowhere")
    reached = {first} | {after for steps in moves.values() for after in steps.values()}
    missing = set(states) - reached
    if missing:
        raise ValueError(f"nothing leads to {sorted(state.name for state in missing)}")


check_moves(ITEM_MOVES, ItemMove, ItemState, ItemState.PENDING)
check_moves(RUN_MOVES, RunMove, RunState, RunState.PLANNED)
