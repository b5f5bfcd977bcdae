"""A peer: another instance, and what the operators of both have decided about each other. Plain values."""

import enum
from datetime import datetime
from typing import Final

import msgspec

from directory.mappings import Strength
from directory.origins import Standing

MAX_NAME_CHARS: Final = 200
MAX_CONTACT_CHARS: Final = 500


class WeFollow(enum.IntEnum):
    """Whether we take what a peer says. The numbers are stored: never change them."""

    NO = 0
    ASKED = 1
    """An operator of ours wants it, and our request was not delivered."""
    FOLLOWING = 2
    """It has our request. Until its operators approve, it answers 403 to who asks for bodies."""


class TheyFollow(enum.IntEnum):
    """Whether a peer may take what we say. The numbers are stored: never change them."""

    NO = 0
    ASK = 1
    """It has asked, and waits for our operators."""
    APPROVED = 2
    REFUSED = 3


class Shown(msgspec.Struct, frozen=True):
    """What an instance shows of itself, before anybody believes it."""

    origin: str
    address: str
    name: str
    contact: str
    first_key: str


class PeerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What operators of ours let a confirmed peer do here."""

    strengths: frozenset[Strength]
    """Mappings of other strengths are not taken."""
    daily_cap: int | None
    """Mappings that are taken in a day at most. None: as many as come."""
    growth_cap: int | None
    """Entries by which its log may grow in a day. None: what this software takes for usual."""
    sample_size: int
    """Mappings whose evidence we look at ourselves each month."""
    is_listed: bool
    """Whether it is named in `/api/v1/peers` and on the About page."""


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table `peer`."""

    origin: str
    address: str
    """Its base URL, without a slash at the end."""
    name: str
    contact: str
    """What it says of itself, trusted by nobody."""
    we_follow: WeFollow
    they_follow: TheyFollow
    first_key: str
    """The log key of the first document of its log. Pinned once `confirmed_at` is set."""
    confirmed_at: datetime | None
    """When an operator of ours has compared the fingerprints. None: nothing of it is believed."""
    asked_at: datetime | None
    """When it asked to follow us, for as long as that waits."""
    is_listed: bool
    strengths: frozenset[Strength]
    daily_cap: int | None
    growth_cap: int | None
    sample_size: int
    moved_to: str | None

    @property
    def policy(self) -> PeerPolicy:
        return PeerPolicy(
            strengths=self.strengths,
            daily_cap=self.daily_cap,
            growth_cap=self.growth_cap,
            sample_size=self.sample_size,
            is_listed=self.is_listed,
        )

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_at is not None


class PeerView(msgspec.Struct, frozen=True, kw_only=True):
    """A peer with its standing and how far its log was read, for operators."""

    peer: Peer
    standing: Standing | None
    """None before it was confirmed."""
    heard_at: datetime | None
    """The time of its log."""
    size: int
    target_size: int
    bodies_size: int
    seen_at: datetime | None
    fault: str
    stopped: str
    documents: tuple[bytes, ...]
    evidence: int
    """How many files of evidence against it are kept."""
    missing: int
    """Leaves that hold and for which it serves no body."""
    skipped: int
    """Bodies of a strength that we do not take from it."""
    invalid: int
    """Bodies that are what their leaf commits to, and say nothing."""
