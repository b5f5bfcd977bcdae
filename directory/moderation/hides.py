"""Hides: mappings that a moderator keeps out of the answers, with the reason that the member is shown.

A hide names an X account, an origin and a network. So it holds for every later mapping of that account from that
origin: a restatement, a renewal, a new handle, another target.
"""

import enum
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from directory.identifiers import XHandle, XId
from directory.mappings import Network
from directory.texts import N_

MAX_BY_CHARS: Final = 80


class HideReason(enum.StrEnum):
    """Why a mapping is hidden. Stable codes, and stored."""

    IMPERSONATION = "impersonation"
    WRONG_ACCOUNT = "wrong-account"
    RULES = "rules"
    LAW = "law"
    REVIEW = "review"

    @property
    def sentence(self) -> str:
        """The sentence that the member is shown, marked for translation."""
        return HIDE_SENTENCES[self]


HIDE_SENTENCES: Final[dict[HideReason, str]] = {
    HideReason.IMPERSONATION: N_("The moderators think that this account pretends to be somebody else."),
    HideReason.WRONG_ACCOUNT: N_("The moderators think that these two accounts are not the same person’s."),
    HideReason.RULES: N_("The moderators think that it breaks the rules of this instance."),
    HideReason.LAW: N_("The moderators had to hide it by law."),
    HideReason.REVIEW: N_("The moderators are looking at it, and hide it meanwhile."),
}


class HideNote(msgspec.Struct, frozen=True):
    """The note on a hide: its reason, its moderator, and when."""

    id: UUID
    reason: HideReason
    by: str
    at: datetime


class Hide(msgspec.Struct, frozen=True, kw_only=True):
    """One hide. `leaf` is the one that the moderator saw; `member` is set where a member of ours publishes it."""

    id: UUID
    origin: str
    network: Network
    x_id: XId | None
    x_handle: XHandle
    leaf: int | None
    member: UUID | None
    reason: HideReason
    by: str
    hidden_at: datetime
