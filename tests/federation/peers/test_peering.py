"""Two instances take each other up, over HTTP."""

import asyncio
from dataclasses import replace

import pytest

from deploy.ports import free_port
from directory.answers import take_in_leaves
from directory.origins import Authority, Standing
from federation.errors import PeeringRefused, UnknownPeer
from federation.keys.instance import NewKeys
from federation.peers.peering import Delivered, Delivery
from federation.protocol.body_answers import Body, NeverMapping
from federation.protocol.body_wire import parse_answers
from federation.protocol.peer import TheyFollow, WeFollow
from tests.directory.test_answers import said
from tests.harness.mappings import bluesky
from tests.harness.peers import PeerInstance

BODIES = "/federation/v1/statements/000"


def test_two_instances_become_peers(one: PeerInstance, two: PeerInstance) -> None:
    """The whole way: two asks one, who gives nothing before its operator has approved, and then gives bodies."""
    assert two.add(one).state is Delivered.WAITING
    [peer] = two.running.call(two.peering.views)
    assert (peer.peer.we_follow, peer.peer.they_follow) == (WeFollow.FOLLOWING, TheyFollow.NO)
    assert (peer.peer.address, peer.size, len(peer.documents)) == (one.address, 0, 1)
    [asking] = one.running.call(one.peering.views)
    assert (asking.peer.origin, asking.peer.they_follow) == (two.origin, TheyFollow.ASK)
    assert asking.peer.confirmed_at is None
    assert two.get(one, BODIES)[0] == 401
    one.approve(two)
    status, content = two.get(one, BODIES)
    answers = parse_answers(content, 256)
    assert status == 200
    assert answers[0] == NeverMapping()
    assert all(isinstance(answer, Body) for answer in answers[1:])
    assert two.add(one).state is Delivered.APPROVED
    [view] = one.running.call(one.peering.views)
    assert (view.peer.we_follow, view.peer.they_follow) == (WeFollow.NO, TheyFollow.APPROVED)


def act(instance: PeerInstance, name: str, origin: str) -> object:
    """Does what an operator does with a peer."""
    return instance.running.call(lambda: getattr(instance.peering, name)(origin))


def counts(instance: PeerInstance) -> dict[str, int]:
    """Counts the rows of all tables of peers, and of their mappings."""
    tables = [
        row["t"]
        for row in instance.fetch(
            "SELECT table_name AS t FROM information_schema.tables WHERE table_name LIKE 'peer%'"
        )
    ]
    counted = {
        table: instance.fetch(f"SELECT count(*) AS n FROM {table}")[0]["n"]  # noqa: S608 - names of tables
        for table in tables
    }
    [mappings] = instance.fetch(
        "SELECT count(*) AS n FROM mapping m JOIN origin o ON o.id = m.origin WHERE o.name <> $1",
        instance.origin,
    )
    return counted | {"mapping": mappings["n"]}


def read_something(instance: PeerInstance, peer: PeerInstance) -> None:
    """Stores what a tail stores of a peer."""
    [log] = instance.fetch("SELECT id FROM peer_log WHERE origin = $1", peer.origin)
    place = log["id"] << 40
    for statement in (
        "INSERT INTO peer_bundle (place, data) VALUES ($1, '')",
        "INSERT INTO peer_revoke (place, leaf) VALUES ($1, 7)",
        "INSERT INTO peer_statement (place, salt, body) VALUES ($1, '', '')",
        "INSERT INTO peer_missing (place) VALUES ($1)",
    ):
        instance.fetch(statement, place)
    instance.fetch("UPDATE peer_log SET size = 9, bodies_size = 9")

    async def answer() -> None:
        async with instance.running.database.transaction() as connection:
            people = [bluesky(f"theirs{n}", n, origin=peer.origin) for n in (1, 2)]
            await take_in_leaves(connection, peer.origin, said(*people), instance.running.clock.now())

    instance.running.call(answer)


def test_another_first_key_is_refused_and_told(one: PeerInstance, two: PeerInstance) -> None:
    """Attack: somebody takes a peer's domain over, or its operator lost everything and set it up anew. The pinned key
    stays, whoever asks, until an operator removes the peer."""
    two.add(one)
    shown = two.running.call(lambda: two.peering.introduce(one.address))
    other = NewKeys.generate(one.host).log
    document = replace(shown.chain[0], log_key=other.vkey)
    forged = replace(shown, chain=(document,), document=document)
    before = two.fetch("SELECT * FROM peer")
    with pytest.raises(PeeringRefused, match="another first key"):
        two.running.call(lambda: two.peering.add(forged))
    with pytest.raises(PeeringRefused, match="another first key"):
        two.running.call(lambda: two.peering.approve(forged))
    assert two.fetch("SELECT * FROM peer") == before


def test_two_operators_at_the_same_time(one: PeerInstance, two: PeerInstance) -> None:
    """Attack: two operators confirm at the same moment, of whom one was shown a forged key: one key is pinned, and the
    other operator is told."""
    shown = two.running.call(lambda: two.peering.introduce(one.address))
    document = replace(shown.chain[0], log_key=NewKeys.generate(one.host).log.vkey)
    forged = replace(shown, chain=(document,), document=document)

    async def race() -> list[object]:
        both = (two.peering.approve(shown), two.peering.approve(forged))
        return list(await asyncio.gather(*both, return_exceptions=True))

    told = two.running.call(race)
    assert sorted(type(each).__name__ for each in told) == ["NoneType", "PeeringRefused"]
    [peer] = two.fetch("SELECT first_key FROM peer")
    pinned = shown if told[0] is None else forged
    assert peer["first_key"] == str(pinned.first_key)
    [documents] = two.fetch("SELECT count(*) AS n FROM peer_document")
    assert documents["n"] == 1


