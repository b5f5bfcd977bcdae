"""The same steps done by the real services over PostgreSQL. The networks are asked through the world, as in memory."""

from typing import Any, cast
from uuid import UUID

from directory.accounts import LinkedAccount, ProvenAccount
from directory.identifiers import XId
from directory.members.challenges import CheckState
from directory.members.claims import find_post
from directory.members.errors import (
    AccountLinkedElsewhere,
    ChallengeClosed,
    ClaimPaused,
    LapsedSignIn,
    LastAccount,
    MemberError,
    NewAccountFirst,
    UnknownAccount,
    XAccountContested,
)
from directory.members.publications import Wish
from directory.members.rechecks import Gone, Outcome, Present, XSeen, judge_target, judge_x
from directory.members.renewal import list_checkable
from directory.proofs.challenge import Challenge
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import CheckResult, Refuted, Unreachable, Verified
from directory.proofs.x_post import PostChecker
from directory.queries import Query
from directory.ranking import Answer
from directory.services.claiming import Claiming
from directory.services.leaving import Leaving
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.services.proving import Proving
from directory.store.challenges import ChallengeStore
from directory.store.claims import ClaimStore
from directory.store.database import Database
from directory.store.erasures import ErasureStore
from directory.store.exports import ExportStore
from directory.store.mappings import MappingStore
from directory.store.members import MemberStore
from directory.store.proof_checks import ProofCheckStore
from directory.store.publications import PublicationStore
from directory.store.rechecks import RecheckStore
from directory.store.sessions import SessionStore
from directory.store.used_challenges import UsedChallengeStore
from directory.vault import Vault
from tests.directory.members.logged import LoggedPublishing
from tests.harness.clock import FakeClock
from tests.worlds.people import INSTANCE, ORIGIN
from tests.worlds.world import World

MANY = 1_000


