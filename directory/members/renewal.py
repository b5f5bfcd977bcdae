"""What an account is after it was proven again, or seen to be as it was. Pure."""

from datetime import datetime
from typing import Final

import msgspec

from directory.accounts import Account, LinkedAccount, ProofState, ProvenAccount, XAccount
from directory.mappings import Evidence, EvidenceKind
from directory.members.publications import VALIDITY

MAX_EVIDENCE: Final = 4
"""Pieces kept an account: two accounts make a mapping, and a mapping holds eight."""


def merge_evidence(account: LinkedAccount, seen: Account, new: Evidence | None) -> tuple[Evidence, ...]:
    """What is held for an account that was seen as `seen`: the newest of each kind, the newest first.

    What spoke for a former X handle goes with it, and what has lapsed counts no more.
    """
    held = account.evidence if new is None or not account.is_lapsed else ()
    if account.x is not None and account.handle.key != seen.handle.key:
        held = tuple(item for item in held if item.kind.binds_x_id)
    if new is not None:
        held = (new, *(item for item in held if item.kind is not new.kind))
    return tuple(sorted(held, key=lambda item: item.at, reverse=True)[:MAX_EVIDENCE])


def prove_again(account: LinkedAccount, proven: ProvenAccount, now: datetime) -> LinkedAccount:
    """The account after a new proof of it.

    A proof that tells the X handle alone takes no known id away, nor makes it look checked. Neither does a link
    that comes beside a stronger proof; one that has run out makes room for it.
    """
    is_link = is_link_evidence(proven.evidence) and proven.x is not None
    if is_link and now - account.checked_at >= VALIDITY:
        account = msgspec.structs.replace(account, evidence=())
    is_beside_stronger = is_link and any(not is_link_evidence(item) for item in account.evidence)
    now_known = _with_known_id(account, proven.account)
    tells_less = is_beside_stronger or now_known != proven.account
    seen_at = max(account.checked_at, min(proven.evidence.at, now))
    checked_at = account.checked_at if tells_less and not account.is_lapsed else seen_at
    return msgspec.structs.replace(
        account,
        account=now_known,
        evidence=merge_evidence(account, now_known, proven.evidence),
        proven_at=now,
        checked_at=checked_at,
        health=ProofState.HOLDS,
        health_since=None,
    )


def is_link_evidence(item: Evidence) -> bool:
    """Whether it says that a profile links to the member's page."""
    return item.kind is EvidenceKind.PROFILE_LINK


def add_link(account: LinkedAccount, evidence: Evidence) -> LinkedAccount:
    """A new account whose profile was seen to link to the member's page: beside its own proof, and no newer for it."""
    return msgspec.structs.replace(account, evidence=merge_evidence(account, account.account, evidence))


def drop_link(account: LinkedAccount) -> LinkedAccount:
    """The account without what was seen of links."""
    kept = tuple(item for item in account.evidence if not is_link_evidence(item))
    return msgspec.structs.replace(account, evidence=kept)


def see_again(
    account: LinkedAccount, seen: Account, evidence: Evidence | None, now: datetime
) -> LinkedAccount | None:
    """The account after it was seen as it was, perhaps under another handle, or with an id that was not known before.

    None: what was seen is another account; so is an X account that was known by its handle alone, and bears another.
    """
    now_known = _with_known_id(account, seen)
    if not account.account.is_same(now_known):
        return None
    return msgspec.structs.replace(
        account,
        account=now_known,
        evidence=merge_evidence(account, now_known, evidence),
        checked_at=now,
        health=ProofState.HOLDS,
        health_since=None,
    )


def _with_known_id(account: LinkedAccount, seen: Account) -> Account:
    """What was seen, with the X id that the account is known by."""
    return seen.with_id_of(account.x) if account.x is not None and isinstance(seen, XAccount) else seen
