"""The kinds of jobs over their real tables: no kind delays or breaks another, and no row is lost."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from directory.accounts import AccountNetwork
from directory.jobs.catalogue import SLOTS
from directory.jobs.loop import MAX_RUNNING_A_HOST
from directory.members.challenges import CHECK_LEASE, CheckState
from directory.members.claims import LOOK_LEASE
from directory.members.job_kinds import OF_PEERS, JobKind
from directory.members.publications import Wish
from directory.members.rechecks import RECHECK_EVERY, RECHECK_LEASE, Lapsed
from directory.members.rechecks import Held as StillHeld
from directory.members.tokens import REVOCATION_LEASE
from directory.networks.port import Revocation, TokenSet
from directory.networks.sign_in_errors import ServerUnreachable, network_errors
from directory.proofs.challenge import CHALLENGE_LIFE
from directory.proofs.x_post import XSources
from directory.store.database import Database
from directory.store.follow_runs import RUN_LEASE
from directory.store.job_counts import JobCountStore
from directory.store.rechecks import RecheckStore
from directory.store.revocations import RevocationStore
from tests.directory.jobs.site import JobSite, SlowNetwork, soon
from tests.directory.members.conftest import Join
from tests.directory.members.logged import LoggedPublishing
from tests.directory.members.people import INSTANCE, at_mastodon, on_x
from tests.directory.networks.strangers import Stranger, answer, says, stranger
from tests.harness.clock import FakeClock
from tests.harness.fake_x import Failure, Held

SOURCES = ("syndication", "oembed-x", "oembed-twitter")
LEASES = {
    JobKind.POSTS: CHECK_LEASE,
    JobKind.LINKS: CHECK_LEASE,
    JobKind.RECHECKS: RECHECK_LEASE,
    JobKind.CLAIMS: LOOK_LEASE,
    JobKind.REVOCATIONS: REVOCATION_LEASE,
    JobKind.FOLLOWS: RUN_LEASE,
}


@pytest.fixture
async def published(site: JobSite, publishing: LoggedPublishing, join: Join) -> None:
    """A member whose Bluesky account is due for a re-check."""
    member, wish = await join("ada", 5)
    await publishing.publish(member, wish)
    await publishing.say()
    await site.make_due()


@pytest.fixture
async def elsewhere(dsn: str) -> AsyncIterator[Database]:
    """The database as another process sees it."""
    opened = await Database.connect(dsn, max_connections=4)
    yield opened
    await opened.close()


def test_a_job_ends_before_its_lease(site: JobSite) -> None:
    """Else another could have the row while it still runs."""
    kinds = {kind.name: kind for kind in site.jobs().kinds()}
    assert set(kinds) == set(JobKind) - OF_PEERS == set(SLOTS)
    for name, lease in LEASES.items():
        assert kinds[name].limit_s <= lease.total_seconds() / 2


@pytest.mark.usefixtures("published")
async def test_a_hostile_server_in_a_recheck_does_not_delay_a_post(site: JobSite) -> None:
    """Attack: a server that takes the question of a re-check and never answers. A member who hands in a post
    meanwhile waited for as long as the server liked."""
    bob = await site.join("bob")
    async with site.running() as worker:
        await soon(site.network.asked.acquire())
        check = await site.hand_in(bob, "bob")
        worker.wake()
        await soon(site.recorded.acquire())
        found = await site.proving.find_check(bob, check.id)
        assert found is not None
        assert (found.state, found.attempts) == (CheckState.VERIFIED, 1)
        assert worker.activity()[JobKind.RECHECKS].running == 1


async def test_one_server_takes_its_share_of_the_revocations(site: JobSite) -> None:
    """Attack: fifty permissions are to be given back at a server that takes its time, before anybody else's."""
    member = await site.join("ada")
    await site.give_back(member, *["slow.example"] * 50, "https://quick.example")
    site.network.answer("https://quick.example")
    async with site.running() as worker:
        for _ in range(MAX_RUNNING_A_HOST + 1):
            await soon(site.network.asked.acquire())
        assert sorted(site.network.servers) == ["https://quick.example", "slow.example", "slow.example"]
        assert worker.activity()[JobKind.REVOCATIONS].running >= MAX_RUNNING_A_HOST
        site.network.answer("slow.example")
        for _ in range(48):
            await soon(site.network.asked.acquire())
    assert site.network.servers.count("slow.example") == 50


