"""Strangers ask to follow: what is taken from them, what is fetched for them, and how much room they have."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from deploy.wiring.peers import build_peer_services
from directory.networks.http import GuardedClient
from directory.settings import Settings
from directory.store.database import Database
from federation.errors import PeerRefused, TooManyRequests, UntrustedRequest
from federation.peers.asking import (
    FORGOTTEN_AFTER,
    MAX_WAITING,
    MAX_WAITING_A_DOMAIN,
    SEEN_FOR,
    Asking,
    check_room,
)
from federation.peers.peering import Delivered, Delivery
from federation.peers.signing import Request, make_nonce, sign_request
from federation.protocol.peer import TheyFollow, WeFollow
from federation.protocol.peering_wire import PEERING_PATH, PeeringRequest, Wish, encode_peering
from federation.store.peers import lock_asking
from federation.tlog.ed25519 import Seed
from tests.directory.networks.conftest import Internet
from tests.directory.networks.strangers import client_tls
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
from tests.federation.peers.signed import Asker, send
from tests.harness.clock import FakeClock
from tests.harness.peers import PeerInstance

__all__ = ["clock", "folder", "one", "one_dsn", "started_one", "started_two", "two", "two_dsn"]

OWN = "find.example/log"
PRIVATE = (
    ["127.0.0.1"],
    ["10.0.0.1"],
    ["192.168.1.1"],
    ["169.254.169.254"],
    ["fe80::1"],
    ["fd00::1"],
    ["::1"],
    ["::ffff:127.0.0.1"],
    ["::ffff:10.0.0.1"],
    ["64:ff9b::7f00:1"],
    ["93.184.215.14", "127.0.0.1"],
)
WAIT_FOR_A_WAITER = """
DO $$ BEGIN
  LOOP
    EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database()));
    PERFORM pg_sleep(0.01);
  END LOOP;
END $$
"""


def no_count() -> None:
    """Counts no stranger."""


def asked_by(
    origin: str, clock: FakeClock, *, wish: Wish = Wish.FOLLOW, address: str | None = None
) -> Request:
    """Signs a request as a stranger, with a key of its own."""
    content = encode_peering(PeeringRequest(1, origin, wish, address))
    plain = Request("POST", "find.example", PEERING_PATH, (), content)
    created = int(clock.now().timestamp())
    signed = sign_request(plain, origin, Seed.generate(), created, make_nonce())
    return Request("POST", "find.example", PEERING_PATH, tuple(signed.items()), content)


class Public:
    """A public instance whose name servers lie as a test likes."""

    def __init__(self, database: Database, clock: FakeClock, data: Path) -> None:
        self.addresses: Sequence[str] = []
        self.looked_up: list[str] = []
        self.http = GuardedClient("tests", resolve=self._resolve, tls=client_tls())
        settings = Settings(public_url="https://find.example", data=data)
        self.asking: Asking = build_peer_services(settings, database, clock, self.http).asking

    async def _resolve(self, host: str) -> Sequence[str]:
        self.looked_up.append(host)
        return self.addresses


@pytest.fixture
async def public(database: Database, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Public]:
    instance = Public(database, clock, tmp_path)
    async with instance.http:
        yield instance


@pytest.mark.parametrize("addresses", PRIVATE, ids=" ".join)
async def test_the_name_of_who_asks_leads_inside(
    public: Public, clock: FakeClock, internet: Internet, addresses: Sequence[str]
) -> None:
    """Attack: a stranger asks under a name that leads to this machine, to the network behind it, or to the metadata
    service of a cloud; beside a public address as well, as for a rebinding."""
    public.addresses = addresses
    with pytest.raises(UntrustedRequest, match="address"):
        await public.asking.receive(asked_by("evil.example/log", clock), no_count)
    assert (public.looked_up, internet.dialled) == (["evil.example"], [])


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1",
        "http://evil.example",
        "https://evil.example:8443",
        "https://other.example",
        "https://evil.example@other.example",
        "https://evil.example/log",
        "http://one.localhost:8001",
        "https://[::1]",
    ],
)
async def test_who_asks_cannot_say_where_it_is_asked(
    public: Public, clock: FakeClock, internet: Internet, address: str
) -> None:
    """Attack: the request names another address than its origin's, so that we ask there."""
    with pytest.raises(UntrustedRequest):
        await public.asking.receive(asked_by("evil.example/log", clock, address=address), no_count)
    assert (public.looked_up, internet.dialled) == ([], [])


