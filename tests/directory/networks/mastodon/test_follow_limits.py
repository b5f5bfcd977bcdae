"""Follows within limits: of a token, of a day, of an address, and of the threads for one host."""

import asyncio
from datetime import timedelta
from typing import Final

import pytest

from directory.follows.states import ItemState
from directory.networks.contacts import contacts_told_to
from directory.networks.errors import Busy, HeldBack
from directory.networks.http import GuardedClient
from directory.networks.mastodon.allowance import MARGIN
from directory.networks.mastodon.follows import BATCH
from directory.networks.mastodon.wire import CALLS
from tests.directory.networks.mastodon.following import (
    FOLLOW,
    Listener,
    always,
    at,
    attempts,
    budget,
    session_at,
    states,
)
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.flavours import GOTOSOCIAL, MASTODON, TAKAHE, Flavour
from tests.harness.fake_mastodon.internet import SILENCE_S, FakeInternet, Request, Response

PENDING: Final = ItemState.PENDING
ERROR_PAGE: Final = Response.html("<h1>Server Error (500)</h1>", 500)


@pytest.mark.parametrize("flavour", [GOTOSOCIAL, MASTODON], ids=lambda flavour: flavour.name)
async def test_requests_are_spent_to_the_last_and_never_beyond(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """300 in five minutes, told in each answer: it waits for the reset without one 429."""
    home = at(internet, flavour, clock)
    home.add("warm@far.test")
    session = session_at(home, http, clock)
    await session.follow(FOLLOW, attempts(home.people[1]))
    home.counted = 280
    people = [home.add(f"p{number}x@far.test") for number in range(BATCH)]
    told = await session.follow(FOLLOW, attempts(*people))
    assert home.refusals == 0
    assert sum(person.follows for person in people) >= 6
    assert told.wait_until is not None
    assert home.begun is not None
    assert told.wait_until - home.begun == timedelta(minutes=5) + MARGIN
    now = clock.now()
    assert session.affordable(budget(now), now) == 0
    assert session.next_slot(budget(now), now) == told.wait_until
    clock.advance(minutes=5, seconds=1)
    left = [item for item in attempts(*people) if states(told)[item.number] is PENDING]
    assert set(states(await session.follow(FOLLOW, left)).values()) <= {
        ItemState.REQUESTED,
        ItemState.FOLLOWED,
    }
    assert [person.follows for person in people] == [1] * BATCH
    assert home.refusals == 0


Form = tuple[dict[str, str], timedelta]
FORMS: Final[list[Form]] = [
        ({}, timedelta(minutes=5)),
        ({"retry-after": "90"}, timedelta(seconds=90) + MARGIN),
        ({"retry-after": "Sun, 01 Nov 2026 12:03:00 GMT"}, timedelta(minutes=3) + MARGIN),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-11-01T12:04:00.000Z"}, timedelta(minutes=4) + MARGIN),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1793534640"}, timedelta(minutes=4) + MARGIN),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, timedelta(minutes=5)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-10-01T12:04:00.000Z"}, timedelta(minutes=5)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9999-10-01T12:04:00.000Z"}, timedelta(days=1) + MARGIN),
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", [429, 503])
async def test_asked_to_wait(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, status: int, form: Form
) -> None:
    """In each form that servers use, and without any: nothing of the answer is lost, and nothing more is sent."""
    headers, wait = form
    home = at(internet, TAKAHE, clock)
    bob, eve = home.add("bob@far.test"), home.add("eve@far.test")
    dated = {"date": "Sun, 01 Nov 2026 12:00:00 GMT"} | headers
    refusal = Response(status, b'{"error": "Too many requests"}', dated)
    home.fail(f"/api/v1/accounts/{eve.id}/follow", always(refusal))
    session, items = session_at(home, http, clock), attempts(bob, eve)
    told = await session.follow(FOLLOW, items)
    if status == 503 and "retry-after" not in headers:
        # Whether it arrived is not known, and no time is told.
        assert states(told)[1] is ItemState.SENT
        return
    assert states(told) == {0: ItemState.SENT, 1: PENDING}
    assert told.spent == 1
    assert told.wait_until == clock.now() + wait


