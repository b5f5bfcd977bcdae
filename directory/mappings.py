"""A mapping: this X account is now that account, with its evidence and strength."""

import enum
from datetime import datetime

import msgspec

from directory.identifiers import TargetHandle, TargetId, XHandle, XId
from directory.origins import Standing


class Network(enum.StrEnum):
    """The network that a mapping leads to."""

    BLUESKY = "bluesky"
    MASTODON = "mastodon"
    """Any server that speaks ActivityPub and the Mastodon API."""


class Strength(enum.IntEnum):
    """How well a mapping is proven; more is stronger. The numbers are stored: never change them."""

    IMPORTED = 1
    LINKED = 2
    HANDLE = 3
    BOUND = 4

    @property
    def label(self) -> str:
        """The word of the protocol."""
        return self.name.lower()

    @classmethod
    def parse(cls, label: str) -> "Strength":
        """Raises KeyError on a word that the protocol does not know."""
        return cls[label.upper()]


class EvidenceKind(enum.StrEnum):
    """How one side of a mapping was proven."""

    X_POST_ID = "x-post-id"
    """A proof post whose source told the author's id."""
    X_POST_HANDLE = "x-post-handle"
    """A proof post whose source told the author's handle alone."""
    X_OAUTH = "x-oauth"
    X_CONFIRMED = "x-confirmed"
    """A moderator saw the proof post in person."""
    PROFILE_LINK = "profile-link"
    BLUESKY_OAUTH = "bluesky-oauth"
    MASTODON_OAUTH = "mastodon-oauth"
    IMPORT = "import"
    DEMO = "demo"
    """Synthetic, made by `passerelle demo`."""

    @property
    def binds_x_id(self) -> bool:
        """Whether it proves an X id, and so outlives the handle."""
        return self is EvidenceKind.X_POST_ID or self is EvidenceKind.X_OAUTH

    @property
    def binds_x_handle(self) -> bool:
        """Whether it proves an X handle, and nothing of the id."""
        return self is EvidenceKind.X_POST_HANDLE or self is EvidenceKind.X_CONFIRMED

    @property
    def proves_new_account(self) -> bool:
        """Whether it proves the account that a mapping leads to."""
        return self is EvidenceKind.BLUESKY_OAUTH or self is EvidenceKind.MASTODON_OAUTH

    @property
    def is_x_post(self) -> bool:
        """Whether it is a post on X that a source showed, and can show again."""
        return self is EvidenceKind.X_POST_ID or self is EvidenceKind.X_POST_HANDLE


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One piece of evidence: what was seen, when, and where it can be seen again.

    `names` are the ids of the accounts on new networks that the evidence of an X account names: it proves a mapping to
    these, and to no other. They stay with the linked account; a mapping's evidence has none, since it names its target.
    """

    kind: EvidenceKind
    at: datetime
    ref: str | None = None
    names: tuple[str, ...] = ()


class Mapping(msgspec.Struct, frozen=True, gc=False):
    """One published statement that an X account is now `target_id`.

    `x_id` is None where only the handle was proven. `origin` is the log that holds it; `leaf` is its index there, None
    while the mapping is in no log. `standing` is the origin's. `is_contested`: somebody else has proven the X account, or
    one of the proofs is in doubt; until that is settled nobody follows it unseen.
    """

    x_id: XId | None
    x_handle: XHandle
    network: Network
    target_id: TargetId
    target_handle: TargetHandle
    strength: Strength
    evidence: tuple[Evidence, ...]
    origin: str
    leaf: int | None
    issued: datetime
    expires: datetime
    standing: Standing = Standing.FOLLOWING
    is_contested: bool = False