@pytest.mark.parametrize("origin", ["localhost/log", "one.localhost/log", "demo.localhost/log"])
async def test_a_local_name_is_no_peer_of_a_public_instance(
    public: Public, clock: FakeClock, origin: str
) -> None:
    """Attack: a program on the machine of an instance asks under a name that is every machine's own."""
    with pytest.raises(UntrustedRequest, match="local"):
        await public.asking.receive(asked_by(origin, clock), no_count)


async def test_our_own_log_asks_for_nothing(public: Public, clock: FakeClock) -> None:
    """Attack: a request in our own name would have us ask ourselves."""
    with pytest.raises(PeerRefused):
        await public.asking.receive(asked_by(OWN, clock), no_count)
    assert public.looked_up == []


async def test_another_origin_in_the_content(public: Public, clock: FakeClock) -> None:
    """Attack: a signature of one log under a request for another."""
    content = encode_peering(PeeringRequest(1, "other.example/log", Wish.FOLLOW))
    plain = Request("POST", "find.example", PEERING_PATH, (), content)
    now = int(clock.now().timestamp())
    signed = sign_request(plain, "evil.example/log", Seed.generate(), now, make_nonce())
    with pytest.raises(UntrustedRequest):
        await public.asking.receive(
            Request("POST", "find.example", PEERING_PATH, tuple(signed.items()), content), no_count
        )


async def test_a_host_is_asked_once_a_minute(public: Public, clock: FakeClock) -> None:
    """Attack: requests in the name of somebody else's host, so that we flood it."""
    public.addresses = ["10.0.0.1"]
    for _ in range(5):
        with pytest.raises(UntrustedRequest):
            await public.asking.receive(asked_by("victim.example/log", clock), no_count)
    assert len(public.looked_up) == 1
    clock.advance(seconds=SEEN_FOR.total_seconds())
    with pytest.raises(UntrustedRequest):
        await public.asking.receive(asked_by("victim.example/log", clock), no_count)
    assert len(public.looked_up) == 2


async def test_nothing_is_fetched_for_who_asks_too_often(public: Public, clock: FakeClock) -> None:
    """A stranger is counted before another server is asked on their behalf."""

    def count() -> None:
        raise TooManyRequests("too often", 60)

    with pytest.raises(TooManyRequests):
        await public.asking.receive(asked_by("evil.example/log", clock), count)
    assert public.looked_up == []


def test_strangers_have_a_room_of_their_own_and_a_share_of_it() -> None:
    """Attack: one who owns a domain fills the list of those who wait, with any number of names below it."""
    of_one = [f"{n}.evil.example/log" for n in range(MAX_WAITING_A_DOMAIN)]
    check_room("other.example/log", of_one)
    check_room(of_one[0], of_one)  # asks again
    with pytest.raises(TooManyRequests):
        check_room("more.evil.example/log", of_one)
    many = [f"evil{n}.example/log" for n in range(MAX_WAITING)]
    check_room("honest.example/log", many[1:])
    with pytest.raises(TooManyRequests):
        check_room("honest.example/log", many)


def fill(one: PeerInstance, count: int) -> None:
    one.fetch(
        "INSERT INTO peer (origin, address, first_key, they_follow, asked_at)"
        " SELECT 'evil' || n || '.example/log', 'https://evil' || n || '.example', 'k', 1, $2"
        " FROM generate_series(1, $1::int) AS n",
        count,
        one.running.clock.now(),
    )


def test_a_full_room_never_keeps_operators_out(
    one: PeerInstance, two: PeerInstance, clock: FakeClock
) -> None:
    """Attack: strangers fill the list. No further one is taken, but operators choose whom they like; after 30 days the
    strangers are forgotten."""
    fill(one, MAX_WAITING)
    asker = Asker.of(two, one)
    assert asker.wish(address=two.address).status_code == 429
    one.add(two)
    assert asker.wish().json() == {"state": "waiting"}  # a confirmed peer takes no place
    one.running.call(lambda: one.peering.remove(two.origin))
    clock.advance(seconds=FORGOTTEN_AFTER.total_seconds())
    answer = asker.wish(address=two.address)
    assert (answer.status_code, answer.json()) == (202, {"state": "waiting"})
    assert [row["origin"] for row in one.fetch("SELECT origin FROM peer")] == [two.origin]


