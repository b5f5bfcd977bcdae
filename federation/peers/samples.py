"""Our own look at the evidence of a few mappings of each peer, each month, and what follows from it. Pure.

A peer cannot know which ones, nor when: they are drawn by the system's source of secrets, each at a moment of its own,
among all that hold then, so that neither gaps nor order of its log make one likelier. What nobody outside the peer can look at counts for nothing.
"""

import enum
from collections.abc import Mapping as Counts
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from directory.errors import InvalidIdentifier
from directory.mappings import Mapping
from directory.origin_names import LOG_SUFFIX
from directory.proofs.foreign import ForeignClaim
from directory.proofs.post_url import parse_post_url
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import CheckResult, Refuted, Unreachable

MIN_LOOKED_AT: Final = 5
"""With fewer that could be looked at, nothing follows: one mistake must not limit a peer."""
MAX_REFUTED: Final = 0.2
"""More of what was looked at than this part refuted: the peer is limited."""
MIN_GONE: Final = 10
MAX_GONE: Final = 0.5
"""More of at least `MIN_GONE` than this part gone: the peer is limited. Members delete posts, but not most of them; a peer
that invents posts names such as nobody finds."""
LOOK_HOLDS: Final = timedelta(days=60)
"""How long our own look counts for the mapping, as long as until a re-check of ours."""
MAX_ATTEMPTS: Final = 5
FIRST_RETRY: Final = timedelta(hours=1)


class SampleResult(enum.IntEnum):
    """What our own look at a mapping has shown. The numbers are stored: never change them."""

    HOLDS = 1
    REFUTED = 2
    UNREACHABLE = 3
    """Nobody told, in `MAX_ATTEMPTS`."""
    UNSEEABLE = 4
    """Its evidence can be looked at by its own instance alone, such as a sign-in with X."""
    GONE = 5
    """The source says that there is no such post, or the network that there is no such account; or the peer names no
    post."""


class Looked(msgspec.Struct, frozen=True):
    """The result of one look, and its reason as a code, for the operator."""

    result: SampleResult
    reason: str = ""


def month_of(now: datetime) -> date:
    """Returns the month of a sample: its first day."""
    return now.date().replace(day=1)


def month_after(now: datetime) -> datetime:
    """Returns when the month of a time ends."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=31)).replace(day=1)


def claim_of(mapping: Mapping, former: Sequence[str] = ()) -> ForeignClaim | Looked:
    """Returns what there is to look at of a mapping, or why there is nothing. `former` are origins that have moved to its
    own: posts that were made then name their hosts."""
    posts = [piece for piece in mapping.evidence if piece.kind.is_x_post]
    if not posts:
        return Looked(SampleResult.UNSEEABLE, mapping.evidence[0].kind.value if mapping.evidence else "")
    newest = max(posts, key=lambda piece: piece.at)
    try:
        post = parse_post_url(newest.ref)
    except InvalidIdentifier:
        return Looked(SampleResult.GONE, "no-post")
    hosts = tuple(origin.removesuffix(LOG_SUFFIX) for origin in (mapping.origin, *former))
    return ForeignClaim(mapping, newest, post, hosts)


def looked_at_post(claim: ForeignClaim, seen: CheckResult) -> Looked:
    """Returns the result of the look at a post. An id that no source told is not confirmed."""
    if isinstance(seen, Refuted):
        return Looked(SampleResult.REFUTED, seen.reason.value)
    if isinstance(seen, Unreachable):
        is_gone = seen.reason is UnreachableReason.DELETED
        return Looked(SampleResult.GONE if is_gone else SampleResult.UNREACHABLE, seen.reason.value)
    if claim.evidence.kind.binds_x_id and seen.account.id is None:
        return Looked(SampleResult.UNREACHABLE, "id-untold")
    return Looked(SampleResult.HOLDS)


def retry_at(attempt: int, now: datetime) -> datetime | None:
    """Returns when an unreachable one is looked at again, twice as late each time. None: never."""
    return None if attempt >= MAX_ATTEMPTS else now + FIRST_RETRY * 2 ** (attempt - 1)


def is_to_be_limited(counts: Counts[SampleResult, int]) -> bool:
    """Returns whether a peer with these results in a month is limited by the software itself."""
    held, refuted, gone = (
        counts.get(result, 0) for result in (SampleResult.HOLDS, SampleResult.REFUTED, SampleResult.GONE)
    )
    looked_at = held + refuted
    if looked_at >= MIN_LOOKED_AT and refuted > MAX_REFUTED * looked_at:
        return True
    settled = looked_at + gone
    return settled >= MIN_GONE and gone > MAX_GONE * settled
