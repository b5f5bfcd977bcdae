"""Our own look at a few mappings of each peer: drawn so that no peer knows which, and with consequences."""

from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, timedelta
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.accounts import AccountNetwork, BlueskyAccount
from directory.answers import take_in_leaves
from directory.identifiers import AtHandle, Did
from directory.mappings import Evidence, EvidenceKind, Mapping
from directory.networks.http import GuardedClient
from directory.networks.sign_in_errors import ServerUnreachable
from directory.origins import Authority, Standing
from directory.proofs.sentence import write_sentence
from directory.proofs.x_post import PostChecker
from directory.queries import Query
from directory.services.lookup import Lookup
from directory.store.database import Database
from directory.store.mappings import MappingStore
from directory.store.origins import OriginStore
from federation.keys.operations import RightTree
from federation.peers.samples import MAX_ATTEMPTS, SampleResult, is_to_be_limited, month_after, month_of
from federation.peers.sampling import Sampling, Sources, secret_moment
from federation.peers.standing import PeerStandings
from federation.peers.verdicts import Verdict
from federation.store.peer_purge import PeerPurge
from federation.store.peer_samples import PeerSampleStore
from tests.directory.jobs.site import NamingNetwork
from tests.directory.proofs.conftest import IMPATIENT
from tests.directory.proofs.posts import only
from tests.directory.proofs.test_sentence import NONCE
from tests.directory.test_answers import said
from tests.federation.peers.heard import add_peer
from tests.federation.peers.tailing import reading
from tests.harness.clock import START, FakeClock
from tests.harness.fake_x import FakeX
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky
from tests.harness.peer_log import PeerLog, key, log_server

HOST: Final = "two.example"
MINUTE: Final = timedelta(minutes=1)
MONTH: Final = date(2026, 11, 1)
R = SampleResult
NOT_LOOKED_AT: Final[frozenset[R]] = frozenset({R.UNREACHABLE, R.UNSEEABLE})


@pytest.fixture
def x() -> Iterator[FakeX]:
    with FakeX() as fake:
        yield fake


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with GuardedClient("Passerelle/test", allow_loopback=True) as opened:
        yield opened


@pytest.fixture
def names() -> NamingNetwork:
    return NamingNetwork()


class History:
    """The former handles that the PLC directory knows: each up to a time."""

    def __init__(self) -> None:
        self.former: dict[Did, tuple[datetime, AtHandle]] = {}
        self.is_down = False

    async def handle_at(self, did: Did, at: datetime) -> AtHandle | None:
        if self.is_down:
            raise ServerUnreachable("plc.directory", "is down")
        until, handle = self.former.get(did, (START, None))
        return handle if at < until else None


@pytest.fixture
def history() -> History:
    return History()


@pytest.fixture
def standings(database: Database) -> PeerStandings:
    return PeerStandings(OriginStore(database), ORIGIN)


@pytest.fixture
def sampling(  # noqa: PLR0917 - fixtures
    database: Database,
    x: FakeX,
    client: GuardedClient,
    names: NamingNetwork,
    history: History,
    standings: PeerStandings,
    clock: FakeClock,
) -> Sampling:
    checker = PostChecker(client, x.sources().in_order(), clock, IMPATIENT)
    sources = Sources(checker, {AccountNetwork.BLUESKY: names}, history.handle_at)
    return Sampling(PeerSampleStore(database), standings, sources, clock, at_once)


def at_once(first: datetime, _end: datetime) -> datetime:
    """For tests that are not about when samples are drawn."""
    return first


def proven(x: FakeX, number: int, *, is_true: bool = True) -> Mapping:
    """Somebody of the peer, with a post of theirs; an untrue one is about another account than the post names."""
    author = x.account(f"p{number}")
    mapping = bluesky(str(author.handle), author.id.value, target=f"t{number}", origin=OTHER_ORIGIN)
    named = str(mapping.target_handle) if is_true else "somebody.else.example"
    post = x.post(author, write_sentence("en", [named], HOST, NONCE), START - MINUTE)
    first, *rest = mapping.evidence
    return msgspec.structs.replace(mapping, evidence=(msgspec.structs.replace(first, ref=post.id.url), *rest))


