"""A mapping: this X account is now that account, with its evidence and strength."""

import enum
import re
from datetime import datetime, timedelta
from typing import Final

import msgspec

from directory.identifiers import TargetHandle, TargetId, XHandle, XId
from directory.origins import Standing
from directory.x_names import X_NAME

X_SIGN_IN_NAMES: Final = timedelta(days=60)
"""How long a handle answers that an X sign-in alone proved: X gives handles to others, and nothing looks again."""


MAX_AHEAD: Final = timedelta(hours=1)
"""A mapping that is issued later than this from now waits for that time, and answers nothing before."""

_X_PROFILE: Final = re.compile(rf"https://x\.com/{X_NAME.pattern}")
_ELSEWHERE: Final = re.compile(
    r"https://(?!(?:[a-z0-9.-]*\.)?(?:x|twitter)\.com/)[a-z0-9-]+(?:\.[a-z0-9-]+)+/[!-~]*"
)


def has_begun(issued: datetime, now: datetime) -> bool:
    """Tells whether a mapping has begun to hold: it was not issued in the future."""
    return issued <= now + MAX_AHEAD


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
        return _STRENGTH_LABELS[self]

    @classmethod
    def parse(cls, label: str) -> "Strength":
        """Raises KeyError on a word that the protocol does not know."""
        return cls[label.upper()]


_STRENGTH_LABELS: Final = ["", *(strength.name.lower() for strength in Strength)]


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
    """Synthetic, made by `passerelle demo`: never in a log, where no body may have it."""

    @property
    def binds_x_id(self) -> bool:
        """Whether it proves an X id, and so outlives the handle."""
        return self is _X_POST_ID or self is _X_OAUTH

    @property
    def binds_x_handle(self) -> bool:
        """Whether it proves an X handle, and nothing of the id."""
        return self is _X_POST_HANDLE or self is _X_CONFIRMED

    @property
    def is_x_post(self) -> bool:
        """Whether it is a post on X that a source showed, and can show again."""
        return self is EvidenceKind.X_POST_ID or self is EvidenceKind.X_POST_HANDLE


# Looked up once: members of an enum are found slowly, and these are asked for with each mapping of a first sync or a list.
_X_POST_ID: Final = EvidenceKind.X_POST_ID
_X_POST_HANDLE: Final = EvidenceKind.X_POST_HANDLE
_X_OAUTH: Final = EvidenceKind.X_OAUTH
_X_CONFIRMED: Final = EvidenceKind.X_CONFIRMED
_FOLLOWING: Final = Standing.FOLLOWING
_BINDING_X: Final = frozenset(kind for kind in EvidenceKind if kind.binds_x_id or kind.binds_x_handle)


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One piece of evidence: what was seen, when, and where it can be seen again.

    `names` are the ids of the accounts on new networks that the evidence of an X account names: it proves a mapping to
    these, and to no other. They stay with the linked account; a mapping's evidence has none, since it names its target.
    """

    kind: EvidenceKind
    at: datetime
    ref: str | None = None
    names: tuple[str, ...] = ()

    @property
    def is_link_on_x(self) -> bool:
        """Whether it is a link that was seen on an X profile: `ref` is `https://x.com/` and a handle."""
        return self._is_link and _X_PROFILE.fullmatch(self.ref or "") is not None

    def is_link_of(self, handle: XHandle) -> bool:
        """Whether it is a link that was seen on the X profile of this handle, in whatever case."""
        return self.is_link_on_x and (self.ref or "").rpartition("/")[2].lower() == handle.key

    @property
    def is_link_elsewhere(self) -> bool:
        """Whether it is a link that was seen on a profile of another host than those of X."""
        return self._is_link and _ELSEWHERE.fullmatch(self.ref or "") is not None

    @property
    def _is_link(self) -> bool:
        return self.kind is EvidenceKind.PROFILE_LINK

    @property
    def binds_x(self) -> bool:
        """Whether it proves the X account of a mapping, by id or by handle."""
        return self.kind in _BINDING_X


class Mapping(msgspec.Struct, frozen=True, gc=False):
    """One published statement that an X account is now `target_id`.

    `x_id` is None where only the handle was proven. `origin` is the log that holds it; `leaf` is its index there, None
    while the mapping is in no log. `issued` is when the origin said so: nothing later was seen of the X account's handle.
    `standing` is the origin's, and `is_stale` where it has not been heard from for a day; `is_checked`: our own look at the
    evidence has lately confirmed it. `is_contested`: somebody else has proven the X account, or
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
    answers_by_name: bool = True
    """False from `name_until` on: then its handle finds it no more, and its id does."""
    is_stale: bool = False
    is_checked: bool = False

    @property
    def is_relied_on(self) -> bool:
        """Whether this instance relies on it: it follows the origin, or has looked at the evidence itself."""
        return self.standing is _FOLLOWING or self.is_checked

    @property
    def name_until(self) -> datetime:
        """Until when the handle answers. Needs the evidence: where only an X sign-in proves the X account, 60 days
        from it, or from `issued` where it claims to be later."""
        proofs = [piece for piece in self.evidence if piece.kind in _BINDING_X]
        for piece in proofs:
            if piece.kind is not _X_OAUTH:
                return self.expires
        if not proofs:
            return self.expires
        signed_in = min(max(piece.at for piece in proofs), self.issued)
        return min(signed_in + X_SIGN_IN_NAMES, self.expires)