class _Checker:
    """Reads posts as the world shows them."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def recheck(self, challenge: Challenge, post: XPostId, known: XId | None) -> CheckResult:
        return self._world.read_post(post.value, challenge, known, False)


class RealInstance:
    """Does each step as `tests.worlds.instance` does, and returns the same."""

    def __init__(
        self, world: World, database: Database, vault: Vault, clock: FakeClock, publishing: LoggedPublishing
    ) -> None:
        self._world, self._database, self._clock = world, database, clock
        self._claims, self._rechecks = ClaimStore(database), RecheckStore(database)
        self._used = UsedChallengeStore(database, vault)
        self._membership = Membership(MemberStore(database), self._claims, clock)
        self._proving = Proving(
            MemberStore(database), ChallengeStore(database), ProofCheckStore(database), vault, clock
        )
        checker = cast("PostChecker", _Checker(world))
        self._claiming = Claiming(self._claims, checker, self._used, clock)
        self._leaving = Leaving(ExportStore(database), ErasureStore(database), clock, INSTANCE)
        self._publications = PublicationStore(database)
        self._publishing = publishing
        self._lookup = Lookup(MappingStore(database), clock, ORIGIN)
        self._sessions: list[tuple[UUID, UUID, int]] = []

    async def do(self, name: str, *given: Any) -> Any:
        """Does one step, at the time of the world; what is published answers at once."""
        passed = self._world.now - self._clock.now()
        self._clock.advance(days=passed.days, seconds=passed.seconds, microseconds=passed.microseconds)
        if name in {"sign_in", "work", "decide"}:
            result = await getattr(self, f"_{name}")(*given)
        else:
            member = await self._member_of(given[0])
            if member is None:
                return None if name == "ask" else "signed-out"
            result = await getattr(self, f"_{name}")(member, *given[1:])
        await self._publishing.say()
        return result

    async def ask(self, query: Query) -> tuple[Answer, ...]:
        return (await self._lookup.lookup(query)).answers

    async def _member_of(self, session: int) -> UUID | None:
        member, number, ends = self._sessions[session]
        if self._clock.now().timestamp() >= ends:
            return None
        async with self._database.connection() as connection:
            is_live = await connection.fetchval("SELECT true FROM member_session WHERE id = $1", number)
        return member if is_live else None

    async def _sign_in(self, proven: ProvenAccount) -> int | None:
        try:
            signed_in = await self._membership.sign_in(proven, afresh=proven.x is None)
        except (LapsedSignIn, NewAccountFirst):
            return None
        now = self._clock.now()
        token = len(self._sessions).to_bytes(32, "big")
        session = await SessionStore(self._database).start_session(signed_in.account, token, "", now)
        self._sessions.append((signed_in.member, session.id, int(now.timestamp()) + 30 * 86_400))
        return len(self._sessions) - 1

    async def _link(self, member: UUID, proven: ProvenAccount) -> str:
        try:
            await self._membership.link(member, proven)
        except XAccountContested:
            return "contested"
        except ClaimPaused:
            return "paused"
        except AccountLinkedElsewhere:
            return "linked-elsewhere"
        return "linked"

    async def _unlink(self, member: UUID, place: int) -> str:
        accounts = await self._membership.accounts(member)
        if place >= len(accounts):
            return "unknown"
        try:
            await self._membership.unlink(member, accounts[place].id)
        except LastAccount:
            return "last"
        return "unlinked"

    async def _leave(self, member: UUID) -> str:
        await self._leaving.erase(member)
        return "left"

    async def _ask(self, member: UUID) -> bool | None:
        try:
            await self._proving.new_challenge(member, INSTANCE, "en")
        except UnknownAccount:
            return None
        return True

    async def _submit(self, member: UUID, post: int) -> str:
        kept = await self._proving.open_challenge(member)
        if kept is None:
            return "closed"
        try:
            check = await self._proving.submit(member, kept.id, str(post))
        except ChallengeClosed:
            return "closed"
        for job in await self._proving.claim_due(MANY):
            result = self._read(post, job.challenge.challenge) if job.check.id == check.id else None
            if result is None or isinstance(result, Unreachable):
                await self._proving.release(job)
            else:
                await self._proving.record(job, result)
        found = await self._proving.find_check(member, check.id)
        assert found is not None
        return "waiting" if found.state is CheckState.WAITING else found.state.label

    def _read(self, post: int, challenge: Challenge) -> CheckResult:
        result = self._world.read_post(post, challenge, None, True)
        for target in challenge.targets if isinstance(result, Verified) else ():
            match self._world.read_target(target):
                case Gone():
                    return Refuted(RefutedReason.NAME_PASSED_ON)
                case Unreachable():
                    return Unreachable(UnreachableReason.NAME_UNSEEN)
                case Present(account=there) if there.handle.key != target.handle.key:
                    return Refuted(RefutedReason.NAME_PASSED_ON)
        return result

    async def _publish(self, member: UUID, x: int, target: int) -> str:
        accounts = await self._membership.accounts(member)
        if max(x, target) >= len(accounts):
            return "unknown"
        try:
            await self._publishing.publish(member, Wish(accounts[x].id, accounts[target].id, 1))
        except MemberError as error:
            return type(error).__name__
        return "published"

    async def _withdraw(self, member: UUID) -> str:
        await self._publishing.withdraw_all(member)
        return "withdrawn"

    async def _decide(self, place: int, is_upheld: bool) -> str:
        waiting = await self._claiming.list_open(MANY)
        if place >= len(waiting):
            return "not-waiting"
        claim = waiting[place].id
        settled = await (self._claiming.uphold(claim) if is_upheld else self._claiming.reject(claim))
        return settled.name.lower().replace("_", "-")

    async def _work(self) -> None:
        now = self._clock.now()
        while jobs := await self._rechecks.claim_due_rechecks(now, 1):
            outcome = await self._outcome(jobs[0].account, jobs[0].attempt)
            await self._rechecks.record_recheck(jobs[0], outcome, now)
        while looks := await self._claiming.claim_due(1):
            await self._claiming.look_again(looks[0])
        await self._claims.lapse_old_claims(now, MANY)
        await self._publications.restate_uncontested(now, MANY)
        await self._publications.drop_expired_publications(now, MANY)

    async def _outcome(self, account: LinkedAccount, attempt: int) -> Outcome:
        now = self._clock.now()
        if account.target is not None:
            return judge_target(account, self._world.read_target(account.target), attempt, now)
        seen = []
        for piece in list_checkable(account):
            post = find_post((piece,))
            met = await self._used.find_used_challenge(account.member, post.value) if post else None
            known = account.x.id if account.x is not None else None
            result: CheckResult = Unreachable(UnreachableReason.NO_SOURCE)
            if post is not None and met is not None:
                result = self._world.read_post(post.value, met, known, False)
            seen.append(XSeen(piece, result))
        return judge_x(account, seen, attempt, now)
