"""Follows where servers fail: nothing is lost, nothing is doubled, and one person's trouble is not the server's."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import pytest

from directory.follows.looks import MAX_LOOKS
from directory.follows.port import Attempt
from directory.follows.reasons import Reason
from directory.follows.runs import RunKind
from directory.follows.states import ItemState
from directory.networks.answers import Answer
from directory.networks.contacts import contacts_told_to
from directory.networks.errors import Busy, HeldBack, NetworkError
from directory.networks.http import GuardedClient
from directory.networks.mastodon.allowance import MARGIN
from directory.networks.mastodon.follows import BATCH
from directory.networks.mastodon.wire import CALLS
from directory.networks.sign_in_errors import NeedsSignIn
from tests.directory.networks.mastodon.following import (
    FOLLOW,
    IMPATIENT,
    again,
    attempts,
    budget,
    session_at,
    states,
    verdicts,
)
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.flavours import ALL, GOTOSOCIAL, MASTODON, TAKAHE, Flavour
from tests.harness.fake_mastodon.home import Home
from tests.harness.fake_mastodon.internet import SILENCE_S, FakeInternet, Request, Response

everywhere = pytest.mark.parametrize("flavour", ALL, ids=lambda flavour: flavour.name)
FAILED: Final = ItemState.FAILED
PENDING: Final = ItemState.PENDING
ERROR_PAGE: Final = Response.html("<h1>Server Error (500)</h1>", 500)


def at(internet: FakeInternet, flavour: Flavour, clock: FakeClock) -> Home:
    return Home.at(internet, "home.test", flavour, clock)


def always(response: Response) -> Callable[[Request], Response]:
    return lambda _request: response


def after(times: int, response: Response) -> Callable[[Request], Response | None]:
    """As usual so many times, then this."""
    left = [times]

    def answer(_request: Request) -> Response | None:
        left[0] -= 1
        return response if left[0] < 0 else None

    return answer


@everywhere
async def test_the_permission_ends_in_the_middle(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """401, or 400 with a text. What was done is told, the rest was not sent, and the next call says it."""
    home = at(internet, flavour, clock)
    people = [home.add(f"bob{number}@far.test") for number in range(3)]

    def end(_request: Request) -> None:
        home.has_ended = True

    home.fail(f"/api/v1/accounts/{people[1].id}/follow", end)
    session, items = session_at(home, http, clock), attempts(*people)
    told = await session.follow(FOLLOW, items)
    assert states(told)[1] is states(told)[2] is PENDING
    assert states(told)[0] is not PENDING
    assert told.spent == 1
    for call in (session.follow(FOLLOW, items), session.look(FOLLOW, items), session.undo(FOLLOW, items)):
        with pytest.raises(NeedsSignIn):
            await call
    with pytest.raises(NeedsSignIn):
        await session.read_followed(FOLLOW)
    assert [person.follows for person in people] == [1, 0, 0]


@everywhere
async def test_too_little_scope(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """The server grants less than its token says; and what the token does not allow is not tried."""
    home = at(internet, flavour, clock)
    items = attempts(home.add("bob@far.test"))
    home.scope = "read"
    with pytest.raises(NeedsSignIn):
        await session_at(home, http, clock, scope="read write:follows").follow(FOLLOW, items)
    asked = len(home.requests)
    for kind, scope in ((RunKind.FOLLOW, "read"), (RunKind.BLOCK, "read write:follows")):
        with pytest.raises(NeedsSignIn):
            await session_at(home, http, clock, scope=scope).follow(kind, items)
    assert len(home.requests) == asked


@everywhere
@pytest.mark.parametrize(
    "page",
    [ERROR_PAGE, Response.html("<h1>Back soon</h1>"), Response.json([{"acct": None}])],
    ids=["500", "200", "odd"],
)
async def test_an_error_page_about_one_person(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour, page: Response
) -> None:
    """500 with HTML, or a page where JSON should be, for one account: the others are followed."""
    home = at(internet, flavour, clock)
    people = [home.add("bad@far.test"), home.add("bob@far.test")]

    def answer(request: Request) -> Response | None:
        return page if "bad" in request.raw_query else None

    home.fail("/api/v1/accounts/lookup", answer)
    home.fail("/api/v1/accounts/search", answer)
    told = await session_at(home, http, clock).follow(FOLLOW, attempts(*people))
    assert verdicts(told)[0] == (FAILED, Reason.NOT_FOUND)
    assert [person.follows for person in people] == [0, 1]


@everywhere
@pytest.mark.parametrize("page", [ERROR_PAGE, Response.html("<h1>We will be back</h1>"), Response(503)])
async def test_a_server_that_is_ill_loses_nobody(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour, page: Response
) -> None:
    """Every answer is an error page for a day. Nobody is said not to be found for it."""
    home = at(internet, flavour, clock)
    items = attempts(home.add("bob@far.test"), home.add("eve@far.test"))
    home.fail("/", always(page))
    session = session_at(home, http, clock)
    for call in (session.follow(FOLLOW, items), session.look(FOLLOW, items), session.undo(FOLLOW, items)):
        with pytest.raises(NetworkError):
            await call


@everywhere
async def test_an_error_on_a_follow_may_have_been_one(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """Takahē answered 500 to the fourth of four, and there was one follow. It is looked at, not sent again."""
    home = at(internet, flavour, clock)
    bob, eve = home.add("bob@far.test"), home.add("eve@far.test")

    def follow(_request: Request) -> Response:
        home._follow(bob)
        return ERROR_PAGE

    home.fail(f"/api/v1/accounts/{bob.id}/follow", follow)
    session, items = session_at(home, http, clock), attempts(bob, eve)
    told = await session.follow(FOLLOW, items)
    assert states(told)[0] is ItemState.SENT
    clock.advance(seconds=10)
    looked = await session.look(FOLLOW, again(told, items))
    assert set(states(looked).values()) == {ItemState.FOLLOWED}
    assert [bob.follows, eve.follows] == [1, 1]


@everywhere
async def test_a_follow_that_hangs(
    internet: FakeInternet,
    http: GuardedClient,
    clock: FakeClock,
    flavour: Flavour,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer never comes: it may have arrived. It is looked at under its id, and given up after five looks."""
    monkeypatch.setattr("directory.networks.mastodon.api.ACT_LIMITS", IMPATIENT)
    home = at(internet, flavour, clock)
    bob, eve = home.add("bob@far.test"), home.add("eve@far.test")
    home.fail(f"/api/v1/accounts/{bob.id}/follow", internet.hang)
    session, items = session_at(home, http, clock), attempts(bob, eve)
    told = await session.follow(FOLLOW, items)
    assert states(told) == {0: ItemState.SENT, 1: PENDING}
    assert told.spent == 1
    looked = await session.look(FOLLOW, again(told, items)[:1])
    assert states(looked) == {0: ItemState.SENT}
    assert eve.follows == 0


