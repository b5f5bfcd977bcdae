"""Follows where servers fail: nothing is lost, nothing is doubled, and one person's trouble is not the server's."""

from collections.abc import Callable
from typing import Final

import pytest

from directory.follows.looks import MAX_LOOKS
from directory.follows.port import Attempt
from directory.follows.reasons import Reason
from directory.follows.runs import RunKind
from directory.follows.states import ItemState
from directory.networks.contacts import contacts_told_to
from directory.networks.errors import NetworkError
from directory.networks.http import GuardedClient
from directory.networks.sign_in_errors import NeedsSignIn
from tests.directory.networks.mastodon.following import (
    FOLLOW,
    IMPATIENT,
    Listener,
    again,
    always,
    at,
    attempts,
    everywhere,
    session_at,
    states,
    verdicts,
)
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.flavours import MASTODON, TAKAHE, Flavour
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response

FAILED: Final = ItemState.FAILED
PENDING: Final = ItemState.PENDING
ERROR_PAGE: Final = Response.html("<h1>Server Error (500)</h1>", 500)


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
    assert states(looked)[5] is ItemState.SENT, "it is looked at again"
    given_up = await session.look(FOLLOW, again(told, items, MAX_LOOKS - 1))
    assert verdicts(given_up)[5] == (FAILED, Reason.NOT_TAKEN)
    assert sum(state is ItemState.FOLLOWED for state in states(looked).values()) == 7


@everywhere
async def test_an_empty_list_is_no_word_about_whoever_was_followed(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """Fault: a server told for a minute how the member stands to nobody. Whoever had just been followed counted as failed, and
    whom it refused to unfollow as unfollowed: both stayed followed, and no undo reached them any more."""
    home = at(internet, flavour, clock)
    bob, ann = home.add("bob@far.test"), home.add("ann@far.test")
    session, items = session_at(home, http, clock), attempts(bob, ann)
    told = await session.follow(FOLLOW, items)
    clock.advance(hours=1)
    home.fail("/api/v1/accounts/relationships", always(Response.json([])))
    sent = [Attempt(n, one.account, one.id, ItemState.SENT) for n, one in enumerate((bob, ann))]
    assert states(await session.look(FOLLOW, sent)) == dict.fromkeys(range(2), ItemState.SENT)
    asked = [Attempt(0, bob.account, bob.id, ItemState.REQUESTED)]
    assert states(await session.look(FOLLOW, asked)) == {0: ItemState.REQUESTED}
    home.fail(f"/api/v1/accounts/{ann.id}/unfollow", always(Response.json({"error": "no"}, 422)))
    undone = await session.undo(FOLLOW, again(told, items))
    assert states(undone) == {0: ItemState.UNDONE, 1: ItemState.UNDOING}