async def look_at_all(sampling: Sampling) -> int:
    """Looks at all samples that are due. Returns how many."""
    count = 0
    while (job := await sampling.claim()) is not None:
        await sampling.look(job)
        count += 1
    return count


async def results_of(database: Database) -> dict[R, int]:
    found = await PeerSampleStore(database).count_results(OTHER_ORIGIN, MONTH)
    return {R(number): count for number, count in found.items()}


async def test_a_peer_that_tells_the_truth_is_followed_on(
    database: Database, sampling: Sampling, standings: PeerStandings, x: FakeX
) -> None:
    await add_peer(database, OTHER_ORIGIN, START, *(proven(x, number) for number in range(6)))
    assert await look_at_all(sampling) == 6
    assert await results_of(database) == {R.HOLDS: 6}
    assert await standings.standing_of(OTHER_ORIGIN) is Standing.FOLLOWING
    assert await look_at_all(sampling) == 0


async def test_a_peer_that_invents_accounts_is_limited(
    database: Database, sampling: Sampling, standings: PeerStandings, x: FakeX
) -> None:
    """It takes the posts of people who moved, and says that they lead to accounts of its own."""
    people = [proven(x, number, is_true=number > 1) for number in range(7)]
    await add_peer(database, OTHER_ORIGIN, START, *people)
    await look_at_all(sampling)
    assert await results_of(database) == {R.HOLDS: 5, R.REFUTED: 2}
    assert await standings.standing_of(OTHER_ORIGIN) is Standing.LIMITED


async def test_what_our_own_look_has_shown_decides_who_is_followed_unseen(
    database: Database, sampling: Sampling, standings: PeerStandings, x: FakeX, clock: FakeClock
) -> None:
    """Of a limited peer what held is followed for 60 days; what was refuted of a followed one is followed by nobody."""
    await add_peer(database, OTHER_ORIGIN, START, proven(x, 0), proven(x, 1, is_true=False))
    await look_at_all(sampling)
    lookup = Lookup(MappingStore(database), clock, ORIGIN)

    async def may_follow(name: str) -> bool:
        (answer,) = (await lookup.lookup(Query.parse(f"@{name}"))).answers
        return answer.may_follow

    assert await may_follow("p0")
    assert not await may_follow("p1")
    await standings.change(OTHER_ORIGIN, Standing.LIMITED, Authority.OPERATOR)
    assert await may_follow("p0")
    clock.advance(days=61)
    await OriginStore(database).record_heard(OTHER_ORIGIN, clock.now(), clock.now())
    assert not await may_follow("p0")


async def test_an_account_that_passed_on_is_refuted(
    database: Database, sampling: Sampling, x: FakeX, names: NamingNetwork
) -> None:
    """The sentence shows the victim's name, and the body has Mallory's id beside it."""
    mapping = proven(x, 0)
    await add_peer(database, OTHER_ORIGIN, START, mapping)
    assert isinstance(mapping.target_id, Did)
    names.renamed[mapping.target_id] = BlueskyAccount(mapping.target_id, AtHandle("mallory.bsky.example"))
    await look_at_all(sampling)
    assert await results_of(database) == {R.REFUTED: 1}


@pytest.mark.parametrize("is_said", [True, False], ids=["said under the new name", "not said yet"])
async def test_an_account_that_was_renamed_is_not_refuted(  # noqa: PLR0917 - fixtures
    is_said: bool,
    database: Database,
    sampling: Sampling,
    standings: PeerStandings,
    x: FakeX,
    names: NamingNetwork,
    history: History,
    clock: FakeClock,
) -> None:
    """Whoever took their own domain as a handle after their proof was contested at all peers, and five of them had their
    instance limited: their posts show the names that they bore then."""
    renamed = []
    for mapping in (proven(x, number) for number in range(2, 8)):
        did, before = mapping.target_id, mapping.target_handle
        assert isinstance(did, Did)
        assert isinstance(before, AtHandle)
        now = AtHandle(f"new-{before}")
        names.renamed[did] = BlueskyAccount(did, now)
        history.former[did] = (START, before)
        renamed.append(msgspec.structs.replace(mapping, target_handle=now) if is_said else mapping)
    await add_peer(database, OTHER_ORIGIN, START, *renamed)
    history.is_down = True
    (job,) = [await sampling.claim()]
    assert job is not None
    await sampling.look(job)
    assert await results_of(database) == {}, "nobody told, so it is looked at again"
    history.is_down = False
    clock.advance(hours=2)
    await look_at_all(sampling)
    assert await results_of(database) == {R.UNSEEABLE: 6}
    assert await standings.standing_of(OTHER_ORIGIN) is Standing.FOLLOWING


