"""What the entries and bodies of a peer can say, and what of it answers."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from directory.mappings import Evidence, EvidenceKind, Strength
from directory.origins import Standing
from directory.queries import Query
from directory.services.lookup import Lookup
from directory.store.crowds import MAX_OF_ONE_ACCOUNT
from directory.store.database import Database
from directory.store.mappings import MappingStore
from federation.peers.verdicts import Verdict
from federation.protocol.body_answers import Body, Ended, LeafAnswer, NeverMapping
from federation.protocol.body_wire import encode_answers
from federation.protocol.entry import RevokeEntry, UnknownEntry, encode_entry
from federation.tlog.tiles import Bundle
from tests.federation.peers.tailing import Reader, reading
from tests.harness.clock import FakeClock
from tests.harness.mappings import bluesky
from tests.harness.peer_log import ORIGIN, Lie, LogServer, PeerLog, Reply, log_server, says

SALT = b"\5" * 32
STATEMENTS = "/federation/v1/statements/"


def lying(log: PeerLog, answers: dict[int, LeafAnswer]) -> Lie:
    """Answers otherwise for some leaves."""

    def lie(path: str, honest: Reply) -> Reply:
        if not path.startswith(STATEMENTS):
            return honest
        item = Bundle.parse("tile/entries/" + path.removeprefix(STATEMENTS))
        leaves = range(item.start, item.start + item.width)
        return Reply(200, encode_answers([answers.get(leaf) or log.answer(leaf) for leaf in leaves]))

    return lie


async def start(reader: Reader, log: PeerLog, server: LogServer, **columns: Any) -> None:
    log.publish()
    await reader.confirm(server.address, log.log_key.vkey, **columns)


async def test_revokes_of_nothing_revoke_nothing(database: Database, clock: FakeClock) -> None:
    """A revoke of an unknown, later or own leaf, of a revoke, of a document, or for a second time is a no-op."""
    log = PeerLog(clock)
    people = log.add_people(5)
    first = log.revoke(people[0])
    for target in (0, first, 2**40, 2**63 - 2, len(log.entries) + 4, len(log.entries) + 6, people[0]):
        log.append(encode_entry(RevokeEntry(target, 0)))
    log.append(encode_entry(UnknownEntry(b"\x07" + bytes(32))))
    log.append(b"\x02" + people[1].to_bytes(8, "big") + b"\0" + b"\1" * 23)
    later = log.add_people(300)
    log.append(encode_entry(RevokeEntry(people[2], 250)))
    log.bodies.pop(people[2])
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert await reader.leaves() == [people[1], people[3], people[4], *later]
        revokes = await reader.rows(
            "SELECT place % (1::bigint << 40) AS target, leaf FROM peer_revoke ORDER BY 1"
        )
        assert [(r["target"], r["leaf"]) for r in revokes] == [
            (people[0], first),
            (people[2], len(log.entries) - 1),
        ]


def body(change: Callable[[dict[str, Any]], object], clock: FakeClock) -> bytes:
    """A body that was changed, written canonically again."""
    told = json.loads(says(bluesky("ada", 7, origin=ORIGIN, issued=clock.now()), SALT).body)
    change(told)
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


INVALID: dict[str, Callable[[FakeClock], bytes]] = {
    "not canonical": lambda c: body(lambda _: None, c).replace(b":", b": ", 1),
    "duplicate keys": lambda c: body(lambda _: None, c)[:-1] + b',"v":1}',
    "deep nesting": lambda _: b"[" * 1_999 + b"]" * 1_999,
    "a lone surrogate": lambda c: body(lambda b: b.update(ext={"a": "\ud800"}), c),
    "a strength without its evidence": lambda c: body(lambda b: b.update(evidence=[b["evidence"][1]]), c),
    "demo evidence": lambda c: body(lambda b: b["evidence"].append({"at": 1, "kind": "demo"}), c),
    "a field of its own": lambda c: body(lambda b: b.update(y=1), c),
    "valid for too long": lambda c: body(lambda b: b.update(expires=b["expires"] + 86_400 * 30), c),
    "not JSON": lambda _: b"<!DOCTYPE html>",
}


@pytest.mark.parametrize("name", INVALID)
async def test_a_body_that_says_nothing_is_kept_nowhere(
    name: str, database: Database, clock: FakeClock
) -> None:
    """It matches its commitment, so that only its meaning is left to refuse it."""
    log = PeerLog(clock)
    log.add_body(Body(SALT, INVALID[name](clock)))
    good = log.add_person()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == [good]
        assert len(await reader.rows("SELECT FROM peer_statement")) == 1
        assert not await reader.rows("SELECT FROM peer_missing")
        assert (await reader.log())["invalid"] == 1
        await reader.check()


async def test_a_body_that_is_not_its_commitment_counts_as_none(database: Database, clock: FakeClock) -> None:
    """Whatever is served in the place of a body, the leaf answers nothing until it comes; after a quarter of an hour by the
    log's clock it is a breach."""
    log = PeerLog(clock)
    people = log.add_people(6)
    wrong: dict[int, LeafAnswer] = {
        people[0]: Body(SALT, log.bodies[people[0]].body),
        people[1]: Body(log.bodies[people[1]].salt, log.bodies[people[2]].body),
        people[2]: Ended(1),
        people[3]: NeverMapping(),
    }
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        server.lies = lying(log, wrong)
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == people[4:]
        assert [r["is_breach"] for r in await reader.rows("SELECT is_breach FROM peer_missing")] == [
            False
        ] * 4

        clock.advance(seconds=899)
        log.publish()
        assert await reader.round() is Verdict.READ
        assert not await reader.rows("SELECT FROM peer_missing WHERE is_breach")

        clock.advance(seconds=60)
        log.publish()
        assert await reader.round() is Verdict.READ
        assert len(await reader.rows("SELECT FROM peer_missing WHERE is_breach")) == 4

        clock.advance(seconds=60)
        log.revoke(people[0])
        log.publish()
        server.lies = None
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == people[1:]
        assert not await reader.rows("SELECT FROM peer_missing")
        await reader.check()


