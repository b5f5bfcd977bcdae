"""The site of tests of jobs: members with due rows, and workers that run them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, NoReturn
from uuid import UUID

from directory.accounts import AccountNetwork, TargetAccount
from directory.clock import Clock
from directory.follows.switches import Switches
from directory.identifiers import TargetHandle, TargetId, XHandle
from directory.jobs.catalogue import JobParts, Jobs
from directory.jobs.host_watch import HostWatch
from directory.jobs.worker import Worker
from directory.mappings import Network
from directory.members.challenges import ProofCheck, ProofJob
from directory.networks.bluesky.did import DidResolver
from directory.networks.http import GuardedClient
from directory.networks.mastodon.apps import Apps
from directory.networks.mastodon.sign_in import MastodonSignIn
from directory.networks.port import AppBinding, Purpose, Revocation, SignInDone, SignInStart, TokenSet
from directory.networks.sign_in_errors import ServerUnreachable
from directory.proofs.profile_link import LinkChecker
from directory.proofs.results import Refuted, Unreachable, Verified
from directory.proofs.x_post import PostChecker, XSources
from directory.services.claiming import Claiming
from directory.services.follow_lists import FollowLists
from directory.services.following import Following
from directory.services.housekeeping import Housekeeping
from directory.services.kept_apps import KeptApps
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.services.message_sending import MessageSending
from directory.services.message_texts import MessageTexts
from directory.services.name_checking import NameChecking
from directory.services.newcomers import Newcomers
from directory.services.page_links import PageLinks
from directory.services.permissions import Permissions
from directory.services.planning import Planning, PlanStores
from directory.services.profile_checking import ProfileChecking
from directory.services.proving import Proving
from directory.services.run_steps import RunSteps, StepParts
from directory.services.standing import Standing
from directory.store.arrivals import ArrivalStore
from directory.store.challenges import ChallengeStore
from directory.store.claims import ClaimStore
from directory.store.database import Database
from directory.store.follow_lists import FollowListStore
from directory.store.follow_steps import StepStore
from directory.store.follows import FollowStore
from directory.store.host_backoff import HostBackoffStore
from directory.store.ignored_people import IgnoredPeopleStore
from directory.store.mappings import MappingStore
from directory.store.mastodon_apps import MastodonAppStore
from directory.store.members import MemberStore
from directory.store.newcomer_messages import NewcomerMessageStore
from directory.store.proof_checks import ProofCheckStore
from directory.store.rechecks import RecheckStore
from directory.store.standing_matches import StandingMatchStore
from directory.store.used_challenges import UsedChallengeStore
from directory.vault import Vault
from tests.directory.members.people import INSTANCE, ORIGIN, at_bluesky
from tests.harness.fake_x import FakeX
from web.catalogues import catalogue

PATIENCE_S: Final = 20
"""The limit for what happens at once, on a busy machine."""


async def soon(*awaited: Awaitable[object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*awaited)


class SlowNetwork:
    """A network whose servers accept every request, and answer when a test lets them. `asked` counts requests."""

    def __init__(self) -> None:
        self.asked = asyncio.Semaphore(0)
        self.servers: list[str] = []
        self._answers: dict[str, asyncio.Event] = {}

    def answer(self, server: str) -> None:
        """Lets a server answer from now on."""
        self._answers.setdefault(server, asyncio.Event()).set()

    async def revoke(self, tokens: TokenSet, now: datetime) -> Revocation:
        await self.ask(tokens.server)
        return Revocation.REVOKED

    async def current_account(self, account: TargetAccount) -> TargetAccount:
        await self.ask("handles")
        return account

    async def ask(self, server: str) -> None:
        self.servers.append(server)
        self.asked.release()
        await self._answers.setdefault(server, asyncio.Event()).wait()

    async def start_sign_in(
        self,
        account: str,
        *,
        purpose: Purpose,
        redirect_uri: str,
        now: datetime,
        expected: TargetId | None = None,
    ) -> SignInStart:
        self._no_job(account)

    async def finish_sign_in(self, record: bytes, returned_to: str, now: datetime) -> SignInDone:
        self._no_job(record)

    async def refresh(self, tokens: TokenSet, now: datetime) -> TokenSet:
        self._no_job(tokens)

    async def resolve_handle(self, handle: TargetHandle) -> TargetId:
        self._no_job(handle)

    def _no_job(self, asked: object) -> NoReturn:
        raise AssertionError(f"no job asks for this: {asked}")


class NamingNetwork(SlowNetwork):
    """A network that tells the present name of an account at once. `renamed` tells of those that have another."""

    def __init__(self) -> None:
        super().__init__()
        self.renamed: dict[TargetId, TargetAccount] = {}
        self.is_silent = False

    async def current_account(self, account: TargetAccount) -> TargetAccount:
        if self.is_silent:
            raise ServerUnreachable("names.example", "is broken")
        return self.renamed.get(account.id, account)


class HeardProving(Proving):
    """Proving that signals each recorded result."""

    recorded: asyncio.Semaphore

    async def record(self, job: ProofJob, result: Verified | Refuted | Unreachable) -> ProofCheck | None:
        check = await super().record(job, result)
        self.recorded.release()
        return check


@dataclass(kw_only=True)
class JobSite:
    """Members and workers. Bluesky is the slow network, and X the fake one."""

    database: Database
    clock: Clock
    vault: Vault
    client: GuardedClient
    x: FakeX
    membership: Membership
    proving: Proving
    permissions: Permissions
    page_links: PageLinks
    network: SlowNetwork = field(default_factory=SlowNetwork)
    naming: NamingNetwork = field(default_factory=NamingNetwork)
    """What tells the names of accounts when a post is checked."""
    recorded: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    shared_hosts: frozenset[str] = frozenset()
    sources: XSources | None = None
    """The sources of posts; None for the fake X."""

    def jobs(self, database: Database | None = None) -> Jobs:
        """Makes jobs; with a database of their own as in another process."""
        database, clock = database or self.database, self.clock
        proving = HeardProving(
            MemberStore(database), ChallengeStore(database), ProofCheckStore(database), self.vault, clock
        )
        proving.recorded = self.recorded
        apps = Apps(self.client, KeptApps(MastodonAppStore(database), self.vault), lambda: "Test", INSTANCE)
        dids = DidResolver(self.client, plc_url=self.x.root, allow_loopback=True)
        sources = self.sources or self.x.sources(fxtwitter=False)
        links = ProfileChecking(LinkChecker(self.client, clock), self.page_links, dids, f"{self.x.root}/fx")
        return Jobs(
            JobParts(
                clock=clock,
                proving=proving,
                used=UsedChallengeStore(database, self.vault),
                checker=PostChecker(self.client, sources.in_order(), clock),
                names=NameChecking(
                    {AccountNetwork.BLUESKY: self.naming, AccountNetwork.MASTODON: self.naming}
                ),
                rechecks=RecheckStore(database),
                claiming=self.claiming(database),
                permissions=self.permissions,
                networks={AccountNetwork.BLUESKY: self.network, AccountNetwork.MASTODON: self.network},
                mastodon=MastodonSignIn(self.client, apps, self.permissions),
                page_links=self.page_links,
                links=links,
                newcomers=Newcomers(ArrivalStore(database), clock),
                steps=self.steps(database),
                standing=self.standing(database),
                messages=MessageSending(
                    NewcomerMessageStore(database),
                    {},
                    MessageTexts(catalogue, INSTANCE, lambda: "Test"),
                    self.vault,
                    clock,
                ),
                housekeeping=Housekeeping(database, clock),
            )
        )

    def steps(self, database: Database) -> RunSteps:
        """Makes the steps of follow runs, on no network."""
        switches, members = Switches(), MemberStore(database)
        return RunSteps(
            StepParts(
                store=StepStore(database),
                following=Following(FollowStore(database), members, self.permissions, switches, self.clock),
                permissions=self.permissions,
                lookup=Lookup(MappingStore(database), self.clock, ORIGIN),
                networks={},
                switches=switches,
                no_run_before=lambda: None,
                clock=self.clock,
            )
        )

    def standing(self, database: Database) -> Standing:
        """Makes the batches of newcomers."""
        switches, members = Switches(), MemberStore(database)
        wishes = StandingMatchStore(database)
        planning = Planning(
            Lookup(MappingStore(database), self.clock, ORIGIN),
            FollowLists(FollowListStore(database), self.clock),
            PlanStores(ArrivalStore(database), IgnoredPeopleStore(database), wishes),
            self.clock,
            switches,
        )
        following = Following(FollowStore(database), members, self.permissions, switches, self.clock)
        return Standing(wishes, members, planning, following, self.clock)

    def claiming(self, database: Database | None = None) -> Claiming:
        """Makes the service of claims over the same sources."""
        database, sources = database or self.database, self.sources or self.x.sources(fxtwitter=False)
        checker = PostChecker(self.client, sources.in_order(), self.clock)
        return Claiming(ClaimStore(database), checker, UsedChallengeStore(database, self.vault), self.clock)

    def worker(self, database: Database | None = None) -> Worker:
        store = HostBackoffStore(database or self.database)
        return Worker(self.jobs(database).kinds(), partial(HostWatch, store, self.clock, self.shared_hosts))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Worker]:
        """Runs a worker, interrupted at the end as by a process whose grace is over."""
        worker = self.worker()
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def join(self, name: str) -> UUID:
        return (await self.membership.sign_in(at_bluesky(name, at=self.clock.now()))).member

    async def hand_in(self, member: UUID, name: str) -> ProofCheck:
        """Submits a good post, whose check is due."""
        kept = await self.proving.open_challenge(member)
        kept = kept or await self.proving.new_challenge(member, INSTANCE, "en")
        post = self.x.post(self.x.account(name), kept.challenge.sentence, at=self.clock.now())
        return await self.proving.submit(member, kept.id, post.url)

    async def ask_for_links(self, member: UUID, name: str) -> None:
        """Submits a check of links, which is due."""
        await self.page_links.make_page(member)
        await self.page_links.submit(member, XHandle(name))

    async def give_back(self, member: UUID, *servers: str) -> None:
        """Hands over a token of each server for revocation."""
        (account,) = [each for each in await self.membership.accounts(member) if each.target is not None]
        for number, server in enumerate(servers):
            await self.permissions.keep(account.id, Purpose.FOLLOW, _tokens(server, f"token {number}"))
            await self.permissions.give_back(account.id, Purpose.FOLLOW)

    async def make_due(self) -> None:
        """Makes all re-checks due now."""
        await self.fetch(
            "UPDATE linked_account SET recheck_at = $1 WHERE recheck_at IS NOT NULL", self.clock.now()
        )

    async def fetch(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Fetches rows of the database, past the stores."""
        async with self.database.connection() as connection:
            return [tuple(row) for row in await connection.fetch(sql, *values)]


def _tokens(server: str, access: str) -> TokenSet:
    return TokenSet(
        Network.MASTODON, "https://x.example/u", server, access, None, "", None, "client", AppBinding("")
    )
