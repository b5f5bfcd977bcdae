"""A class opens the first page at the same time, from one address."""

import signal
import time
from contextlib import ExitStack
from typing import Final

from tests.harness.command import Started
from tests.harness.raw import RawConnection

BROWSERS: Final = 300
PAGE: Final = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LOOKUP: Final = b"GET /api/v1/lookup?x=@somebody HTTP/1.1\r\nHost: x\r\n\r\n"
ARRIVED_WITHIN_S: Final = 0.9
"""An arrival that finds no room is sent again by its system after a second."""


def test_nobody_waits_to_arrive_and_nobody_is_refused(instance: Started, port: int) -> None:
    """A backlog of 100 let the 101st wait for a second, and the limit of look-ups refused 150 of 300 first pages."""
    with ExitStack() as held:
        instance.process.send_signal(signal.SIGSTOP)
        try:
            slowest = 0.0
            browsers = []
            for _ in range(BROWSERS):
                begun = time.monotonic()
                browsers.append(held.enter_context(RawConnection(port)))
                slowest = max(slowest, time.monotonic() - begun)
        finally:
            instance.process.send_signal(signal.SIGCONT)
        assert slowest < ARRIVED_WITHIN_S
        for browser in browsers:
            browser.send(PAGE)
        assert {browser.answer().status for browser in browsers} == {200}
        assert browsers[0].send(LOOKUP).answer().status == 200
