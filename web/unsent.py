"""What answers to lists hold until they are sent: bounded, over the process and for each caller, and shared out.

Whoever reads slowly holds it for long. Where there is no room for the answer of a caller, one of whoever holds the most ends, if
that is more than this caller would hold then: so a few who read nothing keep nobody out.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from web.middleware.bodies import TooManyBodies

HELD_ANSWER_BYTES: Final = 128 * 2**20
"""Of all answers, shared out among the web processes; half of it for one caller (IPv6: a /48): some forty of the largest usual ones."""
LEAST_ANSWER_BYTES: Final = 64 * 2**20
"""Of one process, however many there are: half of it holds any answer."""


class Unsent:
    """What is held of one answer."""

    def __init__(self, key: bytes, size: int) -> None:
        self.key = key
        self.size = size
        self.is_ended = False
        self._patience = asyncio.timeout(None)

    @property
    def patience(self) -> asyncio.Timeout:
        """Around whatever sends it."""
        return self._patience

    def end(self) -> None:
        """Has it be sent no further."""
        self.is_ended = True
        self._patience.reschedule(asyncio.get_running_loop().time())


class UnsentAnswers:
    """Counts the bytes of answers for each caller."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._of: Counter[bytes] = Counter()
        self._answers: dict[Unsent, None] = {}
        """Those that are sent, the oldest first."""

    @asynccontextmanager
    async def holding(self, key: bytes, size: int) -> AsyncIterator[Unsent]:
        """Counts an answer while the block sends it. Where its room goes to somebody else meanwhile, the block ends, without an
        error. Raises TooManyBodies, before the block, where there is no room."""
        self._make_room(key, size)
        unsent = Unsent(key, size)
        self._of[key] += size
        self._answers[unsent] = None
        try:
            async with unsent.patience:
                yield unsent
        except TimeoutError:
            if not unsent.is_ended:
                raise
        finally:
            self.shrink(unsent, 0)
            del self._answers[unsent]

    def shrink(self, unsent: Unsent, size: int) -> None:
        """Counts an answer with what is left of it. One that has ended stays at nothing."""
        freed, unsent.size = max(0, unsent.size - size), min(unsent.size, size)
        self._of[unsent.key] -= freed
        if not self._of[unsent.key]:
            del self._of[unsent.key]

    def _make_room(self, key: bytes, size: int) -> None:
        mine = self._of[key] + size
        if mine > self._total // 2:
            raise TooManyBodies
        while self._of.total() + size > self._total:
            if not self._end_one_of_more_than(mine):
                raise TooManyBodies

    def _end_one_of_more_than(self, size: int) -> bool:
        """Ends the oldest answer of whoever holds the most. Returns False where nobody holds more than `size`."""
        key, held = max(self._of.items(), key=lambda each: each[1], default=(b"", 0))
        if held <= size:
            return False
        oldest = next(each for each in self._answers if each.key == key and each.size)
        oldest.end()
        self.shrink(oldest, 0)
        return True


def room_for_answers(processes: int = 1) -> UnsentAnswers:
    """Makes what counts the answers to lists in one of some processes."""
    return UnsentAnswers(max(HELD_ANSWER_BYTES // processes, LEAST_ANSWER_BYTES))
