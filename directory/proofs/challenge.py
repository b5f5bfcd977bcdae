"""The challenge of a proof post: the sentence that a member posts once to prove an X account.

A challenge belongs to one member, to the exact accounts that the proof will point to, and to one instance, and is
open for a week. Its nonce is in no other challenge, so a post with it proves nothing for another member, another
account or another instance.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from directory.accounts import TargetAccount
from directory.proofs.nonce import Nonce
from directory.proofs.reasons import RefutedReason
from directory.proofs.sentence import MAX_TARGETS, compose_url, write_sentence

CHALLENGE_LIFE: Final = timedelta(days=7)
CLOCK_SKEW: Final = timedelta(minutes=2)
"""How far our clock and X's may differ."""


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """A challenge. `member` is the store's name for the member, `instance` our own domain.

    `targets` are the accounts that the proof will point to: their ids bind, their handles are what people read.
    `used` and `superseded` are set by the store that keeps it, and never cleared.
    """

    nonce: Nonce
    member: str
    targets: tuple[TargetAccount, ...]
    instance: str
    language: str
    created: datetime
    expires: datetime
    used: datetime | None = None
    superseded: datetime | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.targets) <= MAX_TARGETS:
            raise ValueError(f"a challenge names 1 to {MAX_TARGETS} accounts, not {len(self.targets)}")

    @property
    def names(self) -> tuple[str, ...]:
        """The ids of the accounts that the proof points to."""
        return tuple(sorted(str(target.id) for target in self.targets))

    @property
    def sentence(self) -> str:
        """The sentence that the member posts. Raises SentenceTooLong."""
        names = [str(target.handle) for target in self.targets]
        return write_sentence(self.language, names, self.instance, self.nonce)

    @property
    def compose_url(self) -> str:
        """The address where X offers the sentence for posting."""
        return compose_url(self.sentence)

    def refusal(self, now: datetime) -> RefutedReason | None:
        """Returns why this challenge accepts no post any more; None while it is open."""
        if self.used is not None:
            return RefutedReason.CHALLENGE_USED
        if self.superseded is not None:
            return RefutedReason.CHALLENGE_SUPERSEDED
        if now >= self.expires:
            return RefutedReason.CHALLENGE_EXPIRED
        return None

    def refusal_of_time(self, posted: datetime, now: datetime) -> RefutedReason | None:
        """Returns why a post made at that time cannot meet this challenge; None where it can."""
        if posted < self.created - CLOCK_SKEW:
            return RefutedReason.POSTED_BEFORE
        if posted > now + CLOCK_SKEW:
            return RefutedReason.POSTED_IN_FUTURE
        if posted >= self.expires + CLOCK_SKEW:
            return RefutedReason.CHALLENGE_EXPIRED
        return None

    def is_for(self, member: str, targets: tuple[TargetAccount, ...], instance: str) -> bool:
        """Whether it was made for this member, exactly these accounts (in any order), and this instance.

        Accounts are compared by id, whatever their handles are now.
        """
        return (
            self.member == member
            and self.instance == instance
            and len(targets) == len(self.targets)
            and {target.id for target in self.targets} == {target.id for target in targets}
        )


def new_challenge(
    member: str, targets: tuple[TargetAccount, ...], instance: str, language: str, now: datetime
) -> Challenge:
    """Makes a challenge. The store marks the member's open ones as superseded in the transaction that keeps it.

    Raises SentenceTooLong where the names of its accounts do not fit into one post.
    """
    made = Challenge(
        nonce=Nonce.new(),
        member=member,
        targets=targets,
        instance=instance,
        language=language,
        created=now,
        expires=now + CHALLENGE_LIFE,
    )
    _ = made.sentence  # raises where it cannot be written
    return made
