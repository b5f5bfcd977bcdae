"""Waits for what another process or thread does, without taking the processor that it needs from it."""

import time
from collections.abc import Callable
from typing import Final

SHORTEST_S: Final = 0.005
LONGEST_S: Final = 0.1
TIMES_A_LOOK: Final = 3
"""A look may cost a process or a connection: at most a quarter of the time is spent on looking."""


def wait_until(is_true: Callable[[], bool], timeout_s: float) -> bool:
    """Looks until it is true. Returns False where the time runs out first."""
    deadline = time.monotonic() + timeout_s
    while True:
        began = time.monotonic()
        if is_true():
            return True
        if time.monotonic() > deadline:
            return False
        cost_s = time.monotonic() - began
        time.sleep(min(max(SHORTEST_S, TIMES_A_LOOK * cost_s), LONGEST_S))
