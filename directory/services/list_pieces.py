"""Asks the database for a list piece by piece, so that long lists and single look-ups have their share of it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final, TypeVar

from directory.answer_times import LIST_TIMEOUT_S, answer_within, break_off
from directory.courtesy import is_quiet, take_list_turn

T = TypeVar("T")

BUSY_PIECE_PAIRS: Final = 250
"""Accounts that one statement asks for while somebody waits: about two milliseconds of the database."""
PIECES_AHEAD: Final = 3
"""Statements under way while it is quiet: as one result is ranked, the database reads the next ones in parallel. Two lists at
a time still leave connections of the pool to single look-ups."""


async def ask_in_pieces(
    count: int, quiet_pairs: int, ask: Callable[[int, int], Coroutine[Any, Any, T]]
) -> AsyncIterator[T]:
    """Asks for each piece of `count` pairs, from a first one to an end. Yields their results, in order. Raises
    DirectoryUnavailable.

    While nobody waits, pieces are of `quiet_pairs` and some are asked for at once. Else a list has one statement at a time,
    and all lists together begin one in each turn (`directory/courtesy.py`). Work that is not needed any more ends with the
    iterator.
    """
    under_way: deque[asyncio.Task[T]] = deque()
    begun = 0

    def begin() -> None:
        nonlocal begun
        end = min(count, begun + (quiet_pairs if is_quiet() else BUSY_PIECE_PAIRS))
        under_way.append(asyncio.create_task(ask(begun, end)))
        begun = end

    def go_on() -> None:
        while begun < count and len(under_way) < PIECES_AHEAD and is_quiet():
            begin()

    try:
        while begun < count or under_way:
            if not under_way:
                await take_list_turn()
                begin()
            go_on()
            found = await answer_within(LIST_TIMEOUT_S, under_way.popleft())
            # The database reads on while something is done with what was found.
            if under_way:
                go_on()
            yield found
    finally:
        # Their end is not waited for: a database that hangs would keep the list's place meanwhile.
        for task in under_way:
            break_off(task)
