"""Any sequence of growing, withdrawing, lying, forking, moving, recovering, falling silent and crashing keeps what an
instance knows of its peers well."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from directory.networks.http import GuardedClient
from directory.origins import HIDDEN_AFTER, Standing
from directory.store.database import Database
from directory.store.origins import OriginStore
from federation.keys.equivocation import open_evidence
from federation.keys.evidence import Evidence
from federation.keys.operations import RightTree
from federation.peers.tail import Pace
from federation.peers.verdicts import Verdict
from federation.protocol.entry import EntryType, RevokeEntry, parse_entry
from federation.protocol.peer_places import leaf_of, peer_places
from federation.protocol.statement import commitment, parse_statement
from federation.store.peer_leases import PeerLeaseStore
from federation.store.peer_purge import PeerPurge
from federation.tlog.checkpoint import parse_signed_checkpoint
from federation.tlog.keys import KeyKind, PrivateKey
from tests.federation.peers.tailing import Reader
from tests.federation.tlog.naive import naive_root
from tests.harness.clock import FakeClock
from tests.harness.peer_log import Lie, LogServer, PeerLog, Reply, key, log_server
from tests.vectors.fixed import make_seed

HOSTS: Final = ("two.example", "three.example")
TABLES: Final = (
    "peer, peer_log, peer_document, peer_bundle, peer_revoke, peer_statement, peer_missing, peer_evidence, peer_delivery,"
    " peer_silence, mapping, arrival, origin"
)
OF_LOG: Final = ("peer_bundle", "peer_revoke", "peer_statement", "peer_missing")
MAX_EXAMPLES: Final = 8
MAX_STEPS: Final = 20
MAX_ROUNDS: Final = 12
"""In which an honest peer is read to its end, whatever was before."""

T = TypeVar("T")


def flipped(data: bytes) -> bytes:
    """A bit flipped in its middle."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def on(part: str, change: Callable[[bytes], bytes]) -> Lie:
    return lambda path, honest: Reply(200, change(honest.body)) if part in path else honest


LIES: Final[dict[str, Lie]] = {
    "bundles flipped": on("/tile/entries/", flipped),
    "tiles flipped": on("/tile/0/", flipped),
    "bundles cut": on("/tile/entries/", lambda data: data[:-35]),
    "bundles gone": lambda path, honest: Reply(404) if "/tile/entries/" in path else honest,
    "documents gone": lambda path, honest: Reply(404) if "/operations/" in path else honest,
    "bodies flipped": on("/statements/", flipped),
    "bodies refused": lambda path, honest: Reply(403) if "/statements/" in path else honest,
    "bodies lost": on("/statements/", lambda data: data[:1]),
    "checkpoint flipped": on("/checkpoint", flipped),
    "a page": lambda path, honest: Reply(200, b"<!DOCTYPE html><p>Welcome"),
    "busy": lambda path, honest: Reply(503),
}


@dataclass
class Them:
    """A peer as it really is. `log` is what it serves; `other` goes on otherwise from leaf `parted`, once it has forked."""

    log: PeerLog
    server: LogServer
    other: PeerLog | None = None
    parted: int = 0
    has_recovered: bool = False
    notes: list[bytes] = field(default_factory=list)
    said: set[bytes] = field(default_factory=set)
    """All entries that any of its trees has."""
    was_seen: int = 0
    """The size of the newest checkpoint that was believed."""

    @property
    def origin(self) -> str:
        return self.log.origin

    def publish(self) -> None:
        self.said.update(self.log.entries)
        self.log.publish()
        self.notes.append(self.log.note)
        self.server.serve = self.log.serve

    def live(self) -> list[int]:
        """The leaves that hold in the tree that is served."""
        return sorted(leaf for leaf in self.log.bodies if leaf < self.log.size)


