"""Counts that processes share: nobody is counted for less, a newcomer hardly for more, and no holder of a lock is waited for."""

import hashlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.shared_counts import (
    BUCKETS,
    KEY_BYTES,
    SLOTS,
    SharedCounts,
    Window,
    make_shared_counts,
    open_shared_counts,
)

NOW = Window(7, 0.0)
LIMIT = 30


def key(number: int) -> bytes:
    """A key of the first bucket."""
    return number.to_bytes(4, "big").rjust(KEY_BYTES, b"\0")


def hashed(number: int) -> bytes:
    """A key as callers have them: of any bucket."""
    return hashlib.blake2b(key(number), digest_size=KEY_BYTES).digest()


@contextmanager
def table(buckets: int = 1, kinds: int = 1) -> Iterator[list[SharedCounts]]:
    file = make_shared_counts(kinds, buckets)
    try:
        yield open_shared_counts(file, kinds, buckets)
    finally:
        os.close(file)


@pytest.fixture
def counts() -> Iterator[SharedCounts]:
    with table() as (made,):
        yield made


def test_what_fits_is_counted_and_what_does_not_is_not(counts: SharedCounts) -> None:
    assert counts.take(key(1), 20, LIMIT, NOW) == (20, 0, True)
    assert counts.take(key(1), 11, LIMIT, NOW) == (20, 0, False)
    assert counts.take(key(1), 10, LIMIT, NOW) == (30, 0, True)
    assert counts.take(key(2), 1, LIMIT, NOW) == (1, 0, True)


def test_the_window_before_counts_by_its_share_and_then_no_more(counts: SharedCounts) -> None:
    counts.take(key(1), 30, LIMIT, NOW)
    assert not counts.take(key(1), 1, LIMIT, Window(8, 1.0)).is_taken
    assert counts.take(key(1), 15, LIMIT, Window(8, 0.5)) == (15, 30, True)
    assert counts.take(key(1), 30, LIMIT, Window(10, 1.0)) == (30, 0, True)


def test_a_process_whose_clock_is_a_moment_behind_forgets_nothing(counts: SharedCounts) -> None:
    """Two processes on both sides of the end of a window must not give the caller a third one."""
    counts.take(key(1), 30, LIMIT, Window(8, 1.0))
    assert not counts.take(key(1), 1, LIMIT, Window(7, 0.0)).is_taken
    assert not counts.take(key(1), 1, LIMIT, Window(8, 1.0)).is_taken


def test_kinds_are_counted_apart() -> None:
    with table(kinds=2) as (one, other):
        one.take(key(1), LIMIT, LIMIT, NOW)
        assert other.take(key(1), 1, LIMIT, NOW) == (1, 0, True)


steps = st.lists(st.tuples(st.integers(0, 3 * SLOTS), st.integers(1, LIMIT)), max_size=200)


@given(steps)
def test_nobody_takes_more_than_the_limit_however_full_it_is(asked: list[tuple[int, int]]) -> None:
    """Attack: whoever has spent an allowance has others push them out of a full table, and begins anew."""
    taken: Counter[int] = Counter()
    with table() as (counts,):
        for caller, units in asked:
            if counts.take(key(caller), units, LIMIT, NOW).is_taken:
                taken[caller] += units
    assert all(units <= LIMIT for units in taken.values())


@given(steps)
def test_a_newcomer_is_counted_for_an_eighth_of_the_others_at_most(asked: list[tuple[int, int]]) -> None:
    with table() as (counts,):
        total = sum(units for caller, units in asked if counts.take(key(caller), units, LIMIT, NOW).is_taken)
        newcomer = counts.take(key(1_000), 1, 10 * LIMIT, NOW)
    assert newcomer.current - 1 <= total / SLOTS


def test_a_swarm_of_fresh_addresses_forgets_no_spent_allowance_and_keeps_no_newcomer_out() -> None:
    """Attack: a million addresses (a /44 has so many networks) ask once or twice each."""
    with table(buckets=64) as (counts,):
        spent = [hashed(number) for number in range(50)]
        for each in spent:
            counts.take(each, LIMIT, LIMIT, NOW)
        for number in range(64 * SLOTS * 4):
            counts.take(hashed(1_000 + number), 1 + number % 2, LIMIT, NOW)
        assert not any(counts.take(each, 1, LIMIT, NOW).is_taken for each in spent)
        newcomers = [counts.take(hashed(100_000 + number), 1, LIMIT, NOW) for number in range(100)]
    assert all(each.is_taken for each in newcomers)
    assert max(each.current for each in newcomers) < LIMIT / 2


def test_two_addresses_that_push_each_other_out_are_counted_all_the_same(counts: SharedCounts) -> None:
    """Attack: in a full bucket the newest has least, so that two who take turns would each be forgotten before the next."""
    for number in range(SLOTS - 1):
        counts.take(key(number), LIMIT, LIMIT, NOW)
    taken = [counts.take(key(100 + number % 2), 1, LIMIT, NOW).is_taken for number in range(200)]
    assert taken.count(True) == LIMIT


def test_the_memory_is_as_large_as_it_is(counts: SharedCounts) -> None:
    file = make_shared_counts(5)
    try:
        assert os.fstat(file).st_size == 5 * BUCKETS * SLOTS * 32 == 20 * 2**20
        assert os.fstat(file).st_blocks == 0, "the system gives what is used"
    finally:
        os.close(file)


HOLDER = """
import fcntl, sys
fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(file: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that holds the locks of all buckets."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)],
        pass_fds=[file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_process_that_is_stopped_or_killed_with_a_lock_stops_nobody() -> None:
    file = make_shared_counts(1, 1)
    try:
        (counts,) = open_shared_counts(file, 1, 1)
        with holder(file) as process:
            process.send_signal(signal.SIGSTOP)
            assert counts.take(key(1), 20, LIMIT, NOW).is_taken, "counted without the lock"
            assert not counts.take(key(1), 20, LIMIT, NOW).is_taken
            process.kill()
            process.wait()
            assert counts._lock(0), "the system has given the lock back"
    finally:
        os.close(file)


TAKER = """
import os, sys
from directory import shared_counts
from directory.shared_counts import Window, open_shared_counts
shared_counts.TRIES = sys.maxsize  # so that none is passed over, however busy the machine is
(counts,) = open_shared_counts(int(sys.argv[1]), 1, 4)
print("ready", flush=True)
sys.stdin.readline()
keys = [bytes([number]) * 16 for number in range(8)]
print(sum(counts.take(key, 1, 1_000, Window(7, 0.0)).is_taken for _ in range(1_000) for key in keys))
"""


def test_two_processes_at_once_take_exactly_the_limit() -> None:
    """Attack: requests on many connections at the same moment, so that each process reads before the other writes."""
    file = make_shared_counts(1, 4)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", TAKER, str(file)],
            pass_fds=[file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        taken = [int(process.communicate()[0]) for process in started]
    finally:
        os.close(file)
        for process in started:
            process.kill()
            process.wait()
    assert sum(taken) == 8 * 1_000
