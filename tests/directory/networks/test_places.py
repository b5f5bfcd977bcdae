"""Nobody can take all the places for requests to other servers. Each test tells the attack."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from directory.networks.callers import JOBS, NOBODY, Caller, called_by, current_caller
from directory.networks.domains import registrable_domain
from directory.networks.errors import Busy
from directory.networks.places import MAX_WAITING, WAITING_A_PLACE, Places, Room
from directory.networks.resolver import Lookups

ROOM = Room()
AT_ONCE_S = 0.01
HONEST = Caller(b"honest", b"honest network")


def of_network(number: int) -> Caller:
    """A caller of one /64 in the attacker's /48."""
    return Caller(f"evil {number}".encode(), b"evil network")


async def fill(stack: AsyncExitStack, places: Places, hosts: list[str], callers: list[Caller]) -> int:
    """Takes all the places that can be taken so. Returns how many."""
    taken = 0
    for host, caller in zip(hosts, callers, strict=True):
        try:
            await stack.enter_async_context(places.taken(host, caller, AT_ONCE_S))
            taken += 1
        except Busy:
            pass
    return taken


@asynccontextmanager
async def filled(places: Places, hosts: list[str], callers: list[Caller]) -> AsyncIterator[int]:
    async with AsyncExitStack() as stack:
        yield await fill(stack, places, hosts, callers)


