"""Gives memory back to the system: large blocks as soon as they are free, and what is unused at one moment.

glibc asks the system for a large block, and gives it back whole. But once it has seen a large block freed, it takes blocks of
up to that size from its heap, where they stay between others: after some long lists that was 15 MB. A limit that is set is
kept (mallopt(3), "M_MMAP_THRESHOLD").
"""

import ctypes
import sys
from collections.abc import Callable
from typing import Final

LARGE_BYTES: Final = 128 * 2**10
"""glibc's own limit, before it has seen any."""
_M_MMAP_THRESHOLD: Final = -3


def return_large_blocks() -> bool:
    """Sets the limit for this process. Returns False where the system's library has none: musl, and other systems than
    Linux, give back what is large by themselves."""
    mallopt = _of_system("mallopt")
    return mallopt is not None and mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES) == 1


def return_unused() -> bool:
    """Gives back each whole page of the heap that nothing is on now. Returns False where there was none, or the system's
    library cannot."""
    malloc_trim = _of_system("malloc_trim")
    return malloc_trim is not None and malloc_trim(0) == 1


def _of_system(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
