from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from directory.proofs.schedule import FIRST_CHECK_WINDOW, MAX_ASKED_WAIT, next_try
from tests.harness.clock import START

seeds = st.text(max_size=8)


class TestFirstCheck:
    def tries(self, seed: str, retry_after_s: int | None = None) -> list[datetime]:
        at: list[datetime] = [START]
        while (then := next_try(START, at[-1], len(at), seed, retry_after_s)) is not None:
            at.append(then)
        return at

    @given(seeds)
    def test_it_goes_on_for_a_day_ever_less_often(self, seed: str) -> None:
        at = self.tries(seed)
        assert at[1] - START < timedelta(seconds=20)
        assert at[-1] > START + FIRST_CHECK_WINDOW - timedelta(hours=5)
        assert at[-1] <= START + FIRST_CHECK_WINDOW
        assert 10 <= len(at) <= 20

    def test_a_seed_gives_one_plan_and_another_seed_another(self) -> None:
        assert self.tries("a") == self.tries("a") != self.tries("b")

    def test_the_wait_that_a_source_asks_for_is_kept(self) -> None:
        assert next_try(START, START, 1, "a", 3_600) == START + timedelta(hours=1)
        assert next_try(START, START, 8, "a", 1) > START + timedelta(hours=4)  # type: ignore[operator] # not None

    @given(seeds, st.integers(0, 10**9))
    def test_a_long_wait_that_a_source_asks_for_is_not_the_end(self, seed: str, asked_s: int) -> None:
        """One answer with `Retry-After: 86400` ended the check of whoever had just posted, in its first second."""
        at = self.tries(seed, asked_s)
        assert len(at) > 1
        assert at[1] - START >= min(timedelta(seconds=asked_s), MAX_ASKED_WAIT)
        assert all(then - before <= MAX_ASKED_WAIT for before, then in pairwise(at))
        assert START + FIRST_CHECK_WINDOW - timedelta(hours=5) < at[-1] <= START + 2 * FIRST_CHECK_WINDOW

    @given(st.integers(-5, 10**9), seeds)
    def test_any_count_gives_a_later_time_or_an_end(self, tries: int, seed: str) -> None:
        then = next_try(START, START, tries, seed)
        assert then is None or then > START
