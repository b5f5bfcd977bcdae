"""Counts of callers over all web processes of a machine, in memory that they share: constant in size, some microseconds each.

A table of buckets of eight slots. A caller's key, which is a keyed hash, chooses the bucket, so that nobody can aim at somebody
else's. A newcomer to a full bucket takes the slot in which least was used, and goes on from what was used there
(Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in Data Streams, 2005, "Space-Saving"). So:

- nobody is counted for less than they took: whoever has spent an allowance is not forgotten before all eight have spent as much;
- a newcomer is counted for more than they took by an eighth at most of what all callers of the bucket took together. To have them
  refused, somebody has to spend eight whole allowances in each bucket, from addresses without number.

Each bucket has a record lock, which the system releases where its holder is killed. One that is not free soon is passed over: a
process that was stopped must stop nobody else. Lost is then what of the bucket was counted while its holder stood still: a few
requests where the machine is so busy that a process has to wait for a processor.

Trusted: whoever can write to it can spend or renew allowances. It holds hashes and numbers, in the memory of processes alone.
"""

import errno
import fcntl
import hashlib
import mmap
import os
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from directory.shared_memory import make_shared_file

KEY_BYTES: Final = 16
SLOTS: Final = 8
BUCKETS: Final = 16_384
"""Of each kind of count: 131,072 callers, in 4 MiB, of which the system gives those pages that are used."""
TRIES: Final = 100
"""For the lock of a bucket: about a tenth of a millisecond, hundreds of times as long as it is held by a process that runs."""
ROUNDING: Final = 1e-6
_SLOT: Final = struct.Struct("<16sIII4x")
_COUNTS: Final = struct.Struct("<III")
_BUCKET_BYTES: Final = _SLOT.size * SLOTS
_MOST: Final = 2**32 - 1


class Window(NamedTuple):
    """The present window of a count: its number, and which share of the one before still counts."""

    number: int
    of_previous: float


class Taken(NamedTuple):
    """What is counted after a request; `is_taken` is False where it did not fit, and nothing was added."""

    current: int
    previous: int
    is_taken: bool


class SharedCounts:
    """Counts of one kind, in a part of the memory."""

    def __init__(self, memory: mmap.mmap, file: int, start: int, buckets: int) -> None:
        self._memory = memory
        self._file = file
        self._start = start
        self._buckets = buckets

    def take(self, key: bytes, units: int, limit: int, window: Window) -> Taken:
        """Adds `units` to what the bearer of a key has taken, where that stays within the limit."""
        name = key if len(key) == KEY_BYTES else hashlib.blake2b(key, digest_size=KEY_BYTES).digest()
        bucket = self._start + int.from_bytes(name[:4], "little") % self._buckets * _BUCKET_BYTES
        is_locked = self._lock(bucket)
        try:
            at = self._find(bucket, name)
            is_new = at is None
            if at is None:
                at = self._least_used(bucket, window)
            number, *counted = _COUNTS.unpack_from(self._memory, at + KEY_BYTES)
            current, previous = _at(number, counted, window)
            if current + previous * window.of_previous + units > limit + ROUNDING:
                return Taken(current, previous, False)
            current = min(current + units, _MOST)
            if is_new:
                self._memory[at : at + KEY_BYTES] = name
            number = window.number + 1 if number == window.number + 1 else window.number
            _COUNTS.pack_into(self._memory, at + KEY_BYTES, number, current, previous)
            return Taken(current, previous, True)
        finally:
            if is_locked:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, bucket)

    def _find(self, bucket: int, name: bytes) -> int | None:
        held = self._memory[bucket : bucket + _BUCKET_BYTES]
        at = held.find(name)
        while at >= 0 and at % _SLOT.size:  # what looks like it between two slots
            at = held.find(name, at + 1)
        return bucket + at if at >= 0 else None

    def _least_used(self, bucket: int, window: Window) -> int:
        used = []
        for at in range(bucket, bucket + _BUCKET_BYTES, _SLOT.size):
            number, *counted = _COUNTS.unpack_from(self._memory, at + KEY_BYTES)
            current, previous = _at(number, counted, window)
            used.append((current + previous * window.of_previous, at))
        return min(used)[1]

    def _lock(self, bucket: int) -> bool:
        for _ in range(TRIES):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, bucket)
            except OSError as error:
                if error.errno not in {errno.EAGAIN, errno.EACCES}:
                    return False
                os.sched_yield()
            else:
                return True
        return False


def _at(number: int, counted: Sequence[int], window: Window) -> tuple[int, int]:
    """Returns what of a slot counts in a window. Another process may have read the clock a moment later."""
    current, previous = counted
    behind = window.number - number
    if behind in {0, -1}:
        return current, previous
    return (0, current) if behind == 1 else (0, 0)


def make_shared_counts(kinds: int, buckets: int = BUCKETS) -> int:
    """Makes the memory for so many kinds of counts. Returns its file, which the processes inherit."""
    return make_shared_file("passerelle-counts", kinds * buckets * _BUCKET_BYTES)


def open_shared_counts(file: int, kinds: int, buckets: int = BUCKETS) -> list[SharedCounts]:
    """Opens the counts. The file stays open as long as the process runs: closing it would release all its locks."""
    part = buckets * _BUCKET_BYTES
    memory = mmap.mmap(file, kinds * part)
    return [SharedCounts(memory, file, kind * part, buckets) for kind in range(kinds)]
