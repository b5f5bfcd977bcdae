"""Servers that fail, lie or fall silent, and permissions that end: one sentence each, and nothing is doubled."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import msgspec
import pytest

from directory.follows.runs import RunKind
from directory.follows.states import ItemState
from directory.mappings import Network
from directory.networks.bluesky.client import SCOPE_ARRANGE, SCOPE_FOLLOW
from directory.networks.bluesky.did import DidResolver
from directory.networks.bluesky.dpop import SigningKey
from directory.networks.bluesky.follows import BlueskyFollows
from directory.networks.bluesky.handles import HandleResolver
from directory.networks.bluesky.identity import Identities
from directory.networks.bluesky.points import Allowances
from directory.networks.bluesky.requests import DpopRequests
from directory.networks.bluesky.servers import Servers
from directory.networks.bluesky.sessions import BlueskySessions
from directory.networks.bluesky.settling import MAX_CALLS
from directory.networks.bluesky.wire import acting_as
from directory.networks.bluesky.xrpc import AccountShut
from directory.networks.errors import BadAnswer, NetworkError, Unreachable
from directory.networks.http import GuardedClient
from directory.networks.port import DpopBinding, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn
from tests.directory.networks.bluesky.calls import At
from tests.directory.networks.bluesky.fakes import ALICE, NOON, FakePds, document
from tests.directory.networks.bluesky.follows.following import Line, attempt, run_of, stranger_did
from tests.harness.fake_mastodon.fixtures import http_fixture, internet_fixture
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response

WRITES: Final = "/xrpc/com.atproto.repo.applyWrites"
PAGES: Final = "/xrpc/com.atproto.repo.listRecords"
NAMES: Final = ["3l" + "2" * 11, "3l" + "2" * 10 + "3", "3l" + "2" * 10 + "4"]
ITEMS: Final = [attempt(number, remote=name) for number, name in enumerate(NAMES)]


def tokens(scope: str = SCOPE_FOLLOW, server: str = "https://pds.test") -> TokenSet:
    return TokenSet(
        network=Network.BLUESKY,
        account_id=ALICE,
        server=server,
        access="access",
        refresh=None,
        scope=scope,
        expires_at=None,
        client_id="client",
        binding=DpopBinding(SigningKey.generate().to_json(), None),
    )


@dataclass
class Repository:
    """A PDS with one repository; `answers` say something else instead, in turn, the last one for ever."""

    records: dict[str, str] = field(default_factory=dict)
    answers: dict[str, list[Response]] = field(default_factory=dict)
    writes: list[int] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        if request.path == WRITES:
            self.writes.append(len(msgspec.json.decode(request.body)["writes"]))
        if said := self.answers.get(request.path):
            return said.pop(0) if len(said) > 1 else said[0]
        return self._write(request) if request.path == WRITES else self._list()

    def _write(self, request: Request) -> Response:
        for write in msgspec.json.decode(request.body)["writes"]:
            if write["$type"].endswith("#create"):
                self.records[write["rkey"]] = write["value"]["subject"]
            else:
                del self.records[write["rkey"]]
        return Response.json({"results": []})

    def _list(self) -> Response:
        listed = [
            {
                "uri": f"at://{ALICE}/app.bsky.graph.follow/{key}",
                "cid": "bafy",
                "value": {"$type": "app.bsky.graph.follow", "subject": subject, "createdAt": "x"},
            }
            for key, subject in sorted(self.records.items(), reverse=True)
        ]
        return Response.json({"records": listed})


def refused(status: int, name: str, **headers: str) -> Response:
    answer = Response.json({"error": name, "message": "no"}, status)
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Response(status, answer.body, answer.headers | named)


internet = internet_fixture()
http = http_fixture()


@pytest.fixture
def repository(internet: FakeInternet) -> Repository:
    site = Repository()
    internet.sites["pds.test"] = site
    return site


def session(
    http: GuardedClient,
    scope: str = SCOPE_FOLLOW,
    kind: RunKind = RunKind.FOLLOW,
    breaks_after: float | None = None,
) -> BlueskyFollows:
    held = tokens(scope)
    line = Line(acting_as(DpopRequests(http), held, At(NOON)), breaks=lambda _path, _number: breaks_after)
    return BlueskyFollows(
        run_of(NOON, kind),
        held,
        origin="https://pds.test",
        send=line,
        allowances=Allowances(),
        clock=At(NOON),
    )


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused(401, "ExpiredToken"), NeedsSignIn),
        (refused(401, "invalid_token"), NeedsSignIn),
        (refused(400, "InvalidToken"), NeedsSignIn),
        (refused(403, "ScopeMissingError"), NeedsSignIn),
        (refused(401, "use_dpop_nonce"), NetworkError),
        (refused(401, "AccountTakedown"), AccountShut),
        (refused(401, "AccountDeactivated"), AccountShut),
        (refused(400, "RepoTakendown"), AccountShut),
        (refused(500, "InternalServerError"), NetworkError),
        (refused(502, "UpstreamFailure"), NetworkError),
        (refused(501, "MethodNotImplemented"), NetworkError),
        (Response.html("<h1>Under maintenance</h1>", 503), NetworkError),
        (Response.html("<h1>Welcome</h1>"), BadAnswer),
        (Response(200, b"[" * 100_000, {"content-type": "application/json"}), BadAnswer),
        (Response(200, b"{", {"content-type": "application/json"}), BadAnswer),
        (Response.json([]), BadAnswer),
        (Response.redirect("https://evil.test/"), BadAnswer),
        (Response(200, b" " * 2_000_000, {"content-type": "application/json"}), BadAnswer),
    ],
)
async def test_one_error_of_one_kind(
    repository: Repository,
    internet: FakeInternet,
    http: GuardedClient,
    answer: Response,
    error: type[Exception],
) -> None:
    """Whatever a server answers, a session raises what its caller knows, and asks nobody else."""
    repository.answers = {WRITES: [answer], PAGES: [answer]}
    async with session(http) as following:
        for call in (
            lambda: following.follow(RunKind.FOLLOW, ITEMS),
            lambda: following.undo(RunKind.FOLLOW, ITEMS),
            lambda: following.look(RunKind.FOLLOW, ITEMS),
            lambda: following.read_followed(RunKind.FOLLOW),
        ):
            with pytest.raises(error) as caught:
                await call()
            assert isinstance(caught.value, NetworkError | NeedsSignIn)
            assert "\n" not in str(caught.value)
    assert {request.host for request in internet.requests} == {"pds.test"}


@pytest.mark.parametrize("is_found", [True, False])
async def test_nobody_is_there(internet: FakeInternet, http: GuardedClient, is_found: bool) -> None:
    """The server is down for a day, or its name has gone."""
    if is_found:
        internet.sites["pds.test"] = internet.hang
    async with session(http, breaks_after=0.2) as following:
        with pytest.raises(Unreachable):
            await following.look(RunKind.FOLLOW, ITEMS)


async def test_a_refusal_without_a_word_waits_five_minutes(
    repository: Repository, http: GuardedClient
) -> None:
    repository.answers = {WRITES: [refused(429, "RateLimitExceeded")]}
    async with session(http) as following:
        told = await following.follow(RunKind.FOLLOW, ITEMS)
    assert {outcome.state for outcome in told.outcomes} == {ItemState.PENDING}
    assert {outcome.remote for outcome in told.outcomes} == set(NAMES)
    assert (told.spent, told.wait_until) == (0, NOON + timedelta(minutes=5))
    assert repository.writes == [3]


async def test_a_server_that_refuses_everything_is_not_asked_for_ever(
    repository: Repository, http: GuardedClient
) -> None:
    """It says of each record that it is bad: 200 people would be 399 calls. What is left is tried in the next batch."""
    repository.answers = {WRITES: [refused(400, "InvalidRequest")]}
    items = [
        attempt(number, remote="3l" + f"{number:011d}".translate(str.maketrans("0189", "wxyz")))
        for number in range(200)
    ]
    async with session(http) as following:
        told = await following.follow(RunKind.FOLLOW, items)
    assert len(repository.writes) == MAX_CALLS
    states = [outcome.state for outcome in told.outcomes]
    assert len(states) == 200
    assert set(states) == {ItemState.FAILED, ItemState.PENDING}
    assert told.spent == 3 * sum(repository.writes)


async def test_it_breaks_in_the_middle_of_halving(repository: Repository, http: GuardedClient) -> None:
    """What was written is told; what may have been is looked at before anything is sent again."""
    repository.answers = {
        WRITES: [refused(400, "InvalidRequest"), Response.json({"results": []}), Response(503)]
    }
    async with session(http) as following:
        told = await following.follow(RunKind.FOLLOW, ITEMS)
    states = {outcome.number: outcome.state for outcome in told.outcomes}
    assert states == {0: ItemState.FOLLOWED, 1: ItemState.SENT, 2: ItemState.SENT}


async def test_a_key_that_names_somebody_else_is_not_ours(
    repository: Repository, http: GuardedClient
) -> None:
    repository.records[NAMES[0]] = stranger_did(77)
    async with session(http) as following:
        told = await following.look(RunKind.FOLLOW, ITEMS)
    assert {outcome.state for outcome in told.outcomes} == {ItemState.PENDING}


async def test_records_of_an_odd_form_are_passed_over(repository: Repository, http: GuardedClient) -> None:
    repository.records |= {NAMES[0]: "nobody", NAMES[1]: "", NAMES[2]: stranger_did(1)}
    async with session(http) as following:
        followed = await following.read_followed(RunKind.FOLLOW)
    assert [str(each.id) for each in followed] == [stranger_did(1)]


async def test_pages_without_an_end(repository: Repository, http: GuardedClient) -> None:
    """The same page again and again, under the same cursor."""
    page = msgspec.json.decode(repository._list().body) | {"cursor": "again"}
    page["records"] = [{"uri": f"at://{ALICE}/c/{NAMES[0]}", "cid": "b", "value": {"subject": ALICE}}]
    repository.answers = {PAGES: [Response.json(page)]}
    async with session(http) as following:
        assert len(await following.read_followed(RunKind.FOLLOW)) == 2


@pytest.mark.parametrize("kind", [RunKind.BLOCK, RunKind.LIST, RunKind.MUTE])
async def test_a_permission_to_follow_is_none_to_block(
    repository: Repository, internet: FakeInternet, http: GuardedClient, kind: RunKind
) -> None:
    """Nothing is sent with it: the member is asked for more, and keeps what they gave."""
    async with session(http, kind=kind) as following:
        with pytest.raises(NeedsSignIn):
            await following.follow(kind, ITEMS)
    assert internet.requests == []


async def test_mutes(internet: FakeInternet, http: GuardedClient) -> None:
    """Mutes are no records: each is a call, and those that were there before are read first."""
    muted = {stranger_did(0)}

    def site(request: Request) -> Response:
        method = request.path.removeprefix("/xrpc/app.bsky.graph.")
        if method == "getMutes":
            return Response.json({"mutes": [{"did": did, "handle": "x"} for did in sorted(muted)]})
        actor = msgspec.json.decode(request.body)["actor"]
        if actor == stranger_did(2):
            return refused(400, "InvalidRequest")
        (muted.add if method == "muteActor" else muted.discard)(actor)
        return Response()

    internet.sites["pds.test"] = site
    items = [msgspec.structs.replace(each, remote="") for each in ITEMS]
    async with session(http, SCOPE_ARRANGE, RunKind.MUTE) as following:
        before = await following.read_followed(RunKind.MUTE)
        assert [str(each.id) for each in before] == [stranger_did(0)]
        told = await following.follow(RunKind.MUTE, items[1:])
        assert {each.number: each.state for each in told.outcomes} == {
            1: ItemState.FOLLOWED,
            2: ItemState.FAILED,
        }
        assert told.spent == 0
        told = await following.look(RunKind.MUTE, items)
        assert [each.number for each in told.outcomes if each.state is ItemState.FOLLOWED] == [0, 1]
        await following.undo(RunKind.MUTE, items[1:2])
    assert muted == {stranger_did(0)}


async def test_an_account_that_has_moved_needs_a_new_sign_in(
    internet: FakeInternet, http: GuardedClient
) -> None:
    """The tokens of the former server go to nobody."""
    internet.sites["plc.directory"] = lambda _request: Response.json(
        document(ALICE, "a.test", "https://new.test")
    )
    internet.sites["new.test"] = FakePds("new.test", ALICE)
    identities = Identities(DidResolver(http), HandleResolver())
    sessions = BlueskySessions(identities, Servers(http), DpopRequests(http), At(NOON))
    with pytest.raises(NeedsSignIn):
        async with sessions.open(run_of(NOON), tokens()):
            pass
    assert all("authorization" not in request.headers for request in internet.requests)


async def test_the_server_of_an_account_is_looked_up_once_an_hour(
    internet: FakeInternet, http: GuardedClient
) -> None:
    internet.sites["plc.directory"] = lambda _request: Response.json(
        document(ALICE, "a.test", "https://pds.test")
    )
    internet.sites["pds.test"] = FakePds("pds.test", ALICE)
    identities = Identities(DidResolver(http), HandleResolver())
    sessions = BlueskySessions(identities, Servers(http), DpopRequests(http), At(NOON))
    for _ in range(3):
        async with sessions.open(run_of(NOON), tokens()) as following:
            assert following.batch == 200
    assert await sessions.find_host(tokens()) == "pds.test"
    assert len(internet.requests) == 2
    del internet.sites["plc.directory"]
    other = msgspec.structs.replace(tokens(), account_id="did:plc:" + "b" * 24)
    with pytest.raises(Unreachable):
        await sessions.find_host(other)
