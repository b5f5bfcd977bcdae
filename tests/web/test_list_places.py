"""Lists are matched a few at a time, and callers have their turn one after the other."""

import asyncio

import pytest
from litestar.exceptions import TooManyRequestsException

from directory.networks.callers import Caller, called_by
from web import list_places
from web.list_places import ListPlaces


async def hold(
    places: ListPlaces, caller: bytes, done: list[bytes], until: asyncio.Event | None = None
) -> None:
    with called_by(Caller(caller, caller)):
        async with places:
            done.append(caller)
            if until is not None:
                await until.wait()


async def begin(places: ListPlaces, callers: bytes, done: list[bytes]) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(hold(places, bytes([caller]), done)) for caller in callers]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_a_caller_with_many_lists_stands_before_nobody() -> None:
    """Attack: from many connections somebody sends lists for ever, and whoever else sends one waits for all of them."""
    places, done, over = ListPlaces(1), list[bytes](), asyncio.Event()
    first = asyncio.create_task(hold(places, b"a", done, over))
    await asyncio.sleep(0)
    waiting = await begin(places, b"aaaaaabcb", done)
    over.set()
    await asyncio.gather(first, *waiting)
    assert b"".join(done) == b"aabcabaaaa"


async def test_whoever_leaves_takes_no_place_along() -> None:
    places, done, over = ListPlaces(1), list[bytes](), asyncio.Event()
    first = asyncio.create_task(hold(places, b"a", done, over))
    await asyncio.sleep(0)
    waiting = await begin(places, b"bbc", done)
    # While they wait, and at the moment in which the place is given back.
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    waiting[1].cancel()
    first.cancel()
    await asyncio.wait([first, *waiting])
    assert done == [b"a", b"c"]


async def test_a_place_that_was_given_to_somebody_who_leaves_is_handed_on() -> None:
    places, done = ListPlaces(1), list[bytes]()
    await places.__aenter__()
    waiting = await begin(places, b"bc", done)
    await places.__aexit__(None, None, None)
    waiting[0].cancel()
    await asyncio.wait(waiting)
    assert done == [b"c"]
    await asyncio.wait_for(hold(places, b"d", done), 5)


async def test_more_lists_of_a_caller_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: each list that waits holds memory, and somebody sends lists for ever."""
    monkeypatch.setattr(list_places, "WAITING_OF_CALLER", 2)
    places, done, over = ListPlaces(1), list[bytes](), asyncio.Event()
    first = asyncio.create_task(hold(places, b"a", done, over))
    await asyncio.sleep(0)
    waiting = await begin(places, b"aaab", done)
    with pytest.raises(TooManyRequestsException) as refused:
        await waiting[2]
    assert refused.value.headers == {"retry-after": "5"}
    over.set()
    await asyncio.wait([first, *waiting])
    assert sorted(done) == [b"a", b"a", b"a", b"b"]


async def test_whoever_fills_the_places_to_wait_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: from a few addresses somebody sends as many lists as may wait, and everybody else is refused."""
    monkeypatch.setattr(list_places, "WAITING", 4)
    places, done, over = ListPlaces(1), list[bytes](), asyncio.Event()
    first = asyncio.create_task(hold(places, b"a", done, over))
    await asyncio.sleep(0)
    waiting = await begin(places, b"aaabcd", done)
    over.set()
    await asyncio.wait([first, *waiting])
    ended = [type(task.exception()) for task in waiting]
    assert ended == [type(None)] + [TooManyRequestsException] * 2 + [type(None)] * 3
    assert done == [b"a", b"a", b"b", b"c", b"d"]
    # All have one: the next is refused, and the place is free again when they are done.
    over.clear()
    first = asyncio.create_task(hold(places, b"a", done, over))
    await asyncio.sleep(0)
    waiting = await begin(places, b"abcde", done)
    with pytest.raises(TooManyRequestsException):
        await waiting[4]
    over.set()
    await asyncio.wait([first, *waiting])
    await asyncio.wait_for(hold(places, b"f", done), 5)


async def test_how_many_callers_wait_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of callers, not of lists: one who sends many is no crowd."""
    told: list[int] = []
    monkeypatch.setattr(list_places, "tell_crowd", told.append)
    places, done, over = ListPlaces(1), list[bytes](), asyncio.Event()
    first = asyncio.create_task(hold(places, b"a", done, over))
    await asyncio.sleep(0)
    waiting = await begin(places, b"bbbc", done)
    assert told == [1, 1, 1, 2]
    waiting[3].cancel()
    await asyncio.wait(waiting[3:])
    assert told.pop() == 1
    over.set()
    await asyncio.gather(first, *waiting[:3])
    assert told[-1] == 0
