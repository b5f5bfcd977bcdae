"""Long work gives way to who waits, and goes on all the same."""

import asyncio
import time

import pytest

from directory import courtesy
from directory.courtesy import GIVE_WAY_S, give_way, somebody_waits, take_list_turn
from directory.deadlines import Deadlines
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
    monkeypatch.setattr(courtesy, "_counted", Deadlines(0.05, courtesy._leave))
    with somebody_waits():
        begun = asyncio.get_running_loop().time()
        while courtesy.count_waiting():
            await give_way()
        assert asyncio.get_running_loop().time() - begun >= 0.04
        assert await goes_on_at_once()
    with somebody_waits():
        assert courtesy.count_waiting() == 1, "nobody is counted out twice"
    assert courtesy.count_waiting() == 0


async def test_who_has_an_answer_waits_no_more() -> None:
    """An answer that goes on for days begins at once. Whoever has left is not counted out again at the end of it."""
    with somebody_waits() as waiting:
        waiting.leave()
        assert courtesy.count_waiting() == 0
        quiet_since = courtesy._turns._quiet_since
    assert courtesy._turns._quiet_since == quiet_since


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


async def ask_for_turns(tasks: int, done: list[int], quiet_s: float = 0.0) -> list[asyncio.Task[None]]:
    """Starts work that asks for a turn each, in order."""

    async def work(number: int) -> None:
        await give_way(quiet_s)
        done.append(number)

    begun = [asyncio.create_task(work(number)) for number in range(tasks)]
    for _ in range(3):
        await asyncio.sleep(0)
    return begun


async def test_many_tasks_have_one_turn_at_a_time() -> None:
    """Attack: a thousand runs, each of which waits for its own fifteen milliseconds, go on at the same moment, and whoever
    asks then waits for all of them."""
    done: list[int] = []
    begun = asyncio.get_running_loop().time()
    with somebody_waits():
        await asyncio.wait(await ask_for_turns(6, done))
    assert done == list(range(6))
    assert asyncio.get_running_loop().time() - begun >= 6 * GIVE_WAY_S - 0.005


async def test_whoever_comes_between_two_pieces_is_waited_for() -> None:
    """Attack: one moment without a request lets all work go on that has gathered, and the next request waits for it."""
    done: list[int] = []
    with somebody_waits():
        working = await ask_for_turns(200, done)
    for _ in range(3):
        await asyncio.sleep(0)
    with somebody_waits():
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(done) < 10
    await asyncio.wait(working)
    assert done == list(range(200))


async def test_all_work_goes_on_though_requests_never_end() -> None:
    """Attack: requests that overlap, so that one is always under way, stop the runs of all members."""
    done: list[int] = []
    is_over = asyncio.Event()

    async def ask_without_end() -> None:
        while not is_over.is_set():
            with somebody_waits():
                await asyncio.sleep(GIVE_WAY_S / 5)

    asking = [asyncio.create_task(ask_without_end()) for _ in range(4)]
    async with asyncio.timeout(10):
        for _ in range(3):
            await asyncio.wait(await ask_for_turns(5, done))
    is_over.set()
    await asyncio.wait(asking)
    assert done == list(range(5)) * 3


async def test_who_is_cancelled_costs_nobody_a_turn() -> None:
    """Attack: a run is paused while it waits for its turn, and all who stand behind it wait for ever."""
    done: list[int] = []
    with somebody_waits():
        working = await ask_for_turns(5, done)
        for cancelled in (working[0], working[1], working[4]):
            cancelled.cancel()
        async with asyncio.timeout(10):
            await asyncio.wait(working)
    assert done == [2, 3]
    assert await goes_on_at_once()


async def test_who_is_cancelled_with_the_turn_in_hand_holds_up_nobody() -> None:
    """Attack: work is cancelled between being handed the turn and taking it, and all who stand behind it wait for ever."""
    done: list[int] = []

    async def cancel_the_next() -> None:
        await give_way()
        asyncio.get_running_loop().call_soon(working[0].cancel)

    with somebody_waits():
        first = asyncio.create_task(cancel_the_next())
        await asyncio.sleep(0)
        working = await ask_for_turns(3, done)
    async with asyncio.timeout(10):
        await asyncio.wait([first, *working])
    assert working[0].cancelled()
    assert done == [1, 2]


