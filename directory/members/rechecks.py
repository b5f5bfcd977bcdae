"""When a proven account is looked at again, and what that can bring. Pure.

What a look at an X proof is worth is told by `directory.proofs.schedule`: `health_of` gives it the account's
health, and `outcome_of` takes its answer. An account on a new network is asked for its handle of today.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from directory.accounts import ID_EVIDENCE, AccountNetwork, LinkedAccount, ProofState
from directory.identifiers import Acct, ActorUri, XHandle
from directory.mappings import Evidence, EvidenceKind
from directory.proofs.schedule import CONFIRM_AFTER, RECHECK_EVERY, RECHECK_SPREAD, ProofHealth

RECHECK_LEASE: Final = timedelta(minutes=10)
"""How long a worker has for one look; after that another may take it."""
FIRST_DELAY: Final = timedelta(hours=1)
MAX_DELAY: Final = timedelta(days=7)
POST_EVIDENCE: Final = frozenset({EvidenceKind.X_POST_ID, EvidenceKind.X_POST_HANDLE})
"""What can be seen again as a post on X."""
_SPREAD_STEPS: Final = 1_000


class Held(msgspec.Struct, frozen=True):
    """It is still so, under this handle. `evidence` is what was seen now, where that is more than before."""

    handle: str
    evidence: Evidence | None = None


class Doubtful(msgspec.Struct, frozen=True):
    """Nobody could tell (STALE), or what was seen has still to be confirmed (IN_DOUBT). What is published stands."""

    state: ProofState
    since: datetime
    next_look: datetime


class Lapsed(msgspec.Struct, frozen=True):
    """It was seen, and confirmed, not to be so any more: what was published of it is withdrawn."""


class Unlinked(msgspec.Struct, frozen=True):
    """The account is still theirs, under this handle, and its profile was seen, and seen again, not to link to
    their page any more: what rests on that link is withdrawn."""

    handle: str


class Moved(msgspec.Struct, frozen=True):
    """A Mastodon account names another as its new home, and that one names the old: both were seen."""

    actor_uri: ActorUri
    acct: Acct


Outcome = Held | Doubtful | Lapsed | Unlinked | Moved


def next_look_at(account: LinkedAccount, now: datetime) -> datetime | None:
    """When a published account that was last seen at `checked_at` is looked at again: every 60 days, some a
    little earlier, so that those of one day do not come on one day again.

    None where we cannot look by ourselves: the proof then runs out, unless the member renews it.
    """
    if account.is_lapsed or (account.network is AccountNetwork.X and not _can_look_at_x(account)):
        return None
    early = RECHECK_SPREAD * (account.id.int % _SPREAD_STEPS / _SPREAD_STEPS)
    return max(account.checked_at + RECHECK_EVERY - early, now)


def is_by_link_alone(account: LinkedAccount) -> bool:
    """Whether an X account rests on the link of its profile: beside anything stronger that renews nothing."""
    return {item.kind for item in account.evidence} == {EvidenceKind.PROFILE_LINK}


def rests_on_link(account: LinkedAccount) -> bool:
    """Whether the link of a new account's profile was seen, and may carry what is published of it."""
    return any(item.kind is EvidenceKind.PROFILE_LINK for item in account.evidence)


def doubted(account: LinkedAccount, now: datetime, lapses_after: timedelta) -> Doubtful | None:
    """What was seen of an account on a new network speaks against it: again in a day; None once it was confirmed
    for so long. Nothing is taken back on one look: a server may be misconfigured for a day."""
    since = account.health_since if account.health is ProofState.IN_DOUBT else None
    if since is not None and now - since >= lapses_after:
        return None
    return Doubtful(ProofState.IN_DOUBT, since or now, now + CONFIRM_AFTER)


def _can_look_at_x(account: LinkedAccount) -> bool:
    kinds = {item.kind for item in account.evidence}
    return bool(kinds & POST_EVIDENCE) or is_by_link_alone(account)


def unreachable(account: LinkedAccount, attempt: int, now: datetime) -> Doubtful:
    """Nobody answered for an account on a new network: again in an hour, each time later, at most a week."""
    doublings = max(0, min(attempt - 1, 10))
    wait = min(FIRST_DELAY * (1 << doublings), MAX_DELAY)
    return Doubtful(ProofState.STALE, account.health_since or now, now + wait)


def health_of(account: LinkedAccount) -> ProofHealth:
    """An X account's health, as the schedule of proofs takes it."""
    return ProofHealth(
        state=account.health,
        handle=XHandle(account.handle),
        since=account.health_since or account.checked_at,
        last_held=account.checked_at,
        next_look=account.recheck_at,
        is_by_handle=not any(item.kind in ID_EVIDENCE for item in account.evidence),
    )


def outcome_of(health: ProofHealth, evidence: Evidence | None = None) -> Outcome:
    """What to record of an X account after another look; `evidence` is that of a Verified or Linked."""
    if health.state is ProofState.HOLDS:
        return Held(str(health.handle), evidence)
    if health.state is ProofState.LAPSED or health.next_look is None:
        return Lapsed()
    return Doubtful(health.state, health.since, health.next_look)
