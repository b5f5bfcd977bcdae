"""Evidence of forks between instances: verified by each, kept within bounds, passed on once, and never believed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from directory.networks.answers import Answer
from directory.networks.urls import parse_target
from directory.origins import Standing
from federation.errors import EvidenceRefused, InvalidEvidence, UnknownLog
from federation.keys.changes import switch_key
from federation.keys.equivocation import open_evidence
from federation.keys.evidence import Evidence, make_evidence
from federation.store.deliveries import DELIVER_FOR, DeliveryStore
from federation.store.peer_evidence import MAX_OTHERS, MAX_PROVEN
from federation.tlog.checkpoint import Checkpoint, sign_checkpoint
from federation.tlog.keys import PrivateKey
from federation.tlog.note import Note, Signature, parse_note
from federation.witness.delivering import EVIDENCE_PATH, EVIDENCE_TYPE, EvidenceDelivery, PostSigned
from federation.witness.evidence import EvidenceDesk
from tests.harness.clock import FakeClock
from tests.harness.known_log import PeerLog, confirm_peer, hold_documents, standing_of
from tests.harness.peers import PeerInstance

TELLER = "teller.example/log"


@pytest.fixture
def log() -> PeerLog:
    return PeerLog("forking.example")


def knows(instance: PeerInstance, log: PeerLog, **change: Any) -> None:
    """Confirms a peer whose log is made up by the test."""
    instance.running.call(lambda: confirm_peer(instance.running.database, log, **change))


def documents(log: PeerLog) -> list[Note]:
    return [parse_note(note) for note in log.notes]


def fork(log: PeerLog, older: int = 200, newer: int = 300, *keys: PrivateKey) -> Evidence:
    """The tree of `older` leaves is not what the one of `newer` begins with."""
    hashes = log.tree(newer).prove_prefix(older) if older < newer else ()
    return make_evidence(
        log.note(older, "other", *keys),
        log.note(newer, "entry", *keys),
        documents=documents(log),
        hashes=hashes,
    )


def receive(instance: PeerInstance, data: bytes, teller: str = TELLER) -> bool:
    desk = EvidenceDesk(instance.running.database, instance.origin, instance.running.clock)
    return instance.running.call(lambda: desk.receive_evidence(teller, data))


def standing(instance: PeerInstance, log: PeerLog) -> Standing:
    return instance.running.call(lambda: standing_of(instance.running.database, log.origin))


def kept(instance: PeerInstance, log: PeerLog) -> list[dict[str, Any]]:
    return instance.fetch(
        "SELECT file, told_by, explained FROM peer_evidence WHERE origin = $1 ORDER BY id", log.origin
    )


def test_a_proven_fork_freezes_its_log(one: PeerInstance, log: PeerLog) -> None:
    other = PeerLog("other.example", 5)
    teller = PeerLog("teller.example", 5)
    for each in (log, other, teller):
        knows(one, each)
    assert receive(one, bytes(fork(log)))
    assert standing(one, log) is Standing.FROZEN
    [row] = kept(one, log)
    assert row["told_by"] == TELLER
    assert open_evidence(Evidence.parse(row["file"]), [log.documents[0].log_key]).is_proven
    told = [row["origin"] for row in one.fetch("SELECT origin FROM peer_delivery ORDER BY origin")]
    assert told == [other.origin], "neither the log itself, nor who has told"


def test_the_same_file_is_passed_on_once(one: PeerInstance, log: PeerLog) -> None:
    """Attack: a file goes round between peers for ever, or comes again with junk lines of nobody's key."""
    knows(one, log)
    knows(one, PeerLog("other.example", 5))
    evidence = fork(log)
    junk = Signature("junk.example/witness", b"abcd", b"\0" * 72)
    dressed = make_evidence(
        evidence.older.signed_also([junk]),
        evidence.newer.signed_also([junk]),
        documents=evidence.documents,
        hashes=evidence.hashes,
    )
    assert receive(one, bytes(evidence))
    for data in (bytes(evidence), bytes(dressed)):
        assert not receive(one, data)
    assert len(kept(one, log)) == 1
    assert len(one.fetch("SELECT FROM peer_delivery")) == 1


