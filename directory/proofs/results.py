"""The readings of sources, and the results of checks of a proof."""

from datetime import datetime

import msgspec

from directory.accounts import XAccount
from directory.identifiers import XHandle, XId
from directory.mappings import Evidence
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import RefutedReason, UnreachableReason


class PostSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A post as one source shows it: its author and its own text, without quoted posts or names around it.

    `author_id` is None where the source tells only the handle. `is_whole` is False where the source states that it
    omits a part of the text. `latest` is the newest version that the source knows (each edit has an id of its own);
    it equals `id` where there is no later one.
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
    """The source could not show it, which refutes nothing. `retry_after_s` is the wait that it asked for, at least."""

    reason: UnreachableReason
    retry_after_s: int | None = None


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """The X account that made the post is the member's."""

    account: XAccount
    post: XPostId
    posted: datetime
    evidence: Evidence


class Refuted(msgspec.Struct, frozen=True):
    """The post or profile was seen and proves nothing, or it cannot count."""

    reason: RefutedReason


class Linked(msgspec.Struct, frozen=True):
    """A profile links to the member's page. `x_id` is set only for an X profile whose id the source told."""

    evidence: Evidence
    x_id: XId | None = None


Reading = PostSeen | Unreachable
CheckResult = Verified | Refuted | Unreachable
LinkResult = Linked | Refuted | Unreachable