@everywhere
async def test_a_search_that_is_silent(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """The server waits for another one, longer than we do: that is no fault of its own, and the next are followed."""
    home = at(internet, flavour, clock)
    people = [home.add(f"silent{number}@far.test", is_seen=False) for number in range(2)]
    bob = home.add("bob@far.test", is_seen=False)

    def hang(request: Request) -> Response | None:
        return internet.hang(request) if "silent" in request.raw_query else None

    home.fail("/api/v1/accounts/search", hang)
    listener = Listener()
    with contacts_told_to(listener):
        told = await session_at(home, http, clock).follow(FOLLOW, attempts(*people, bob))
    assert verdicts(told)[0] == verdicts(told)[1] == (FAILED, Reason.NOT_FOUND)
    assert bob.follows == 1
    assert "home.test" not in listener.failed


@everywhere
async def test_one_who_cannot_be_looked_up_holds_up_no_look(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """After a kill, the server answers 500 for one of them: the others are seen, and this one is given up in time."""
    home = at(internet, flavour, clock)
    people = [home.add("bad@far.test"), home.add("bob@far.test")]
    people[1].asked_at = clock.now()
    clock.advance(minutes=2)
    home.fail("/api/v1/accounts/lookup", lambda asked: ERROR_PAGE if "bad" in asked.raw_query else None)
    session, items = session_at(home, http, clock), attempts(*people)
    assert states(await session.look(FOLLOW, items)) == {0: ItemState.SENT, 1: ItemState.FOLLOWED}
    last = Attempt(0, people[0].account, "", ItemState.SENT, MAX_LOOKS - 1)
    assert verdicts(await session.look(FOLLOW, [last])) == {0: (FAILED, Reason.NOT_TAKEN)}
    undone = await session.undo(FOLLOW, items)
    assert states(undone) == {0: ItemState.FOLLOWED, 1: ItemState.UNDONE}


async def test_nothing_new_is_begun_after_the_time_of_a_step(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("directory.networks.mastodon.calls.STEP_S", 0.0)
    home = at(internet, MASTODON, clock)
    told = await session_at(home, http, clock).follow(FOLLOW, attempts(home.add("bob@far.test")))
    assert states(told) == {0: PENDING}
    assert home.requests == []


async def test_an_unknown_id_among_the_relationships(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock
) -> None:
    """Takahē answers 404 for all of them: each half is asked for, and the others are told."""
    home = at(internet, TAKAHE, clock)
    people = [home.add(f"p{number}x@far.test") for number in range(8)]
    session, items = session_at(home, http, clock), attempts(*people)
    told = await session.follow(FOLLOW, items)
    people[5].is_unknown_id = True
    clock.advance(seconds=10)
    looked = await session.look(FOLLOW, again(told, items))
    assert verdicts(looked)[5] == (FAILED, Reason.NOT_FOUND)
    assert sum(state is ItemState.FOLLOWED for state in states(looked).values()) == 7


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


class Listener:
    """Hears what a job hears."""

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self.held: set[str] = set()
        self.asked: list[str] = []

    async def require_free(self, host: str) -> None:
        self.asked.append(host)
        if host in self.held:
            raise HeldBack(host, 60)

    def note_answer(self, host: str, answer: Answer) -> None:
        if answer.status == 429 or answer.status >= 500:
            self.failed.add(host)

    def note_failure(self, host: str, error: NetworkError) -> None:
        if isinstance(error, HeldBack) or "slow" in error.code:
            self.failed.add(host)


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
