"""The requests of the evil-peer catalogue, to a whole instance: what each is answered, and that it changes nothing."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from directory.origins import Authority, Standing
from federation.peers.budget import STATEMENTS_AN_HOUR, Asked
from federation.peers.signing import MAX_SKEW_S, Request
from federation.protocol.body_wire import parse_answers
from federation.tlog.ed25519 import Seed
from tests.federation.peers.shared import (
    clock,
    folder,
    one,
    one_dsn,
    started_one,
    started_two,
    two,
    two_dsn,
)
from tests.federation.peers.signed import BODIES, ROUTES, Asker, send, unsigned
from tests.harness.clock import FakeClock
from tests.harness.peers import PeerInstance, peer_instance

__all__ = ["clock", "folder", "one", "one_dsn", "started_one", "started_two", "two", "two_dsn"]

STATE = "SELECT origin, they_follow, we_follow, confirmed_at FROM peer ORDER BY origin"


@pytest.fixture
def peer(one: PeerInstance, two: PeerInstance) -> Asker:
    """`two`, whom `one` has approved."""
    one.approve(two)
    return Asker.of(two, one)


def used_nonces(one: PeerInstance) -> int:
    [row] = one.fetch("SELECT count(*) AS n FROM peer_nonce")
    return int(row["n"])


def test_an_approved_peer_is_answered_and_nobody_keeps_it(one: PeerInstance, peer: Asker) -> None:
    """Bodies must not lie in the cache of a proxy after their erasure."""
    answer = peer.ask()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "access-control-allow-origin" not in answer.headers
    assert "etag" not in answer.headers
    assert len(parse_answers(answer.content, 256)) == 256
    assert len(parse_answers(peer.ask("/federation/v1/statements/001.p/45").content, 45)) == 45


@pytest.mark.parametrize(
    "path",
    ["001.p/46", "001", "002", "x999/x999/x999/x999/999", "00", "0", "000.p/0", "000/", "000.p/256", "entries/000", "x"],
)  # fmt: skip
def test_what_is_not_published_is_not_there(peer: Asker, path: str) -> None:
    """Attack: a bundle beyond the published size, of a number that no database holds, or in another spelling."""
    assert peer.ask(f"/federation/v1/statements/{path}").status_code == 404


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_unsigned_request_is_refused(one: PeerInstance, peer: Asker, method: str, path: str) -> None:
    """Attack: a stranger asks for the bodies of members."""
    before = one.fetch(STATE)
    answer = send(one, unsigned(method, path))
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert (one.fetch(STATE), used_nonces(one)) == (before, 0)


def _other_digest(peer: Asker) -> Request:
    request = peer.request()
    other = dict(request.headers) | {
        "content-digest": "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
    }
    return replace(request, headers=tuple(other.items()))


FORGED: dict[str, Callable[[Asker], Request]] = {
    "wrong digest": _other_digest,
    "old": lambda peer: peer.request(age_s=MAX_SKEW_S + 1),
    "from the future": lambda peer: peer.request(age_s=-MAX_SKEW_S - 1),
    "for another instance": lambda peer: peer.request(authority="find.example"),
    "for another path": lambda peer: replace(peer.request("/federation/v1/statements/001.p/1"), path=BODIES),
    "for another method": lambda peer: replace(peer.request(method="DELETE"), method="GET"),
    "by another key": lambda peer: replace(peer, key=Seed.generate()).request(),
    "by an unknown instance": lambda peer: replace(peer, origin="three.localhost/log").request(),
    "in our own name": lambda peer: replace(peer, origin=peer.to.origin).request(),
    "in a public name": lambda peer: replace(peer, origin="find.example/log").request(),
}  # fmt: skip


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_request_is_refused(
    one: PeerInstance, peer: Asker, forge: Callable[[Asker], Request]
) -> None:
    """Attack: a request that the peer has not made for us, now; it must not use up the nonces of the true ones either."""
    before = one.fetch(STATE)
    assert send(one, forge(peer)).status_code == 401
    assert (one.fetch(STATE), used_nonces(one)) == (before, 0)
    assert peer.ask().status_code == 200


def test_the_header_host_does_not_tell_for_whom_a_request_was_made(one: PeerInstance, peer: Asker) -> None:
    """Attack: an instance passes on what a peer has signed for it, with its own name in `Host`, to get our bodies."""
    request = peer.request(authority="evil.example")
    for headers in ([("host", "evil.example")], [("host", "x"), ("x-forwarded-host", "evil.example")]):
        assert send(one, request, more=headers).status_code == 401


def test_a_request_with_a_query_is_refused(one: PeerInstance, peer: Asker) -> None:
    """No signature covers a query: whoever adds one must not be taken for the peer."""
    assert send(one, peer.request(), query="?a=b").status_code == 401


def test_a_replayed_request_is_refused_by_every_process(
    one: PeerInstance, peer: Asker, one_dsn: str, folder: Path, clock: FakeClock
) -> None:
    """Attack: someone who has read a request sends it again, to the process beside the one that answered it."""
    request = peer.request()
    assert send(one, request).status_code == 200
    assert send(one, request).status_code == 401
    public_url = one.running.settings.public_url
    with peer_instance(one_dsn, folder, "one.localhost", clock=clock, public_url=public_url) as again:
        assert send(again, request).status_code == 401
        assert Asker.of(one, again).ask().status_code == 401  # it is not its own peer


def test_a_nonce_is_kept_as_long_as_its_request_counts(
    one: PeerInstance, peer: Asker, clock: FakeClock
) -> None:
    """Attack: a request dated 300 s ahead is sent again when its nonce would be forgotten, if that were counted from now.
    Later the row goes, so that the table does not grow."""
    ahead = peer.request(age_s=-MAX_SKEW_S)
    assert send(one, ahead).status_code == 200
    clock.advance(seconds=2 * MAX_SKEW_S)
    assert peer.ask().status_code == 200  # sweeps
    assert send(one, ahead).status_code == 401
    clock.advance(seconds=MAX_SKEW_S + 1)
    assert peer.ask().status_code == 200
    assert used_nonces(one) == 2


def test_who_is_not_approved_gets_no_bodies(one: PeerInstance, two: PeerInstance) -> None:
    """Attack: a peer that waits, was refused, or whom we merely follow asks for bodies all the same."""
    asker = Asker.of(two, one)
    two.add(one)
    assert asker.ask().status_code == 401  # it has asked, and nobody has confirmed its key
    one.running.call(lambda: one.peering.refuse(two.origin))
    assert asker.ask().status_code == 401
    one.add(two)
    assert asker.ask().status_code == 403  # we follow it, and it was refused
    one.running.call(lambda: one.peering.approve_known(two.origin))
    assert asker.ask().status_code == 200
    one.running.call(lambda: one.peering.refuse(two.origin))
    assert asker.ask().status_code == 403


def test_a_suspended_a_frozen_and_a_removed_peer(one: PeerInstance, peer: Asker) -> None:
    """Attack: keys that were stolen, or an instance that operators have thrown out, go on asking."""
    own = "/federation/v1/own/documents/0"
    one.running.call(lambda: one.peering.suspend(peer.origin))
    assert [peer.ask(path).status_code for path in (BODIES, own)] == [403, 403]
    assert peer.wish().status_code == 403
    one.running.call(lambda: one.peering.resume(peer.origin))
    assert peer.ask().status_code == 200
    freeze(one, peer.origin)
    assert [peer.ask(path).status_code for path in (BODIES, own)] == [403, 200]
    one.running.call(lambda: one.peering.remove(peer.origin))
    assert [peer.ask(path).status_code for path in (BODIES, own)] == [401, 401]


def test_who_is_refused_fills_no_table(one: PeerInstance, peer: Asker) -> None:
    """Attack: a peer that was thrown out signs thousands of requests. Each is refused, and none may leave a row for ten
    minutes: its budget, which holds the others, is never asked."""
    one.running.call(lambda: one.peering.refuse(peer.origin))
    assert {peer.ask().status_code for _ in range(3)} == {403}
    one.running.call(lambda: one.peering.suspend(peer.origin))
    assert {peer.ask("/federation/v1/own/documents/0").status_code for _ in range(3)} == {403}
    assert peer.wish().status_code == 403
    assert used_nonces(one) == 0


def freeze(instance: PeerInstance, origin: str) -> None:
    async def run() -> None:
        standings = instance.running.standings
        await standings.change(origin, Standing.FROZEN, Authority.SOFTWARE)

    instance.running.call(run)


def test_a_peer_that_asks_for_everything_again_and_again(
    one: PeerInstance, peer: Asker, tmp_path: Path, clock: FakeClock
) -> None:
    """Attack: a peer asks for everything 100 times a minute. It is told when to come back, and nobody else suffers."""
    services = one.running.services.peers
    assert services is not None
    limit = STATEMENTS_AN_HOUR + 3
    for _ in range(limit - 1):
        services.budget.take(peer.origin, Asked.STATEMENTS, limit)
    assert peer.ask().status_code == 200
    refused = peer.ask()
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 3_600
    assert peer.ask("/federation/v1/own/documents/0").status_code == 200
    clock.advance(seconds=int(refused.headers["retry-after"]))
    assert peer.ask().status_code == 200


@pytest.fixture
def strict(dsn: str, tmp_path: Path, clock: FakeClock) -> Iterator[PeerInstance]:
    with peer_instance(
        dsn, tmp_path, "one.localhost", clock=clock, people=5, rate_lookups_per_minute=4
    ) as instance:
        yield instance


def test_peers_do_not_count_as_strangers_and_strangers_do(strict: PeerInstance, two: PeerInstance) -> None:
    """Attack: a flood of unsigned requests. It is held to the limit of strangers, from the address of a peer as well, and
    neither side can use up what the other has."""
    strict.approve(two)
    peer = Asker.of(two, strict)
    few = "/federation/v1/statements/000.p/6"
    assert {peer.ask(few).status_code for _ in range(10)} == {200}
    told = [send(strict, unsigned("GET", BODIES)).status_code for _ in range(6)]
    assert told == [401, 401, 401, 401, 429, 429]
    assert peer.ask(few).status_code == 200


def test_what_is_held_of_a_log_is_given_to_that_log_alone(one: PeerInstance, peer: Asker) -> None:
    """Attack: a peer asks for what we hold of another one's log. There is no address for it: whose log is meant is who has
    signed."""
    [log] = one.fetch("SELECT id, size FROM peer_log")
    place = log["id"] << 40
    entry = bytes([0, 33, 1]) + bytes(32)
    for sql, values in (
        ("UPDATE peer_log SET size = 3 WHERE id = $1", (log["id"],)),
        ("INSERT INTO peer_bundle (place, data) VALUES ($1, $2)", (place, entry * 3)),
        ("INSERT INTO peer_statement (place, salt, body) VALUES ($1, $2, $3)", (place, bytes(32), b"{}")),
        ("INSERT INTO peer_revoke (place, leaf) VALUES ($1, $2)", (place + 1, 2)),
        # of the log with the next number
        ("INSERT INTO peer_bundle (place, data) VALUES ($1, $2)", ((log["id"] + 1) << 40, entry)),
    ):
        one.fetch(sql, *values)
    own = "/federation/v1/own"
    assert peer.ask(f"{own}/entries/000.p/2").content == entry * 2
    said = parse_answers(peer.ask(f"{own}/statements/000.p/3").content, 3)
    assert [type(answer).__name__ for answer in said] == ["Body", "Erased", "Lost"]
    assert peer.ask(f"{own}/documents/0").content.startswith(b"{")
    for missing in ("entries/000.p/4", "entries/000", "statements/001.p/1", "documents/1", "documents/-1"):
        assert peer.ask(f"{own}/{missing}").status_code == 404, missing
    # 2^40, the first key of the next log; and numbers that no column holds
    for number in ("x001/x099/x511/x627/776", "x004/x294/x967/296", "x999/x999/x999/x999/999"):
        assert peer.ask(f"{own}/entries/{number}.p/1").status_code == 404
    assert peer.ask(f"{own}/documents/99999999999").status_code == 404