def test_a_request_under_another_key_is_forgotten(one: PeerInstance, two: PeerInstance) -> None:
    """Attack: who holds a domain for an hour asks in its name. When the true instance is taken up later, its operator
    finds no request that waits to be approved with one word."""
    two.add(one)
    one.fetch("UPDATE peer SET first_key = 'one.localhost/log+00000000+AAAA'")
    one.add(two)
    [peer] = one.fetch("SELECT they_follow, asked_at FROM peer")
    assert (peer["they_follow"], peer["asked_at"]) == (TheyFollow.NO, None)


def test_itself_and_nobody(one: PeerInstance) -> None:
    with pytest.raises(PeeringRefused, match="itself"):
        one.running.call(lambda: one.peering.introduce(one.address))
    for name in ("limit", "suspend", "resume", "unfreeze", "remove", "refuse", "approve_known", "view"):
        for text in ("three.localhost", "nobody.example/log", one.origin, "", "https://127.0.0.1"):
            with pytest.raises(UnknownPeer):
                act(one, name, text)


def test_suspending_deletes_what_a_peer_gave(one: PeerInstance, two: PeerInstance) -> None:
    """Salts, bodies and mappings go, the tree stays: what it signed is not forgotten. Resumed, it is read anew."""
    two.add(one)
    read_something(two, one)
    assert act(two, "suspend", one.address) == 2
    left = counts(two)
    assert (left["mapping"], left["peer_statement"], left["peer_missing"]) == (0, 0, 0)
    assert (left["peer_bundle"], left["peer_revoke"], left["peer_document"]) == (1, 1, 1)
    assert two.fetch("SELECT size, bodies_size FROM peer_log") == [{"size": 9, "bodies_size": 0}]
    with pytest.raises(PeeringRefused, match="suspended"):
        two.add(one)
    act(two, "resume", "one.localhost")
    [view] = two.running.call(two.peering.views)
    assert view.standing is Standing.FOLLOWING
    assert act(two, "suspend", one.origin) == 0


def test_removing_deletes_everything_and_tells_it(one: PeerInstance, two: PeerInstance) -> None:
    """What stays is evidence, and what our witness has signed; the other side learns that it is followed no more."""
    two.add(one)
    one.approve(two)
    read_something(two, one)
    two.fetch(
        "INSERT INTO peer_evidence (origin, digest, file, older_size, newer_size, found_at, is_proven) VALUES ($1, '', '', 1, 2, now(), true)",
        one.origin,
    )
    count, told = two.running.call(lambda: two.peering.remove(one.origin))
    assert (count, told) == (2, Delivery(Delivered.STOPPED))
    assert {table for table, rows in counts(two).items() if rows} == {"peer_evidence"}
    [peer] = one.fetch("SELECT they_follow FROM peer")
    assert peer["they_follow"] == TheyFollow.NO
    assert two.running.call(lambda: two.peering.count_evidence(one.origin)) == 1
    assert two.add(one).state is Delivered.WAITING


def test_a_frozen_peer_is_lifted_by_an_operator_alone(one: PeerInstance, two: PeerInstance) -> None:
    """Attack by slip: `resume` or `limit` on a peer that was frozen would be following a log that has forked."""
    two.add(one)
    with pytest.raises(PeeringRefused):
        act(two, "unfreeze", one.origin)
    act(two, "limit", one.origin)
    two.running.call(lambda: two.running.standings.change(one.origin, Standing.FROZEN, Authority.SOFTWARE))
    for name in ("resume", "limit"):
        with pytest.raises(PeeringRefused, match="frozen"):
            act(two, name, one.origin)
    with pytest.raises(PeeringRefused, match="frozen"):
        two.add(one)
    act(two, "unfreeze", one.origin)
    act(two, "limit", one.origin)
    act(two, "resume", one.origin)


def test_a_peer_that_cannot_be_reached_is_kept_and_asked_again(one: PeerInstance, two: PeerInstance) -> None:
    """What the operator has confirmed stands; only our request is still to be delivered."""
    shown = two.running.call(lambda: two.peering.introduce(one.address))
    away = replace(shown, address=replace(shown.address, url=f"http://one.localhost:{free_port()}"))
    assert two.running.call(lambda: two.peering.add(away)).state is Delivered.FAILED
    [view] = two.running.call(two.peering.views)
    assert (view.peer.we_follow, view.standing) == (WeFollow.ASKED, Standing.FOLLOWING)
    assert two.add(one).state is Delivered.WAITING
    [view] = two.running.call(two.peering.views)
    assert (view.peer.we_follow, view.peer.address) == (WeFollow.FOLLOWING, one.address)


def test_a_refusal_is_told(one: PeerInstance, two: PeerInstance) -> None:
    two.add(one)
    act(one, "refuse", two.origin)
    delivery = two.add(one)
    assert delivery.state is Delivered.REFUSED
    assert "refused" in delivery.why