async def test_a_name_that_was_borne_after_the_post_proves_nothing(
    database: Database, sampling: Sampling, x: FakeX, history: History
) -> None:
    """Attack: the peer's own account claims the name of the post for a moment, long after it was made."""
    lie = proven(x, 0, is_true=False)
    assert isinstance(lie.target_id, Did)
    history.former[lie.target_id] = (START - 2 * MINUTE, AtHandle("somebody.else.example"))
    await add_peer(database, OTHER_ORIGIN, START, lie)
    await look_at_all(sampling)
    assert await results_of(database) == {R.REFUTED: 1}


async def test_a_handle_that_is_not_its_ids_is_found_out_behind_the_tail(  # noqa: PLR0917 - fixtures
    database: Database,
    sampling: Sampling,
    standings: PeerStandings,
    x: FakeX,
    names: NamingNetwork,
    clock: FakeClock,
) -> None:
    """Attack: a peer publishes the ids of its own accounts under the names of others, in bodies that are right in every way.
    Nothing in the log can tell: they come in, and our own look limits the peer."""
    log = PeerLog(clock)
    people = [proven(x, number) for number in range(7)]
    for number, mapping in enumerate(people):
        log.add_person(mapping)
        if number < 2:
            assert isinstance(mapping.target_id, Did)
            names.renamed[mapping.target_id] = BlueskyAccount(
                mapping.target_id, AtHandle(f"mallory{number}.bsky.example")
            )
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert len(await reader.leaves()) == 7
        await look_at_all(sampling)
        assert await results_of(database) == {R.HOLDS: 5, R.REFUTED: 2}
        assert await standings.standing_of(OTHER_ORIGIN) is Standing.LIMITED
        lookup = Lookup(MappingStore(database), clock, ORIGIN)
        for number in range(2):
            (answer,) = (await lookup.lookup(Query.parse(f"@p{number}"))).answers
            assert not answer.may_follow


async def lied_about(x: FakeX, names: NamingNetwork, log: PeerLog) -> None:
    """Has a log say something true, and then something that our own look refutes."""
    for number in range(2, 4):
        log.add_person(proven(x, number))
    lie = proven(x, 3).target_id
    assert isinstance(lie, Did)
    names.renamed[lie] = BlueskyAccount(lie, AtHandle("mallory.bsky.example"))
    log.publish()


async def may_follow(database: Database, clock: FakeClock, name: str) -> bool:
    lookup = Lookup(MappingStore(database), clock, ORIGIN)
    (answer,) = (await lookup.lookup(Query.parse(f"@{name}"))).answers
    return answer.may_follow


async def test_what_was_refuted_stays_so_where_it_is_taken_in_anew(
    database: Database, sampling: Sampling, x: FakeX, names: NamingNetwork, clock: FakeClock
) -> None:
    """A peer is suspended and resumed, or returns after its mappings were deleted for its silence: what it says is asked for
    again, and the mark of our own look has gone with the rows. What was refuted was followed unseen again."""
    log = PeerLog(clock)
    await lied_about(x, names, log)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        await look_at_all(sampling)
        assert await results_of(database) == {R.HOLDS: 1, R.REFUTED: 1}
        assert await PeerPurge(database).purge_bodies(OTHER_ORIGIN) == 2
        clock.advance(seconds=41)
        log.publish()
        assert await reader.round() is Verdict.READ
        assert [await may_follow(database, clock, name) for name in ("p2", "p3")] == [True, False]


