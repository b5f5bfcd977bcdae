"""Follows at the three families of servers, over real HTTP."""

import pytest

from directory.accounts import MastodonAccount
from directory.follows.looks import MAX_LOOKS
from directory.follows.port import Attempt
from directory.follows.reasons import Reason
from directory.follows.runs import RunKind
from directory.follows.states import ItemState
from directory.identifiers import Acct, ActorUri
from directory.networks.http import GuardedClient
from directory.networks.mastodon.finding import Fingers
from tests.directory.networks.mastodon.following import (
    FOLLOW,
    again,
    at,
    attempts,
    everywhere,
    only,
    session_at,
    states,
    verdicts,
)
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.flavours import GOTOSOCIAL, MASTODON, TAKAHE, Flavour
from tests.harness.fake_mastodon.internet import FakeInternet

FAILED = ItemState.FAILED


@everywhere
async def test_everybody_is_followed_once(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """Open and locked, near and far, seen before and never seen; and whatever a server says at first, a look some
    seconds later tells what became of each."""
    home = at(internet, flavour, clock)
    people = [
        home.add("near@home.test"),
        home.add("shy@home.test", is_locked=True),
        home.add("bob@far.test"),
        home.add("new@far.test", is_seen=False),
        home.add("far.shy@far.test", is_locked=True),
    ]
    items = attempts(*people)
    async with session_at(home, http, clock) as session:
        told = await session.follow(FOLLOW, items)
        assert told.spent == 5
        assert set(states(told).values()) <= {ItemState.SENT, ItemState.FOLLOWED, ItemState.REQUESTED}
        clock.advance(seconds=10)
        seen = await session.look(FOLLOW, again(told, items))
    expected = [ItemState.FOLLOWED, ItemState.REQUESTED, ItemState.FOLLOWED, ItemState.FOLLOWED]
    assert states(seen) == dict(enumerate([*expected, ItemState.REQUESTED]))
    assert [person.follows for person in people] == [1] * 5


async def test_takahe_says_nothing_at_first(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock
) -> None:
    home = at(internet, TAKAHE, clock)
    items = attempts(home.add("near@home.test"))
    session = session_at(home, http, clock)
    told = await session.follow(FOLLOW, items)
    assert states(told) == {0: ItemState.SENT}
    looked = await session.look(FOLLOW, again(told, items))
    assert states(looked) == {0: ItemState.SENT}
    assert only(looked).remote == home.people[1].id


@everywhere
async def test_who_is_followed_already_is_left_alone(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """A second follow would change how their boosts are shown, and ask again who has not decided."""
    home = at(internet, flavour, clock)
    before = clock.now()
    clock.advance(hours=1)
    people = [
        home.add("bob@far.test", asked_at=before),
        home.add("shy@far.test", asked_at=before, is_locked=True),
    ]
    told = await session_at(home, http, clock).follow(FOLLOW, attempts(*people))
    assert set(verdicts(told).values()) == {(ItemState.ALREADY, Reason.ALREADY_FOLLOWED)}
    assert [person.follows for person in people] == [0, 0]
    assert told.spent == 0


@everywhere
async def test_blocked_in_either_direction(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """Takahē says yes to both and nothing comes of it: they are seen before."""
    home = at(internet, flavour, clock)
    people = [home.add("one@far.test", blocks_me=True), home.add("two@far.test", is_blocked=True)]
    told = await session_at(home, http, clock).follow(FOLLOW, attempts(*people))
    assert verdicts(told) == dict.fromkeys(range(2), (FAILED, Reason.BLOCKED))
    assert [person.follows for person in people] == [0, 0]


@everywhere
async def test_blocked_in_the_meantime(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """404 on a follow is gone or blocked; Takahē says nothing, and a look tells."""
    home = at(internet, flavour, clock)
    person = home.add("one@far.test")

    def block(_request: object) -> None:
        person.blocks_me = True

    home.fail(f"/api/v1/accounts/{person.id}/follow", block)
    session, items = session_at(home, http, clock), attempts(person)
    told = await session.follow(FOLLOW, items)
    if only(told).state is ItemState.SENT:
        told = await session.look(FOLLOW, again(told, items))
    assert verdicts(told) == {0: (FAILED, Reason.BLOCKED)}


@everywhere
async def test_not_found_is_not_gone(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """Unknown, at a silent host, at a blocked domain: the server says the same of all, and goes on well."""
    home = at(internet, flavour, clock)
    silent = home.add("one@silent.test", is_silent=True, is_seen=False)
    unknown = Attempt(1, home.add("two@far.test").account, "")
    home.people.pop()
    bob = home.add("bob@far.test")
    items = [*attempts(silent), unknown, Attempt(2, bob.account, "")]
    told = await session_at(home, http, clock).follow(FOLLOW, items)
    assert verdicts(told)[0] == verdicts(told)[1] == (FAILED, Reason.NOT_FOUND)
    assert bob.follows == 1


async def test_a_stranger_of_a_prefix_search_is_not_followed(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock
) -> None:
    """Takahē gives 20 people for a limit of one, the wanted one last."""
    home = at(internet, TAKAHE, clock)
    strangers = [home.add(f"extra{number}@far.test") for number in range(25)]
    wanted = home.add("extra@far.test", is_seen=False)
    told = await session_at(home, http, clock).follow(FOLLOW, attempts(wanted))
    assert only(told).remote == wanted.id
    assert wanted.follows == 1
    assert not any(one.follows for one in strangers)


@everywhere
async def test_a_name_that_passed_to_somebody_else(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """The address is that of the mapping, and the actor is not: nobody is followed."""
    home = at(internet, flavour, clock)
    person = home.add("bob@far.test", actor="https://far.test/users/another")
    wanted = Attempt(
        0, MastodonAccount(ActorUri.parse("https://far.test/users/bob"), person.account.acct), ""
    )
    told = await session_at(home, http, clock).follow(FOLLOW, [wanted])
    assert verdicts(told) == {0: (FAILED, Reason.NOT_THAT_ID)}
    assert person.follows == 0


@everywhere
async def test_a_name_that_passed_on_since_somebody_else_was_followed_by_it(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """Attack: whoever answers for an address has it followed by one member, and gives it to another account an hour later.
    Where the member's server tells no actor, what WebFinger had said counted for a day: the other one was followed."""
    home, fingers = at(internet, flavour, clock), Fingers(http, clock)
    bob = home.add("bob@far.test")
    wanted = attempts(bob)
    await session_at(home, http, clock, fingers=fingers).follow(FOLLOW, wanted)
    home.people.remove(bob)
    mallory = home.add("bob@far.test", actor="https://far.test/users/mallory")
    clock.advance(hours=1)
    told = await session_at(home, http, clock, fingers=fingers).follow(FOLLOW, wanted)
    assert verdicts(told) == {0: (FAILED, Reason.NOT_THAT_ID)}
    assert mallory.follows == 0


@everywhere
async def test_an_address_on_another_domain_than_its_server(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """`@zoe@social.acct.test` and `@zoe@acct.test` both give `zoe@acct.test`."""
    home = at(internet, flavour, clock)
    zoe = home.add("zoe@acct.test", web="social.acct.test", is_seen=False)
    told = await session_at(home, http, clock).follow(FOLLOW, attempts(zoe))
    assert zoe.follows == 1
    assert only(told).remote == zoe.id


@everywhere
async def test_a_server_whose_name_is_beyond_ascii(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """Servers show the name as people read it; the mapping has it as it is registered. Who is followed already was not
    known as such, where the server tells no actor."""
    home = at(internet, flavour, clock)
    zoe = home.add("zoe@xn--mnchen-3ya.test", shown_host="m\u00fcnchen.test", is_seen=False)
    told = await session_at(home, http, clock).follow(FOLLOW, attempts(zoe))
    assert (zoe.follows, only(told).remote) == (1, zoe.id)
    clock.advance(hours=1)
    (followed,) = await session_at(home, http, clock).read_followed(FOLLOW)
    assert followed.acct == str(zoe.account.acct)


@pytest.mark.parametrize("flavour", [GOTOSOCIAL, MASTODON], ids=lambda flavour: flavour.name)
async def test_who_moved_is_not_followed(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """GoToSocial would say `following: true`. The new account is offered instead."""
    home = at(internet, flavour, clock)
    carol = home.add("carol@new.test")
    bob = home.add("bob@far.test", moved=carol)
    own = home.add("dave@home.test", moved=home.add("dan@home.test"))
    # Under the same name, to the member's own server: there it is shown as the bare name, as the old one's would be.
    came = home.add("erin@far.test", moved=home.add("erin@home.test"))
    told = await session_at(home, http, clock).follow(FOLLOW, attempts(bob, own, came))
    assert verdicts(told) == dict.fromkeys(range(3), (FAILED, Reason.MOVED))
    assert told.outcomes[0].moved_to == carol.account
    assert told.outcomes[1].moved_to is not None
    assert told.outcomes[1].moved_to.handle == Acct("dan", "home.test")
    assert told.outcomes[2].moved_to is not None
    assert told.outcomes[2].moved_to.handle == Acct("erin", "home.test")
    assert bob.follows == own.follows == came.follows == 0


async def test_a_suspended_account(internet: FakeInternet, http: GuardedClient, clock: FakeClock) -> None:
    home = at(internet, MASTODON, clock)
    told = await session_at(home, http, clock).follow(
        FOLLOW, attempts(home.add("bob@far.test", is_suspended=True))
    )
    assert verdicts(told) == {0: (FAILED, Reason.LABELLED)}


async def test_the_member_moved(internet: FakeInternet, http: GuardedClient, clock: FakeClock) -> None:
    """403 is not always about the scope. Nobody else is tried, and undoing still works."""
    home = at(internet, GOTOSOCIAL, clock)
    people = [home.add(f"bob{number}@far.test") for number in range(3)]
    home.is_moved = True
    session = session_at(home, http, clock)
    told = await session.follow(FOLLOW, attempts(*people))
    assert verdicts(told) == dict.fromkeys(range(3), (FAILED, Reason.MEMBER_MOVED))
    assert sum(path.endswith("/follow") for path in home.requests) == 1
    people[0].asked_at = clock.now()
    undone = await session.undo(FOLLOW, attempts(people[0]))
    assert states(undone) == {0: ItemState.UNDONE}


@everywhere
async def test_a_request_that_is_declined(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """It goes back to `false` without a word. A second follow would ask them again."""
    home = at(internet, flavour, clock)
    person = home.add("shy@far.test", is_locked=True)
    session, items = session_at(home, http, clock), attempts(person)
    items = again(await session.follow(FOLLOW, items), items)
    clock.advance(seconds=10)
    items = again(await session.look(FOLLOW, items), items)
    assert items[0].state is ItemState.REQUESTED
    person.is_rejected = True
    told = await session.look(FOLLOW, items)
    assert verdicts(told) == {0: (FAILED, Reason.REJECTED)}
    assert person.follows == 1


async def test_what_is_never_seen_was_not_taken(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock
) -> None:
    home = at(internet, TAKAHE, clock)
    person = home.add("bob@far.test")
    session, items = session_at(home, http, clock), attempts(person)
    told = await session.follow(FOLLOW, items)
    person.is_rejected = True
    for looks in range(MAX_LOOKS):
        items = again(told, items, looks)
        assert items[0].state is ItemState.SENT
        told = await session.look(FOLLOW, items)
    assert verdicts(told) == {0: (FAILED, Reason.NOT_TAKEN)}


@everywhere
async def test_a_kill_between_the_follow_and_its_answer(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """Nothing of the answers was stored. What was followed is found, what was not is sent, and nobody twice."""
    home = at(internet, flavour, clock)
    people = [home.add("bob@far.test"), home.add("eve@far.test"), home.add("new@far.test", is_seen=False)]
    items = attempts(*people)
    await session_at(home, http, clock).follow(FOLLOW, items[:1])
    clock.advance(minutes=2)
    session = session_at(home, http, clock)
    looked = await session.look(FOLLOW, items)
    assert states(looked) == {0: ItemState.FOLLOWED, 1: ItemState.PENDING, 2: ItemState.PENDING}
    await session.follow(FOLLOW, items[1:])
    assert [person.follows for person in people] == [1, 1, 1]


@everywhere
async def test_undo_takes_back_follows_and_requests(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    home = at(internet, flavour, clock)
    people = [home.add("bob@far.test"), home.add("shy@far.test", is_locked=True)]
    gone, never = home.add("gone@far.test"), home.add("never@far.test", is_seen=False)
    items = attempts(*people, gone, never)
    session = session_at(home, http, clock)
    told = await session.follow(FOLLOW, items[:3])
    clock.advance(seconds=10)
    gone.is_unknown_id = True
    undone = await session.undo(FOLLOW, [*again(told, items[:3]), items[3]])
    assert states(undone) == dict.fromkeys(range(4), ItemState.UNDONE)
    assert all(one.asked_at is None for one in people)
    assert [one.unfollows for one in people] == [1, 1]
    assert not any(home.shown(one)[0] or home.shown(one)[1] for one in people)


@pytest.mark.parametrize("kind", [RunKind.BLOCK, RunKind.MUTE])
@everywhere
async def test_blocks_and_mutes(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour, kind: RunKind
) -> None:
    """They count as no follows, are done once, and are taken back."""
    home = at(internet, flavour, clock)
    home.scope = "read write:follows write"
    bob = home.add("bob@far.test")
    already = home.add("eve@far.test", is_blocked=True, is_muted=True)
    session, items = session_at(home, http, clock), attempts(bob, already)
    told = await session.follow(kind, items)
    assert states(told) == {0: ItemState.FOLLOWED, 1: ItemState.ALREADY}
    assert told.spent == 0
    assert (bob.is_blocked, bob.is_muted) == (kind is RunKind.BLOCK, kind is RunKind.MUTE)
    assert states(await session.look(kind, items[:1])) == {0: ItemState.FOLLOWED}
    assert states(await session.undo(kind, items[:1])) == {0: ItemState.UNDONE}
    assert not bob.is_blocked
    assert not bob.is_muted


@everywhere
async def test_nobody_is_blocked_who_is_followed_there(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """Fault: a block of a list from X ended follows that the member had made by hand, and those of the others back; no undo
    brings them again. A mute ends nothing."""
    home = at(internet, flavour, clock)
    home.scope = "read write:follows write"
    before = clock.now()
    clock.advance(hours=1)
    people = [
        home.add("bob@far.test", asked_at=before),
        home.add("shy@far.test", asked_at=before, is_locked=True),
        home.add("eve@far.test"),
    ]
    session, items = session_at(home, http, clock), attempts(*people)
    told = await session.follow(RunKind.BLOCK, items)
    left = (ItemState.SKIPPED, Reason.FOLLOWED_THERE)
    assert verdicts(told) == {0: left, 1: left, 2: (ItemState.FOLLOWED, Reason.NONE)}
    assert [person.is_blocked for person in people] == [False, False, True]
    assert set(states(await session.follow(RunKind.MUTE, items)).values()) == {ItemState.FOLLOWED}


@everywhere
async def test_who_is_followed_is_read(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """Page by page, and to an end where a server names another page behind the last."""
    home = at(internet, flavour, clock)
    before = clock.now()
    clock.advance(hours=1)
    people = [home.add(f"p{number}@far.test", asked_at=before) for number in range(100)]
    near = home.add("near@home.test", asked_at=before)
    home.add("stranger@far.test")
    followed = await session_at(home, http, clock).read_followed(FOLLOW)
    assert [one.acct for one in followed] == [one.acct for one in (*people, near)]
    assert [one.remote for one in followed] == [one.id for one in (*people, near)]
    if flavour.tells_uri:
        assert [str(one.id) for one in followed] == [one.actor for one in (*people, near)]
    else:
        assert not any(one.id for one in followed)


@everywhere
@pytest.mark.parametrize("share_unseen", [0.0, 0.5, 1.0])
async def test_at_most_2_2_requests_a_follow(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour, share_unseen: float
) -> None:
    """Measured with everybody seen before by the server, half of them, and nobody; with the look that follows."""
    home = at(internet, flavour, clock)
    people = [home.add(f"p{number}x@far.test", is_seen=number >= 20 * share_unseen) for number in range(20)]
    session, items = session_at(home, http, clock), attempts(*people)
    told = await session.follow(FOLLOW, items)
    clock.advance(seconds=10)
    looked = await session.look(FOLLOW, again(told, items))
    assert set(states(looked).values()) == {ItemState.FOLLOWED}
    assert session.requests <= 2.2 * len(people)
    assert session.requests == len(home.requests)
