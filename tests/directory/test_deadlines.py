"""One timer ends whatever takes too long."""

import asyncio

from directory.deadlines import Deadlines

AFTER_S = 0.05
TIMEOUT_S = 30


class Ended:
    """What was ended, in order, and when by the clock of the loop."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self._heard = asyncio.Event()

    def __call__(self, each: str) -> None:
        assert each not in self.at, "ended twice"
        self.at[each] = asyncio.get_running_loop().time()
        self._heard.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while len(self.at) < count:
                self._heard.clear()
                await self._heard.wait()


async def test_each_is_ended_after_its_own_time_in_order() -> None:
    ended = Ended()
    deadlines = Deadlines(AFTER_S, ended)
    loop = asyncio.get_running_loop()
    begun = {}
    for each in ("first", "second", "third"):
        begun[each] = loop.time()
        deadlines.begin(each)
        await asyncio.sleep(AFTER_S / 5)
    await ended.until(3)
    assert list(ended.at) == ["first", "second", "third"]
    assert all(ended.at[each] - begun[each] >= AFTER_S for each in begun)
    deadlines.begin("later")
    await ended.until(4)


async def test_what_is_done_is_not_ended() -> None:
    ended = Ended()
    deadlines = Deadlines(AFTER_S, ended)
    for number in range(1_000):
        deadlines.begin(f"quick {number}")
        deadlines.done(f"quick {number}")
        deadlines.done(f"quick {number}")
    deadlines.begin("slow")
    await ended.until(1)
    assert list(ended.at) == ["slow"]


async def test_one_that_fails_to_end_keeps_no_other() -> None:
    ended = Ended()
    told: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))

    def end(each: str) -> None:
        if each == "bad":
            raise ValueError
        ended(each)

    deadlines = Deadlines(AFTER_S, end)
    deadlines.begin("bad")
    deadlines.begin("good")
    await asyncio.sleep(AFTER_S / 5)
    deadlines.begin("later")
    await ended.until(2)
    assert list(ended.at) == ["good", "later"]
    assert len(told) == 1


def test_it_serves_one_loop_after_the_other() -> None:
    """A timer of a loop that has ended never comes."""
    ended = Ended()
    deadlines = Deadlines(AFTER_S, ended)

    async def begin(each: str) -> None:
        deadlines.begin(each)

    async def begin_and_wait(each: str) -> None:
        deadlines.begin(each)
        await ended.until(2)

    asyncio.run(begin("first"))
    asyncio.run(begin_and_wait("second"))
    assert "second" in ended.at
