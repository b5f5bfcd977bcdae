"""What an answer of the Mastodon API says about a follow, a block or a mute. Pure."""

from typing import Final

from directory.follows.looks import MAX_LOOKS
from directory.follows.port import Attempt, Outcome
from directory.follows.reasons import Reason
from directory.follows.runs import RunKind
from directory.follows.states import ItemState
from directory.networks.errors import BadAnswer
from directory.networks.mastodon.entities import Relationship
from directory.networks.mastodon.wire import Said

_GONE: Final = frozenset({404, 410})


def before_act(kind: RunKind, number: int, id_: str, row: Relationship | None) -> Outcome | None:
    """Judges how the member stands to an account before anything is done. Returns None where it is to be done."""
    if row is None:
        return Outcome(number, ItemState.FAILED, Reason.NOT_FOUND, id_)
    if _is_done(kind, row) or (kind is RunKind.FOLLOW and row.requested):
        return Outcome(number, ItemState.ALREADY, Reason.ALREADY_FOLLOWED, id_)
    if kind is RunKind.BLOCK and (row.following or row.requested):
        # A block ends follows in both directions, and no undo brings them back.
        return Outcome(number, ItemState.SKIPPED, Reason.FOLLOWED_THERE, id_)
    return _blocked(kind, number, id_, row)


def after_act(kind: RunKind, number: int, id_: str, said: Said) -> Outcome | None:
    """Judges the answer to a follow, a block or a mute. Returns None where only the relationship tells more."""
    if said.status == 200:
        return _after_yes(kind, number, id_, said)
    if said.status >= 500:
        # Four at once were one follow at a Takahē, and the fourth answer was 500.
        return Outcome(number, ItemState.SENT, Reason.NONE, id_)
    if said.status == 403 and b"moved" in said.answer.body.lower():
        return Outcome(number, ItemState.FAILED, Reason.MEMBER_MOVED, id_)
    if said.status == 422 and b"follow more than" in said.answer.body:
        # Mastodon's FollowLimitValidator: "You cannot follow more than 7500 people".
        return Outcome(number, ItemState.FAILED, Reason.LIMIT_REACHED, id_)
    return None


def after_refusal(kind: RunKind, number: int, id_: str, said: Said, row: Relationship | None) -> Outcome:
    """Judges a refusal by the relationship: 404 is gone or blocked, and 403 may be too."""
    blocked = _blocked(kind, number, id_, row) if row is not None else None
    reason = Reason.NOT_FOUND if said.status in _GONE else Reason.REFUSED
    return blocked or Outcome(number, ItemState.FAILED, reason, id_)


def after_look(kind: RunKind, item: Attempt, id_: str, row: Relationship | None) -> Outcome:
    """Judges what became of an item that may have been sent. Nothing is known where the server tells of it nothing."""
    if row is None and item.state is ItemState.REQUESTED:
        return Outcome(item.number, ItemState.REQUESTED, Reason.NONE, id_)
    if row is None:
        return still_sent(item, id_)
    if _is_done(kind, row):
        return Outcome(item.number, ItemState.FOLLOWED, Reason.NONE, id_)
    if kind is RunKind.FOLLOW and row.requested:
        return Outcome(item.number, ItemState.REQUESTED, Reason.NONE, id_)
    if (blocked := _blocked(kind, item.number, id_, row)) is not None:
        return blocked
    if item.state is ItemState.REQUESTED:
        return Outcome(item.number, ItemState.FAILED, Reason.REJECTED, id_)
    if not item.remote:
        # No answer was stored: it was not sent, or did not arrive.
        return Outcome(item.number, ItemState.PENDING, Reason.NONE, id_)
    return still_sent(item, id_)


def still_sent(item: Attempt, id_: str = "") -> Outcome:
    """Judges an item of which nothing was seen: it is looked at again, but not for ever."""
    if item.looks + 1 >= MAX_LOOKS:
        return Outcome(item.number, ItemState.FAILED, Reason.NOT_TAKEN, id_)
    return Outcome(item.number, ItemState.SENT, Reason.NONE, id_)


def not_undone(item: Attempt) -> Outcome:
    """Judges an item that cannot be found, to be taken back."""
    return Outcome(item.number, ItemState.FOLLOWED, Reason.REFUSED)


def after_undo(kind: RunKind, number: int, id_: str, said: Said, row: Relationship | None) -> Outcome:
    """Judges the answer to an undo, with the relationship where it was refused; UNDOING where that is not told."""
    if row is None and not is_undone(said):
        return Outcome(number, ItemState.UNDOING, Reason.NONE, id_)
    if is_undone(said) or row is None or not (_is_done(kind, row) or row.requested):
        return Outcome(number, ItemState.UNDONE, Reason.NONE, id_)
    return Outcome(number, ItemState.FOLLOWED, Reason.REFUSED, id_)


def is_undone(said: Said) -> bool:
    """Tells whether the answer to an undo needs no further question."""
    return said.status == 200 or said.status in _GONE


def _after_yes(kind: RunKind, number: int, id_: str, said: Said) -> Outcome:
    try:
        row = Relationship.read(said.read)
    except BadAnswer:
        return Outcome(number, ItemState.SENT, Reason.NONE, id_)
    if _is_done(kind, row):
        return Outcome(number, ItemState.FOLLOWED, Reason.NONE, id_)
    if kind is RunKind.FOLLOW and row.requested:
        return Outcome(number, ItemState.REQUESTED, Reason.NONE, id_)
    # Takahē says nothing yet, and says so of those who block each other for good.
    return _blocked(kind, number, id_, row) or Outcome(number, ItemState.SENT, Reason.NONE, id_)


def _is_done(kind: RunKind, row: Relationship) -> bool:
    if kind is RunKind.BLOCK:
        return row.blocking
    return row.muting if kind is RunKind.MUTE else row.following


def _blocked(kind: RunKind, number: int, id_: str, row: Relationship) -> Outcome | None:
    """A follow fails where either has blocked the other. Returns None otherwise."""
    if kind is RunKind.FOLLOW and (row.blocking or row.blocked_by):
        return Outcome(number, ItemState.FAILED, Reason.BLOCKED, id_)
    return None
