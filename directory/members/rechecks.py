"""The rules of re-checks: when a published account is re-checked, and what the outcome changes. Pure.

`directory.services.rechecking` asks the networks, and the store writes what `account_after` returns. The proof of a
published account is re-checked every 60 days, and then
- *holds*: it was seen as before. What is published may be renewed, under the present handle;
- is *stale*: its source could not show it, which refutes nothing: people delete posts and leave X, an X id never
  passes to another person, a server may be down. What is published stands until it expires, and is not renewed;
- is *in doubt*: what was seen contradicts it, or the post that proved a handle alone is deleted: X gives handles away
  after 30 days; or no handle leads to a Bluesky account any more, which after 30 days *holds* without one, as the DID is
  whom people follow; or the server of a new account was out of reach for 30 days, since a dead domain is sold again: when it
  answers after that, the doubt is confirmed. An unreachable source neither lifts a doubt nor confirms it. What is published stands: a server may
  be misconfigured for a day, so nothing is withdrawn on one answer;
- has *lapsed*: the doubt was confirmed. What is published is withdrawn, and only a new proof restores the account.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from directory.accounts import (
    Account,
    BlueskyAccount,
    LinkedAccount,
    MastodonAccount,
    ProofState,
    TargetAccount,
)
from directory.identifiers import NO_HANDLE, Acct, XId
from directory.mappings import Evidence, EvidenceKind
from directory.members.renewal import drop_link, is_link_evidence, list_checkable, see_again
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import CheckResult, Linked, LinkResult, Refuted, Unreachable, Verified

RECHECK_EVERY: Final = timedelta(days=60)
RECHECK_SPREAD: Final = timedelta(days=5)
"""Re-checks come up to this much early, so that accounts proven on one day are re-checked on different days."""
RECHECK_LEASE: Final = timedelta(minutes=10)
"""How long a worker has for one re-check; after that another may claim it."""
CONFIRM_AFTER: Final = timedelta(days=1)
"""A doubt is confirmed, or lifted, by a re-check this much later."""
DELETED_LAPSES_AFTER: Final = timedelta(days=30)
"""What is deleted may come back within this time: X keeps a handle that was given up, a server restores its database."""
LOOKS_BEFORE_LAPSE: Final = 7
"""Looks within that time at least, of some thirty: under a clock that is years ahead for a day, the second one ended it."""
AWAY_AFTER: Final = timedelta(days=30)
"""A server that was out of reach for this long may have passed to somebody else: a domain that is not paid for goes
back on sale in a month or two."""
FIRST_DELAY: Final = timedelta(hours=1)
MAX_DELAY: Final = timedelta(days=7)
WEB_DID: Final = "did:web:"
"""A DID that a domain answers for."""
_SPREAD_STEPS: Final = 1_000
_MAX_DOUBLINGS: Final = 10


class Present(msgspec.Struct, frozen=True):
    """An account on a new network exists. `link` is whether its profile links to the member's page; None where that
    was not asked (`rests_on_link`), unreachable also where nobody tells whether the account moved. `moved_to` is the address that its server says it moved to, which the new account
    did not confirm; unset where no server told. `page` is the address of its profile, unset alike."""

    account: TargetAccount
    link: LinkResult | None = None
    moved_to: Acct | msgspec.UnsetType | None = msgspec.UNSET
    page: str | msgspec.UnsetType | None = msgspec.UNSET


class Gone(msgspec.Struct, frozen=True):
    """The network knows no such account, or names another account in its place."""


class Moved(msgspec.Struct, frozen=True):
    """A Mastodon account that moved to `account`: both were seen to name each other.

    No proof names the new account, and whoever took over the old one, or its domain, can make it move anywhere. So a
    move carries nothing: once confirmed, what is published of the old account is withdrawn, and the member proves the
    new one.
    """

    account: MastodonAccount


class Held(msgspec.Struct, frozen=True):
    """The proof holds, under the handle of `account`. `evidence` is what this re-check saw anew. `moved_to` and
    `page` are as in `Present`."""

    account: Account
    evidence: tuple[Evidence, ...] = ()
    moved_to: Acct | msgspec.UnsetType | None = msgspec.UNSET
    page: str | msgspec.UnsetType | None = msgspec.UNSET


class Doubtful(msgspec.Struct, frozen=True):
    """The source was unreachable (STALE), or a doubt is to be confirmed (IN_DOUBT). What is published stands."""

    state: ProofState
    since: datetime
    next_recheck: datetime


class Lapsed(msgspec.Struct, frozen=True):
    """The proof was seen not to hold, and this was confirmed: what is published of it is withdrawn."""


class Unlinked(msgspec.Struct, frozen=True):
    """The account is still the member's, but its profile no longer links to their page, and this was confirmed: what
    rests on that link is withdrawn."""

    account: TargetAccount


class XSeen(msgspec.Struct, frozen=True):
    """One piece of evidence of an X account, and what its re-check showed."""

    evidence: Evidence
    result: CheckResult | LinkResult


TargetSeen = Present | Gone | Moved | Unreachable
Outcome = Held | Doubtful | Lapsed | Unlinked | Moved


def next_recheck_at(account: LinkedAccount, now: datetime) -> datetime | None:
    """Returns when a published account is re-checked, counted from its `checked_at`.

    Returns None where it cannot be re-checked without the member: what is published then expires, unless the member
    proves the account again. One that has a rival is re-checked now.
    """
    if account.is_lapsed or (account.x is not None and not list_checkable(account)):
        return None
    if account.has_rival:
        return now
    early = RECHECK_SPREAD * (account.id.int % _SPREAD_STEPS / _SPREAD_STEPS)
    return max(account.checked_at + RECHECK_EVERY - early, now)


def is_by_link_alone(account: LinkedAccount) -> bool:
    """Whether an X account is proven by the link of its profile alone."""
    return bool(account.evidence) and all(map(is_link_evidence, account.evidence))


def rests_on_link(account: LinkedAccount) -> bool:
    """Whether a new account has the link of its profile as evidence, which may carry what is published of it."""
    return any(map(is_link_evidence, account.evidence))


def is_away(account: LinkedAccount, now: datetime) -> bool:
    """Whether an account at a domain was not seen for so long that who answers for it now may be somebody else."""
    target = account.target
    if target is None or not _is_of_domain(target):
        return False
    since = account.health_since
    return since is not None and now - since > AWAY_AFTER


def may_be_anothers(account: LinkedAccount, now: datetime) -> bool:
    """Whether who answers for an account now may be somebody else: it lapsed, or its server was out of reach for a month."""
    return account.is_lapsed or is_away(account, now)


def judge_x(account: LinkedAccount, seen: Sequence[XSeen], attempt: int, now: datetime) -> Outcome:
    """Judges the re-check of an X account: all its evidence that can be re-checked (`list_checkable`).

    A piece that contradicts puts the whole account in doubt, whatever the others show, and so do posts of two authors.
    Else those that hold are renewed, each for the accounts that it names, and the others age. `attempt` counts the
    re-checks since the proof last held.
    """
    if any(_contradicts(account, each.result) for each in seen) or len(_ids_told(seen)) > 1:
        return doubt(account, now, CONFIRM_AFTER) or Lapsed()
    if any(_is_deleted(each.result) for each in seen) and not _is_id_proven(account):
        return _doubt_for_a_month(account, attempt, now) or Lapsed()
    present = _find_present(account, seen)
    held = [(e, e.result) for e in seen if isinstance(e.result, Verified | Linked) and _is_of(present, e)]
    if not held:
        waits = [each.result.retry_after_s for each in seen if isinstance(each.result, Unreachable)]
        return _reschedule(
            account, attempt, now, max((wait for wait in waits if wait is not None), default=None)
        )
    return Held(present, tuple(_renewed(each.evidence, result) for each, result in held))


def _contradicts(account: LinkedAccount, result: CheckResult | LinkResult) -> bool:
    match result:
        case Verified(account=x):
            return _is_another(account, x.id)
        case Linked(x_id=x_id):
            return _is_another(account, x_id)
        case Refuted():
            return True
        case Unreachable():
            return False


def _ids_told(seen: Sequence[XSeen]) -> set[XId]:
    """Returns the ids of the authors, where a source told them."""
    told = (each.result.account.id for each in seen if isinstance(each.result, Verified))
    return {x_id for x_id in told if x_id is not None}


def _find_present(account: LinkedAccount, seen: Sequence[XSeen]) -> Account:
    """Finds the account as it is now: as the posts show it whose author's id is known.

    A name alone never gives a known id another name: who made such a post may be somebody else.
    """
    posts = [(e.evidence, e.result.account) for e in seen if isinstance(e.result, Verified)]
    by_id = [x for _, x in posts if x.id is not None] or [x for piece, x in posts if piece.kind.binds_x_id]
    if by_id:
        return by_id[0]
    alike = [x for _, x in posts if x.handle.key == account.handle.key]
    is_by_name = account.account.id is None
    renamed = [x for _, x in posts if is_by_name and x not in alike]
    return next(iter(renamed or alike), account.account)


def _is_of(present: Account, each: XSeen) -> bool:
    """Whether a result is of the present account. A name alone tells so only where it is the present one."""
    if not isinstance(each.result, Verified) or each.result.account.id is not None:
        return True
    return each.evidence.kind.binds_x_id or each.result.account.handle.key == present.handle.key


def _is_deleted(result: CheckResult | LinkResult) -> bool:
    return isinstance(result, Unreachable) and result.reason is UnreachableReason.DELETED


def _renewed(before: Evidence, result: Verified | Linked) -> Evidence:
    """Returns the evidence as seen anew. It names what it named before, whatever was linked since.

    A post whose author's id was told once stays bound to it, whichever source shows the post now: its author never
    changes.
    """
    kind = EvidenceKind.X_POST_ID if result.evidence.kind is EvidenceKind.X_POST_ID else before.kind
    return msgspec.structs.replace(before, kind=kind, at=result.evidence.at)


def judge_target(account: LinkedAccount, seen: TargetSeen, attempt: int, now: datetime) -> Outcome:
    """Judges the re-check of an account on a new network. `attempt` is as in `judge_x`."""
    match seen:
        case Moved():
            return doubt(account, now, CONFIRM_AFTER) or seen
        case Gone():
            return _doubt_for_a_month(account, attempt, now) or Lapsed()
        case Unreachable(retry_after_s=retry_after_s):
            away = _reschedule(account, attempt, now, retry_after_s)
            return msgspec.structs.replace(away, state=ProofState.IN_DOUBT) if is_away(account, now) else away
        case Present() if is_away(account, now):
            return _judge_return(account, now)
        case Present(account=there) if _has_lost_handle(account, there):
            lost = _doubt_for_a_month(account, attempt, now)
            return lost or (Lapsed() if _is_of_domain(there) else _judge_link(account, seen, attempt, now))
        case Present():
            return _judge_link(account, seen, attempt, now)


def _is_of_domain(target: TargetAccount) -> bool:
    """Whether a domain answers for an account, which passes to another when it is not paid for."""
    return not isinstance(target, BlueskyAccount) or target.did.value.startswith(WEB_DID)


def _has_lost_handle(account: LinkedAccount, there: TargetAccount) -> bool:
    return there.handle == NO_HANDLE and account.account.handle != NO_HANDLE


def lose_handle(account: LinkedAccount, now: datetime, *, is_refuted: bool) -> LinkedAccount:
    """Applies a sign-in that saw no handle lead to an account: as after a re-check that saw the same, it is in doubt where
    `is_refuted`, else stale. One whose proof did not hold before, or that has no handle, stays as it is."""
    if account.health is not ProofState.HOLDS or account.handle == NO_HANDLE:
        return account
    state, wait = (ProofState.IN_DOUBT, CONFIRM_AFTER) if is_refuted else (ProofState.STALE, FIRST_DELAY)
    return msgspec.structs.replace(account, health=state, health_since=now, recheck_at=now + wait)


def _judge_return(account: LinkedAccount, now: datetime) -> Doubtful | Lapsed:
    """Judges an account that answers after it was away: a day later it lapses, and its member proves it anew."""
    if account.health is ProofState.IN_DOUBT:
        return Lapsed()
    return Doubtful(ProofState.IN_DOUBT, _unwell_since(account, now) or now, now + CONFIRM_AFTER)


def account_after(account: LinkedAccount, outcome: Outcome, now: datetime) -> LinkedAccount:
    """Applies an outcome to an account. Sets its next re-check where the proof did not hold. Lapsed, it stays so."""
    if account.is_lapsed:
        return account
    match outcome:
        case Held(account=seen, evidence=evidence):
            after = see_again(_as_told(account, outcome), seen, evidence, now)
        case Unlinked(account=seen):
            after = see_again(drop_link(account), seen, (), now)
        case Moved(account=home):
            after = see_again(msgspec.structs.replace(account, moved_to=home.acct), account.account, (), now)
        case Doubtful(state=state, since=since, next_recheck=next_recheck):
            return msgspec.structs.replace(account, health=state, health_since=since, recheck_at=next_recheck)
        case Lapsed():
            after = None
    if after is None:
        return msgspec.structs.replace(account, health=ProofState.LAPSED, health_since=now, recheck_at=None)
    return after


def _as_told(account: LinkedAccount, held: Held) -> LinkedAccount:
    """Returns an account with what its server told of it; what it did not tell stays."""
    moved_to = account.moved_to if held.moved_to is msgspec.UNSET else held.moved_to
    page = account.page if held.page is msgspec.UNSET else held.page
    return msgspec.structs.replace(account, moved_to=moved_to, page=page)


def _judge_link(account: LinkedAccount, seen: Present, attempt: int, now: datetime) -> Outcome:
    match seen.link:
        case None:
            return Held(seen.account, moved_to=seen.moved_to, page=seen.page)
        case Linked(evidence=evidence):
            return Held(seen.account, (evidence,), seen.moved_to, seen.page)
        case Refuted():
            return doubt(account, now, CONFIRM_AFTER) or Unlinked(seen.account)
        case Unreachable(retry_after_s=retry_after_s):
            return _seen_in_part(_reschedule(account, attempt, now, retry_after_s), now)


def _seen_in_part(unseen: Doubtful, now: datetime) -> Doubtful:
    """Returns the outcome for an account that answered, where something about it could not be seen.

    It was not away, nor gone, until now: neither counts from before. A doubt of its link is old enough to be confirmed.
    """
    return msgspec.structs.replace(unseen, since=max(unseen.since, now - CONFIRM_AFTER))


def _is_id_proven(account: LinkedAccount) -> bool:
    return any(item.kind.binds_x_id for item in account.evidence)


def _is_another(account: LinkedAccount, x_id: XId | None) -> bool:
    """Whether `x_id` differs from the account's known id: the handle may have passed to another person."""
    return None not in {account.account.id, x_id} and account.account.id != x_id


