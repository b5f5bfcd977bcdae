"""A peer changes its domain: what is carried over, and what is never, whoever says so."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from directory.answers import take_in_leaves
from directory.identifiers import XId
from directory.mappings import Network
from directory.moderation.hides import HideNote, HideReason
from directory.origins import Standing
from directory.queries import Query
from directory.store.database import Database
from directory.store.hides import HideStore
from directory.store.mappings import MappingStore
from directory.store.origins import OriginStore
from federation.errors import PeeringRefused
from federation.keys.chain import required_keys, sign_operations
from federation.keys.changes import Recovery, recover_key, say_moved
from federation.keys.instance import InstanceKeys, KeyFolder, NewKeys
from federation.keys.operations import Operations, RightTree, fingerprint_recovery
from federation.own_log.genesis import make_genesis
from federation.peers.moving import PeerMoving, moved_to_of
from federation.protocol.peer import Shown, TheyFollow, WeFollow
from federation.store.peers import fetch_peer, fetch_standing, put_confirmed, put_decision
from federation.tlog.keys import PrivateKey
from tests.directory.test_answers import said
from tests.harness.clock import FakeClock
from tests.harness.mappings import bluesky

OLD, NEW = "old.example", "new.example"


class House:
    """An instance that moves: the keys of both names, and its documents."""

    def __init__(self, folder: Path, now: datetime) -> None:
        first, second = KeyFolder(folder / "old"), KeyFolder(folder / "new")
        new_keys = NewKeys.generate(OLD)
        first.make_new(new_keys)
        self.recovery = new_keys.recovery
        self.old = first.read()
        second.make_new(NewKeys.generate(NEW), self.old.logs[0].vkey)
        self.new = second.read()
        self.now = now - timedelta(hours=5)
        self.chain = [self._genesis(self.old)]
        self.notes = [bytes(make_genesis(self.old, self.now))]

    def say_moved(self, key: PrivateKey, after: timedelta = timedelta(hours=2)) -> None:
        self.append(say_moved(self.chain[-1], key.vkey, int((self.now + after).timestamp())))

    def append(self, document: Operations, recovery: PrivateKey | None = None) -> None:
        held = {key.vkey: key for key in (*self.old.logs, *([recovery] if recovery else []))}
        signers = [held[key] for key in required_keys(document, self.chain[-1])]
        self.notes.append(bytes(sign_operations(document, signers)))
        self.chain.append(document)

    def genesis_of_new(self, keys: InstanceKeys | None = None) -> bytes:
        return bytes(make_genesis(keys or self.new, self.now))

    def _genesis(self, keys: InstanceKeys) -> Operations:
        return Operations.parse(make_genesis(keys, self.now).text)


@pytest.fixture
def house(folder: Path, clock: FakeClock) -> House:
    return House(folder, clock.now())


@pytest.fixture
def moving(database: Database, clock: FakeClock) -> PeerMoving:
    return PeerMoving(database, clock)


async def confirm(
    database: Database,
    host: str,
    keys: InstanceKeys,
    notes: list[bytes],
    now: datetime,
    *,
    is_read: bool = True,
) -> None:
    origin = f"{host}/log"
    shown = Shown(origin, f"https://{host}", host, "", str(keys.logs[0].vkey))
    async with database.transaction() as connection:
        await put_confirmed(connection, shown, notes, 0, now)
        if is_read:
            await connection.execute(
                "UPDATE peer_document d SET leaf = d.number FROM peer_log l WHERE l.id = d.log AND l.origin = $1",
                origin,
            )


async def both(database: Database, house: House, clock: FakeClock, *, is_read: bool = True) -> None:
    await confirm(database, OLD, house.old, house.notes, clock.now(), is_read=is_read)
    await confirm(database, NEW, house.new, [house.genesis_of_new()], clock.now())


async def test_trust_is_carried_over_to_the_new_name(
    database: Database, house: House, moving: PeerMoving, clock: FakeClock
) -> None:
    house.say_moved(house.new.logs[0])
    await both(database, house, clock)
    async with database.connection() as connection:
        await put_decision(connection, f"{OLD}/log", WeFollow.FOLLOWING, TheyFollow.APPROVED)
        await connection.execute(
            "UPDATE peer SET strengths = '{3}', daily_cap = 7, growth_cap = 8, sample_size = 9, is_listed = false"
            " WHERE origin = $1",
            f"{OLD}/log",
        )
    await OriginStore(database).change_standing(f"{OLD}/log", Standing.FOLLOWING, Standing.LIMITED)
    assert await moving.find_former(f"{NEW}/log") == f"{OLD}/log"
    assert await moving.carry_over(f"{NEW}/log") == f"{OLD}/log"
    async with database.connection() as connection:
        old = await fetch_peer(connection, f"{OLD}/log")
        new = await fetch_peer(connection, f"{NEW}/log")
        assert await fetch_standing(connection, f"{NEW}/log") is Standing.LIMITED
    assert old is not None
    assert new is not None
    assert (new.we_follow, new.they_follow) == (WeFollow.ASKED, TheyFollow.APPROVED)
    assert (new.strengths, new.daily_cap, new.growth_cap) == (old.strengths, 7, 8)
    assert (new.sample_size, new.is_listed, old.moved_to) == (9, False, f"{NEW}/log")


async def test_what_moderators_have_hidden_stays_hidden_under_the_new_name(
    database: Database, house: House, moving: PeerMoving, clock: FakeClock
) -> None:
    """A peer says something harmful, which is hidden here, and changes its domain: it says the same again in its new log, which
    would answer, and be followed unseen."""
    house.say_moved(house.new.logs[0])
    await both(database, house, clock)
    issued = clock.now()
    async with database.transaction() as connection:
        harmful = bluesky("victim", 7, origin=f"{OLD}/log", issued=issued)
        await take_in_leaves(connection, f"{OLD}/log", said(harmful, first=3), issued)
    note = HideNote(uuid4(), HideReason.IMPERSONATION, "moderator", issued)
    hides, victim = HideStore(database), Query(x_id=XId.parse("7"))
    assert await hides.place_hide(victim, Network.BLUESKY, f"{OLD}/log", note)
    await moving.carry_over(f"{NEW}/log")
    await moving.carry_over(f"{NEW}/log")
    async with database.transaction() as connection:
        again = bluesky("victim", 7, origin=f"{NEW}/log", issued=issued)
        await take_in_leaves(connection, f"{NEW}/log", said(again, first=1), issued)
        await connection.execute("UPDATE origin SET heard_at = $1", issued)
    lookup = MappingStore(database)
    assert await lookup.find_mappings([victim], issued) == []
    listed = [hide for hide in await hides.list_hides() if hide.origin == f"{NEW}/log"]
    assert [(hide.leaf, hide.by) for hide in listed] == [(None, "moderator")]


async def refuse(moving: PeerMoving, database: Database) -> None:
    assert await moving.find_former(f"{NEW}/log") is None
    with pytest.raises(PeeringRefused):
        await moving.carry_over(f"{NEW}/log")
    async with database.connection() as connection:
        new = await fetch_peer(connection, f"{NEW}/log")
    assert new is None or new.they_follow is TheyFollow.NO


async def test_a_log_cannot_say_of_itself_that_it_is_a_peer(
    database: Database, house: House, moving: PeerMoving, clock: FakeClock
) -> None:
    """Attack: a new log names a trusted one as its former name, which says nothing of it."""
    await both(database, house, clock)
    await refuse(moving, database)


async def test_the_old_log_alone_carries_nothing_over(
    database: Database, house: House, moving: PeerMoving, clock: FakeClock, folder: Path
) -> None:
    """Attack: a thief of a log key says that it moves to a log which knows nothing of it."""
    other = KeyFolder(folder / "other")
    other.make(NEW)
    house.say_moved(other.read().logs[0])
    await confirm(database, OLD, house.old, house.notes, clock.now())
    await confirm(database, NEW, other.read(), [house.genesis_of_new(other.read())], clock.now())
    await refuse(moving, database)


async def test_a_document_that_was_not_read_in_the_tree_counts_for_nothing(
    database: Database, house: House, moving: PeerMoving, clock: FakeClock
) -> None:
    house.say_moved(house.new.logs[0])
    await both(database, house, clock, is_read=False)
    await refuse(moving, database)


async def test_a_move_that_is_still_to_come_is_none(
    database: Database, house: House, moving: PeerMoving, clock: FakeClock
) -> None:
    house.say_moved(house.new.logs[0], timedelta(hours=9))
    await both(database, house, clock)
    await refuse(moving, database)
    clock.advance(hours=4)
    assert await moving.find_former(f"{NEW}/log") == f"{OLD}/log"


async def test_a_recovery_takes_the_move_back(
    database: Database, house: House, moving: PeerMoving, clock: FakeClock
) -> None:
    """Attack: a thief of the log key moves the instance to a log of their own, with a first document that names it. The
    operator recovers the key, and nothing is carried over any more."""
    house.say_moved(house.new.logs[0])
    fresh = PrivateKey.generate(f"{OLD}/log", house.old.logs[0].kind)
    nxt = PrivateKey.generate(f"{OLD}/recovery", house.old.logs[0].kind)
    says = Recovery(
        house.recovery.vkey, fresh.vkey, fingerprint_recovery(nxt.vkey.public_key), RightTree(1, bytes(32))
    )
    house.old = replace(house.old, logs=(*house.old.logs, fresh))
    house.append(recover_key(house.chain[-1], int(clock.now().timestamp()), says), house.recovery)
    await both(database, house, clock)
    await refuse(moving, database)


async def test_a_recovery_under_a_clock_that_ran_ahead_takes_the_move_back(
    database: Database, house: House, moving: PeerMoving, clock: FakeClock
) -> None:
    """Attack: as above, and the operator recovers on a machine whose clock runs a day ahead. For that day the thief's log was
    still the one to which trust is carried over."""
    house.say_moved(house.new.logs[0])
    fresh = PrivateKey.generate(f"{OLD}/log", house.old.logs[0].kind)
    nxt = PrivateKey.generate(f"{OLD}/recovery", house.old.logs[0].kind)
    says = Recovery(
        house.recovery.vkey, fresh.vkey, fingerprint_recovery(nxt.vkey.public_key), RightTree(1, bytes(32))
    )
    house.old = replace(house.old, logs=(*house.old.logs, fresh))
    ahead = int((clock.now() + timedelta(days=1)).timestamp())
    house.append(recover_key(house.chain[-1], ahead, says), house.recovery)
    await both(database, house, clock)
    await refuse(moving, database)
    assert moved_to_of(house.chain, clock.now()) is None


@pytest.mark.parametrize("standing", [Standing.SUSPENDED, Standing.FROZEN])
async def test_who_answers_nothing_here_is_not_let_in_under_another_name(
    database: Database, house: House, moving: PeerMoving, clock: FakeClock, standing: Standing
) -> None:
    """Attack: a log that was frozen for a fork, or suspended, moves house."""
    house.say_moved(house.new.logs[0])
    await both(database, house, clock)
    await OriginStore(database).change_standing(f"{OLD}/log", Standing.FOLLOWING, standing)
    await refuse(moving, database)


async def test_a_new_name_that_nobody_has_confirmed_gets_nothing(
    database: Database, house: House, moving: PeerMoving, clock: FakeClock
) -> None:
    house.say_moved(house.new.logs[0])
    await both(database, house, clock)
    async with database.connection() as connection:
        await connection.execute("UPDATE peer SET confirmed_at = NULL WHERE origin = $1", f"{NEW}/log")
    await refuse(moving, database)
