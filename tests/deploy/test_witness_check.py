"""What `passerelle doctor` tells of witnesses, of our own witness's clock, and of forks."""

from datetime import timedelta

from deploy.findings import Finding
from deploy.witness_check import CLOCK, FORKS, WITNESSES, look_at_witnesses
from directory.origins import Standing
from directory.settings import Settings
from directory.store.database import Database
from federation.keys.evidence import make_evidence
from federation.keys.forks import record_fork
from federation.store.witness_rounds import RoundEnd, WitnessRounds, finish_round
from federation.store.witnessed import Witnessed, swap_witnessed
from tests.harness.clock import FakeClock
from tests.harness.known_log import PeerLog, confirm_peer

SETTINGS = Settings(public_url="https://own.example")


async def look(database: Database, clock: FakeClock) -> dict[str, Finding]:
    async with database.connection() as connection:
        return {each.name: each for each in await look_at_witnesses(SETTINGS, connection, clock.now())}


async def test_without_peers_nothing_is_wrong(database: Database, clock: FakeClock) -> None:
    found = await look(database, clock)
    assert list(found) == [WITNESSES]
    assert found[WITNESSES].is_good


async def test_how_many_have_cosigned_lately(database: Database, clock: FakeClock) -> None:
    for host in ("one.example", "two.example"):
        await confirm_peer(database, PeerLog(host, 1))
    rounds = WitnessRounds(database)
    for at, fault in ((clock.now(), ""), (None, "it answers 500")):
        claimed = await rounds.claim(clock.now(), ())
        assert claimed is not None
        async with database.connection() as connection:
            end = RoundEnd(5, at, fault, 0, clock.now() + timedelta(hours=9))
            assert await finish_round(connection, claimed.lease, end)
    assert (await look(database, clock))[WITNESSES].seen.startswith("1 of 2 peers have cosigned")
    clock.advance(minutes=31)
    late = (await look(database, clock))[WITNESSES]
    assert (late.is_good, "it answers 500" in late.mend) == (False, True)


async def test_a_time_that_is_still_to_come_is_told(database: Database, clock: FakeClock) -> None:
    async with database.connection() as connection:
        ahead = Witnessed("one.example/log", 5, b"r" * 32, b"", clock.now() + timedelta(days=400), "")
        assert await swap_witnessed(connection, None, ahead)
    assert "recover --clock" in (await look(database, clock))[CLOCK].mend


async def test_a_fork_of_a_peer_and_one_of_ours(database: Database, clock: FakeClock) -> None:
    """What is explained is told by `peers evidence` alone: nothing is to be mended."""
    for host in ("own.example", "peer.example"):
        log = PeerLog(host)
        evidence = make_evidence(log.note(200, "other"), log.note(200), keys=[log.key.vkey])
        if host == "peer.example":
            await confirm_peer(database, log, standing=Standing.FROZEN)
        async with database.transaction() as connection:
            await record_fork(
                connection,
                log.origin,
                evidence,
                clock.now(),
                told_by="x.example/log",
                is_ours=host == "own.example",
            )
    async with database.connection() as connection:
        told = [
            each.seen
            for each in await look_at_witnesses(SETTINGS, connection, clock.now())
            if each.name == FORKS
        ]
    assert told == [
        "peer.example/log has signed two trees, and is frozen",
        "x.example/log has proof that this instance has signed two trees",
    ]
