"""How a new proof, or a re-check that holds, changes an account. Pure."""

from datetime import datetime
from typing import Final

import msgspec

from directory.accounts import Account, LinkedAccount, ProofState, ProvenAccount, XAccount
from directory.mappings import Evidence, EvidenceKind
from directory.members.publications import VALIDITY

MAX_EVIDENCE: Final = 4
"""Pieces of evidence kept for an account: a mapping is made of two accounts, and holds eight."""


def merge_evidence(account: LinkedAccount, seen: Account, new: Evidence | None) -> tuple[Evidence, ...]:
    """Merges the evidence of an account that was seen as `seen`: the newest of each kind, the newest first.

    Evidence of a former X handle is dropped with it. A new proof of a lapsed account replaces all it had.
    """
    held = account.evidence if new is None or not account.is_lapsed else ()
    if account.x is not None and account.handle.key != seen.handle.key:
        held = tuple(item for item in held if item.kind.binds_x_id)
    if new is not None:
        held = (new, *(item for item in held if item.kind is not new.kind))
    return tuple(sorted(held, key=lambda item: item.at, reverse=True)[:MAX_EVIDENCE])


def prove_again(account: LinkedAccount, proven: ProvenAccount, now: datetime) -> LinkedAccount:
    """Applies a new proof to an account.

    A proof of the X handle alone neither removes a known id nor counts as a check of it. Nor does a link count as a
    check beside stronger evidence; if the account was last checked 180 days ago, the link replaces that evidence.
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
        moved_to=proven.moved_to,
    )


def is_link_evidence(item: Evidence) -> bool:
    """Whether the evidence is that a profile links to the member's page."""
    return item.kind is EvidenceKind.PROFILE_LINK


def add_link(account: LinkedAccount, evidence: Evidence) -> LinkedAccount:
    """Adds the link of its profile to a new account's own evidence. `checked_at` stays as it is."""
    return msgspec.structs.replace(account, evidence=merge_evidence(account, account.account, evidence))


def drop_link(account: LinkedAccount) -> LinkedAccount:
    """Removes the evidence of links from an account."""
    kept = tuple(item for item in account.evidence if not is_link_evidence(item))
    return msgspec.structs.replace(account, evidence=kept)


def see_again(
    account: LinkedAccount, seen: Account, evidence: Evidence | None, now: datetime
) -> LinkedAccount | None:
    """Applies a re-check that holds: the handle may have changed, an unknown X id may have become known.

    Returns None where another account was seen. An X account known by its handle alone is another under a new handle.
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
    """Fills in the account's known X id where what was seen tells none."""
    return seen.with_id_of(account.x) if account.x is not None and isinstance(seen, XAccount) else seen