class BrokenNetwork(SlowNetwork):
    """A network that revokes at real servers, whose answers a test sets."""

    def __init__(self, site: JobSite) -> None:
        super().__init__()
        self._client = site.client

    async def revoke(self, tokens: TokenSet, now: datetime) -> Revocation:
        with network_errors(tokens.server):
            if (await self._client.get(f"http://{tokens.server}/")).status != 200:
                raise ServerUnreachable(tokens.server, "is broken")
        return Revocation.REVOKED


def server_of(them: Stranger) -> str:
    return f"127.0.0.1:{them.port}"


async def test_a_server_that_fails_is_left_alone_by_all_processes(
    site: JobSite, elsewhere: Database, clock: FakeClock
) -> None:
    """Its rows stay due where they are, whoever looks: another worker, or the next one after a restart. Those of
    others are done meanwhile, and these as soon as it answers again."""
    member = await site.join("ada")
    answers = iter([answer(b"", "retry-after: 600", status="429 Too Many Requests")] + [answer(b"ok")] * 3)

    async def at_first_busy(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(next(answers))

    site.network = BrokenNetwork(site)
    async with stranger(at_first_busy) as busy, stranger(says(answer(b"ok"))) as well:
        await site.give_back(member, *[server_of(busy)] * 3, server_of(well))
        await site.worker().drain()
        assert (len(busy.requests), len(well.requests)) == (1, 1)
        for database in (elsewhere, site.database):
            clock.advance(minutes=4)
            await site.worker(database).drain()
        assert len(busy.requests) == 1
        left = await site.fetch("SELECT attempts FROM revocation ORDER BY attempts")
        assert left == [(0,), (0,), (1,)], "those that were left alone lost no attempt"
        clock.advance(minutes=2)
        await site.worker(elsewhere).drain()
        assert len(busy.requests) == 4
    assert await site.fetch("SELECT FROM revocation") == []
    assert await site.fetch("SELECT FROM host_backoff") == []


async def test_a_post_is_told_when_x_wants_no_more_questions(site: JobSite, clock: FakeClock) -> None:
    """X says 429 to one member's post; the next member's is not sent there, and the page says so, and when."""
    ada, bob = await site.join("ada"), await site.join("bob")
    busy = answer(b"", "retry-after: 900", status="429 Too Many Requests")
    async with stranger(says(busy)) as them:
        site.shared_hosts = frozenset({server_of(them)})
        site.sources = XSources(syndication=them.url, oembed_x=None, oembed_twitter=None)
        await site.hand_in(ada, "ada")
        await site.worker().drain()
        clock.advance(minutes=1)
        await site.hand_in(bob, "bob")
        await site.worker().drain()
        assert len(them.requests) == 1
    check = await site.proving.latest_check(bob)
    assert check is not None
    assert (check.state, check.reason) == (CheckState.WAITING, "too-many-requests")
    assert 0 <= (check.next_at - clock.now()).total_seconds() - 14 * 60 <= 2


@pytest.mark.usefixtures("published")
async def test_what_is_broken_off_is_due_again_whatever_its_kind(site: JobSite) -> None:
    """SIGTERM, after the grace: re-checks and revocations waited out leases of five and ten minutes."""
    post, links = site.x.hold("syndication"), site.x.hold("fxtwitter")
    try:
        member = await site.join("bob")
        await site.hand_in(member, "bob")
        await site.ask_for_links(member, "bob")
        await site.give_back(member, "slow.example")
        async with site.running():
            await soon(
                *map(reached, (post, links)), site.network.asked.acquire(), site.network.asked.acquire()
            )
            assert await states(site) == {"posts": (1, False), "links": (1, False)} | {
                "rechecks": (1, False),
                "revocations": (1, False),
            }
        assert await states(site) == dict.fromkeys(["posts", "links", "rechecks", "revocations"], (0, True))
    finally:
        post.release()
        links.release()
    site.network.answer("slow.example")
    site.network.answer("handles")
    await site.worker().drain()
    check = await site.proving.latest_check(member)
    assert check is not None
    assert (check.state, check.attempts) == (CheckState.VERIFIED, 1)
    assert await site.fetch("SELECT FROM revocation") == []


async def reached(held: Held) -> None:
    assert await asyncio.to_thread(held.reached.wait, 20)


async def states(site: JobSite) -> dict[str, tuple[int, bool]]:
    """Fetches the attempts of the only row of each kind, and whether it is due."""
    rows = await site.fetch(
        "SELECT 'posts', attempts::int, next_at <= $1 FROM proof_check"
        " UNION ALL SELECT 'links', attempts::int, next_at <= $1 FROM link_check"
        " UNION ALL SELECT 'rechecks', recheck_attempts::int, recheck_at <= $1 FROM linked_account"
        " WHERE recheck_at IS NOT NULL AND network = 1"
        " UNION ALL SELECT 'revocations', attempts::int, next_at <= $1 FROM revocation",
        site.clock.now(),
    )
    return {str(kind): (int(str(attempts)), bool(is_due)) for kind, attempts, is_due in rows}


@pytest.mark.usefixtures("published")
async def test_a_recheck_that_comes_late_does_not_speak_for_another(site: JobSite, clock: FakeClock) -> None:
    """A process that was paused for an hour: what it saw is old."""
    store = RecheckStore(site.database)
    late = await store.claim_due_rechecks(clock.now(), 10)
    clock.advance(seconds=RECHECK_LEASE.total_seconds())
    present = await store.claim_due_rechecks(clock.now(), 10)
    before = await site.fetch("SELECT * FROM linked_account ORDER BY id")
    for job in late:
        assert not await store.record_recheck(job, Lapsed(), clock.now())
        await store.release_recheck(job, clock.now())
    assert await site.fetch("SELECT * FROM linked_account ORDER BY id") == before
    for job in present:
        assert await store.record_recheck(job, StillHeld(job.account.account), clock.now())


async def test_rows_know_whom_they_ask(site: JobSite, publishing: LoggedPublishing, clock: FakeClock) -> None:
    """By that one server takes no more than its share, and is left alone when it fails."""
    member = await site.join("ada")
    for proven in (at_mastodon("ada"), on_x("ada", 5)):
        await site.membership.link(member, proven)
    accounts = {each.network: each for each in await site.membership.accounts(member)}
    x = accounts[AccountNetwork.X]
    bluesky, mastodon = accounts[AccountNetwork.BLUESKY], accounts[AccountNetwork.MASTODON]
    for target in (bluesky, mastodon):
        await publishing.publish(member, Wish(x.id, target.id, 1))
    await site.make_due()
    rechecks = RecheckStore(site.database)
    by_mastodon = await rechecks.claim_due_rechecks(clock.now(), 10, ["x.com", "plc.directory"])
    assert [(job.account.id, job.hosts) for job in by_mastodon] == [(mastodon.id, ("social.example",))]
    others = await rechecks.claim_due_rechecks(clock.now(), 10)
    assert {job.account.id: job.hosts for job in others} == {x.id: ("x.com",), bluesky.id: ("plc.directory",)}
    await site.ask_for_links(member, "ada")
    assert await site.page_links.claim_due(10, ["social.example"]) == []
    (link_job,) = await site.page_links.claim_due(10, ["other.example"])
    assert link_job.hosts == ("social.example",)


async def test_what_a_wrong_clock_put_off_is_done_today(site: JobSite) -> None:
    """The machine's clock was 400 days ahead for an hour. Whoever had handed in a post then waited for more than a year,
    and so long a permission that was given back lived on."""
    member = await site.join("ada")
    await site.hand_in(member, "ada")
    await site.ask_for_links(member, "ada")
    await site.give_back(member, "pds.example")
    await site.fetch("UPDATE proof_check SET next_at = next_at + interval '400 days'")
    await site.fetch("UPDATE link_check SET next_at = next_at + interval '400 days'")
    await site.fetch("UPDATE revocation SET next_at = next_at + interval '400 days'")
    counted = await JobCountStore(site.database).count_due(site.clock.now())
    assert {kind for kind, due in counted.items() if due.waiting} == {
        JobKind.POSTS,
        JobKind.LINKS,
        JobKind.REVOCATIONS,
    }
    assert len(await site.proving.claim_due(10)) == 1
    assert len(await site.page_links.claim_due(10)) == 1
    assert len(await site.permissions.claim_revocations(10)) == 1


async def test_a_revocation_knows_its_server(site: JobSite) -> None:
    """Bluesky's issuers are addresses, Mastodon's are hosts."""
    issuers = ["https://pds.example", "social.example", "http://127.0.0.1:8443"]
    await site.give_back(await site.join("ada"), *issuers)
    (left,) = await site.permissions.claim_revocations(10, ["pds.example", "127.0.0.1:8443"])
    assert left[0].hosts == ("social.example",)
    claimed = await site.permissions.claim_revocations(10)
    assert {revocation.hosts for revocation, _ in claimed} == {("pds.example",), ("127.0.0.1:8443",)}


async def test_a_revocation_that_comes_late_does_not_speak_for_another(
    site: JobSite, clock: FakeClock
) -> None:
    """kill -9, or a pause of an hour: by then another process has the row."""
    store = RevocationStore(site.database)
    await site.give_back(await site.join("ada"), "slow.example")
    (late,) = await store.claim_due_revocations(clock.now(), 10)
    clock.advance(seconds=REVOCATION_LEASE.total_seconds())
    (present,) = await store.claim_due_revocations(clock.now(), 10)
    before = await site.fetch("SELECT * FROM revocation")
    await store.finish_revocation(late)
    await store.release_revocation(late, clock.now())
    await store.reschedule_revocation(late, clock.now())
    assert await site.fetch("SELECT * FROM revocation") == before
    await store.finish_revocation(present)
    assert await site.fetch("SELECT FROM revocation") == []


async def test_a_post_that_was_handed_in_in_time_is_proof_however_late_it_is_seen(
    site: JobSite, clock: FakeClock
) -> None:
    """X was silent for the last hours of a sentence: who had posted it in time was told that it had expired."""
    ada = await site.join("ada")
    kept = await site.proving.new_challenge(ada, INSTANCE, "en")
    clock.advance(seconds=(CHALLENGE_LIFE - timedelta(hours=1)).total_seconds())
    post = site.x.post(site.x.account("ada"), kept.challenge.sentence, at=clock.now())
    check = await site.proving.submit(ada, kept.id, post.url)
    for source in SOURCES:
        site.x.fail(source, Failure(503))
    await site.worker().drain()
    clock.advance(hours=3)
    for source in SOURCES:
        site.x.heal(source)
    await site.worker().drain()
    found = await site.proving.find_check(ada, check.id)
    assert found is not None
    assert (found.state, found.reason) == (CheckState.VERIFIED, None)


@pytest.mark.usefixtures("published")
async def test_a_recheck_that_a_wrong_clock_put_off_is_made_today(site: JobSite, clock: FakeClock) -> None:
    """The machine's clock was 400 days ahead as an account was re-checked: what is published of it would have expired long
    before the next time."""
    site.network.answer("handles")
    for ahead in (0, 400, -400):
        clock.advance(days=ahead)
        await site.worker().drain()
        late = "SELECT FROM linked_account WHERE recheck_at > $1 OR checked_at > $2"
        assert await site.fetch(late, clock.now() + RECHECK_EVERY, clock.now()) == []
    assert await site.fetch("SELECT FROM linked_account WHERE recheck_at IS NOT NULL")
