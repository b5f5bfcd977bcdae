"""Real members, their clicks and their withdrawals, through the log."""

from pathlib import Path

import pytest

from directory.members.publications import Wish
from directory.queries import Query
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.services.publishing import Publishing
from directory.store.claims import ClaimStore
from directory.store.database import Database
from directory.store.mappings import MappingStore
from directory.store.members import MemberStore
from directory.store.publications import PublicationStore
from federation.fsck.run import check_database_log
from federation.own_log.reader import LogService
from federation.protocol.entry import RevokeEntry, RevokeReason, parse_entry
from federation.store.log import LogStore
from federation.tlog.bundles import decode_bundle
from federation.tlog.tiles import bundle_at
from tests.directory.members.people import at_bluesky, on_x
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.harness.clock import FakeClock


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


@pytest.fixture
def membership(database: Database, clock: FakeClock) -> Membership:
    return Membership(MemberStore(database), ClaimStore(database), clock)


@pytest.fixture
def publishing(database: Database, clock: FakeClock) -> Publishing:
    return Publishing(MemberStore(database), PublicationStore(database), clock, ORIGIN)


@pytest.fixture
def lookup(database: Database, clock: FakeClock) -> Lookup:
    return Lookup(MappingStore(database), clock, ORIGIN)


async def answers(lookup: Lookup, asked: str) -> list[str]:
    match = await lookup.lookup(Query.parse(asked))
    return [str(answer.mapping.target_handle) for answer in match.answers]


async def revokes(harness: LogHarness) -> list[tuple[int, int]]:
    """Reads target and reason of each revoke, in a log of one bundle."""
    service = LogService(LogStore(harness.database), harness.clock)
    bundle = bundle_at((await service.published()).size, 0)
    parsed = map(parse_entry, decode_bundle(await service.read_tile(str(bundle)), bundle.width))
    return [(entry.target, entry.reason) for entry in parsed if isinstance(entry, RevokeEntry)]


async def test_a_member_answers_changes_and_withdraws(
    harness: LogHarness, membership: Membership, publishing: Publishing, lookup: Lookup
) -> None:
    clock = harness.clock
    signed_in = await membership.sign_in(at_bluesky("ada", at=clock.now()))
    member = signed_in.member
    x = await membership.link(member, on_x("ada", 5, at=clock.now()))
    said = await publishing.publish(member, Wish(x.id, signed_in.account.id, consent=1))
    assert await answers(lookup, "5") == []
    await harness.run()
    assert await answers(lookup, "5") == ["ada.bsky.example"]

    clock.advance(days=1)
    await membership.sign_in(at_bluesky("ada", handle="ada.new.example", at=clock.now()))
    assert await answers(lookup, "5") == ["ada.bsky.example"], (
        "the former wording answers until the new one does"
    )
    await harness.run()
    assert await answers(lookup, "5") == ["ada.new.example"]
    await harness.check()
    assert await revokes(harness) == [(1, 0)]

    await publishing.withdraw(member, said.id)
    assert await answers(lookup, "5") == [], "it stops at once, before the log says so"
    assert len(await revokes(harness)) == 1
    await harness.run()
    assert await revokes(harness) == [(1, 0), (2, 0)]
    await harness.check()
    assert await harness.fetch("SELECT FROM mapping") == []
    assert await harness.fetch("SELECT FROM log_statement") == []


async def test_the_log_never_says_why_and_peers_are_told_while_there_is_a_body(
    harness: LogHarness, membership: Membership, publishing: Publishing
) -> None:
    """Whoever watches the log each second links a leaf to a person by its time. A reason in its revoke would tell of
    that person for ever that they were refuted, or taken out."""
    clock = harness.clock
    signed_in = await membership.sign_in(at_bluesky("ada", at=clock.now()))
    x = await membership.link(signed_in.member, on_x("ada", 5, at=clock.now()))
    said = await publishing.publish(signed_in.member, Wish(x.id, signed_in.account.id, consent=1))
    await harness.add_pending(2)
    await harness.run()
    (own,) = await harness.fetch("SELECT leaf FROM mapping WHERE x_id = 5")
    (expired, moderated) = sorted(set(await harness.live_leaves()) - {own["leaf"]})
    await publishing.withdraw(signed_in.member, said.id)
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE mapping SET expires = $2 WHERE leaf = $1", expired, clock.now())
        await connection.execute(
            "UPDATE log_statement SET ended = $2 WHERE leaf = $1", moderated, RevokeReason.MODERATED
        )
        await harness.withdraw([expired, moderated])
        await harness.sequencer()._stage(connection)
    clock.advance(days=400)
    kept = {row["leaf"]: row["ended"] for row in await harness.fetch("SELECT leaf, ended FROM log_statement")}
    assert kept == {
        own["leaf"]: RevokeReason.WITHDRAWN,
        expired: RevokeReason.LAPSED,
        moderated: RevokeReason.MODERATED,
    }, "as it was when the revoke was staged, and not what it looks like later"
    await harness.run()
    assert sorted(await revokes(harness)) == [(leaf, 0) for leaf in sorted(kept)]
    assert await harness.fetch("SELECT FROM log_statement") == []


async def test_a_withdrawal_that_no_member_made_is_told(
    harness: LogHarness, membership: Membership, publishing: Publishing
) -> None:
    """Somebody blanks a row as a withdrawal does. The publication still stands: so its member did not withdraw it."""
    signed_in = await membership.sign_in(at_bluesky("ada", at=harness.clock.now()))
    x = await membership.link(signed_in.member, on_x("ada", 5, at=harness.clock.now()))
    await publishing.publish(signed_in.member, Wish(x.id, signed_in.account.id, consent=1))
    await harness.run()
    await harness.check()
    await harness.withdraw([1])
    report = await check_database_log(harness.database)
    assert report.silent_leaves == (1,)


async def test_who_changed_their_mind_before_the_batch_is_never_in_the_log(
    harness: LogHarness, membership: Membership, publishing: Publishing
) -> None:
    signed_in = await membership.sign_in(at_bluesky("ada", at=harness.clock.now()))
    x = await membership.link(signed_in.member, on_x("ada", 5, at=harness.clock.now()))
    said = await publishing.publish(signed_in.member, Wish(x.id, signed_in.account.id, consent=1))
    await publishing.withdraw(signed_in.member, said.id)
    await harness.run()
    assert (await harness.check()).checkpoint.size == 1


async def test_who_is_changing_it_right_now_is_not_waited_for(
    harness: LogHarness, membership: Membership, publishing: Publishing
) -> None:
    """A member's open transaction must not stop the log of everybody else."""
    signed_in = await membership.sign_in(at_bluesky("ada", at=harness.clock.now()))
    x = await membership.link(signed_in.member, on_x("ada", 5, at=harness.clock.now()))
    await publishing.publish(signed_in.member, Wish(x.id, signed_in.account.id, consent=1))
    await harness.add_pending(1)
    async with harness.database.transaction() as held:
        await held.execute("SELECT FROM publication FOR UPDATE")
        await held.execute("SELECT FROM mapping WHERE x_handle = 'ada' FOR UPDATE")
        await harness.run()
        assert len(await harness.live_leaves()) == 1
    await harness.run()
    assert len(await harness.live_leaves()) == 2
    await harness.check()
