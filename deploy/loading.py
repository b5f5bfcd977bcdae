"""Loads modules without looking for garbage among them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Keeps the collector of garbage away until the block ends, and from what was loaded for good: that stays, and looking
    through it again and again takes a tenth of the time, and as the process ends more than that."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