class LifeOfPeers(RuleBasedStateMachine):
    """Two peers that do as they like, and one instance that reads both."""

    dsn: str

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.clock = FakeClock()
        self.them: list[Them] = []
        self.run(self._open())

    async def _open(self) -> None:
        self.stack = AsyncExitStack()
        self.database = await Database.connect(self.dsn, max_connections=2)
        self.stack.push_async_callback(self.database.close)
        async with self.database.connection() as connection:
            await connection.execute(f"TRUNCATE {TABLES} CASCADE")
        client = await self.stack.enter_async_context(GuardedClient("Passerelle/test", allow_loopback=True))
        self.reader = Reader(self.database, self.clock, client)
        for host in HOSTS:
            log = PeerLog(self.clock, origin=f"{host}/log", host=host)
            server = await self.stack.enter_async_context(log_server(log.serve))
            them = Them(log, server)
            them.publish()
            self.them.append(them)
            await self.reader.confirm(server.address, log.log_key.vkey, origin=log.origin)

    def teardown(self) -> None:
        try:
            if hasattr(self, "stack"):
                self.run(self._end())
        finally:
            if hasattr(self, "runner"):
                self.runner.close()

    async def _end(self) -> None:
        """Checks that every peer that is honest from now on is read to its end, and a fork that was seen is proven."""
        try:
            for them in self.them:
                await self._read_to_the_end(them)
            await self._check()
        finally:
            await self.stack.aclose()

    async def _read_to_the_end(self, them: Them) -> None:
        if await self.reader.standing(them.origin) is Standing.SUSPENDED:
            await self._stand(them, Standing.FOLLOWING)
        them.publish()
        verdict = Verdict.MORE
        for _ in range(MAX_ROUNDS):
            if await self.reader.standing(them.origin) is Standing.FROZEN:
                assert them.other is not None
                return
            self.clock.advance(seconds=60)
            them.log.publish()
            verdict = await self._round(them)
            if verdict is Verdict.READ and not await self._waits(them):
                break
        assert verdict is Verdict.READ, (await self.reader.log(them.origin))["fault"]
        assert await self._answering(them) == them.live()

    def run(self, action: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(action)

    peers = st.integers(0, len(HOSTS) - 1)

    @rule(which=peers, count=st.sampled_from([1, 2, 30, 255, 256, 300]))
    def people_publish(self, which: int, count: int) -> None:
        them = self.them[which]
        them.log.add_people(count)
        them.publish()

    @rule(which=peers, picks=st.lists(st.integers(0, 2_000), min_size=1, max_size=5))
    def people_withdraw(self, which: int, picks: list[int]) -> None:
        them = self.them[which]
        for pick in picks:
            if live := sorted(them.log.bodies):
                them.log.revoke(live[pick % len(live)])
        them.publish()

    @rule(which=peers, pick=st.integers(0, 2_000))
    def revoke_what_it_cannot(self, which: int, pick: int) -> None:
        them = self.them[which]
        target = pick % (len(them.log.entries) + 10)
        if target not in them.log.bodies:
            them.log.append(bytes([EntryType.REVOKE]) + target.to_bytes(8, "big") + bytes(24))
            them.publish()

    @rule(which=peers)
    def read(self, which: int) -> None:
        self.clock.advance(seconds=41)
        self.run(self._round(self.them[which]))

    @rule(which=peers)
    def read_for_a_moment(self, which: int) -> None:
        self.run(self._round(self.them[which], 0))

    @rule(which=peers, lie=st.sampled_from(sorted(LIES)))
    def lie(self, which: int, lie: str) -> None:
        them = self.them[which]
        them.server.lies = LIES[lie]
        self.clock.advance(seconds=41)
        self.run(self._round(them))
        them.server.lies = None

    @rule(which=peers, pick=st.integers(0, 50))
    def replay(self, which: int, pick: int) -> None:
        """Serves an old checkpoint, valid or of a key that was retired."""
        them = self.them[which]
        note = them.notes[pick % len(them.notes)]
        them.server.lies = on("/log/checkpoint", lambda _: note)
        self.run(self._round(them))
        them.server.lies = None

    @rule(which=peers, after=st.integers(1, 12))
    def crash(self, which: int, after: int) -> None:
        """Ends the process at one of its requests: its lease is left to end by itself."""
        self.clock.advance(seconds=41)
        self.run(self._round(self.them[which], after=after))
        self.clock.advance(minutes=11)

    @rule(which=peers, count=st.sampled_from([1, 3, 300]))
    def fork(self, which: int, count: int) -> None:
        """Goes on in two ways; or serves the other one of the two."""
        them = self.them[which]
        if them.has_recovered:
            return
        if them.other is None:
            them.parted = len(them.log.entries)
            them.other = them.log.copy()
            them.log.add_people(1)
            them.publish()
        them.log, them.other = them.other, them.log
        them.log.add_people(count)
        them.publish()

    @rule(which=peers)
    def recover(self, which: int) -> None:
        """The operators of a log say up to where it was right, under a new key."""
        them = self.them[which]
        if them.has_recovered:
            return
        them.has_recovered = True
        size = them.parted if them.other is not None else len(them.log.entries)
        them.log.recover(RightTree(size, them.log.root(size)), key("rescue", them.origin))
        them.publish()

    @rule(which=peers)
    def move(self, which: int) -> None:
        """Says that it has moved elsewhere: nothing follows from that alone."""
        them = self.them[which]
        if them.log.documents[-1].moved_to is None:
            there = PrivateKey("new.example/log", KeyKind.NOTE, make_seed("stranger"))
            document = them.log.next_document(moved_to=there.vkey)
            them.log.add_document(document, them.log.keys)
            self.clock.advance(hours=1)
            them.publish()

    @rule(which=peers, rows=st.sampled_from([3, 10_000]))
    def fall_silent(self, which: int, rows: int) -> None:
        """Says nothing for so long that what it said is purged: to its end, or interrupted after some rows."""
        self.clock.advance(days=40)
        self.run(self._purge_silent(self.them[which], rows))

    @rule(which=peers, standing=st.sampled_from([Standing.SUSPENDED, Standing.FOLLOWING, Standing.LIMITED]))
    def decide(self, which: int, standing: Standing) -> None:
        """What operators do: suspending purges, resuming and unfreezing let it be read again."""
        self.run(self._stand(self.them[which], standing))

    async def _stand(self, them: Them, standing: Standing) -> None:
        before = await self.reader.standing(them.origin)
        await OriginStore(self.database).change_standing(them.origin, before, standing)
        if standing is Standing.SUSPENDED:
            await PeerPurge(self.database).purge_bodies(them.origin)

    async def _purge_silent(self, them: Them, rows: int) -> None:
        store = PeerLeaseStore(self.database)
        await store.hide_unheard()
        for peer in await store.find_silent(self.clock.now() - HIDDEN_AFTER):
            if peer.origin == them.origin:
                await store.purge_step(peer, rows)

    async def _round(self, them: Them, limit_s: float = 60, *, after: int = 0) -> Verdict:
        """Runs one round of this peer, to its end or to its request number `after`. What is known of others stays."""
        [other] = [each for each in self.them if each is not them]
        known = await self._rows_of(other)
        now = self.clock.now()
        await self.reader.rows("UPDATE peer_log SET next_at = $1", now + timedelta(hours=1))
        await self.reader.rows("UPDATE peer_log SET next_at = $2 WHERE origin = $1", them.origin, now)
        job = await self.reader.logs.claim_due(now)
        if job is None:
            assert await self.reader.standing(them.origin) in {Standing.SUSPENDED, Standing.FROZEN}
            return Verdict.LOST
        verdict = await _until_request(
            them.server, after, self.reader.tail.run(job, Pace(read_for_s=limit_s, ask_for_s=300))
        )
        assert await self._rows_of(other) == known
        return verdict

    async def _rows_of(self, them: Them) -> list[dict[str, Any]]:
        """All that is known of a peer but when it is read next."""
        log = await self.reader.log(them.origin)
        rows = [{name: value for name, value in log.items() if name != "next_at"}]
        for table in OF_LOG:
            sql = f"SELECT * FROM {table} WHERE place >= $1 AND place < $2 ORDER BY place"  # noqa: S608 - a table of above
            rows += await self.reader.rows(sql, *peer_places(log["id"]))
        for sql in (
            "SELECT m.* FROM mapping m JOIN origin o ON o.id = m.origin WHERE o.name = $1 ORDER BY leaf",
            "SELECT * FROM origin WHERE name = $1",
            "SELECT * FROM peer_evidence WHERE origin = $1",
        ):
            rows += await self.reader.rows(sql, them.origin)
        return rows

    async def _waits(self, them: Them) -> bool:
        log = (await self.reader.log(them.origin))["id"]
        return bool(
            await self.reader.rows(
                "SELECT FROM peer_missing WHERE place >= $1 AND place < $2", *peer_places(log)
            )
        )

    async def _answering(self, them: Them) -> list[int]:
        sql = (
            "SELECT m.leaf FROM mapping m JOIN origin o ON o.id = m.origin"
            " WHERE o.name = $1 AND m.state = 1 ORDER BY 1"
        )
        return [row["leaf"] for row in await self.reader.rows(sql, them.origin)]

    @invariant()
    def all_is_well(self) -> None:
        if hasattr(self, "reader") and len(self.them) == len(HOSTS):
            self.run(self._check())

    async def _check(self) -> None:
        for them in self.them:
            row = await self.reader.log(them.origin)
            await self._check_tree(them, row)
            await self._check_answers(them, row)
            await self._check_fork(them)
        of_others = "SELECT FROM mapping m JOIN origin o ON o.id = m.origin WHERE o.name <> ALL($1)"
        assert not await self.reader.rows(of_others, [them.origin for them in self.them])

    async def _entries(self, log: int) -> list[bytes]:
        bundles = await self.reader.rows(
            "SELECT data FROM peer_bundle WHERE place >= $1 AND place < $2 ORDER BY place", *peer_places(log)
        )
        run = b"".join(bundle["data"] for bundle in bundles)
        return [run[at + 2 : at + 35] for at in range(0, len(run), 35)]

    async def _check_tree(self, them: Them, row: dict[str, Any]) -> None:
        """What was read leads to the root that is kept, was all said by this peer, and shrinks by a recovery alone."""
        entries = await self._entries(row["id"])
        assert len(entries) == row["size"]
        assert naive_root(entries) == row["root"]
        assert set(entries) <= them.said
        seen = parse_signed_checkpoint(row["note"])[0].size if row["note"] else 0
        assert seen >= them.was_seen or them.has_recovered
        assert row["size"] >= seen or row["size"] >= them.was_seen or them.has_recovered
        them.was_seen = seen

    async def _check_answers(self, them: Them, row: dict[str, Any]) -> None:
        """What answers is in the tree, holds there, and has the body to which its leaf commits, and nothing else is kept."""
        assert 0 <= row["bodies_size"] <= row["size"]
        entries = await self._entries(row["id"])
        revoked = {
            entry.target
            for at, raw in enumerate(entries)
            if isinstance(entry := parse_entry(raw), RevokeEntry) and entry.target < at
        }
        statements = await self.reader.rows(
            "SELECT * FROM peer_statement WHERE place >= $1 AND place < $2", *peer_places(row["id"])
        )
        kept = {leaf_of(each["place"]): each for each in statements}
        assert not revoked & kept.keys()
        for leaf, each in kept.items():
            assert entries[leaf] == b"\x01" + commitment(each["salt"], each["body"])
        sql = "SELECT m.* FROM mapping m JOIN origin o ON o.id = m.origin WHERE o.name = $1 AND state = 1"
        answering = await self.reader.rows(sql, them.origin)
        for mapping in answering:
            said = parse_statement(kept[mapping["leaf"]]["body"]).to_mapping(them.origin, mapping["leaf"])
            assert str(said.x_handle) == mapping["x_handle"]

    async def _check_fork(self, them: Them) -> None:
        """Who is frozen has forked, and evidence under its first key proves it."""
        files = await self.reader.rows("SELECT file FROM peer_evidence WHERE origin = $1", them.origin)
        for row in files:
            assert open_evidence(Evidence.parse(row["file"]), [key("log", them.origin).vkey]).is_proven
            assert them.other is not None
        if await self.reader.standing(them.origin) is Standing.FROZEN:
            assert files


async def _until_request(server: LogServer, number: int, work: Awaitable[Verdict]) -> Verdict:
    """Runs a round, and cancels it at one of its requests; 0 for none."""
    if not number:
        return await work
    reached, begin = asyncio.Event(), len(server.asked)

    async def watch(_: str) -> None:
        if len(server.asked) - begin >= number:
            reached.set()
            await asyncio.sleep(30)

    server.before = watch
    job, hit = asyncio.ensure_future(work), asyncio.create_task(reached.wait())
    await asyncio.wait({job, hit}, return_when=asyncio.FIRST_COMPLETED)
    server.before = None
    is_done = job.done()
    job.cancel()
    hit.cancel()
    await asyncio.gather(job, hit, return_exceptions=True)
    return job.result() if is_done else Verdict.LOST


def test_what_is_known_of_peers_is_well_in_any_life(dsn: str) -> None:
    class Machine(LifeOfPeers):
        pass

    Machine.dsn = dsn
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=MAX_EXAMPLES,
            stateful_step_count=MAX_STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
