"""Judges the links of a member's profiles: both sides have to link to the member's page. Pure.

The address of the page holds a code of its own, given to one member for ever, and not the handle: a handle can pass
to another person, and a profile that still links to `/m/<handle>` would then prove that person's account.
"""

import enum
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from directory.identifiers import XId
from directory.mappings import Evidence
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import Linked, LinkResult, Refuted, Unreachable
from directory.texts import N_


class LinkReason(enum.StrEnum):
    """Why the links do not prove an X account, at least not yet. Stable codes."""

    X_NOT_LINKING = "x-not-linking"
    NEW_NOT_LINKING = "new-not-linking"
    NEW_UNVERIFIED = "new-unverified"
    """A Mastodon profile links to the page, and its server has not verified that."""
    NEW_NEVER_VERIFIED = "new-never-verified"
    """All new accounts are on servers that never look at the links of profiles."""
    X_UNKNOWN = "x-unknown"
    """No account of that name was found on X: it may be misspelt."""
    X_UNREADABLE = "x-unreadable"
    NEW_UNREADABLE = "new-unreadable"
    NEW_NO_ANSWER = "new-no-answer"
    NEW_NOT_SECURE = "new-not-secure"
    """The server of a new account has no certificate that proves its name."""
    NEW_NO_SERVER = "new-no-server"
    """What answers in the place of a new account's server is none."""
    NO_SOURCE = "no-source"
    """The operator has turned off the service that shows X profiles."""


LINK_SENTENCES: Final[dict[LinkReason, str]] = {
    LinkReason.X_NOT_LINKING: N_(
        "Your X profile does not name your page as its website yet: please put the address there as it is, "
        "save it, and check again."
    ),
    LinkReason.NEW_NOT_LINKING: N_(
        "None of your new profiles links to your page yet: please put its address there, save it, and check again."
    ),
    LinkReason.NEW_UNVERIFIED: N_(
        "Your new profile links to your page, but your server has not verified the link yet: "
        "please save your profile there once more, and check again."
    ),
    LinkReason.NEW_NEVER_VERIFIED: N_(
        "The server of your new account does not check the links of profiles, so this way does not lead there: "
        "please prove your X account with a post."
    ),
    LinkReason.X_UNKNOWN: N_(
        "We find nobody of that name on X right now: please check the spelling; we keep trying for a day."
    ),
    LinkReason.X_UNREADABLE: N_(
        "We could not read your X profile right now, so we keep trying for a day: there is nothing to do for you."
    ),
    LinkReason.NEW_UNREADABLE: N_(
        "We could not read your new profile right now, so we keep trying for a day: there is nothing to do for you."
    ),
    LinkReason.NEW_NO_ANSWER: N_(
        "The server of your new profile does not answer, so we keep trying for a day: there is nothing to do for you."
    ),
    LinkReason.NEW_NOT_SECURE: N_(
        "The server of your new profile has no certificate that proves its name, so we did not speak to it: "
        "please tell whoever runs it; we keep trying for a day."
    ),
    LinkReason.NEW_NO_SERVER: N_(
        "What answers in the place of your new profile's server speaks neither Bluesky's nor Mastodon's language: "
        "please tell whoever runs it; we keep trying for a day."
    ),
    LinkReason.NO_SOURCE: N_(
        "This instance cannot look at X profiles any more: please prove your X account with a post."
    ),
}


_OF_NEW: Final[Mapping[UnreachableReason, LinkReason]] = {
    UnreachableReason.NO_ANSWER: LinkReason.NEW_NO_ANSWER,
    UnreachableReason.NOT_SECURE: LinkReason.NEW_NOT_SECURE,
    UnreachableReason.UNREADABLE: LinkReason.NEW_NO_SERVER,
}


class LinksSeen(msgspec.Struct, frozen=True):
    """The results for all of a member's profiles: the one on X, and each new account on the page, by its id."""

    x: LinkResult
    new: Mapping[UUID, LinkResult]


class Shown(msgspec.Struct, frozen=True):
    """Both sides link to the page. `new` holds only those accounts that do."""

    x: Evidence
    x_id: XId | None
    new: Mapping[UUID, Evidence]


class NotShown(msgspec.Struct, frozen=True):
    """A side was read, and does not link to the page."""

    reason: LinkReason


class Unseen(msgspec.Struct, frozen=True):
    """A side could not be read, which refutes nothing."""

    reason: LinkReason
    retry_after_s: int | None


def judge_links(seen: LinksSeen) -> Shown | NotShown | Unseen:
    """Judges both sides. A side that does not link decides, whatever the other one shows."""
    linked = {account: result for account, result in seen.new.items() if isinstance(result, Linked)}
    unseen = [result for result in seen.new.values() if isinstance(result, Unreachable)]
    if isinstance(seen.x, Refuted):
        return NotShown(LinkReason.X_NOT_LINKING)
    if not linked and not unseen:
        return NotShown(_why_none_links(seen.new))
    if isinstance(seen.x, Unreachable):
        return Unseen(_why_unseen(seen.x.reason), seen.x.retry_after_s)
    if not linked:
        waits = [result.retry_after_s for result in unseen if result.retry_after_s is not None]
        return Unseen(_why_new_unseen(unseen), max(waits, default=None))
    new = {account: result.evidence for account, result in linked.items()}
    return Shown(seen.x.evidence, seen.x.x_id, new)


def _why_none_links(results: Mapping[UUID, LinkResult]) -> LinkReason:
    never = Refuted(RefutedReason.SERVER_VERIFIES_NO_LINKS)
    if results and all(result == never for result in results.values()):
        return LinkReason.NEW_NEVER_VERIFIED
    is_unverified = Refuted(RefutedReason.LINK_UNVERIFIED) in results.values()
    return LinkReason.NEW_UNVERIFIED if is_unverified else LinkReason.NEW_NOT_LINKING


def _why_new_unseen(unseen: Sequence[Unreachable]) -> LinkReason:
    """Returns why the new profiles could not be read: the reason of all of them, where they have one."""
    reasons = {result.reason for result in unseen}
    return (
        _OF_NEW.get(reasons.pop(), LinkReason.NEW_UNREADABLE)
        if len(reasons) == 1
        else LinkReason.NEW_UNREADABLE
    )


def _why_unseen(reason: UnreachableReason) -> LinkReason:
    if reason is UnreachableReason.DELETED:
        return LinkReason.X_UNKNOWN
    return LinkReason.NO_SOURCE if reason is UnreachableReason.NO_SOURCE else LinkReason.X_UNREADABLE
