"""Follows through Mastodon.py at `mastodon_mock`, a server of others in a process of its own."""

from typing import Any, Final

import pytest

from directory.accounts import MastodonAccount
from directory.follows.port import Attempt
from directory.follows.reasons import Reason
from directory.follows.runs import RunKind
from directory.follows.states import ItemState
from directory.identifiers import Acct, ActorUri
from directory.mappings import Network
from directory.networks.errors import NetworkError
from directory.networks.http import GuardedClient
from directory.networks.mastodon.finding import Fingers
from directory.networks.mastodon.follows import MastodonFollows
from directory.networks.port import AppBinding, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn
from tests.harness.clock import FakeClock
from tests.peers.mastodon_mock import HOST

FOLLOW: Final = RunKind.FOLLOW
SCOPE: Final = "read write"


async def somebody(http: GuardedClient, **fields: str) -> dict[str, Any]:
    """A new account, as the server tells its own developers."""
    answer = await http.post(f"https://{HOST}/api/v1/_mock/dev_user", json=fields)
    return answer.expect(200).parse(dict[str, Any])


async def lock(http: GuardedClient, access: str) -> None:
    headers = {"authorization": f"Bearer {access}", "content-type": "application/x-www-form-urlencoded"}
    path = "/api/v1/accounts/update_credentials"
    (await http.request("PATCH", f"https://{HOST}{path}", headers=headers, content=b"locked=true")).expect(
        200
    )


def session_of(http: GuardedClient, clock: FakeClock, access: str) -> MastodonFollows:
    tokens = TokenSet(
        network=Network.MASTODON,
        account_id=f"https://{HOST}/@me",
        server=HOST,
        access=access,
        refresh=None,
        scope=SCOPE,
        expires_at=None,
        client_id="client",
        binding=AppBinding("secret"),
    )
    return MastodonFollows(http, clock, Fingers(http, clock), tokens)


def attempt(number: int, user: str) -> Attempt:
    """The server gives the address of the profile for the actor's URI."""
    actor = ActorUri.parse(f"https://{HOST}/@{user}")
    return Attempt(number, MastodonAccount(actor, Acct(user, HOST)), "")


async def test_a_run_and_its_undo(http: GuardedClient, clock: FakeClock) -> None:
    """Open, locked, followed before, and one whose URI is another: found, followed, seen, and taken back."""
    me = await somebody(http)
    names = [(await somebody(http))["username"] for _ in range(2)]
    shy = await somebody(http)
    await lock(http, shy["access_token"])
    session = session_of(http, clock, me["access_token"])
    before = await session.follow(FOLLOW, [attempt(0, names[0])])
    assert before.outcomes[0].state is ItemState.FOLLOWED
    stranger = MastodonAccount(ActorUri.parse(f"https://{HOST}/users/other"), Acct(names[1], HOST))
    items = [
        attempt(0, names[0]),
        attempt(1, names[1]),
        attempt(2, shy["username"]),
        Attempt(3, stranger, ""),
    ]
    told = await session.follow(FOLLOW, items)
    assert {outcome.number: (outcome.state, outcome.reason) for outcome in told.outcomes} == {
        0: (ItemState.ALREADY, Reason.ALREADY_FOLLOWED),
        1: (ItemState.FOLLOWED, Reason.NONE),
        2: (ItemState.REQUESTED, Reason.NONE),
        3: (ItemState.FAILED, Reason.NOT_THAT_ID),
    }
    followed = await session.read_followed(FOLLOW)
    assert {one.acct for one in followed} == {f"{name}@{HOST}" for name in names}
    looked = await session.look(FOLLOW, items[1:3])
    assert [outcome.state for outcome in looked.outcomes] == [ItemState.FOLLOWED, ItemState.REQUESTED]
    undone = await session.undo(FOLLOW, items[1:3])
    assert [outcome.state for outcome in undone.outcomes] == [ItemState.UNDONE] * 2
    assert {one.acct for one in await session.read_followed(FOLLOW)} == {f"{names[0]}@{HOST}"}


@pytest.mark.parametrize("kind", [RunKind.BLOCK, RunKind.MUTE])
async def test_blocks_and_mutes(http: GuardedClient, clock: FakeClock, kind: RunKind) -> None:
    me, other = await somebody(http), await somebody(http)
    session, items = session_of(http, clock, me["access_token"]), [attempt(0, other["username"])]
    states = [
        (await session.follow(kind, items)).outcomes[0].state,
        (await session.follow(kind, items)).outcomes[0].state,
        (await session.undo(kind, items)).outcomes[0].state,
        (await session.look(kind, items)).outcomes[0].state,
    ]
    assert states == [ItemState.FOLLOWED, ItemState.ALREADY, ItemState.UNDONE, ItemState.PENDING]


async def test_a_token_that_never_was(http: GuardedClient, clock: FakeClock) -> None:
    other = await somebody(http)
    with pytest.raises(NeedsSignIn):
        await session_of(http, clock, "nobodys").follow(FOLLOW, [attempt(0, other["username"])])


@pytest.mark.parametrize("effect", [{"type": "malformed"}, {"type": "status", "status": 503}])
async def test_faults_of_the_whole_server(
    http: GuardedClient, clock: FakeClock, effect: dict[str, Any]
) -> None:
    """Each call fails: nobody is said not to be found, and nothing was sent."""
    me, other = await somebody(http), await somebody(http)
    for path in ("lookup", "search", "verify_credentials"):
        rule = {"match": {"path": f"/api/v1/accounts/{path}"}, "effect": effect}
        (await http.post(f"https://{HOST}/api/v1/_mock/faults", json=rule)).expect(200)
    session, items = session_of(http, clock, me["access_token"]), [attempt(0, other["username"])]
    with pytest.raises(NetworkError):
        await session.follow(FOLLOW, items)
    await http.request("DELETE", f"https://{HOST}/api/v1/_mock/faults")
    assert (await session.follow(FOLLOW, items)).outcomes[0].state is ItemState.FOLLOWED


async def test_its_rate_limit(http: GuardedClient, clock: FakeClock) -> None:
    me, other = await somebody(http), await somebody(http)
    rule = {"match": {"path": "/api/v1/accounts/lookup"}, "effect": {"type": "ratelimit"}}
    (await http.post(f"https://{HOST}/api/v1/_mock/faults", json=rule)).expect(200)
    session, items = session_of(http, clock, me["access_token"]), [attempt(0, other["username"])]
    told = await session.follow(FOLLOW, items)
    assert [outcome.state for outcome in told.outcomes] == [ItemState.PENDING]
    assert told.wait_until is not None
    assert told.wait_until > clock.now()