async def test_of_leaves_that_a_recovery_replaces_nothing_is_refuted(
    database: Database, sampling: Sampling, x: FakeX, names: NamingNetwork, clock: FakeClock
) -> None:
    """A thief lies in the log of a peer. After its recovery the same leaf says something true of somebody else."""
    log = PeerLog(clock)
    thief = log.copy()
    await lied_about(x, names, thief)
    async with log_server(thief.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        await look_at_all(sampling)
        assert await results_of(database) == {R.HOLDS: 1, R.REFUTED: 1}
        for number in range(4, 6):
            log.add_person(proven(x, number))
        log.recover(RightTree(len(log.entries), log.root()), key("rescue"))
        log.publish()
        server.serve = log.serve
        clock.advance(seconds=41)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert await reader.leaves() == [1, 2]
        assert [await may_follow(database, clock, name) for name in ("p4", "p5")] == [True, True]
        assert await results_of(database) == {R.HOLDS: 1, R.REFUTED: 1}, "the peer is judged by them still"


async def test_what_cannot_be_reached_is_asked_again_and_refutes_nothing(
    database: Database, sampling: Sampling, standings: PeerStandings, x: FakeX, clock: FakeClock
) -> None:
    await add_peer(database, OTHER_ORIGIN, START, *(proven(x, number) for number in range(6)))
    only(x)
    assert await look_at_all(sampling) == 6
    assert await look_at_all(sampling) == 0
    for _ in range(MAX_ATTEMPTS):
        clock.advance(days=2)
        await look_at_all(sampling)
    assert await results_of(database) == {R.UNREACHABLE: 6}
    assert await standings.standing_of(OTHER_ORIGIN) is Standing.FOLLOWING


async def test_an_id_that_no_source_tells_is_not_confirmed(
    database: Database, sampling: Sampling, x: FakeX
) -> None:
    """The handle has passed to somebody who posted such a sentence: the id that the peer says may be anybody's."""
    await add_peer(database, OTHER_ORIGIN, START, proven(x, 0))
    only(x, "oembed-x")
    await look_at_all(sampling)
    assert await results_of(database) == {}


async def test_posts_that_nobody_finds_limit_a_peer(
    database: Database, sampling: Sampling, standings: PeerStandings, x: FakeX
) -> None:
    """A deleted post refutes nothing, so a peer that invents everything names posts that never were."""
    people = [bluesky(f"p{number}", number + 1, origin=OTHER_ORIGIN) for number in range(12)]
    await add_peer(database, OTHER_ORIGIN, START, *people)
    await look_at_all(sampling)
    assert await results_of(database) == {R.GONE: 12}
    assert await standings.standing_of(OTHER_ORIGIN) is Standing.LIMITED


async def test_what_only_the_peer_can_see_counts_for_nothing(
    database: Database, sampling: Sampling, standings: PeerStandings
) -> None:
    signed_in = (Evidence(EvidenceKind.X_OAUTH, START), Evidence(EvidenceKind.BLUESKY_OAUTH, START))
    people = [
        msgspec.structs.replace(bluesky(f"p{number}", number + 1, origin=OTHER_ORIGIN), evidence=signed_in)
        for number in range(12)
    ]
    await add_peer(database, OTHER_ORIGIN, START, *people)
    await look_at_all(sampling)
    assert await results_of(database) == {R.UNSEEABLE: 12}
    assert await standings.standing_of(OTHER_ORIGIN) is Standing.FOLLOWING


@pytest.mark.parametrize("few", [0, 10_000], ids=["drawn", "listed"])
async def test_as_many_as_the_operator_wants_are_drawn_each_month_and_each_once(
    database: Database,
    sampling: Sampling,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    few: int,
) -> None:
    monkeypatch.setattr("federation.peers.sampling.FEW", few)
    people = [bluesky(f"p{number}", number + 1, origin=OTHER_ORIGIN) for number in range(60)]
    await add_peer(database, OTHER_ORIGIN, START, *people)
    await look_at_all(sampling)
    clock.advance(days=31)
    await look_at_all(sampling)
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT month, count(*), count(DISTINCT leaf) FROM peer_sample GROUP BY 1"
        )
    assert sorted(map(tuple, rows)) == [(MONTH, 20, 20), (date(2026, 12, 1), 20, 20)]


