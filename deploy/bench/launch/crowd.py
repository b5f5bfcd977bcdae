"""Runs the browsers of launch day, in a process of its own: `python -m deploy.bench.launch.crowd '{…}'`.

It says that it is ready, begins when a line comes in, and writes what the browsers met as JSON.
"""

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import msgspec

from deploy.bench.launch.browser import Belongings, Browser, Results, Trip, belongings_of
from directory.demo import World

READY: Final = "ready"
BROWSERS: Final = 300
LEAST_PEOPLE: Final = 300
MOST_PEOPLE: Final = 5_000
THINKING_S: Final = (2.0, 8.0)
"""Between two steps, while somebody reads a page."""
ARCHIVE_S: Final = (4.0, 30.0)
"""Between the first page and the list: an archive is found and chosen, and the browser reads it."""
AT_SCHOOL: Final = 10
"""One browser of so many stands behind one address that they share."""
FOUND: Final = 3
"""One of so many on a list is in the directory."""
LOOKED_AT: Final = 3
PAGES: Final = 2


class Crowd(msgspec.Struct, frozen=True):
    """How many people the directory has, how many browsers come for how long, and to which port."""

    people: int
    seconds: float
    browsers: int = BROWSERS
    thinking_s: tuple[float, float] = THINKING_S
    archive_s: tuple[float, float] = ARCHIVE_S
    port: int = 0


def address_of(number: int) -> str:
    """Returns the address that a browser comes from: one of this machine's own (127.0.0.0/8)."""
    alone = number if number % AT_SCHOOL else 0
    return f"127.1.{alone // 250}.{alone % 250 + 1}"


def list_of(number: int, people: int) -> str:
    """Makes the list of a browser as the script of the page sends it; short ones are as many as long ones, by ratio."""
    random_, world = random.Random(number), World(0)
    count = round(LEAST_PEOPLE * (MOST_PEOPLE / LEAST_PEOPLE) ** random_.random())
    slots = [random_.randrange(people * FOUND) for _ in range(count)]
    return "\n".join(f"{world.x_id(slot)},{world.handle(slot) if slot % 5 == 0 else ''},f" for slot in slots)


async def run_crowd(crowd: Crowd, until_started: Callable[[], Awaitable[object]]) -> Trip:
    """Runs all browsers, who begin at the same moment, until the time is over."""
    lists = [list_of(number, crowd.people) for number in range(crowd.browsers)]
    scout = Browser(crowd.port, "127.0.0.1", Trip())
    belongings = await belongings_of(await scout.open_page("/", "page"), scout)
    scout.close()
    trip = Trip()
    await until_started()
    ends = time.monotonic() + crowd.seconds
    visits = (
        _browse(Browser(crowd.port, address_of(number), trip, ends), lists[number], belongings, crowd, number)
        for number in range(crowd.browsers)
    )
    await asyncio.gather(*visits)
    return trip


async def _browse(browser: Browser, lines: str, belongings: Belongings, crowd: Crowd, number: int) -> None:
    random_, visitor = random.Random(number), _Visitor(browser, lines, belongings)
    try:
        while True:
            steps = visitor.steps()
            for done, step in enumerate(steps):
                if not browser.left_s:
                    browser.trip.visits += done / len(steps)
                    return
                await step()
                pause = random_.uniform(*(crowd.thinking_s if done else crowd.archive_s))
                await asyncio.sleep(min(pause, browser.left_s))
            browser.trip.visits += 1
    finally:
        browser.close()


class _Visitor:
    """Somebody who visits: what they do, one step after the other, and the results that they have before them."""

    def __init__(self, browser: Browser, lines: str, belongings: Belongings) -> None:
        self._browser = browser
        self._lines = lines
        self._belongings = belongings
        self._results: Results | None = None
        self._people: Sequence[str] = ()

    def steps(self) -> list[Callable[[], Awaitable[None]]]:
        """Returns the steps of one visit."""
        looks = [partial(self._look_at, number) for number in range(LOOKED_AT)]
        return [self._arrive, self._bring_list, *[self._turn_page] * PAGES, *looks, self._search]

    async def _arrive(self) -> None:
        await self._browser.open_page("/", "page")
        await self._browser.fetch_belongings(self._belongings.page)

    async def _bring_list(self) -> None:
        await self._browser.fetch_belongings(self._belongings.worker)
        self._show(await self._browser.send_list(self._lines))

    async def _turn_page(self) -> None:
        if self._results is not None:
            self._show(await self._browser.turn_page(self._results))

    async def _look_at(self, number: int) -> None:
        if self._people:
            await self._browser.open_page(self._people[number % len(self._people)], "person")

    async def _search(self) -> None:
        if self._people:
            name = self._people[-1].removeprefix("/x/")
            await self._browser.open_page(f"/search?x=@{name}", "person")

    def _show(self, results: Results | None) -> None:
        self._results = results
        if results is not None and results.people:
            self._people = results.people


async def _run(crowd: Crowd) -> Trip:
    async def until_started() -> None:
        sys.stdout.write(READY + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)

    return await run_crowd(crowd, until_started)


if __name__ == "__main__":
    met = asyncio.run(_run(msgspec.json.decode(sys.argv[1], type=Crowd)))
    sys.stdout.write(msgspec.json.encode(met).decode() + "\n")
    sys.stdout.flush()
    sys.stdin.read()  # until whoever measures has read what this process took
