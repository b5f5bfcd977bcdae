"""Programs of others that tests start: they end with the block, and may not be silent for ever."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

READY_TIMEOUT_S: Final = 60
STOP_TIMEOUT_S: Final = 10


@contextmanager
def ending_with_block(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Ends a process with the block; kills one that does not."""
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def killed_if_silent(process: subprocess.Popen[str]) -> Iterator[None]:
    """Kills a process that holds the block up: only its end can end the wait for a line that never comes."""
    watchdog = threading.Timer(READY_TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