async def test_a_log_without_a_clock_accuses_nobody_and_answers_nothing(
    database: Database, clock: FakeClock
) -> None:
    """Without a cosignature of its own witness nobody knows how fresh a log is, and its leases would never end."""
    log = PeerLog(clock)
    log.add_people(2)
    log.publish()
    log.note = bytes(log.sign())
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == []
        log.note = bytes(log.cosigned(log.sign(), log.now() + 3_700))
        clock.advance(seconds=60)
        assert await reader.round() is Verdict.READ
        assert (await reader.log())["cosigned_at"] is None
        assert await reader.leaves() == []


async def test_the_clock_of_a_log_never_goes_back_nor_ahead(database: Database, clock: FakeClock) -> None:
    """A replayed old cosignature would make a log seem silent, one from the future would make it seem fresh for years."""
    log = PeerLog(clock)
    log.add_people(2)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        assert await reader.round() is Verdict.READ
        heard = clock.now()
        for at in (log.now() - 86_400, log.now() + 86_400, 2**62):
            log.note = bytes(log.cosigned(log.sign(), at))
            clock.advance(seconds=41)
            assert await reader.round() is Verdict.READ
            assert (await reader.log())["cosigned_at"] == heard
            assert (await reader.rows("SELECT heard_at FROM origin"))[0]["heard_at"] == heard
        clock.advance(seconds=41)
        log.publish()
        assert await reader.round() is Verdict.READ
        assert (await reader.rows("SELECT heard_at FROM origin"))[0]["heard_at"] == clock.now()


async def test_a_replayed_checkpoint_makes_nothing_fresh(database: Database, clock: FakeClock) -> None:
    """Whoever replays an old checkpoint, with its log's newest cosignature on it, does not keep alive what was revoked."""
    log = PeerLog(clock)
    log.add_people(2)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        old = len(log.entries)
        log.add_person()
        log.publish()
        clock.advance(seconds=41)
        assert await reader.round() is Verdict.READ
        heard = (await reader.rows("SELECT heard_at FROM origin"))[0]["heard_at"]
        clock.advance(seconds=41)
        log.note = bytes(log.cosigned(log.sign(old)))
        assert await reader.round() is Verdict.STALE
        assert (await reader.rows("SELECT heard_at FROM origin"))[0]["heard_at"] == heard


