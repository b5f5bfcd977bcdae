"""Publications: mappings composed from two proven accounts of a member, and how long they hold. Pure.

A mapping is composed from one proof of the X account, and only to an account that this proof names: what was proven
for one account says nothing of another, whoever linked it. It holds for 180 days from when the older of its two
proofs was last seen to hold; each re-check that sees the proof moves this on. So a mapping whose proof can no longer
be reached expires by itself.
"""

import enum
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from directory.accounts import BlueskyAccount, LinkedAccount, ProofState
from directory.identifiers import TargetHandle, TargetId, XHandle, XId
from directory.mapping_life import MappingState
from directory.mappings import Evidence, Mapping, Network, Strength, has_begun
from directory.members.errors import (
    AccountMoved,
    NotNamed,
    NotProven,
    ProofLapsed,
    ProofTooOld,
    UnknownAccount,
)
from directory.moderation.hides import HideReason
from directory.proofs.strength import strength_of

VALIDITY: Final = timedelta(days=180)
RENEW_FOR: Final = timedelta(days=30)
"""A mapping is renewed where that makes it hold at least this much longer."""
RENEW_NAME_FOR: Final = timedelta(days=7)
"""A mapping is renewed where that makes its X handle answer at least this much longer."""
KEEP_EXPIRED: Final = timedelta(days=30)
"""How long an expired publication is shown to its member, who can renew it."""


class PublicationState(enum.StrEnum):
    """The state of a publication, as its member sees it."""

    PENDING = "pending"
    ACTIVE = "active"
    HIDDEN = "hidden"
    EXPIRED = "expired"


class Wish(msgspec.Struct, frozen=True):
    """A member's wish to publish one of their X accounts as one of their accounts on a new network.

    `consent` is the version of the text that they agree to with this request; None relies on an earlier consent.
    """

    x_account: UUID
    target_account: UUID
    consent: int | None = None


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """One X account that a member publishes as one account on a network, with the mapping that stands for it."""

    id: UUID
    member: UUID
    x_account: UUID
    target_account: UUID
    network: Network
    published_at: datetime
    x_id: XId | None
    x_handle: XHandle
    target_id: TargetId
    target_handle: TargetHandle
    strength: Strength
    mapping_state: MappingState
    hidden: HideReason | None
    """The reason of the moderators' hide; None where there is none."""
    leaf: int | None
    issued: datetime
    expires: datetime
    name_until: datetime
    """Until when the X handle answers; the id answers until it expires."""
    is_replacing: bool
    """Replaces a former mapping, which answers until this one does."""
    is_logged: bool
    """This mapping, or the former one, is in the log."""
    is_stale: bool
    """One of its proofs did not hold, or could not be reached, at the last re-check."""
    is_contested: bool
    """Somebody else has proven the X account, or one of the proofs is in doubt: nobody follows it unseen."""

    def state(self, now: datetime) -> PublicationState:
        if self.hidden is not None:
            return PublicationState.HIDDEN
        if now >= self.expires:
            return PublicationState.EXPIRED
        if not has_begun(self.issued, now):
            return PublicationState.PENDING
        if self.mapping_state is MappingState.PENDING and not self.is_replacing:
            return PublicationState.PENDING
        return PublicationState.ACTIVE


def compose_mapping(x: LinkedAccount, target: LinkedAccount, origin: str, now: datetime) -> Mapping:
    """Composes exactly the mapping that answers once `x` is published as `target`.

    It rests on one proof of the X account, which names the target, and on the target's own evidence. Raises
    UnknownAccount (wrong networks), NotProven, NotNamed, ProofLapsed, AccountMoved, ProofTooOld.
    """
    named, where = x.x, target.target
    if named is None or where is None:
        raise UnknownAccount
    if x.is_lapsed or target.is_lapsed:
        raise ProofLapsed
    if target.moved_to is not None:
        raise AccountMoved
    proof, strength = _choose_proof(x, target, now)
    issued = _whole(now)
    expires = _whole(min(proof.at, target.checked_at)) + VALIDITY
    if expires <= issued:
        raise ProofTooOld
    return Mapping(
        x_id=named.id if strength is Strength.BOUND else None,
        x_handle=named.handle,
        network=Network(where.network.value),
        target_id=where.id,
        target_handle=where.handle,
        strength=strength,
        evidence=tuple(Evidence(e.kind, _whole(e.at), e.ref) for e in (proof, *target.evidence)),
        origin=origin,
        leaf=None,
        issued=issued,
        expires=min(expires, issued + VALIDITY),
    )


def check_handle(target: LinkedAccount) -> None:
    """Checks that an account may be published under its handle that was not published before. Raises ProofLapsed where the
    last sign-in, or the last re-check, did not see the handle lead to it."""
    if isinstance(target.account, BlueskyAccount) and target.health is not ProofState.HOLDS:
        raise ProofLapsed


def _choose_proof(x: LinkedAccount, target: LinkedAccount, now: datetime) -> tuple[Evidence, Strength]:
    """Chooses the evidence of the X account that a mapping to the target rests on, and the strength that it gives.

    Of those that name the target, the one that still holds, is strongest and was seen last. Raises NotProven where
    nothing proves the X account, NotNamed where nothing names the target.
    """
    network = Network(target.account.network.value)
    naming = [piece for piece in x.evidence if str(target.account.id) in piece.names]
    graded = [
        (piece, strength)
        for piece in naming
        if (strength := strength_of((piece, *target.evidence), network)) is not None
        and (strength is not Strength.BOUND or x.account.id is not None)
    ]
    if not graded:
        raise NotNamed if x.evidence and not naming else NotProven
    return max(graded, key=lambda each: (each[0].at + VALIDITY > now, each[1], each[0].at))


def is_worth_restating(said: Publication, meant: Mapping) -> bool:
    """Whether a published mapping differs from the one that holds now, has expired, was issued in the future, or
    expires 30 days sooner; or its handle ends before it does, and would answer for a week longer."""
    same = (
        said.x_id == meant.x_id
        and said.x_handle == meant.x_handle
        and said.target_id == meant.target_id
        and said.target_handle == meant.target_handle
        and said.strength is meant.strength
        and said.is_contested is meant.is_contested
    )
    return (
        not same
        or said.expires <= meant.issued
        or not has_begun(said.issued, meant.issued)
        or meant.expires - said.expires >= RENEW_FOR
        or (said.name_until < said.expires and meant.name_until - said.name_until >= RENEW_NAME_FOR)
    )


def _whole(time: datetime) -> datetime:
    """Cuts a time to whole seconds, as the log counts."""
    return time.replace(microsecond=0)
