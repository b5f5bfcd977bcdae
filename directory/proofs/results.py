"""What a source showed, and what a check of a proof came to."""

from datetime import datetime

import msgspec

from directory.accounts import XAccount
from directory.identifiers import XHandle, XId
from directory.mappings import Evidence
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import RefutedReason, UnreachableReason


class PostSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A post as one source shows it: its author and its own text, and nothing of what surrounds it.

    `author_id` is missing where the source tells only the handle. `is_whole` is False where the source
    says that it leaves out a part of the text. `latest` is the newest version that the source knows of
    (each edit has a number of its own), `id` itself where there is none.
    """

    id: XPostId
    latest: XPostId
    author_id: XId | None
    author_handle: XHandle
    text: str
    is_whole: bool = True

    @property
    def is_latest(self) -> bool:
        return self.latest == self.id


class Unreachable(msgspec.Struct, frozen=True):
    """Nothing is known, and why. `retry_after_s` is the shortest wait that the source asked for."""

    reason: UnreachableReason
    retry_after_s: int | None = None


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """The X account that made the post is the member's."""

    account: XAccount
    post: XPostId
    posted: datetime
    evidence: Evidence


class Refuted(msgspec.Struct, frozen=True):
    """The post says no, or cannot count."""

    reason: RefutedReason


class Linked(msgspec.Struct, frozen=True):
    """A profile links to the member's page of ours. The X id is told where the X profile is the one and a source told it."""

    evidence: Evidence
    x_id: XId | None = None


Reading = PostSeen | Unreachable
CheckResult = Verified | Refuted | Unreachable
LinkResult = Linked | Refuted | Unreachable
