"""What an account is after it was proven again, or looked at again. Pure."""

from datetime import datetime
from typing import Final

import msgspec

from directory.accounts import ID_EVIDENCE, AccountNetwork, LinkedAccount, ProofState, ProvenAccount
from directory.mappings import Evidence, EvidenceKind
from directory.members.publications import VALIDITY

MAX_EVIDENCE: Final = 4
"""Pieces kept an account: two accounts make a mapping, and a mapping holds eight."""


def is_same_x_account(account: LinkedAccount, proven: ProvenAccount) -> bool:
    """Whether they may be one account: the same id, or, where one is unknown, the same handle.

    Two known ids that differ are two accounts, whatever the handle: X sells handles again.
    """
    if account.x_id is not None and proven.x_id is not None:
        return account.x_id == proven.x_id
    return account.handle_key == proven.handle_key


def merge_evidence(account: LinkedAccount, handle: str, new: Evidence | None) -> tuple[Evidence, ...]:
    """What is held for an account that was seen under `handle`: the newest of each kind, the newest first.

    What spoke for a former X handle goes with it, and what has lapsed counts no more.
    """
    held = account.evidence if new is None or not account.is_lapsed else ()
    if account.network is AccountNetwork.X and account.handle_key != handle.lower():
        held = tuple(item for item in held if item.kind in ID_EVIDENCE)
    if new is not None:
        held = (new, *(item for item in held if item.kind is not new.kind))
    return tuple(sorted(held, key=lambda item: item.at, reverse=True)[:MAX_EVIDENCE])


def prove_again(account: LinkedAccount, proven: ProvenAccount, now: datetime) -> LinkedAccount:
    """The account after a new proof of it.

    A proof that tells the X handle alone takes no known id away, nor makes it look checked. Neither does a link
    that comes beside a stronger proof; one that has run out makes room for it.
    """
    is_link = proven.evidence.kind is EvidenceKind.PROFILE_LINK and proven.network is AccountNetwork.X
    if is_link and now - account.checked_at >= VALIDITY:
        account = msgspec.structs.replace(account, evidence=())
    is_beside_stronger = is_link and any(not is_link_evidence(item) for item in account.evidence)
    tells_less = is_beside_stronger or (account.x_id is not None and proven.x_id is None)
    seen_at = max(account.checked_at, min(proven.evidence.at, now))
    checked_at = account.checked_at if tells_less and not account.is_lapsed else seen_at
    return msgspec.structs.replace(
        account,
        account_id=account.account_id
        if account.x_id is not None and proven.x_id is None
        else proven.account_id,
        handle=proven.handle,
        evidence=merge_evidence(account, proven.handle, proven.evidence),
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
    return msgspec.structs.replace(account, evidence=merge_evidence(account, account.handle, evidence))


def drop_link(account: LinkedAccount) -> LinkedAccount:
    """The account without what was seen of links."""
    kept = tuple(item for item in account.evidence if not is_link_evidence(item))
    return msgspec.structs.replace(account, evidence=kept)


def see_again(
    account: LinkedAccount, handle: str, evidence: Evidence | None, now: datetime
) -> LinkedAccount | None:
    """The account after a look that found it as it was, perhaps under another handle.

    None: an X account that is known by its handle alone bears another now, so nothing is known any more.
    """
    if account.network is AccountNetwork.X and account.x_id is None and account.handle_key != handle.lower():
        return None
    return msgspec.structs.replace(
        account,
        handle=handle,
        evidence=merge_evidence(account, handle, evidence),
        checked_at=now,
        health=ProofState.HOLDS,
        health_since=None,
    )