async def test_only_strengths_that_are_taken_answer(database: Database, clock: FakeClock) -> None:
    log = PeerLog(clock)
    bound = log.add_person()
    log.add_person(bluesky("grace", origin=ORIGIN, issued=clock.now()))
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server, strengths=[Strength.BOUND.value])
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == [bound]
        assert (await reader.log())["skipped"] == 1
        assert len(await reader.rows("SELECT FROM peer_statement")) == 1


async def test_one_commitment_can_stand_in_two_leaves(database: Database, clock: FakeClock) -> None:
    log = PeerLog(clock)
    told = says(bluesky("ada", 7, origin=ORIGIN, issued=clock.now()), SALT)
    one, two = log.add_body(told), log.add_body(told)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == [one, two]
        log.revoke(one)
        log.publish()
        clock.advance(seconds=41)
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == [two]


async def test_a_body_that_is_served_after_its_revoke_is_not_asked_for(
    database: Database, clock: FakeClock
) -> None:
    log = PeerLog(clock)
    person = log.add_person()
    told = log.bodies[person]
    log.revoke(person)
    log.bodies[person] = told
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        server.lies = lying(log, {person: told})
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == []
        assert not any(path.startswith(STATEMENTS) for path in server.asked)


async def test_a_peer_that_has_not_approved_us_is_waited_for(database: Database, clock: FakeClock) -> None:
    """Its tree is read all the same, and nothing is held against it."""
    log = PeerLog(clock)
    log.add_person()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        server.lies = lambda path, honest: Reply(403) if path.startswith(STATEMENTS) else honest
        assert await reader.round() is Verdict.STOPPED
        row = await reader.log()
        assert (row["size"], row["bodies_size"], row["failures"]) == (2, 0, 0)
        assert "approved" in row["stopped"]
        assert not await reader.rows("SELECT FROM peer_missing")
        server.lies = None
        clock.advance(minutes=10)
        assert await reader.round() is Verdict.READ
        assert (await reader.log())["stopped"] == ""
        assert await reader.leaves() == [1]


async def test_a_log_that_we_do_not_follow_is_read_without_its_bodies(
    database: Database, clock: FakeClock
) -> None:
    log = PeerLog(clock)
    log.add_person()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server, we_follow=1)
        assert await reader.round() is Verdict.READ
        assert (await reader.log())["size"] == 2
        assert not any(path.startswith(STATEMENTS) for path in server.asked)


async def test_what_is_issued_in_2099_waits(database: Database, clock: FakeClock) -> None:
    log = PeerLog(clock)
    log.add_person(bluesky("ada", 7, origin=ORIGIN, issued=clock.now() + timedelta(days=27_000)))
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        assert await reader.round() is Verdict.READ
        assert (await reader.rows("SELECT issued FROM mapping"))[0]["issued"] > clock.now() + timedelta(
            days=20_000
        )


async def answers_of(database: Database, clock: FakeClock, name: str) -> int:
    """Counts what is answered for somebody."""
    found = await Lookup(MappingStore(database), clock, "one.example/log").lookup(Query.parse(f"@{name}"))
    return len(found.answers)


async def test_what_has_expired_or_is_of_a_time_to_come_answers_nobody(
    database: Database, clock: FakeClock
) -> None:
    """A body of last year, and one of 2099, which would count as the newest for ever."""
    log = PeerLog(clock)
    for name, days in (("ada", -400), ("bob", 27_000), ("eve", 0)):
        log.add_person(bluesky(name, 30_000 + days, origin=ORIGIN, issued=clock.now() + timedelta(days=days)))
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        assert await reader.round() is Verdict.READ
        assert [await answers_of(database, clock, name) for name in ("ada", "bob", "eve")] == [0, 0, 1]


async def test_one_person_in_thousands_of_leaves_answers_a_few_times(
    database: Database, clock: FakeClock
) -> None:
    """A look-up reads all that is said of an account: one that is said to have a million would stop the look-ups of all."""
    log = PeerLog(clock)
    for n in range(3_000):
        log.add_person(bluesky("ada", 7, target=f"t{n}", origin=ORIGIN, issued=clock.now()))
    other = log.add_person()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == [*range(1, 1 + MAX_OF_ONE_ACCOUNT), other]


