"""A list goes on in pieces between which look-ups are answered, and ends with its caller."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import pytest
from litestar import Request
from litestar.exceptions import ClientException, TooManyRequestsException

from directory import courtesy
from directory.courtesy import somebody_waits
from directory.errors import DirectoryUnavailable
from directory.identifiers import XId
from directory.mappings import Mapping
from directory.networks.callers import Caller, called_by
from directory.queries import Query
from directory.services import list_pieces
from directory.services.batching import LookupBatcher
from directory.services.list_pieces import BUSY_PIECE_PAIRS, PIECES_AHEAD, ask_in_pieces
from directory.services.lookup import MATCH_PIECE_PAIRS, Lookup
from directory.services.written_lists import AskedPairs, FoundPiece, WrittenLists
from directory.store.database import Database
from directory.store.written_mappings import WrittenMappingStore
from tests.harness.clock import FakeClock
from tests.harness.mappings import ORIGIN, bluesky
from tests.harness.stored import StoredMappings
from web.api import pairs
from web.api.directory import match_in_place
from web.api.gone import CallerGone, until_gone
from web.api.written import write_answer
from web.list_places import ListPlaces
from web.middleware.bodies import BodiesMiddleware
from web.middleware.leftovers import LeftoversMiddleware
from web.middleware.rate_limit import ClientKeys, RateLimiter

PEOPLE = 3_000


class Pieces:
    """A database that notes what it is asked, and answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[range] = []
        self.ended: list[range] = []
        self.under_way = 0
        self.most = 0
        self.let = asyncio.Event()
        self.let.set()

    async def ask(self, first: int, end: int) -> range:
        self.asked.append(range(first, end))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.let.wait()
            await asyncio.sleep(0)
        finally:
            self.under_way -= 1
            self.ended.append(range(first, end))
        return range(first, end)


async def settle() -> None:
    """Waits until every task that can run has run."""
    for _ in range(100):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
