"""An instance in memory: what its services do, step by step, with the project's own rules over a `Ledger`."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from directory.accounts import LinkedAccount, ProofState, ProvenAccount, TargetAccount, XAccount
from directory.identifiers import XId
from directory.mappings import Mapping
from directory.members.claims import CLAIM_LIFE, Claim, ClaimState, find_post, judge_claim, next_look
from directory.members.errors import MemberError
from directory.members.publications import is_worth_restating
from directory.members.rechecks import (
    CONFIRM_AFTER,
    Doubtful,
    Gone,
    Held,
    Lapsed,
    Moved,
    Outcome,
    Present,
    TargetSeen,
    XSeen,
    account_after,
    doubt,
    judge_target,
    judge_x,
)
from directory.members.renewal import list_checkable
from directory.proofs.challenge import CHALLENGE_LIFE, Challenge
from directory.proofs.nonce import NONCE_ALPHABET, Nonce
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import CheckResult, Refuted, Unreachable, Verified
from directory.queries import Query
from directory.ranking import Answer, rank
from tests.worlds.ledger import Ledger, Paused, Said
from tests.worlds.people import INSTANCE, ORIGIN

SESSION_LIFE: Final = timedelta(days=30)
ReadPost = Callable[[int, Challenge, XId | None, bool], CheckResult]
ReadTarget = Callable[[TargetAccount], TargetSeen]


class Session:
    """A session: of a member, begun with an account."""

    __slots__ = ("account", "ends", "is_over", "member")

    def __init__(self, member: UUID, account: UUID, ends: datetime) -> None:
        self.member = member
        self.account = account
        self.ends = ends
        self.is_over = False


class Instance:
    """An instance. Sessions and challenges are numbered. `read_post` and `read_target` ask the networks."""

    def __init__(self, read_post: ReadPost, read_target: ReadTarget) -> None:
        self.ledger = Ledger()
        self.sessions: list[Session] = []
        self.challenges: list[tuple[UUID, Challenge]] = []
        self.open: dict[UUID, int] = {}
        self.met: dict[tuple[UUID, int], Challenge] = {}
        self.looks: dict[UUID, tuple[datetime, int]] = {}
        self._read_post = read_post
        self._read_target = read_target

    # Members

    def sign_in(self, proven: ProvenAccount, now: datetime) -> int | None:
        """Finds the member who holds the account, or makes a new one. Returns the number of the session; None where an
        X account lets nobody in."""
        ledger = self.ledger
        held = ledger.find(proven.account)
        if proven.x is not None and (held is None or ledger.opens_nothing(held, now)):
            return None
        if held is None:
            linked = ledger.insert(ledger.new_id(), proven, now)
        elif ledger.opens_nothing(held, now):
            ledger.remove(held, now)
            linked = ledger.insert(ledger.new_id(), proven, now)
        else:
            linked = self._enter(held, proven, now)
        self.sessions.append(Session(linked.member, linked.id, now + SESSION_LIFE))
        return len(self.sessions) - 1

    def _enter(self, held: LinkedAccount, proven: ProvenAccount, now: datetime) -> LinkedAccount:
        try:
            again = self.ledger.link(held.member, proven, now)
        except Paused:
            return held
        return again if isinstance(again, LinkedAccount) else held

    def member_of(self, session: int, now: datetime) -> UUID | None:
        """Returns who is signed in. None where the session is over."""
        found = self.sessions[session]
        if found.is_over or now >= found.ends or found.account in self.ledger.ended:
            return None
        return found.member

    def accounts(self, member: UUID) -> list[LinkedAccount]:
        return self.ledger.accounts_of(member)

    def link(self, session: int, proven: ProvenAccount, now: datetime) -> str:
        """Links an account, or proves an X account by a sign-in there."""
        member = self.member_of(session, now)
        if member is None:
            return "signed-out"
        try:
            linked = self.ledger.link(member, proven, now)
        except Paused:
            return "paused"
        if linked is None:
            return "linked-elsewhere"
        return "contested" if isinstance(linked, Claim) else "linked"

    def unlink(self, session: int, place: int, now: datetime) -> str:
        member = self.member_of(session, now)
        if member is None:
            return "signed-out"
        accounts = self.accounts(member)
        if place >= len(accounts):
            return "unknown"
        chosen = accounts[place]
        if chosen.target is not None and sum(each.target is not None for each in accounts) == 1:
            return "last"
        self.ledger.remove(chosen, now)
        return "unlinked"

    def leave(self, session: int, now: datetime) -> str:
        member = self.member_of(session, now)
        if member is None:
            return "signed-out"
        for account in self.accounts(member):
            self.ledger.remove(account, now)
        self.ledger.claims = [claim for claim in self.ledger.claims if claim.member != member]
        self.open.pop(member, None)
        return "left"

    # Proofs

    def ask(self, session: int, now: datetime) -> int | None:
        """Opens a challenge in place of the open one. Returns its number."""
        member = self.member_of(session, now)
        if member is None:
            return None
        named: dict[str, TargetAccount] = {}
        for account in self.accounts(member):
            if account.target is not None and not account.is_lapsed:
                named.setdefault(account.network, account.target)
        if not named:
            return None
        number = len(self.challenges)
        challenge = Challenge(
            nonce=nonce_of(number),
            member=str(member),
            targets=tuple(named.values()),
            instance=INSTANCE,
            language="en",
            created=now,
            expires=now + CHALLENGE_LIFE,
        )
        self.challenges.append((member, challenge))
        self.open[member] = number
        return number

    def submit(self, session: int, post: int, now: datetime) -> str:
        """Checks a post for the open challenge, once; where it cannot be seen, the member has to try again."""
        member = self.member_of(session, now)
        if member is None:
            return "signed-out"
        number = self.open.get(member)
        challenge = self.challenges[number][1] if number is not None else None
        if challenge is None or challenge.expires <= now:
            return "closed"
        result = self._read_post(post, challenge, None, True)
        if isinstance(result, Refuted):
            return "refuted"
        if isinstance(result, Unreachable):
            return "waiting"
        return self._compare_names(challenge) or self._accept(member, challenge, result, now)

    def _compare_names(self, challenge: Challenge) -> str | None:
        """Compares the names in the sentence with those that the networks tell, as `name_checking` does."""
        for target in challenge.targets:
            match self._read_target(target):
                case Gone():
                    return "refuted"
                case Unreachable():
                    return "waiting"
                case Present(account=there) if there.handle.key != target.handle.key:
                    return "refuted"
        return None

    def _accept(self, member: UUID, challenge: Challenge, seen: Verified, now: datetime) -> str:
        linked = {str(each.account.id) for each in self.accounts(member) if each.target is not None}
        if not set(challenge.names) <= linked:
            return "closed"
        try:
            result = self.ledger.link(member, ProvenAccount(seen.account, seen.evidence), now)
        except Paused:
            return "refuted"
        self.met[member, seen.post.value] = challenge
        del self.open[member]
        return "contested" if isinstance(result, Claim) else "verified"

    # Publications

    def publish(self, session: int, x_place: int, target_place: int, now: datetime) -> str:
        member = self.member_of(session, now)
        if member is None:
            return "signed-out"
        accounts = self.accounts(member)
        if max(x_place, target_place) >= len(accounts):
            return "unknown"
        x, target = accounts[x_place], accounts[target_place]
        try:
            mapping = self.ledger.compose(x, target, now)
        except MemberError as error:
            return type(error).__name__
        self._say(x, target, mapping)
        self.ledger.update_rechecks(member, now)
        return "published"

    def _say(self, x: LinkedAccount, target: LinkedAccount, mapping: Mapping) -> None:
        said = self.ledger.said.get((x.id, mapping.network))
        if said is None or said.target != target.id:
            self.ledger.said[x.id, mapping.network] = Said(x.member, x.id, target.id, mapping)
        elif is_worth_restating(said.mapping, mapping):  # type: ignore[arg-type]  # has the same fields
            said.mapping = mapping

    def withdraw(self, session: int, now: datetime) -> str:
        """Withdraws all that the member publishes."""
        member = self.member_of(session, now)
        if member is None:
            return "signed-out"
        ledger = self.ledger
        ledger.said = {key: said for key, said in ledger.said.items() if said.member != member}
        ledger.update_rechecks(member, now)
        return "withdrawn"

    # Moderators

    def decide(self, place: int, is_upheld: bool, now: datetime) -> str:
        """Decides the claim that has waited for the longest but `place` others."""
        waiting = sorted(self.ledger.waiting(), key=lambda claim: claim.claimed_at)
        if place >= len(waiting):
            return "not-waiting"
        claim = waiting[place]
        if not is_upheld:
            self.ledger.change_claim(claim, decided_at=now)
            self._end(claim, ClaimState.REJECTED, now)
            return "rejected"
        seen = self._look(claim)
        if seen is None:
            self._end(claim, ClaimState.LAPSED, now)
            return "lapsed"
        approved = self.ledger.change_claim(claim, state=ClaimState.APPROVED, decided_at=now)
        if isinstance(seen, ProvenAccount):
            return self._hand_over(approved, seen, now)
        if find_post(claim.evidence) is not None:
            self.looks[claim.id] = next_look(1, now, None), 0
        return "approved"

    def _hand_over(self, claim: Claim, seen: ProvenAccount, now: datetime) -> str:
        try:
            linked = self.ledger.link(claim.member, seen, now)
        except Paused:
            return "held-by-another"
        return "handed-over" if isinstance(linked, LinkedAccount) else "held-by-another"

    def _look(self, claim: Claim) -> ProvenAccount | Unreachable | None:
        post = find_post(claim.evidence)
        challenge = self.met.get((claim.member, post.value)) if post is not None else None
        if post is None or challenge is None:
            return Unreachable(UnreachableReason.NO_SOURCE)
        return judge_claim(claim, self._read_post(post.value, challenge, claim.account.id, False))

    def _end(self, claim: Claim, state: ClaimState, now: datetime) -> None:
        self.ledger.settle(next(c for c in self.ledger.claims if c.id == claim.id), state, now)
        holder = self.ledger.accounts.get(claim.holder) if claim.holder is not None else None
        if holder is None:
            return
        if state is ClaimState.REJECTED:
            self.ledger.accounts[holder.id] = replace(holder, has_rival=False)
        self.ledger.restate(self.ledger.accounts[holder.id], now)

    # Jobs

    def work(self, now: datetime) -> None:
        """Does what is due: re-checks, looks at approved claims, and the housekeeping."""
        self._recheck_all(now)
        if self.ledger.claims:
            self._carry_out(now)
        if self.ledger.said or self.ledger.claims:
            self._tidy(now)

    def _recheck_all(self, now: datetime) -> None:
        ledger = self.ledger
        while due := [(at, number) for number, at in ledger.due.items() if at <= now]:
            number = min(due, key=lambda each: each[0])[1]
            account = ledger.accounts[number]
            ledger.due[number] = now + timedelta(minutes=10)
            ledger.attempts[number] = ledger.attempts.get(number, 0) + 1
            self._record(account, self._outcome(account, ledger.attempts[number], now), now)

    def _outcome(self, account: LinkedAccount, attempt: int, now: datetime) -> Outcome:
        if account.target is not None:
            return judge_target(account, self._read_target(account.target), attempt, now)
        known = account.x.id if account.x is not None else None
        seen = []
        for piece in list_checkable(account):
            post = find_post((piece,))
            challenge = self.met.get((account.member, post.value)) if post is not None else None
            result: CheckResult = Unreachable(UnreachableReason.NO_SOURCE)
            if post is not None and challenge is not None:
                result = self._read_post(post.value, challenge, known, False)
            seen.append(XSeen(piece, result))
        return judge_x(account, seen, attempt, now)

    def _record(self, account: LinkedAccount, outcome: Outcome, now: datetime) -> None:
        ledger = self.ledger
        if isinstance(outcome, Held):
            outcome = self._without_taken_id(account, outcome, now)
        if account.id not in ledger.accounts:
            return
        account = ledger.accounts[account.id]
        after = account_after(account, outcome, now)
        if after.is_lapsed:
            self._lapse(after, now)
        elif isinstance(outcome, Moved):
            ledger.withdraw_account(account.id)
            ledger.save(account, after, now)
            ledger.update_rechecks(account.member, now)
        elif isinstance(outcome, Doubtful):
            ledger.accounts[after.id] = after
            ledger.due[after.id] = outcome.next_recheck
            if after.health is ProofState.IN_DOUBT:
                ledger.restate(after, now)
        else:
            ledger.save(account, after, now)
            ledger.keep_claims(after, now, is_new_proof=False)
            ledger.restate(after, now)
            ledger.update_rechecks(account.member, now)

    def _lapse(self, lapsed: LinkedAccount, now: datetime) -> None:
        ledger = self.ledger
        ledger.withdraw_account(lapsed.id)
        for claim in list(ledger.waiting()):
            if claim.holder == lapsed.id:
                ledger.change_claim(claim, holder=None)
        ledger.accounts[lapsed.id] = lapsed
        ledger.due.pop(lapsed.id, None)
        for session in self.sessions:
            session.is_over |= session.account == lapsed.id
        ledger.update_rechecks(lapsed.member, now)

    def _without_taken_id(self, account: LinkedAccount, held: Held, now: datetime) -> Outcome:
        x, seen = account.x, held.account
        if x is None or x.id is not None or not isinstance(seen, XAccount) or seen.id is None:
            return held
        if not held.evidence or not x.is_same(seen):
            return held
        try:
            same = self.ledger.claim_x(account.member, seen, ProvenAccount(seen, held.evidence[0]), now)
        except Paused:
            return doubt(account, now, CONFIRM_AFTER) or Lapsed()
        if isinstance(same, Claim):
            since = account.health_since if account.health is ProofState.IN_DOUBT else None
            return Doubtful(ProofState.IN_DOUBT, since or now, now + CLAIM_LIFE)
        return held if {each.id for each in same} == {account.id} else Held(x)

    def _carry_out(self, now: datetime) -> None:
        for claim in [each for each in self.ledger.waiting() if each.state is ClaimState.APPROVED]:
            current = next((each for each in self.ledger.waiting() if each.id == claim.id), None)
            if current is None or current.state is not ClaimState.APPROVED:
                continue
            due, attempt = self.looks.get(current.id, (None, 0))
            if due is None or due > now:
                continue
            seen = self._look(current)
            self.looks[current.id] = next_look(attempt + 2, now, None), attempt + 1
            if seen is None:
                self._end(current, ClaimState.LAPSED, now)
            elif isinstance(seen, ProvenAccount):
                self._hand_over(current, seen, now)

    def _tidy(self, now: datetime) -> None:
        ledger = self.ledger
        for claim in list(ledger.waiting()):
            if ledger.has_lapsed(claim, now):
                self._end(claim, ClaimState.LAPSED, now)
        ledger.restate_uncontested(now)
        ledger.drop_expired(now)

    # Answers

    def lookup(self, query: Query, now: datetime, today: date) -> tuple[Answer, ...]:
        """Answers a query, as `directory.services.lookup` does."""
        found = []
        for said in self.ledger.said.values():
            mapping = said.mapping
            if mapping.expires <= now:
                continue
            if (query.x_id is not None and mapping.x_id == query.x_id) or (
                query.x_handle is not None
                and mapping.x_handle.key == query.x_handle.key
                and (query.x_id is None or mapping.x_id is None)
                and mapping.name_until > now
            ):
                found.append(mapping)
        return rank(query, found, today, ORIGIN).answers if found else ()


def nonce_of(number: int) -> Nonce:
    """Returns the nonce of the challenge of a number."""
    letters = ""
    for _ in range(4):
        number, digit = divmod(number, len(NONCE_ALPHABET))
        letters += NONCE_ALPHABET[digit]
    return Nonce(letters * 7)
