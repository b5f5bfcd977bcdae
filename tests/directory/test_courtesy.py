"""Long work gives way to who waits, and goes on all the same."""

import asyncio

import pytest

from directory import courtesy
from directory.courtesy import GIVE_WAY_S, give_way, somebody_waits
from directory.store.copying import ROWS_AT_ONCE, few_at_a_time


async def goes_on_at_once() -> bool:
    """Whether work that gives way is done after the others that are ready have had their turn."""
    working = asyncio.create_task(give_way())
    for _ in range(2):
        await asyncio.sleep(0)
    is_done = working.done()
    await working
    return is_done


async def test_while_nobody_waits_it_goes_on_at_once() -> None:
    assert await goes_on_at_once()


async def test_it_waits_until_they_have_their_answer() -> None:
    order: list[str] = []
    is_begun = asyncio.Event()

    async def work() -> None:
        is_begun.set()
        await give_way()
        order.append("slice")

    with somebody_waits(), somebody_waits():
        working = asyncio.create_task(work())
        await is_begun.wait()
        order.append("answer")
    await working
    assert order == ["answer", "slice"]


async def test_it_goes_on_though_somebody_always_waits() -> None:
    """Attack: whoever keeps requests under way without end would stop the reading of peers."""
    begun = asyncio.get_running_loop().time()
    with somebody_waits():
        rows = [row async for row in few_at_a_time(range(5 * ROWS_AT_ONCE))]
    assert rows == list(range(5 * ROWS_AT_ONCE))
    assert asyncio.get_running_loop().time() - begun >= 5 * GIVE_WAY_S


async def test_who_waits_for_long_waits_for_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: a few requests, each kept open for as long as a slow host of the attacker's is asked for it, would slow down the
    reading of all peers twentyfold."""
    monkeypatch.setattr(courtesy, "COUNTED_FOR_S", 0.05)
    with somebody_waits():
        begun = asyncio.get_running_loop().time()
        while courtesy.count_waiting():
            await give_way()
        assert asyncio.get_running_loop().time() - begun >= 0.04
        assert await goes_on_at_once()
    with somebody_waits():
        assert courtesy.count_waiting() == 1, "nobody is counted out twice"
    assert courtesy.count_waiting() == 0


async def test_who_is_broken_off_waits_no_more() -> None:
    """A person who closes the browser in the middle is not waited for for ever."""

    async def ask() -> None:
        with somebody_waits():
            await asyncio.Event().wait()

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    assert await goes_on_at_once()