def test_a_stranger_asks_again_and_stops(one: PeerInstance, two: PeerInstance, clock: FakeClock) -> None:
    """It stays one request, whose time is that of the first; it ends with its own word alone."""
    asker = Asker.of(two, one)
    assert asker.wish(address=two.address).status_code == 202
    [first] = one.fetch("SELECT asked_at, they_follow FROM peer")
    clock.advance(minutes=5)
    assert asker.wish(address=two.address).status_code == 202
    assert one.fetch("SELECT asked_at, they_follow FROM peer") == [first]
    forged = Asker(one, two.origin, Seed.generate())
    assert forged.wish(Wish.STOP, two.address).status_code == 401
    assert one.fetch("SELECT asked_at, they_follow FROM peer") == [first]
    assert asker.wish(Wish.STOP, two.address).json() == {"state": "stopped"}
    assert one.fetch("SELECT origin FROM peer") == []


def test_a_refusal_stays(one: PeerInstance, two: PeerInstance) -> None:
    """Attack: who was refused says stop, and asks anew; or asks again each minute."""
    asker = Asker.of(two, one)
    asker.wish(address=two.address)
    one.running.call(lambda: one.peering.refuse(two.origin))
    for wish in (Wish.FOLLOW, Wish.STOP, Wish.FOLLOW):
        assert asker.wish(wish, two.address).status_code == 403
    one.add(two)
    assert [asker.wish(wish).status_code for wish in (Wish.STOP, Wish.FOLLOW)] == [200, 403]
    one.approve(two)
    assert asker.wish().json() == {"state": "approved"}
    assert asker.wish(Wish.STOP).json() == {"state": "stopped"}
    assert one.fetch("SELECT they_follow FROM peer") == [{"they_follow": TheyFollow.NO.value}]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[" * 2_000,
        b'{"v":2,"origin":"two.localhost/log","wish":"follow"}',
        b'{"v":1,"origin":"two.localhost/log","wish":"approve"}',
        b'{"v":1,"origin":"Two.localhost/log","wish":"follow"}',
        b'{"v":1,"origin":"two.localhost/log","wish":"follow","more":1}',
        b'{"v":1,"origin":"two.localhost/log","wish":"follow","address":"' + b"a" * 400 + b'"}',
    ],
)  # fmt: skip
def test_a_request_that_says_nothing(one: PeerInstance, two: PeerInstance, content: bytes) -> None:
    asker = Asker.of(two, one)
    assert send(one, asker.request(PEERING_PATH, "POST", content)).status_code == 400
    assert one.fetch("SELECT origin FROM peer") == []


def test_a_request_that_is_too_long(one: PeerInstance, two: PeerInstance) -> None:
    asker = Asker.of(two, one)
    assert send(one, asker.request(PEERING_PATH, "POST", b" " * 5_000)).status_code == 413


def test_operators_who_take_each_other_up_at_the_same_moment_both_wait(
    one: PeerInstance, two: PeerInstance
) -> None:
    """Attack by accident: while the keys of whoever asked were still fetched, the operator here confirmed them; the request
    was refused then, and the other operator had to guess that it was to be sent again."""

    async def ask_while_an_operator_adds() -> Delivery:
        async with two.running.database.transaction() as connection:
            await lock_asking(connection)
            asked = asyncio.create_task(asyncio.to_thread(one.add, two))
            await connection.execute(WAIT_FOR_A_WAITER)
            await two.peering.add(await two.peering.introduce(one.address))
        return await asked

    assert two.running.call(ask_while_an_operator_adds).state is Delivered.WAITING
    assert two.fetch("SELECT they_follow FROM peer") == [{"they_follow": TheyFollow.ASK.value}]
    assert one.fetch("SELECT we_follow, they_follow FROM peer") == [
        {"we_follow": WeFollow.FOLLOWING.value, "they_follow": TheyFollow.ASK.value}
    ]