def test_nobody_fills_the_table(one: PeerInstance, log: PeerLog) -> None:
    """Attack: out of two trees any number of pairs can be made, each of which is proof."""
    knows(one, log)
    knows(one, PeerLog("other.example", 5))
    answers = [receive(one, bytes(fork(log, 200, 301 + n))) for n in range(MAX_PROVEN + 3)]
    assert answers == [True] * MAX_PROVEN + [False] * 3
    assert len(one.fetch("SELECT FROM peer_delivery")) == MAX_PROVEN


def test_what_an_operator_has_lifted_stays_so(one: PeerInstance, log: PeerLog) -> None:
    """Attack: after `unfreeze`, another pair out of the same two trees. A fork beyond them freezes again."""
    knows(one, log)
    receive(one, bytes(fork(log, 200, 300)))
    one.fetch("UPDATE origin SET standing = 0 WHERE name = $1 RETURNING id", log.origin)
    assert receive(one, bytes(fork(log, 201, 550)))
    assert standing(one, log) is Standing.FOLLOWING
    assert receive(one, bytes(fork(log, 580, 600)))
    assert standing(one, log) is Standing.FROZEN


@pytest.mark.parametrize("before", [Standing.FOLLOWING, Standing.LIMITED, Standing.SUSPENDED])
def test_who_is_no_longer_frozen_stands_as_before(one: PeerInstance, log: PeerLog, before: Standing) -> None:
    """A peer is limited, by operators or since too much of it did not hold up, or suspended; then it is frozen for a fork, which
    its operators explain later. That the freeze is lifted made it one that is followed unseen, without a word."""
    knows(one, log)
    one.fetch("UPDATE origin SET standing = $2 WHERE name = $1 RETURNING id", log.origin, before.value)
    for sizes in ((200, 300), (400, 500)):
        receive(one, bytes(fork(log, *sizes)))
        assert standing(one, log) is Standing.FROZEN
        _, after = one.running.call(lambda: one.peering.unfreeze(log.origin))
        assert (after, standing(one, log)) == (before, before)


def unproven(log: PeerLog) -> Evidence:
    return make_evidence(log.note(200, "other"), log.note(300), documents=documents(log))


def honest(log: PeerLog) -> Evidence:
    return make_evidence(
        log.note(200), log.note(300), documents=documents(log), hashes=log.tree(300).prove_prefix(200)
    )


def of_a_stranger(log: PeerLog) -> Evidence:
    """Two trees that a stranger's key has signed in the name of the log, which the file names itself."""
    stranger = log.log_key("stranger")
    return make_evidence(
        log.note(200, "other", stranger), log.note(200, "entry", stranger), keys=[stranger.vkey]
    )


def of_another_chain(log: PeerLog) -> Evidence:
    """A whole chain of documents in the name of the log, which begins with another key."""
    fake = PeerLog(log.host, key="fake")
    return make_evidence(fake.note(200, "other"), fake.note(200), documents=documents(fake))


@pytest.mark.parametrize("make", [unproven, honest, of_a_stranger, of_another_chain])
def test_what_proves_nothing_changes_nothing(
    one: PeerInstance, log: PeerLog, make: Callable[[PeerLog], Evidence]
) -> None:
    """Attack: a lying peer wants another one frozen."""
    knows(one, log)
    with pytest.raises(EvidenceRefused):
        receive(one, bytes(make(log)))
    assert standing(one, log) is Standing.FOLLOWING
    assert kept(one, log) == []


def test_an_unknown_log_is_none_of_ours(one: PeerInstance, log: PeerLog) -> None:
    with pytest.raises(UnknownLog):
        receive(one, bytes(fork(log)))
    with pytest.raises(InvalidEvidence):
        receive(one, b"passerelle/equivocation@v1\n")