def doubt(account: LinkedAccount, now: datetime, lapses_after: timedelta) -> Doubtful | None:
    """Puts the proof in doubt, to be re-checked in a day. Returns None once the doubt has lasted `lapses_after`."""
    since = _unwell_since(account, now) if account.health is ProofState.IN_DOUBT else None
    if since is not None and now - since >= lapses_after:
        return None
    return Doubtful(ProofState.IN_DOUBT, since or now, now + CONFIRM_AFTER)


def _doubt_for_a_month(account: LinkedAccount, attempt: int, now: datetime) -> Doubtful | None:
    """Puts the proof in doubt, as `doubt` does, until it has lasted `DELETED_LAPSES_AFTER` in `LOOKS_BEFORE_LAPSE` looks."""
    return doubt(account, now, DELETED_LAPSES_AFTER if attempt >= LOOKS_BEFORE_LAPSE else timedelta.max)


def _reschedule(account: LinkedAccount, attempt: int, now: datetime, retry_after_s: int | None) -> Doubtful:
    """Reschedules a re-check whose source was unreachable: in an hour, doubled with each attempt, at most in a week.

    A longer wait that the source asked for is kept. A doubt stays a doubt.
    """
    doublings = max(0, min(attempt - 1, _MAX_DOUBLINGS))
    wait = max(min(FIRST_DELAY * (1 << doublings), MAX_DELAY), timedelta(seconds=retry_after_s or 0))
    state = ProofState.IN_DOUBT if account.health is ProofState.IN_DOUBT else ProofState.STALE
    return Doubtful(state, _unwell_since(account, now) or now, now + wait)


def _unwell_since(account: LinkedAccount, now: datetime) -> datetime | None:
    """Returns since when an account is not seen as it was. A time to come was written by a clock that ran ahead: until then
    no server would count as away, nor any doubt as old enough, and whoever bought the domain meanwhile would answer for it."""
    since = account.health_since
    return None if since is None else min(since, now)
