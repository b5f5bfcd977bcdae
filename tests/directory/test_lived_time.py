"""The time that was lived: what a clock that is wrong for a day does to it, and what a long rest does."""

from datetime import timedelta
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from directory.lived_time import DAYS_SEEN, MAX_STEP, LivedTime, see_time
from tests.harness.clock import START

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
steps = st.lists(st.integers(0, 60).map(lambda minutes: timedelta(minutes=minutes)), max_size=300)


def seen(*looks: timedelta, before: LivedTime | None = None) -> LivedTime:
    """What is known after looks at these times since START."""
    first = before or see_time(None, START)
    return reduce(lambda known, at: see_time(known, START + at), looks, first)


def test_the_first_look_is_believed() -> None:
    assert see_time(None, START).believed == START


@given(steps)
def test_a_clock_that_goes_on_is_believed_at_each_look(passed: list[timedelta]) -> None:
    now, known = START, see_time(None, START)
    for step in passed:
        now += step
        known = see_time(known, now)
        assert known.believed == now


@given(steps, st.integers(8, 4_000))
def test_a_clock_that_is_wrong_for_a_few_days_ends_nothing(passed: list[timedelta], days: int) -> None:
    """However often it is asked meanwhile; and set right again, it is as if nothing had been."""
    ahead, known = timedelta(days=days), see_time(None, START)
    now = START
    for step in passed:
        now += step
        known = see_time(known, now + ahead)
        assert known.believed == START
    assert see_time(known, now).believed == (now if now - START <= MAX_STEP else START)


def test_a_clock_that_stays_is_believed_after_a_week() -> None:
    """An instance that was off for a year: what has expired meanwhile goes, a week later."""
    rest = timedelta(days=365)
    looks = [rest + n * HOUR for n in range(24 * DAYS_SEEN)]
    known = seen(*looks[: 20 * (DAYS_SEEN - 1)])
    assert known.believed == START
    assert seen(*looks).believed > START + rest


def test_an_instance_that_runs_on_one_day_of_ten_is_believed_in_the_end() -> None:
    looks = [timedelta(days=10 * n) for n in range(1, DAYS_SEEN + 1)]
    assert seen(*looks[:-1]).believed == START
    assert seen(*looks).believed == START + looks[-1]


def test_two_machines_that_differ_by_a_year_believe_the_one_that_is_right() -> None:
    looks = [n * HOUR + ahead for n in range(500) for ahead in (timedelta(), 365 * DAY)]
    known = see_time(None, START)
    for at in looks:
        known = see_time(known, START + at)
        assert known.believed < START + 300 * DAY


def test_a_clock_that_was_set_back_is_believed() -> None:
    assert see_time(see_time(None, START + 365 * DAY), START).believed == START