async def may_go(places: Places, host: str, caller: Caller) -> bool:
    try:
        async with places.taken(host, caller, AT_ONCE_S):
            return True
    except Busy:
        return False


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("a.b.example.co.uk", "example.co.uk"),
        ("a1.evil.example", "evil.example"),
        ("evil.example", "evil.example"),
        ("alice.github.io", "github.io"),
        ("localhost", "localhost"),
        ("co.uk", "co.uk"),
        ("x.xn--p1ai", "x.xn--p1ai"),
    ],
)
def test_the_domain_that_somebody_pays_for(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain


async def test_five_networks_with_the_names_of_one_domain() -> None:
    """Five /64s, far apart, took all 64 places with `a1.evil.example`, `a2.evil.example` and so on, whose server
    accepts and is silent. All other sign-ins were refused."""
    places = Places(ROOM)
    hosts = [f"a{number}.evil.example" for number in range(100)]
    callers = [Caller(f"{number % 5}".encode(), f"{number % 5}".encode()) for number in range(100)]
    async with filled(places, hosts, callers) as taken:
        assert taken == ROOM.per_domain
        assert await may_go(places, "social.example", HONEST)


async def test_one_caller_with_many_domains() -> None:
    """Domains cost little. Whoever names a hundred of them has the share of one caller."""
    places = Places(ROOM)
    hosts = [f"evil{number}.example" for number in range(100)]
    async with filled(places, hosts, [of_network(1)] * 100) as taken:
        assert taken == ROOM.per_caller
        assert await may_go(places, "social.example", HONEST)
        assert not await may_go(places, "social.example", of_network(1))


async def test_many_addresses_of_one_network() -> None:
    """A /48 has 65536 /64s, and costs as much as one."""
    places = Places(ROOM)
    hosts = [f"evil{number}.example" for number in range(100)]
    async with filled(places, hosts, [of_network(number) for number in range(100)]) as taken:
        assert taken == ROOM.per_network
        assert await may_go(places, "social.example", HONEST)


async def test_callers_without_end_leave_places_to_the_jobs() -> None:
    """A botnet can keep people out, who read that we are busy. Checks and revocations go on."""
    places = Places(ROOM)
    hosts = [f"evil{number}.example" for number in range(100)]
    callers = [Caller(f"{number}".encode(), f"{number}".encode()) for number in range(100)]
    async with filled(places, hosts, callers) as taken:
        assert taken == ROOM.places - ROOM.for_jobs
        assert not await may_go(places, "social.example", HONEST)
        assert await may_go(places, "social.example", JOBS)
        async with filled(places, [f"job{number}.example" for number in range(100)], [JOBS] * 100) as jobs:
            assert jobs == ROOM.for_jobs


async def test_jobs_leave_places_to_people() -> None:
    """A thousand published accounts are due at once, on servers that do not answer."""
    places = Places(ROOM)
    async with filled(places, [f"slow{number}.example" for number in range(100)], [JOBS] * 100) as taken:
        assert taken == ROOM.places - ROOM.for_people
        assert await may_go(places, "social.example", HONEST)


async def test_a_domain_that_is_slow_to_people_does_not_hold_up_jobs() -> None:
    places = Places(ROOM)
    hosts = [f"a{number}.big.example" for number in range(ROOM.per_domain)]
    async with filled(places, hosts, [Caller(host.encode(), host.encode()) for host in hosts]):
        assert not await may_go(places, "b.big.example", HONEST)
        assert await may_go(places, "b.big.example", JOBS)


async def test_who_forgets_to_name_the_caller_has_one_share() -> None:
    assert current_caller() is NOBODY
    places = Places(ROOM)
    hosts = [f"host{number}.example" for number in range(100)]
    async with filled(places, hosts, [NOBODY] * 100) as taken:
        assert taken == ROOM.per_caller


async def test_waiting_has_an_end_for_each_share() -> None:
    """A thousand waiting requests of one caller would have everybody else refused at once."""
    places = Places(ROOM)
    hosts = [f"evil{number}.example" for number in range(ROOM.per_caller)]
    async with filled(places, hosts, [of_network(1)] * ROOM.per_caller):

        async def wait(number: int) -> None:
            async with places.taken(f"more{number}.example", of_network(1), 30):
                raise AssertionError("there is no place")

        waiting = [
            asyncio.create_task(wait(number)) for number in range(ROOM.per_caller * WAITING_A_PLACE + 20)
        ]
        refused, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
        assert all(isinstance(task.exception(), Busy) for task in refused)
        for task in waiting:
            task.cancel()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert (
            sum(isinstance(end, asyncio.CancelledError) for end in ends) == ROOM.per_caller * WAITING_A_PLACE
        )
        assert ROOM.per_caller * WAITING_A_PLACE < MAX_WAITING / 10


async def test_who_waits_is_let_in_first_and_a_place_that_is_given_up_goes_on() -> None:
    places = Places(Room(places=1, for_jobs=0, for_people=0))
    order: list[int] = []

    async def go(number: int) -> None:
        async with places.taken(f"host{number}.example", Caller(b"%d" % number, b"%d" % number), 30):
            order.append(number)

    async with places.taken("first.example", HONEST, 1):
        tasks = [asyncio.create_task(go(number)) for number in range(4)]
        await asyncio.sleep(0)
    # The first of them is admitted by now, and is cancelled before it noticed.
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [1, 2, 3]
    assert await may_go(places, "last.example", HONEST)
    assert places._taken == {}
    assert places._waits == {}


async def test_lookups_that_were_given_up_still_count() -> None:
    """The name servers of a wildcard domain never answer. Each lookup holds a thread long after the request was given
    up, so that a few requests a second held all threads: an honest name was "not answered in time"."""
    release = threading.Event()

    def look_up(host: str) -> list[str]:
        if host.endswith("evil.example"):
            release.wait(20)
        return [host]

    room = Room(places=8, per_host=2, per_domain=2, per_caller=4, per_network=4, for_jobs=2, for_people=2)
    lookups = Lookups(look_up, room)
    held = [asyncio.create_task(lookups.run(f"a{number}.evil.example", NOBODY)) for number in range(2)]
    await asyncio.sleep(0)
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    with pytest.raises(Busy):
        await lookups.run("a3.evil.example", HONEST)
    assert await lookups.run("social.example", HONEST) == ["social.example"]
    release.set()
    while True:
        try:
            assert await lookups.run("a3.evil.example", HONEST) == ["a3.evil.example"]
            break
        except Busy:
            await asyncio.sleep(0)


async def test_the_caller_goes_with_the_tasks_that_a_request_starts() -> None:
    async def caller() -> Caller:
        return current_caller()

    with called_by(HONEST):
        assert await asyncio.create_task(caller()) is HONEST
    assert current_caller() is NOBODY


@pytest.mark.parametrize("processes", [1, 2, 4, 64])
def test_several_processes_share_out_the_places_of_people(processes: int) -> None:
    """Attack: with N processes, whoever names a host would have it asked N times as often at once. Two places are the least: one
    request that is slow must not hold up all others to its host."""
    whole, part = Room(), Room().shared_out(processes)
    least = 2 * processes
    assert whole.places - whole.for_jobs - processes <= part.places * processes <= max(whole.places, least)
    assert least <= part.per_host * processes <= max(whole.per_host, least)
    assert least <= part.per_domain * processes <= max(whole.per_domain, least)
    assert part.per_caller >= 1
    assert (part.for_jobs, part.for_people) == (0, part.places)
