"""The sentences about runs by what a run does: those that block, mute or keep lists say so, and not that they follow."""

from collections.abc import Mapping
from typing import Final

import msgspec

from directory.follows.reasons import Reason
from directory.follows.runs import RunKind
from directory.follows.states import ItemState, RunState
from directory.texts import N_
from web.follow_sentences import REASONS, RESULTS, SAID, STATES


class KindWords(msgspec.Struct, frozen=True):
    """What the page of a run calls what it does."""

    title: str
    permit: str
    pause: str
    retry: str
    cancel: str
    undo: str
    why_not: str


_FOLLOW: Final = KindWords(
    N_("Following for you"),
    N_("Your server has to let us follow for you before anybody is followed. Nothing of your plan is lost."),
    N_("Nobody is followed until you let it go on."),
    N_("Those who were not followed are tried once more."),
    N_("Nobody else is followed. Whom it has followed stays followed."),
    N_("Everybody whom this run followed is unfollowed, and nobody else: whom you followed before stays."),
    N_("Why some are not followed"),
)
_OTHER: Final = KindWords(
    N_("Doing it for you"),
    N_("Your server has to let us block and mute for you before anything is done: that is a permission of its own. Nothing of your plan is lost."),
    N_("Nothing is done until you let it go on."),
    N_("Those where it did not work are tried once more."),
    N_("Nothing else is done. What it has done stays."),
    N_("All that this run did is taken back, and nothing else: what you did yourself stays."),
    N_("Why it was not done for some"),
)  # fmt: skip
WORDS: Final[Mapping[RunKind, KindWords]] = {
    RunKind.FOLLOW: _FOLLOW,
    RunKind.BLOCK: msgspec.structs.replace(_OTHER, title=N_("Blocking for you")),
    RunKind.MUTE: msgspec.structs.replace(_OTHER, title=N_("Muting for you")),
    RunKind.LIST: _OTHER,
}
_RESULTS: Final[Mapping[RunKind, Mapping[ItemState, str]]] = {
    RunKind.FOLLOW: {},
    RunKind.BLOCK: {
        ItemState.FOLLOWED: N_("Blocked"),
        ItemState.ALREADY: N_("Blocked before"),
        ItemState.FAILED: N_("Not blocked"),
    },
    RunKind.MUTE: {
        ItemState.FOLLOWED: N_("Muted"),
        ItemState.ALREADY: N_("Muted before"),
        ItemState.FAILED: N_("Not muted"),
    },
    RunKind.LIST: {
        ItemState.FOLLOWED: N_("On the list"),
        ItemState.ALREADY: N_("On the list before"),
        ItemState.FAILED: N_("Not on the list"),
    },
}
_REASONS: Final[Mapping[Reason, str]] = {
    Reason.ALREADY_FOLLOWED: N_("That was so before."),
    Reason.SWITCHED_OFF: N_("Whoever runs this instance lets nothing be done there."),
    Reason.MEMBER_MOVED: N_("Your own account has moved, so nothing can be done with it."),
}
_STATES: Final[Mapping[RunState, str]] = {
    RunState.PAUSED: N_("It is paused: nothing is done until you let it go on."),
    RunState.NEEDS_SIGN_IN: N_("It waits for you: please allow it at your server once more."),
    RunState.CANCELLED: N_("It was ended before it was done."),
    RunState.UNDOING: N_("Everything this run did is being taken back."),
    RunState.UNDONE: N_("Everything this run did was taken back."),
}
_SAID: Final[Mapping[str, str]] = {
    "permitted": N_("Thank you: your server lets us do this for you."),
    "not-permitted": N_("Your server has not allowed it, so nothing is done yet: you can allow it below."),
    "pause": N_("Paused. Nothing is done until you let it go on."),
    "cancel": N_("Ended. What it has done stays; you can still take that back."),
    "retry": N_("Those where it did not work are tried once more."),
    "undo": N_("What this run did is being taken back, and nothing else."),
}


def said_of(kind: RunKind, code: str) -> str:
    """Returns the sentence that says what happened; empty for a code that is none."""
    return (_SAID.get(code) if kind.needs_more else None) or SAID.get(code, "")


def states_of(kind: RunKind) -> Mapping[RunState, str]:
    """Returns the sentences about the states of a run."""
    return {**STATES, **_STATES} if kind.needs_more else STATES


def reasons_of(kind: RunKind) -> Mapping[Reason, str]:
    """Returns the sentences about people with whom a run did nothing."""
    return {**REASONS, **_REASONS} if kind.needs_more else REASONS


def results_of(kind: RunKind) -> Mapping[ItemState, str]:
    """Returns what became of a person, in a word."""
    return {**RESULTS, **_RESULTS[kind]}