async def test_follows_of_a_day(internet: FakeInternet, http: GuardedClient, clock: FakeClock) -> None:
    """400 in a day: by what was counted here, and by what the server tells of follows made elsewhere."""
    home = at(internet, MASTODON, clock)
    session = session_at(home, http, clock)
    now = clock.now()
    assert session.affordable(budget(now, 390), now) == 10
    assert session.affordable(budget(now, 400), now) == 0
    assert session.next_slot(budget(now, 400), now) == now + timedelta(hours=24)
    assert session.affordable(budget(now - timedelta(hours=24), 400), now) == BATCH
    later = now + timedelta(minutes=7)
    assert session.affordable(budget(now, 0, later), now) == 0
    assert session.next_slot(budget(now, 0, later), now) == later
    home.followed_today = 398
    people = [home.add(f"p{number}x@home.test") for number in range(5)]
    told = await session.follow(FOLLOW, attempts(*people))
    assert [person.follows for person in people] == [1, 1, 0, 0, 0]
    assert told.wait_until == now + timedelta(hours=24) + MARGIN
    assert home.refusals == 0


@pytest.mark.parametrize(
    ("answer", "is_blamed"),
    [
        (Response.json({"error": "rate limit reached"}, 429), True),
        (Response.json({"error": "Too many requests"}, 429), False),
        (ERROR_PAGE, False),
        (Response(502), True),
    ],
)
async def test_what_holds_a_host_back_for_all(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, answer: Response, is_blamed: bool
) -> None:
    """GoToSocial refuses our address, with all its members; Mastodon refuses one token, and 500 may be about one person.
    One member's limit must not stop the others."""
    home = at(internet, GOTOSOCIAL, clock)
    bob = home.add("bob@far.test")
    home.fail(f"/api/v1/accounts/{bob.id}/follow", always(answer))
    listener = Listener()
    with contacts_told_to(listener):
        await session_at(home, http, clock).follow(FOLLOW, attempts(bob))
    assert ("home.test" in listener.failed) is is_blamed
    assert "home.test" in listener.asked


async def test_a_host_that_is_held_back_is_not_asked(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock
) -> None:
    home = at(internet, GOTOSOCIAL, clock)
    listener = Listener()
    listener.held.add("home.test")
    with contacts_told_to(listener), pytest.raises(HeldBack):
        await session_at(home, http, clock).follow(FOLLOW, attempts(home.add("bob@far.test")))
    assert home.requests == []


async def test_a_step_that_is_ended_lets_go(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock
) -> None:
    """Members erase their accounts while requests of theirs hang, as many as there are threads for a host. What is in
    a thread ends with its step, and the next member is served long before the silence ends."""
    home = at(internet, MASTODON, clock)
    hanging = home.add("bob@far.test")
    reached = asyncio.Queue[None]()
    loop = asyncio.get_running_loop()

    def hang(request: Request) -> Response:
        loop.call_soon_threadsafe(reached.put_nowait, None)
        return internet.hang(request)

    home.fail(f"/api/v1/accounts/{hanging.id}/follow", hang)
    steps = [
        asyncio.create_task(session_at(home, http, clock).follow(FOLLOW, attempts(hanging)))
        for _ in range(CALLS.per_host)
    ]
    for _ in steps:
        await reached.get()
    for step in steps:
        step.cancel()
    assert all(
        isinstance(one, asyncio.CancelledError)
        for one in await asyncio.gather(*steps, return_exceptions=True)
    )
    items = attempts(home.add("next@far.test"))
    async with asyncio.timeout(SILENCE_S / 2):
        while True:
            try:
                told = await session_at(home, http, clock).follow(FOLLOW, items)
            except Busy:
                await asyncio.sleep(0.01)
                continue
            break
    assert told.spent == 1
    assert told.outcomes[0].state is not PENDING