async def test_a_peer_that_tells_the_truth_on_the_first_day_is_found_out(
    database: Database,
    sampling: Sampling,
    standings: PeerStandings,
    x: FakeX,
    clock: FakeClock,
) -> None:
    """Attack: a peer has a few true mappings when the month begins, and invents thousands on the next day. Were all
    samples of a month drawn at its beginning, nobody would look at one of these before they are revoked again."""
    sampling.choose_moment = lambda first, end: first + (end - first) / 2
    await add_peer(database, OTHER_ORIGIN, START, proven(x, 0))
    assert await look_at_all(sampling) == 0
    clock.advance(days=1)
    invented = [proven(x, number, is_true=False) for number in range(1, 30)]
    async with database.transaction() as connection:
        await take_in_leaves(connection, OTHER_ORIGIN, said(*invented, first=1), START)
    clock.advance(days=14)
    assert await look_at_all(sampling) == 20
    assert await standings.standing_of(OTHER_ORIGIN) is Standing.LIMITED


def test_moments_are_spread_over_what_is_left_of_the_month() -> None:
    first, end = START, month_after(START)
    moments = [secret_moment(first, end) for _ in range(300)]
    assert all(first <= moment < end for moment in moments)
    assert max(moments) - min(moments) > (end - first) / 2
    assert month_of(end) == date(2026, 12, 1)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE peer SET sample_size = 0",
        "UPDATE peer SET we_follow = 1",
        "UPDATE peer SET confirmed_at = NULL",
        "UPDATE origin SET standing = 2",
        "UPDATE origin SET standing = 3",
    ],
)
async def test_nothing_is_drawn_of_who_does_not_answer_here(
    database: Database, sampling: Sampling, x: FakeX, change: str
) -> None:
    await add_peer(database, OTHER_ORIGIN, START, proven(x, 0))
    async with database.connection() as connection:
        await connection.execute(change)
    assert await sampling.claim() is None


async def test_what_was_revoked_meanwhile_is_held_against_nobody(
    database: Database, sampling: Sampling, x: FakeX
) -> None:
    await add_peer(database, OTHER_ORIGIN, START, proven(x, 0))
    job = await sampling.claim()
    assert job is not None
    async with database.connection() as connection:
        await connection.execute("DELETE FROM mapping")
    await sampling.look(job)
    assert await results_of(database) == {}


async def test_two_processes_draw_once_and_look_once(
    database: Database, sampling: Sampling, x: FakeX
) -> None:
    await add_peer(database, OTHER_ORIGIN, START, proven(x, 0))
    first = await sampling.claim()
    assert first is not None
    assert await sampling.claim() is None
    await sampling.release(first)
    again = await sampling.claim()
    assert again is not None
    await sampling.look(again)
    await sampling.look(first)
    assert await results_of(database) == {R.HOLDS: 1}


@pytest.mark.parametrize(
    ("counts", "limited"),
    [
        ({R.HOLDS: 3, R.REFUTED: 1}, False),
        ({R.HOLDS: 3, R.REFUTED: 2}, True),
        ({R.HOLDS: 8, R.REFUTED: 2}, False),
        ({R.HOLDS: 7, R.REFUTED: 2}, True),
        ({R.HOLDS: 5, R.GONE: 5}, False),
        ({R.HOLDS: 5, R.GONE: 6}, True),
        ({R.GONE: 9}, False),
    ],
)
def test_one_mistake_limits_nobody(counts: dict[R, int], limited: bool) -> None:
    assert is_to_be_limited(counts) is limited


@given(st.dictionaries(st.sampled_from(R), st.integers(0, 40)))
def test_what_was_not_looked_at_changes_nothing(counts: dict[R, int]) -> None:
    """Silence of sources, and evidence that nobody else can see, neither limits a peer nor keeps it from being limited."""
    seen = {result: n for result, n in counts.items() if result not in NOT_LOOKED_AT}
    assert is_to_be_limited(counts) is is_to_be_limited(seen)