@pytest.mark.parametrize("name", ["ada", None], ids=["one id", "one handle"])
async def test_what_found_no_room_answers_once_there_is(
    name: str | None, database: Database, clock: FakeClock
) -> None:
    """Seventeen wordings of one day, all but the last one revoked on the next, as under a daily cap: the one that stands was
    forgotten, and its person gone until the renewal."""
    log = PeerLog(clock)
    said = [
        bluesky(name or "same", 7 if name else 7 + n, target=f"t{n}", origin=ORIGIN, issued=clock.now())
        for n in range(MAX_OF_ONE_ACCOUNT + 2)
    ]
    *before, revoked_unseen, last = [log.add_person(each) for each in said]
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == before
        for leaf in (*before, revoked_unseen):
            log.revoke(leaf)
        log.publish()
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == [last]
        assert await reader.rows("TABLE left_out") == []


async def test_what_is_left_out_takes_turns_with_what_is_revoked(
    database: Database, clock: FakeClock
) -> None:
    """As many as may answer, and no more, whatever was revoked in between."""
    log = PeerLog(clock)
    leaves = [
        log.add_person(bluesky("ada", 7, target=f"t{n}", origin=ORIGIN, issued=clock.now()))
        for n in range(3 * MAX_OF_ONE_ACCOUNT)
    ]
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        assert await reader.round() is Verdict.READ
        for count in (1, 5, 20, MAX_OF_ONE_ACCOUNT):
            for leaf in (await reader.leaves())[:count]:
                log.revoke(leaf)
                leaves.remove(leaf)
            log.publish()
            assert await reader.round() is Verdict.READ
            assert len(await reader.leaves()) == min(MAX_OF_ONE_ACCOUNT, len(leaves))


@pytest.mark.parametrize("hours", [-24, 24])
async def test_a_clock_of_a_log_that_is_a_day_off(hours: int, database: Database, clock: FakeClock) -> None:
    """One that lags is stale for a day and answers; one that runs ahead answers once its time has come. Nobody is accused."""
    theirs = FakeClock(clock.now() + timedelta(hours=hours))
    log = PeerLog(theirs)
    person = log.add_person()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert await reader.leaves() == ([person] if hours < 0 else [])
        assert (await reader.log())["size"] == 2
        clock.advance(hours=25)
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == [person]
        assert not await reader.rows("SELECT FROM peer_missing WHERE is_breach")
        assert await reader.standing() is Standing.FOLLOWING


async def test_our_clock_steps_back_a_day(database: Database, clock: FakeClock) -> None:
    """For a day all that a peer says is of a time to come: nothing is given up, nobody is accused, and it is read on."""
    log = PeerLog(FakeClock(clock.now()))
    people = log.add_people(2)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        assert await reader.round() is Verdict.READ
        clock.advance(days=-1)
        log.clock.advance(seconds=60)
        log.revoke(people[0])
        log.publish()
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert await reader.leaves() == people[1:]
        assert (await reader.log())["size"] == 4
        assert await reader.standing() is Standing.FOLLOWING
        clock.advance(days=1, seconds=60)
        log.add_person()
        log.publish()
        assert await reader.round() is Verdict.READ
        assert len(await reader.leaves()) == 2
        assert (await reader.rows("SELECT heard_at FROM origin"))[0]["heard_at"] == log.clock.now()


async def test_evidence_of_a_kind_that_is_unknown_is_ignored(database: Database, clock: FakeClock) -> None:
    log = PeerLog(clock)
    told = json.loads(says(bluesky("ada", 7, origin=ORIGIN, issued=clock.now()), SALT).body)
    told["evidence"].append({"at": 1, "kind": "a-new-kind"})
    log.add_body(Body(SALT, json.dumps(told, sort_keys=True, separators=(",", ":")).encode()))
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await start(reader, log, server)
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == [1]
        assert Evidence(EvidenceKind.X_POST_ID, clock.now()).binds_x
