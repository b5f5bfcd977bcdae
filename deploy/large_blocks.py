"""Has large blocks of memory go back to the system as soon as they are free.

glibc asks the system for a large block, and gives it back whole. But once it has seen a large block freed, it takes blocks of
up to that size from its heap, where they stay between others: after some long lists that was 15 MB. A limit that is set is
kept (mallopt(3), "M_MMAP_THRESHOLD").
"""

import ctypes
import sys
from typing import Final

LARGE_BYTES: Final = 128 * 2**10
"""glibc's own limit, before it has seen any."""
_M_MMAP_THRESHOLD: Final = -3


def return_large_blocks() -> bool:
    """Sets the limit for this process. Returns False where the system's library has none: musl, and other systems than
    Linux, give back what is large by themselves."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES) == 1
