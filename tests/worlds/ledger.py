"""What an instance keeps, in memory: the thinnest logic of its stores, around the project's own pure rules.

`tests/worlds/test_both.py` shows that the stores over PostgreSQL give the same answers. No rule is written here a
second time that `directory.members` and `directory.proofs` have: what is, is the order of the steps of `directory.store`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec

from directory.accounts import Account, LinkedAccount, ProofState, ProvenAccount, XAccount
from directory.identifiers import XHandle
from directory.mappings import Mapping, Network
from directory.members import publications
from directory.members.claims import APPROVAL_LIFE, CLAIM_LIFE, CLAIM_PAUSE, WAITING, Claim, ClaimState
from directory.members.errors import MemberError, NotNamed, NotProven
from directory.members.publications import KEEP_EXPIRED, is_worth_restating
from directory.members.rechecks import is_away, next_recheck_at
from directory.members.renewal import prove_again
from tests.worlds.people import ORIGIN

replace = msgspec.structs.replace


@dataclass(slots=True, eq=False)
class Said:
    """A publication, with the mapping that answers for it."""

    member: UUID
    x: UUID
    target: UUID
    mapping: Mapping


class Paused(Exception):
    """The claimant was rejected not long ago."""


@dataclass(slots=True, eq=False)
class Ledger:
    """Members, accounts, publications and claims. `due` tells when an account is re-checked."""

    accounts: dict[UUID, LinkedAccount] = field(default_factory=dict)
    said: dict[tuple[UUID, Network], Said] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    due: dict[UUID, datetime] = field(default_factory=dict)
    attempts: dict[UUID, int] = field(default_factory=dict)
    ended: set[UUID] = field(default_factory=set)
    numbers: int = 0

    def new_id(self) -> UUID:
        self.numbers += 1
        return UUID(int=self.numbers)

    def accounts_of(self, member: UUID) -> list[LinkedAccount]:
        """Lists a member's accounts, the first linked first."""
        return [each for each in self.accounts.values() if each.member == member]

    def find(self, account: Account) -> LinkedAccount | None:
        """Finds a linked account by its id or, for an X account without one, by its handle."""
        for each in self.accounts.values():
            if each.account.network is not account.network or each.account.id != account.id:
                continue
            if account.id is not None or each.handle.key == account.handle.key:
                return each
        return None

    def opens_nothing(self, held: LinkedAccount, now: datetime) -> bool:
        """Whether the account lapsed, or was away, and its member has another."""
        return (held.is_lapsed or is_away(held, now)) and len(self.accounts_of(held.member)) > 1

    # Accounts

    def insert(self, member: UUID, proven: ProvenAccount, now: datetime) -> LinkedAccount:
        account = LinkedAccount(
            id=self.new_id(),
            member=member,
            account=proven.account,
            evidence=(proven.evidence,),
            linked_at=now,
            proven_at=now,
            checked_at=min(proven.evidence.at, now),
            recheck_at=None,
            health=ProofState.HOLDS,
            health_since=None,
            on_page=False,
            moved_to=proven.moved_to,
        )
        self.accounts[account.id] = account
        return account

    def save(self, before: LinkedAccount, after: LinkedAccount, now: datetime) -> None:
        """Keeps an account that was proven again or re-checked."""
        self.accounts[after.id] = after
        self.attempts.pop(after.id, None)
        if before.id in self.due:
            has_moved = after.moved_to is not None and after.moved_to != before.moved_to
            self._plan(after.id, now if has_moved else next_recheck_at(after, now))
        if after.handle.key != before.handle.key:
            for each in self.accounts_of(after.member):
                if each.id != after.id and each.id in self.due:
                    self.due[each.id] = now
            if after.x is not None:
                self.tell_namesakes(after.member, after.x.handle, now)

    def remove(self, account: LinkedAccount, now: datetime) -> None:
        """Removes an account: what is published of it is withdrawn, and the sessions that began with it end."""
        self.withdraw_account(account.id)
        del self.accounts[account.id]
        self.due.pop(account.id, None)
        self.ended.add(account.id)
        self.claims = [
            replace(claim, holder=None) if claim.holder == account.id else claim for claim in self.claims
        ]
        self.update_rechecks(account.member, now)

    def tell_namesakes(self, member: UUID, handle: XHandle, now: datetime) -> None:
        for each in list(self.accounts.values()):
            is_namesake = each.x is not None and each.x.handle.key == handle.key
            if is_namesake and each.member != member:
                self.tell_of_rival(each, now)

    def tell_of_rival(self, held: LinkedAccount, now: datetime) -> None:
        if held.is_lapsed:
            return
        self._plan(held.id, now if next_recheck_at(held, now) is not None else None)
        self.attempts[held.id] = self.attempts.get(held.id, 0) + 1
        self.accounts[held.id] = replace(held, has_rival=True)
        self.restate(self.accounts[held.id], now)

    def update_rechecks(self, member: UUID, now: datetime) -> None:
        """Plans re-checks of the accounts that something is published of, and drops those of the others."""
        shown = {number for said in self.said.values() for number in (said.x, said.target)}
        for each in self.accounts_of(member):
            if (each.id in shown) is (each.id not in self.due):
                self._plan(each.id, next_recheck_at(each, now) if each.id in shown else None)

    def _plan(self, account: UUID, due: datetime | None) -> None:
        if due is None:
            self.due.pop(account, None)
        else:
            self.due[account] = due

    # Linking

    def link(self, member: UUID, proven: ProvenAccount, now: datetime) -> LinkedAccount | Claim | None:
        """Links an account, or renews it. Returns the claim where another member holds the X account, None where
        another holds the new one. Raises Paused."""
        linked = (
            self._link_x(member, proven.account, proven, now)
            if isinstance(proven.account, XAccount)
            else self._link_new(member, proven, now)
        )
        if isinstance(linked, LinkedAccount):
            self.restate(linked, now)
        return linked

    def _link_new(self, member: UUID, proven: ProvenAccount, now: datetime) -> LinkedAccount | None:
        held = self.find(proven.account)
        if held is not None and held.member != member and self.opens_nothing(held, now):
            self.remove(held, now)
            held = None
        if held is None:
            return self.insert(member, proven, now)
        return self._renew(held, proven, now) if held.member == member else None

    def _link_x(
        self, member: UUID, x: XAccount, proven: ProvenAccount, now: datetime
    ) -> LinkedAccount | Claim:
        same = self.claim_x(member, x, proven, now)
        if isinstance(same, Claim):
            return same
        self.tell_namesakes(member, x.handle, now)
        if same:
            same.sort(key=lambda held: held.x is None or held.x.id != x.id)
            linked = self._renew(same[0], proven, now)
        else:
            linked = self.insert(member, proven, now)
        self.keep_claims(linked, now, is_new_proof=True)
        return linked

    def _renew(self, held: LinkedAccount, proven: ProvenAccount, now: datetime) -> LinkedAccount:
        renewed = prove_again(held, proven, now)
        self.save(held, renewed, now)
        return renewed

    def claim_x(
        self, member: UUID, x: XAccount, proven: ProvenAccount, now: datetime
    ) -> list[LinkedAccount] | Claim:
        """Finds the member's own accounts that may be this one, or claims it from those who hold it. Raises Paused."""
        same = [each for each in self.accounts.values() if each.x is not None and each.x.is_same(x)]
        approved = {
            claim.holder
            for claim in self.claims
            if claim.member == member
            and claim.state is ClaimState.APPROVED
            and claim.decided_at is not None
            and claim.decided_at > now - APPROVAL_LIFE
        }
        others = [held for held in same if held.member != member]
        opposed = [held for held in others if not held.is_lapsed and held.id not in approved]
        if opposed and self._is_paused(member, x, now):
            raise Paused
        if not opposed:
            for held in others:
                self.remove(held, now)
            return [held for held in same if held.member == member]
        holders = [held for held in others if not held.is_lapsed]
        claims = [self._write_claim(member, held, proven, now) for held in holders]
        for held in holders:
            self.tell_of_rival(held, now)
        return claims[0]

    # Claims

    def waiting(self) -> Iterator[Claim]:
        return (claim for claim in self.claims if claim.state in WAITING)

    def change_claim(self, claim: Claim, **changes: Any) -> Claim:
        changed = replace(claim, **changes)
        self.claims[next(i for i, each in enumerate(self.claims) if each.id == claim.id)] = changed
        return changed

    def settle(self, claim: Claim, state: ClaimState, now: datetime) -> None:
        self.change_claim(claim, state=state, settled_at=now)

    def keep_claims(self, held: LinkedAccount, now: datetime, *, is_new_proof: bool) -> None:
        """Brings the claims up to date with an account that was proven or re-checked."""
        if held.x is None:
            return
        x = held.x
        near = [
            claim
            for claim in self.waiting()
            if claim.holder == held.id
            or (x.id is not None and claim.account.id == x.id)
            or claim.account.handle.key == x.handle.key
        ]
        for claim in near:
            if not claim.account.is_same(x):
                if claim.holder == held.id:
                    self.change_claim(claim, holder=None)
            elif claim.member == held.member:
                if claim.account.id in {None, x.id}:
                    self.settle(claim, ClaimState.UPHELD, now)
            elif claim.holder is None or (
                is_new_proof and claim.holder == held.id and claim.state is ClaimState.APPROVED
            ):
                self._stand_against(claim, held, now)

    def _stand_against(self, claim: Claim, held: LinkedAccount, now: datetime) -> None:
        if any(
            c.member == claim.member and c.holder == held.id and c.settled_at is None and c.id != claim.id
            for c in self.claims
        ):
            self.settle(claim, ClaimState.LAPSED, now)
        else:
            self.change_claim(claim, holder=held.id, state=ClaimState.OPEN, decided_at=None)

    def _is_paused(self, member: UUID, x: XAccount, now: datetime) -> bool:
        return any(
            claim.member == member
            and claim.state is ClaimState.REJECTED
            and claim.settled_at is not None
            and claim.settled_at > now - CLAIM_PAUSE
            and claim.account.is_same(x)
            for claim in self.claims
        )

    def _write_claim(self, member: UUID, held: LinkedAccount, proven: ProvenAccount, now: datetime) -> Claim:
        x = cast("XAccount", proven.account)
        for claim in self.claims:
            if claim.member == member and claim.holder == held.id and claim.settled_at is None:
                return self.change_claim(claim, account=x, evidence=(proven.evidence,), proven_at=now)
        claim = Claim(
            id=self.new_id(),
            member=member,
            holder=held.id,
            account=x,
            evidence=(proven.evidence,),
            state=ClaimState.OPEN,
            claimed_at=now,
            proven_at=now,
            decided_at=None,
            settled_at=None,
        )
        self.claims.append(claim)
        return claim

    def has_lapsed(self, claim: Claim, now: datetime) -> bool:
        """Whether a claim that waits has waited for too long."""
        if claim.state is ClaimState.APPROVED:
            return claim.decided_at is not None and claim.decided_at <= now - APPROVAL_LIFE
        holder = self.accounts.get(claim.holder) if claim.holder is not None else None
        return claim.proven_at <= now - CLAIM_LIFE and not (
            holder is not None and holder.checked_at <= claim.proven_at
        )

    # Publications

    def is_contested(self, x: LinkedAccount, target: LinkedAccount) -> bool:
        """Whether a claim stands against the X account, it has a rival, or one of the two proofs is in doubt."""
        if x.has_rival or x.health is ProofState.IN_DOUBT or target.health is ProofState.IN_DOUBT:
            return True
        return any(claim.holder == x.id for claim in self.waiting())

    def compose(self, x: LinkedAccount, target: LinkedAccount, now: datetime) -> Mapping:
        """Composes the mapping of two accounts, contested where it is. Raises what `compose_mapping` does."""
        mapping = publications.compose_mapping(x, target, ORIGIN, now)
        return replace(mapping, is_contested=True) if self.is_contested(x, target) else mapping

    def _compose_anew(
        self, said: Mapping, x: LinkedAccount, target: LinkedAccount, now: datetime
    ) -> Mapping | None:
        """Composes what a publication is to say now. Returns None for an account that moved, unless a contest begins or
        ends. Raises what `compose_mapping` does."""
        if target.moved_to is None:
            return self.compose(x, target, now)
        meant = self.compose(x, replace(target, moved_to=None), now)
        if meant.is_contested is said.is_contested or said.expires <= meant.issued:
            return None
        return replace(meant, expires=min(meant.expires, said.expires))

    def restate(self, account: LinkedAccount, now: datetime) -> None:
        """Restates the publications of an account whose label, proof or time has changed, or that is contested."""
        for key, said in list(self.said.items()):
            if account.id not in {said.x, said.target}:
                continue
            x, target = self.accounts[said.x], self.accounts[said.target]
            try:
                meant = self._compose_anew(said.mapping, x, target, now)
            except (NotProven, NotNamed):
                del self.said[key]
                continue
            except MemberError:
                meant = None
            if meant is not None and is_worth_restating(cast("Any", said.mapping), meant):
                said.mapping = meant
            if not said.mapping.is_contested and self.is_contested(x, target):
                said.mapping = replace(said.mapping, is_contested=True)

    def withdraw_account(self, account: UUID) -> None:
        for key, said in list(self.said.items()):
            if account in {said.x, said.target}:
                del self.said[key]

    def restate_uncontested(self, now: datetime) -> None:
        """Restates publications that nothing contests any more."""
        for said in list(self.said.values()):
            x, target = self.accounts[said.x], self.accounts[said.target]
            if said.mapping.is_contested and not self.is_contested(x, target):
                self.restate(x, now)

    def drop_expired(self, now: datetime) -> None:
        for key, said in list(self.said.items()):
            if said.mapping.expires <= now - KEEP_EXPIRED:
                del self.said[key]
                self.update_rechecks(said.member, now)
