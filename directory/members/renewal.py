"""How a new proof, or a re-check that holds, changes an account. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from directory.accounts import MAX_ACCOUNTS, Account, LinkedAccount, ProofState, ProvenAccount, XAccount
from directory.mappings import Evidence, EvidenceKind

MAX_EVIDENCE: Final = MAX_ACCOUNTS
"""Pieces of evidence kept for an account: as many as accounts that separate proofs of an X account can name."""


def merge_evidence(
    account: LinkedAccount, seen: Account, new: Sequence[Evidence] = ()
) -> tuple[Evidence, ...]:
    """Merges the evidence of an account that was seen as `seen`, the newest first.

    A new piece replaces those of its kind that name no account beyond its own; each piece names what it was made for,
    and nothing is added to it. A sign-in at X that names nothing renews nothing: whoever bought the X account may have
    made it. Evidence of a former X handle is dropped with it. A new proof of a lapsed account replaces all it had.
    """
    held = account.evidence if not new or not account.is_lapsed else ()
    if account.x is not None and account.handle.key != seen.handle.key:
        held = tuple(item for item in held if item.kind.binds_x_id)
    for piece in new:
        held = (piece, *(item for item in held if not _replaces(piece, item)))
    return tuple(sorted(held, key=lambda item: item.at, reverse=True)[:MAX_EVIDENCE])


def _replaces(new: Evidence, held: Evidence) -> bool:
    is_same = new.kind is held.kind or (new.kind is EvidenceKind.X_POST_ID and new.ref == held.ref)
    return is_same and set(held.names) <= set(new.names)


def prove_again(account: LinkedAccount, proven: ProvenAccount, now: datetime) -> LinkedAccount:
    """Applies a new proof to an account. A proof of the X handle alone does not remove a known id.

    A sign-in at X that names nothing lifts no doubt of what other evidence names.

    Of an X account `checked_at` is when the evidence that can be re-checked and was seen longest ago was seen.
    """
    now_known = _with_known_id(account, proven.account)
    evidence = merge_evidence(account, now_known, (proven.evidence,))
    is_nameless = account.x is not None and not proven.evidence.names
    stays_in_doubt = is_nameless and account.health is ProofState.IN_DOUBT
    has_rival = is_nameless and account.has_rival
    renewed = msgspec.structs.replace(
        account,
        account=now_known,
        evidence=evidence,
        proven_at=now,
        checked_at=max(account.checked_at, min(proven.evidence.at, now)),
        health=account.health if stays_in_doubt else ProofState.HOLDS,
        health_since=account.health_since if stays_in_doubt else None,
        moved_to=proven.moved_to,
        has_rival=has_rival,
        page=proven.page,
        software=proven.software,
    )
    checkable = list_checkable(renewed)
    return msgspec.structs.replace(renewed, checked_at=min(checkable[-1].at, now)) if checkable else renewed


def list_checkable(account: LinkedAccount) -> list[Evidence]:
    """Lists the evidence of an X account that can be re-checked without the member, the newest first.

    The link of a profile is re-checked only where it names an account that nothing stronger names.
    """
    if account.x is None:
        return []
    posts = [item for item in account.evidence if item.kind.is_x_post]
    named = {name for item in account.evidence if not is_link_evidence(item) for name in item.names}
    links = [item for item in account.evidence if is_link_evidence(item) and not set(item.names) <= named]
    return sorted((*posts, *links), key=lambda item: item.at, reverse=True)


def is_link_evidence(item: Evidence) -> bool:
    """Whether the evidence is that a profile links to the member's page."""
    return item.kind is EvidenceKind.PROFILE_LINK


def add_link(account: LinkedAccount, evidence: Evidence) -> LinkedAccount:
    """Adds the link of its profile to a new account's own evidence. `checked_at` stays as it is."""
    return msgspec.structs.replace(account, evidence=merge_evidence(account, account.account, (evidence,)))


def drop_link(account: LinkedAccount) -> LinkedAccount:
    """Removes the evidence of links from an account."""
    kept = tuple(item for item in account.evidence if not is_link_evidence(item))
    return msgspec.structs.replace(account, evidence=kept)


def see_again(
    account: LinkedAccount, seen: Account, evidence: Sequence[Evidence], now: datetime
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
        has_rival=False,
    )


def _with_known_id(account: LinkedAccount, seen: Account) -> Account:
    """Fills in the account's known X id where what was seen tells none."""
    return seen.with_id_of(account.x) if account.x is not None and isinstance(seen, XAccount) else seen
