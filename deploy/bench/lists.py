"""Measures single look-ups while others match lists without pause, and for how long one list holds the loop."""

import asyncio
import random
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import msgspec

from deploy.bench.load import Load, get_request, measure_load, post_json_request, read_answer, time_request
from deploy.bench.measured import HOLD_PATH, MeasuredServer
from deploy.bench.results import Result
from directory.demo import World

CONNECTIONS: Final = 32
LISTS: Final = 2
ROUNDS: Final = 5
LIST_PAIRS: Final = 5_000
PREPARED: Final = 8
"""Lists that are sent in turn, so that none is read from the nearest cache."""
HELD_S: Final = 0.002
HELD_ROUNDS: Final = 9
LARGEST_LIST: Final = 10_000


async def bench_lookups_beside_lists(
    server: MeasuredServer, lookups: Sequence[bytes], people: int, seconds: float
) -> list[Result]:
    """Measures look-ups alone and beside two connections that match lists without pause, in turns."""
    alone: list[Load] = []
    beside: list[Load] = []
    done: list[float] = []
    lists = [_list_request(people, LIST_PAIRS, seed) for seed in range(PREPARED)]
    for _ in range(ROUNDS):
        alone.append(await measure_load(server.port, lookups, connections=CONNECTIONS, seconds=seconds))
        async with _lists_without_pause(server.port, lists) as counted:
            beside.append(await measure_load(server.port, lookups, connections=CONNECTIONS, seconds=seconds))
        done.append(len(counted) / seconds)
    rates = [statistics.median(load.per_second for load in loads) for loads in (beside, alone)]
    p99s = [statistics.median(load.p99 for load in loads) for loads in (beside, alone)]
    name = f"lookups beside {LISTS} lists of {LIST_PAIRS:,} without pause, {people:,} people"
    return [
        Result(
            f"{name}: requests a second",
            f"{rates[0]:,.0f}/s, and {statistics.median(done):.1f} lists/s",
            f"{rates[1]:,.0f}/s without lists",
            rates[0] / rates[1],
            0.6,
            at_least=True,
        ),
        Result(
            f"{name}: p99",
            f"{p99s[0] * 1000:.1f} ms",
            f"{p99s[1] * 1000:.1f} ms without lists",
            p99s[0] / p99s[1],
            2.0,
        ),
    ]


async def bench_holds(server: MeasuredServer, people: int) -> Result:
    """Measures the longest time for which one list keeps the loop from others, of all kinds of lists."""
    kinds = {
        f"{LIST_PAIRS:,} ids": _list_request(people, LIST_PAIRS, 1),
        f"{LARGEST_LIST:,} ids": _list_request(people, LARGEST_LIST, 2),
        f"{LARGEST_LIST:,} names and days": _list_request(people, LARGEST_LIST, 3, has_names=True),
    }
    held: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(HELD_ROUNDS + 1):
        for kind, request in kinds.items():
            seconds = await _hold_of(server.port, request)
            if number:
                held[kind].append(seconds)
    longest = max(held, key=lambda kind: statistics.median(held[kind]))
    measured = statistics.median(held[longest])
    return Result(
        "the loop held by one list, of its CPU",
        f"{measured * 1000:.2f} ms for {longest}; the longest of {HELD_ROUNDS} runs {max(held[longest]) * 1000:.2f}",
        f"{HELD_S * 1000:.0f} ms",
        measured / HELD_S,
        1.0,
    )


async def _hold_of(port: int, request: bytes) -> float:
    """Returns the seconds of CPU for which the loop was held at most while a request was answered."""
    await _ask_hold(port)
    await time_request(port, request)
    return await _ask_hold(port)


async def _ask_hold(port: int) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(get_request(HOLD_PATH))
        return float(msgspec.json.decode(await read_answer(reader), type=dict[str, float])["seconds"])
    finally:
        writer.close()


def _list_request(people: int, pairs: int, seed: int, *, has_names: bool = False) -> bytes:
    world, random_ = World(0), random.Random(seed)
    slots = [random_.randrange(people) for _ in range(pairs)]
    today = datetime.now(UTC).date()
    asked = [
        (None, world.handle(slot), str(today)) if has_names else (str(world.x_id(slot)), None)
        for slot in slots
    ]
    return post_json_request("/api/v1/match", msgspec.json.encode({"pairs": asked}))


@asynccontextmanager
async def _lists_without_pause(port: int, lists: Sequence[bytes]) -> AsyncIterator[list[int]]:
    """Keeps two connections matching lists. Yields a list that grows with each answer."""
    done: list[int] = []

    async def send(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**26)
        try:
            while True:
                writer.write(lists[(first + len(done)) % len(lists)])
                done.append(len(await read_answer(reader)))
        finally:
            writer.close()

    tasks = [asyncio.create_task(send(number)) for number in range(LISTS)]
    try:
        yield done
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for failure in ended:
        if isinstance(failure, Exception):
            raise failure