async def test_a_pause_between_two_requests_of_one_person_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Attack: whoever asks one thing after the other meets a piece of work each time, which has begun in between."""
    monkeypatch.setattr(courtesy, "GIVE_WAY_S", 0.3)
    done: list[int] = []
    begun = asyncio.get_running_loop().time()
    with somebody_waits():
        (working,) = await ask_for_turns(1, done, quiet_s=0.2)
    await asyncio.sleep(0.001)
    with somebody_waits():
        assert done == []
        await working
    assert asyncio.get_running_loop().time() - begun >= 0.29


async def test_work_goes_on_early_where_nobody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courtesy, "GIVE_WAY_S", 60.0)
    done: list[int] = []
    with somebody_waits():
        working = await ask_for_turns(5, done)
    async with asyncio.timeout(10):
        await asyncio.wait(working)
    assert done == list(range(5))


def test_work_that_ends_with_its_loop_holds_up_no_other() -> None:
    """A command that is broken off in the middle leaves nothing behind for the next loop of the process."""

    async def leave_in_the_middle() -> None:
        with somebody_waits():
            await ask_for_turns(3, [])

    async def work() -> list[int]:
        done: list[int] = []
        with somebody_waits():
            async with asyncio.timeout(10):
                await asyncio.wait(await ask_for_turns(2, done))
        return done

    asyncio.run(leave_in_the_middle())
    assert asyncio.run(work()) == [0, 1]


async def turns_of_lists(count: int) -> float:
    """Has lists take so many turns while somebody waits. Returns the seconds that these took."""
    begun = asyncio.get_running_loop().time()
    with somebody_waits():
        for _ in range(count):
            await take_list_turn()
    return asyncio.get_running_loop().time() - begun


async def test_a_list_goes_on_early_where_the_loop_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """People wait for lists as for pages: three hundred browsers, of whom somebody always waits, had each list wait for half
    a minute beside a processor with nothing to do."""
    monkeypatch.setattr(courtesy, "GIVE_WAY_S", 60.0)
    async with asyncio.timeout(30):
        assert await turns_of_lists(5) >= 4 * courtesy.EARLY_S


@pytest.mark.parametrize("is_late", [True, False])
async def test_a_list_gives_way_where_the_loop_has_none(
    monkeypatch: pytest.MonkeyPatch, *, is_late: bool
) -> None:
    """It was at work all the time, or has to wait for a processor."""
    monkeypatch.setattr(courtesy, "GIVE_WAY_S", 0.1)
    if is_late:
        monkeypatch.setattr(courtesy, "LATE_S", -1.0)
    else:
        monkeypatch.setattr(time, "thread_time", asyncio.get_running_loop().time)
    assert await turns_of_lists(3) >= 0.28


async def test_lists_of_a_crowd_go_on_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """On launch day lists came faster than their turns, and the last of them waited for a quarter of a minute."""
    monkeypatch.setattr(courtesy, "GIVE_WAY_S", 60.0)
    monkeypatch.setattr(courtesy, "LATE_S", -1.0)  # the loop has no room
    monkeypatch.setattr(courtesy._others, "lists", courtesy.CROWD)
    async with asyncio.timeout(30):
        assert await turns_of_lists(5) >= 4 * courtesy.CROWD_S - courtesy.CLOCK_S


async def test_fewer_are_no_crowd_and_other_work_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courtesy, "GIVE_WAY_S", 0.1)
    monkeypatch.setattr(courtesy, "LATE_S", -1.0)
    monkeypatch.setattr(courtesy._others, "lists", courtesy.CROWD - 1)
    assert await turns_of_lists(2) >= 0.18
    courtesy.tell_crowd(courtesy.CROWD)
    with somebody_waits():
        begun = asyncio.get_running_loop().time()
        for _ in range(2):
            await give_way()
        assert asyncio.get_running_loop().time() - begun >= 0.18