def test_a_retired_key_freezes_nobody(one: PeerInstance, log: PeerLog) -> None:
    """Attack: who has stolen a key that was rotated away signs another tree with it. It is kept and shown, apart, so that
    it cannot take the room of what is held against the log."""
    stolen = log.key
    log.switch(log.announce())
    knows(one, log)
    knows(one, PeerLog("other.example", 5))
    for size in range(200, 200 + MAX_OTHERS + 2):
        evidence = make_evidence(
            log.note(size, "other", stolen), log.note(size, "entry", log.key), documents=documents(log)
        )
        receive(one, bytes(evidence))
    assert standing(one, log) is Standing.FOLLOWING
    rows = kept(one, log)
    assert len(rows) == MAX_OTHERS
    assert "document 2 took out of power (a rotation)" in rows[0]["explained"]
    assert one.fetch("SELECT FROM peer_delivery") == []
    assert receive(one, bytes(fork(log, 200, 300, log.key)))
    assert standing(one, log) is Standing.FROZEN


def test_a_log_does_not_excuse_its_forks_beforehand(one: PeerInstance, log: PeerLog) -> None:
    """Attack: a log publishes a switch of its key that is dated to the year 9999. Its key stays in power until then, and
    each fork by that key would be explained as that of a key that was rotated away."""
    log.announce()
    log.add(switch_key(log.documents[-1], 253_402_300_799), log.key)
    knows(one, log)
    assert receive(one, bytes(fork(log, 200, 300)))
    assert standing(one, log) is Standing.FROZEN
    assert kept(one, log)[0]["explained"] == ""


def test_a_recovery_that_we_know_explains_a_thief(one: PeerInstance, log: PeerLog) -> None:
    """The file knows nothing of the recovery: who reads it judges by all documents that it has."""
    evidence = fork(log, 200, 300)
    log.recover(100)
    knows(one, log)
    assert receive(one, bytes(evidence))
    assert standing(one, log) is Standing.FOLLOWING
    assert "(a recovery)" in kept(one, log)[0]["explained"]


def test_a_recovery_in_the_file_explains_a_thief(one: PeerInstance, log: PeerLog) -> None:
    """We have not read the recovery yet. It is in the file, and only the recovery key can have made it."""
    knows(one, log)
    stolen = log.key
    log.recover(100)
    evidence = make_evidence(
        log.note(200, "other", stolen), log.note(200, "entry", log.key), documents=documents(log)
    )
    assert receive(one, bytes(evidence))
    assert standing(one, log) is Standing.FOLLOWING
    one.running.call(lambda: hold_documents(one.running.database, log))


def test_evidence_about_ourselves_is_shown_and_freezes_nothing(one: PeerInstance) -> None:
    key = one.keys.read().logs[0]
    notes = [sign_checkpoint(Checkpoint(one.origin, 9, bytes([n]) * 32), [key]) for n in (1, 2)]
    assert receive(one, bytes(make_evidence(*notes, keys=[key.vkey])))
    rows = one.fetch("SELECT told_by FROM peer_evidence WHERE origin = $1", one.origin)
    assert [row["told_by"] for row in rows] == [TELLER]
    assert one.fetch("SELECT FROM peer_delivery") == []
    one.publish(1, first=9_000)


def send(instance: PeerInstance, to: PeerInstance, content: bytes) -> int:
    async def run() -> int:
        answer = await instance.running.signed.post(to.address, EVIDENCE_PATH, content, EVIDENCE_TYPE)
        return answer.status

    return instance.running.call(run)


def deliver(instance: PeerInstance, post: PostSigned | None = None) -> int:
    """Makes all deliveries that are due. Returns how many."""
    running = instance.running
    delivery = EvidenceDelivery(DeliveryStore(running.database), post or running.signed.post, running.clock)

    async def run() -> int:
        count = 0
        while (claimed := await delivery.claim(())) is not None:
            await delivery.deliver(claimed)
            count += 1
        return count

    return running.call(run)


def become_peers(one: PeerInstance, two: PeerInstance) -> None:
    two.publish(1)
    two.add(one)
    one.approve(two)


def test_a_fork_is_told_to_a_peer_who_verifies_it(one: PeerInstance, two: PeerInstance, log: PeerLog) -> None:
    become_peers(one, two)
    knows(one, log)
    knows(two, log)
    receive(one, bytes(fork(log)))
    assert deliver(one) == 1
    assert standing(two, log) is Standing.FROZEN
    assert kept(two, log)[0]["told_by"] == one.origin
    assert one.fetch("SELECT FROM peer_delivery") == []
    assert two.fetch("SELECT FROM peer_delivery") == [], "it goes back to nobody"


