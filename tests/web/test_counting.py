"""Counting callers over several processes: the same answers as in one, from one table."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.workers.supervisor import COUNT_KINDS
from directory.shared_counts import SharedCounts, make_shared_counts, open_shared_counts
from federation.errors import TooManyRequests
from federation.peers.budget import Asked, PeerBudget
from tests.harness.clock import FakeClock
from tests.web.test_rate_limit import A, B, Monotonic, scope
from web.middleware.counting import Counted, Counting, SharedRateLimiter
from web.middleware.rate_limit import RateLimiter


@pytest.fixture
def shared() -> Iterator[list[SharedCounts]]:
    file = make_shared_counts(len(Counted), 16)
    try:
        yield open_shared_counts(file, len(Counted), 16)
    finally:
        os.close(file)


asked = st.lists(
    st.tuples(st.floats(0, 90), st.sampled_from([A, B]), st.integers(1, 5), st.integers(0, 1)), max_size=60
)


@given(asked, st.integers(0, 20))
def test_two_processes_answer_as_one_does(steps: list[tuple[float, bytes, int, int]], limit: int) -> None:
    """Whichever process a request comes to: what is left, when to come back, and what is refused."""
    seconds = Monotonic()
    file = make_shared_counts(1, 16)
    try:
        alone = RateLimiter("requests", limit, seconds)
        both = [
            SharedRateLimiter("requests", limit, open_shared_counts(file, 1, 16)[0], seconds)
            for _ in range(2)
        ]
        for wait, key, units, process in steps:
            seconds.now += wait
            assert both[process].take(key, units) == alone.take(key, units)
    finally:
        os.close(file)


def test_callers_have_the_same_key_in_all_processes(shared: list[SharedCounts]) -> None:
    one, other = (Counting(2, b"s" * 32, shared).keys(0) for _ in range(2))
    assert one.key_of(scope("192.0.2.1")) == other.key_of(scope("192.0.2.1"))
    assert one.key_of(scope("192.0.2.1")) != Counting().keys(0).key_of(scope("192.0.2.1"))


def test_each_kind_has_a_limit_of_its_own_over_all_processes(shared: list[SharedCounts]) -> None:
    one, other = Counting(2, b"s" * 32, shared), Counting(2, b"s" * 32, shared)
    kinds = [kind for kind in Counted if kind is not Counted.PEERS]
    for kind in kinds:
        assert one.limiter(kind, 1).take(A).remaining == 0
    assert all(other.limiter(kind, 1).take(A).is_exceeded for kind in kinds)
    assert not other.limiter(Counted.REQUESTS, 1).take(B).is_exceeded


def test_a_peer_has_one_budget_whichever_process_it_asks(shared: list[SharedCounts]) -> None:
    """Attack: with N processes each peer would have had N budgets."""
    clock = FakeClock()
    one, other = (PeerBudget(clock, Counting(2, b"", shared).peers()) for _ in range(2))
    one.take("peer.example/log", Asked.OWN, 2)
    other.take("peer.example/log", Asked.OWN, 2)
    other.take("peer.example/log", Asked.EVIDENCE, 2)
    for each in (one, other):
        with pytest.raises(TooManyRequests):
            each.take("peer.example/log", Asked.OWN, 2)


def test_what_cannot_be_shared_is_shared_out() -> None:
    assert [Counting(processes).share_of(200) for processes in (1, 2, 3, 300)] == [200, 100, 66, 1]


def test_the_parent_makes_room_for_all_kinds() -> None:
    assert len(Counted) == COUNT_KINDS