async def quiet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Nobody has asked for anything yet."""
    monkeypatch.setattr(courtesy, "GIVE_WAY_S", 0.002)
    await asyncio.sleep(courtesy.QUIET_S)
    yield
    assert courtesy.count_waiting() == 0


async def test_while_nobody_waits_it_goes_on_in_large_pieces() -> None:
    pieces = Pieces()
    assert [piece async for piece in ask_in_pieces(2_500, 1_000, pieces.ask)] == pieces.asked
    assert pieces.asked == [range(1_000), range(1_000, 2_000), range(2_000, 2_500)]
    assert pieces.most == 3


async def test_the_next_piece_is_under_way_before_anything_is_done_with_one() -> None:
    pieces = Pieces()
    listing: Any = ask_in_pieces(20_000, 1_000, pieces.ask)
    pieces.let.clear()
    first = asyncio.ensure_future(anext(listing))
    await settle()
    pieces.let.set()
    await first
    assert len(pieces.asked) == PIECES_AHEAD + 1
    await listing.aclose()


async def test_while_somebody_waits_it_asks_for_little_at_a_time() -> None:
    """Attack by habit: two lists keep eight statements under way, and each look-up waits behind them."""
    pieces = Pieces()
    with somebody_waits():
        got = [piece async for piece in ask_in_pieces(2_500, 1_000, pieces.ask)]
    assert got == pieces.asked
    assert {len(piece) for piece in got} == {BUSY_PIECE_PAIRS}
    assert pieces.most == 1


async def test_whoever_comes_meanwhile_finds_no_more_than_is_under_way() -> None:
    pieces = Pieces()
    pieces.let.clear()
    listing: Any = ask_in_pieces(20_000, 1_000, pieces.ask)
    first = asyncio.ensure_future(anext(listing))
    await settle()
    assert len(pieces.asked) == PIECES_AHEAD
    with somebody_waits():
        pieces.let.set()
        await first
        for _ in range(PIECES_AHEAD):
            await anext(listing)
        assert [len(piece) for piece in pieces.asked] == [1_000] * PIECES_AHEAD + [BUSY_PIECE_PAIRS]
    await listing.aclose()


async def test_lists_have_their_turns_one_after_the_other() -> None:
    """Attack: a list that is never over stands before all others."""
    pieces, endless = Pieces(), Pieces()
    with somebody_waits():

        async def never_over() -> None:
            async for _ in ask_in_pieces(10**9, 1_000, endless.ask):
                pass

        others = [asyncio.create_task(never_over()) for _ in range(3)]
        await asyncio.sleep(0)
        async for _ in ask_in_pieces(5 * BUSY_PIECE_PAIRS, 1_000, pieces.ask):
            pass
        assert len(endless.asked) <= 3 * (len(pieces.asked) + 1)
        for other in others:
            other.cancel()
        await asyncio.wait(others)
    assert endless.under_way == 0


async def test_work_of_others_does_not_stand_before_a_list() -> None:
    """Attack by habit: a thousand runs ask for turns, and whoever drops a list waits for all of them at each piece."""
    pieces = Pieces()
    with somebody_waits():
        runs = [asyncio.create_task(courtesy.give_way()) for _ in range(1_000)]
        await asyncio.sleep(0)
        async for _ in ask_in_pieces(4 * BUSY_PIECE_PAIRS, 1_000, pieces.ask):
            pass
        assert sum(run.done() for run in runs) < 500
    for run in runs:
        run.cancel()
    await asyncio.wait(runs)


async def test_what_is_under_way_ends_with_the_list() -> None:
    pieces = Pieces()
    pieces.let.clear()
    listing = ask_in_pieces(20_000, 1_000, pieces.ask)
    waiting = asyncio.ensure_future(anext(listing))
    await settle()
    waiting.cancel()
    await asyncio.wait({waiting})
    assert pieces.under_way == 0
    assert len(pieces.ended) == PIECES_AHEAD


@pytest.fixture
async def store(mapping_store: StoredMappings) -> StoredMappings:
    await mapping_store.add([bluesky(f"n{number}", number) for number in range(1, PEOPLE + 1)])
    return mapping_store


async def test_lookups_are_answered_while_a_list_is_under_way(
    database: Database, store: StoredMappings, clock: FakeClock
) -> None:
    """Attack by habit: while somebody matches a list, a single look-up waits for all of it."""
    lists = WrittenLists(WrittenMappingStore(database, ORIGIN), store, clock, ORIGIN)
    lookups = LookupBatcher(store, clock, ORIGIN)
    numbers: list[int | None] = list(range(1, PEOPLE + 1))
    asked = AskedPairs(numbers, [None] * PEOPLE, [None] * PEOPLE)
    matching = asyncio.create_task(write_answer(lists, asked))
    answered = 0
    while not matching.done():
        with somebody_waits():
            assert (await lookups.lookup(Query(XId(1 + answered)))).answers
        answered += 1
    assert b'"found":3000' in matching.result()[0]
    assert answered >= 5


async def test_a_plain_list_goes_on_in_pieces_too(
    store: StoredMappings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages and commands rank each person: some hundred at a time."""
    asked = list[int]()
    find_mappings = store.find_mappings

    async def find_and_note(queries: Sequence[Query], *args: Any, **more: Any) -> list[Mapping]:
        asked.append(len(queries))
        return await find_mappings(queries, *args, **more)

    monkeypatch.setattr(store, "find_mappings", find_and_note)
    queries = [Query(XId(number)) for number in range(1, PEOPLE + 1)]
    with somebody_waits():
        sizes = [len(chunk) async for chunk in Lookup(store, clock, ORIGIN).match_chunks(queries)]
    assert asked == [BUSY_PIECE_PAIRS] * (PEOPLE // BUSY_PIECE_PAIRS)
    assert sizes == [MATCH_PIECE_PAIRS] * (PEOPLE // MATCH_PIECE_PAIRS)
    await asyncio.sleep(courtesy.QUIET_S + 0.001)
    assert len(await Lookup(store, clock, ORIGIN).match(queries)) == PEOPLE


async def test_a_list_that_ran_into_its_time_waits_for_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that hangs takes a minute to break a statement off, and the list kept its place for so long."""
    let, ended = asyncio.Event(), list[int]()

    async def hang(first: int, _: int) -> int:
        while not let.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await let.wait()
        ended.append(first)
        return first

    places = ListPlaces(1)

    async def match() -> None:
        async with places:
            async for _ in ask_in_pieces(20_000, 1_000, hang):
                pass

    with monkeypatch.context() as patch:
        patch.setattr(list_pieces, "LIST_TIMEOUT_S", 0.01)
        with pytest.raises(DirectoryUnavailable):
            await match()
    connection: Any = Connection()
    leaving = asyncio.create_task(until_gone(connection, match()))
    await settle()
    connection.has_ended.set()
    with pytest.raises(CallerGone):
        await leaving
    async with places:
        assert not ended
    let.set()
    await settle()
    assert ended


class BodiesAsked:
    """The matching of a process: notes who has read a list, and lets each go on when it is told."""

    def __init__(self) -> None:
        self.large_matches = ListPlaces(2)
        self.lists = self
        self.asking = 0
        self.most = 0
        self.matched: list[int] = []

    async def take_turn(self) -> None:
        self.asking += 1
        self.most = max(self.most, self.asking)
        await asyncio.sleep(0.001)
        self.asking -= 1

    async def match(self, asked: AskedPairs) -> AsyncIterator[FoundPiece]:
        self.matched.append(asked.x_ids[0] or 0)
        for nothing in list[FoundPiece]():
            yield nothing


def _list_of(first: int) -> bytes:
    return json.dumps(
        {"pairs": [[str(first), None]] + [[str(number), None] for number in range(1, 5_000)]}
    ).encode()


async def test_only_those_in_a_place_ask_for_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: one address sends hundreds of lists a minute, each asks for a turn after each slice, and everybody else's list
    stands behind all of them."""
    asked: Any = BodiesAsked()
    monkeypatch.setattr(pairs, "take_list_turn", asked.take_turn)
    limiter = RateLimiter("people", 0)

    async def match(caller: bytes, first: int) -> list[bytes]:
        with called_by(Caller(caller, caller)):
            return await match_in_place(asked, _list_of(first), partial(limiter.take, caller))

    many = [asyncio.create_task(match(b"many", number)) for number in range(10, 50)]
    await asyncio.sleep(0)
    one = asyncio.create_task(match(b"one", 5_001))
    await asyncio.gather(one, *many)
    assert asked.most == 2
    assert asked.matched.index(5_001) <= 5


async def test_a_list_of_more_people_than_a_caller_may_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Any = BodiesAsked()
    monkeypatch.setattr(pairs, "take_list_turn", asked.take_turn)
    limit = partial(RateLimiter("people", 4_999).take, b"one")
    with pytest.raises(TooManyRequestsException):
        await match_in_place(asked, _list_of(1), limit)
    with pytest.raises(ClientException):
        await match_in_place(asked, b'{"pairs": [[1, null]]}', limit)
    assert not asked.matched
    async with asked.large_matches, asked.large_matches:
        pass


class Connection:
    """A request whose body was read: nothing comes of it any more but its end."""

    def __init__(self) -> None:
        self.has_ended = asyncio.Event()

    async def receive(self) -> dict[str, str]:
        await self.has_ended.wait()
        return {"type": "http.disconnect"}


async def test_a_list_ends_with_its_connection() -> None:
    """Attack: somebody sends lists and leaves at once; each is matched to its end, and costs them nothing."""
    pieces = Pieces()
    pieces.let.clear()
    connection: Any = Connection()

    async def match() -> list[range]:
        return [piece async for piece in ask_in_pieces(20_000, 1_000, pieces.ask)]

    matching = asyncio.create_task(until_gone(connection, match()))
    await settle()
    assert pieces.under_way == PIECES_AHEAD
    connection.has_ended.set()
    with pytest.raises(CallerGone):
        await matching
    assert pieces.under_way == 0
    assert len(pieces.asked) == PIECES_AHEAD


async def test_the_end_of_a_connection_comes_through_what_watches_bodies() -> None:
    """What takes the rest of a body, and what bounds it, stand between the server and a list."""
    messages: asyncio.Queue[Any] = asyncio.Queue()
    gone: list[CallerGone] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        assert (await request.receive())["type"] == "http.request"
        try:
            await until_gone(request, asyncio.Event().wait())
        except CallerGone as error:
            gone.append(error)

    scope: Any = {"type": "http", "method": "POST", "path": "/", "client": ("192.0.2.1", 1)}
    scope["headers"] = [(b"content-length", b"2")]
    bounded = LeftoversMiddleware(BodiesMiddleware(application, ClientKeys(0), 1_000))
    answering = asyncio.ensure_future(bounded(scope, messages.get, _send_nothing))
    await messages.put({"type": "http.request", "body": b"{}", "more_body": False})
    await settle()
    assert not gone
    await messages.put({"type": "http.disconnect"})
    await answering
    assert len(gone) == 1


async def _send_nothing(message: object) -> None:
    raise AssertionError(message)


async def test_who_stays_has_what_came_of_it() -> None:
    connection: Any = Connection()
    assert await until_gone(connection, asyncio.sleep(0, "done")) == "done"
    with pytest.raises(ZeroDivisionError):
        await until_gone(connection, _fail())
    matching = asyncio.create_task(until_gone(connection, asyncio.sleep(60)))
    await asyncio.sleep(0)
    matching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await matching


async def _fail() -> None:
    raise ZeroDivisionError