def test_the_address_of_evidence(one: PeerInstance, two: PeerInstance, log: PeerLog) -> None:
    """Only peers are heard, and each answer tells whether to come again."""
    assert send(two, one, bytes(fork(log))) == 401
    become_peers(one, two)
    assert send(two, one, bytes(fork(log))) == 404
    knows(one, log)
    assert send(two, one, b"nothing") == 400
    assert send(two, one, bytes(unproven(log))) == 422
    assert send(two, one, bytes(fork(log))) == 201
    assert send(two, one, bytes(fork(log))) == 200


def test_who_does_not_answer_is_told_later_and_not_for_ever(
    one: PeerInstance, two: PeerInstance, log: PeerLog, clock: FakeClock
) -> None:
    become_peers(one, two)
    knows(one, log)
    receive(one, bytes(fork(log)))
    one.fetch("UPDATE peer SET address = 'http://127.0.0.1:1' WHERE origin = $1 RETURNING origin", two.origin)
    assert deliver(one) == 1
    assert deliver(one) == 0
    clock.advance(hours=6)
    assert deliver(one) == 1
    clock.advance(seconds=(DELIVER_FOR - timedelta(hours=6)).total_seconds() + 1)
    assert deliver(one) == 0
    assert one.fetch("SELECT FROM peer_delivery") == []


PROXY: Final = [
    (200, "text/html", b"We will be back soon."),
    (400, "text/html", b"Bad Request"),
    (413, "text/html", b"Request Entity Too Large"),
]


@pytest.mark.parametrize("answered", PROXY, ids=lambda answered: str(answered[0]))
def test_a_proxy_does_not_answer_for_a_peer(
    one: PeerInstance, two: PeerInstance, log: PeerLog, clock: FakeClock, answered: tuple[int, str, bytes]
) -> None:
    """For a minute a peer's proxy answers in its place, as while it is mended: the peer was never told of the fork again."""
    become_peers(one, two)
    knows(one, log)
    knows(two, log)
    receive(one, bytes(fork(log)))
    status, kind, page = answered

    async def proxy(address: str, path: str, content: bytes, media_type: str) -> Answer:
        return Answer(
            status, (("content-type", kind),), page, parse_target(address + path, allow_loopback=True)
        )

    assert deliver(one, proxy) == 1
    assert standing(two, log) is Standing.FOLLOWING
    clock.advance(hours=6)
    assert deliver(one) == 1
    assert standing(two, log) is Standing.FROZEN
    assert one.fetch("SELECT FROM peer_delivery") == []


def test_a_clock_that_ran_ahead_for_an_hour_leaves_no_peer_untold(
    one: PeerInstance, two: PeerInstance, log: PeerLog, clock: FakeClock
) -> None:
    """A clock steps three weeks ahead and back: what was tried meanwhile waited for these weeks, and a peer followed a log that
    had forked."""
    become_peers(one, two)
    knows(one, log)
    receive(one, bytes(fork(log)))
    address = one.fetch("SELECT address FROM peer WHERE origin = $1", two.origin)[0]["address"]
    one.fetch("UPDATE peer SET address = 'http://127.0.0.1:1' WHERE origin = $1 RETURNING origin", two.origin)
    clock.advance(days=21)
    assert deliver(one) == 1
    clock.advance(days=-21)
    one.fetch("UPDATE peer SET address = $2 WHERE origin = $1 RETURNING origin", two.origin, address)
    knows(two, log)
    assert deliver(one) == 1
    assert two.fetch("SELECT FROM peer_evidence") != []
    assert one.fetch("SELECT FROM peer_delivery") == []


def test_who_does_not_know_that_log_is_told_again_for_thirty_days(
    one: PeerInstance, two: PeerInstance, log: PeerLog, clock: FakeClock
) -> None:
    """A peer that confirms the log a day later would follow a log of which all others know that it has forked."""
    become_peers(one, two)
    knows(one, log)
    receive(one, bytes(fork(log)))
    assert deliver(one) == 1
    assert deliver(one) == 0
    knows(two, log)
    clock.advance(hours=6)
    assert deliver(one) == 1
    assert two.fetch("SELECT FROM peer_evidence") != []
    assert one.fetch("SELECT FROM peer_delivery") == []
