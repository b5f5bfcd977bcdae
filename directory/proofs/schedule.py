"""When a proof is looked at again, and what becomes of it. Pure: the same arguments give the same plan.

At first: a post that nobody shows us is asked for again, ever less often, for a day; then the member is asked.

Later, every 60 days:
- *holds*: the post is there and says it. The mapping may be renewed, under the handle of today.
- *stale*: nobody shows us the post. That refutes nothing: people delete posts and leave X, and an X id
  passes to nobody else. The mapping stands until it expires, is not renewed, and the member is asked.
- *in doubt*: the post was seen and does not say it (any more), or a proof of a handle alone has its post
  deleted: X gives handles away after 30 days. It is looked at again before anything is done.
- *lapsed*: the doubt was confirmed. The mapping is withdrawn. The end: only a new proof leads out.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final

import msgspec

from directory.accounts import ProofState
from directory.identifiers import XHandle
from directory.mappings import EvidenceKind
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import CheckResult, Linked, LinkResult, Refuted, Unreachable, Verified

FIRST_CHECK_WINDOW: Final = timedelta(days=1)
RECHECK_EVERY: Final = timedelta(days=60)
RECHECK_SPREAD: Final = timedelta(days=5)
"""Rechecks come up to this much early, so that those of one day do not come on one day again."""
CONFIRM_AFTER: Final = timedelta(days=1)
DELETED_LAPSES_AFTER: Final = timedelta(days=30)
STALE_EVERY: Final = timedelta(days=7)

RECHECKABLE: Final = frozenset(
    {EvidenceKind.X_POST_ID, EvidenceKind.X_POST_HANDLE, EvidenceKind.PROFILE_LINK}
)
"""What we can look at again by ourselves; the others need the person or a moderator."""
_BINDS_ID: Final = frozenset({EvidenceKind.X_POST_ID, EvidenceKind.X_OAUTH})

# Of a first check, from one try to the next.
_WAITS_S: Final = (15, 60, 300, 900, 1_800, 3_600, 7_200, 14_400)
_JITTER: Final = 0.2


class ProofHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A proof's state since `since`, when it was last good, and when to look again (never, once lapsed).

    `handle` is the X handle as of `last_held`: where it is another after a look, the account was renamed, and a
    mapping under the old one must go. `is_by_handle`: the account's id was never proven.
    """

    state: ProofState
    handle: XHandle
    since: datetime
    last_held: datetime
    next_look: datetime | None
    is_by_handle: bool
    ask_member: bool = False


def next_try(
    first: datetime, now: datetime, tries: int, seed: str, retry_after_s: int | None = None
) -> datetime | None:
    """When a first check that reached nobody is tried again; None: not any more, ask the member.

    `first` is the time of the first of `tries` tries. A wait that a source asked for is kept.
    """
    wait_s = _WAITS_S[min(max(tries, 1), len(_WAITS_S)) - 1] * (1 + _JITTER * _fraction(seed, tries))
    at = now + timedelta(seconds=max(wait_s, retry_after_s or 0))
    return at if at <= first + FIRST_CHECK_WINDOW else None


def fresh(kind: EvidenceKind, handle: XHandle, at: datetime, seed: str) -> ProofHealth:
    """The health of a proof that was just found good."""
    return ProofHealth(
        state=ProofState.HOLDS,
        handle=handle,
        since=at,
        last_held=at,
        next_look=_next_recheck(at, seed) if kind in RECHECKABLE else None,
        is_by_handle=kind not in _BINDS_ID,
    )


def after_recheck(
    health: ProofHealth, result: CheckResult | LinkResult, now: datetime, seed: str
) -> ProofHealth:
    """The health after another look. Nothing leads out of LAPSED; silence alone never leads there."""
    if health.state is ProofState.LAPSED:
        return health
    match result:
        case Verified(x_handle=handle, x_id=x_id):
            return _held(health, handle, now, seed, is_by_handle=health.is_by_handle and x_id is None)
        case Linked():
            return _held(health, health.handle, now, seed, is_by_handle=health.is_by_handle)
        case Refuted():
            return _doubted(health, now, CONFIRM_AFTER)
        case Unreachable(reason=UnreachableReason.DELETED) if health.is_by_handle:
            return _doubted(health, now, DELETED_LAPSES_AFTER)
        case Unreachable(retry_after_s=retry_after_s):
            return _unreached(health, now, retry_after_s, seed)


def _held(
    health: ProofHealth, handle: XHandle, now: datetime, seed: str, *, is_by_handle: bool
) -> ProofHealth:
    return ProofHealth(
        state=ProofState.HOLDS,
        handle=handle,
        since=health.since if health.state is ProofState.HOLDS else now,
        last_held=now,
        next_look=_next_recheck(now, seed),
        is_by_handle=is_by_handle,
    )


def _doubted(health: ProofHealth, now: datetime, lapses_after: timedelta) -> ProofHealth:
    is_first = health.state is not ProofState.IN_DOUBT
    since = now if is_first else health.since
    if not is_first and now - since >= lapses_after:
        return _changed(health, ProofState.LAPSED, now, None)
    return _changed(health, ProofState.IN_DOUBT, since, now + min(lapses_after, STALE_EVERY))


def _unreached(health: ProofHealth, now: datetime, retry_after_s: int | None, seed: str) -> ProofHealth:
    """A doubt is not lifted by silence, nor confirmed by it."""
    usual = CONFIRM_AFTER if health.state is ProofState.HOLDS else STALE_EVERY
    jittered = usual * (1 + _JITTER * _fraction(seed, now.isoformat()))
    wait = max(jittered, timedelta(seconds=retry_after_s or 0))
    if health.state is ProofState.HOLDS:
        # One silent day says little: it becomes stale, and the member hears of it at the second look.
        return _changed(health, ProofState.STALE, now, now + wait, ask_member=False)
    return _changed(health, health.state, health.since, now + wait)


def _changed(
    health: ProofHealth,
    state: ProofState,
    since: datetime,
    next_look: datetime | None,
    *,
    ask_member: bool = True,
) -> ProofHealth:
    return msgspec.structs.replace(
        health, state=state, since=since, next_look=next_look, ask_member=ask_member
    )


def _next_recheck(at: datetime, seed: str) -> datetime:
    return at + RECHECK_EVERY - RECHECK_SPREAD * _fraction(seed, at.isoformat())


def _fraction(seed: str, step: object) -> float:
    """A number in [0, 1) that belongs to the seed and the step."""
    digest = hashlib.sha256(f"{seed}/{step}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
