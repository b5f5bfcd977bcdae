from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from directory.proofs.post_url import MAX_POST_ID, XPostId
from directory.proofs.snowflake import post_time
from tests.harness.fake_x.post_ids import first_post_id_at


def test_a_known_post() -> None:
    """The post of X's own examples, whose `created_at` they give to the second."""
    posted = post_time(XPostId(1050118621198921728))
    assert posted.replace(microsecond=0) == datetime(2018, 10, 10, 20, 19, 24, tzinfo=UTC)


def test_a_number_from_before_snowflakes_is_older_than_any_challenge() -> None:
    assert post_time(XPostId(20)).year == 2010


def test_the_largest_number_has_a_time() -> None:
    assert post_time(XPostId(MAX_POST_ID)).year == 2080


@given(st.datetimes(datetime(2011, 1, 1), datetime(2079, 1, 1)))  # noqa: DTZ001 - the zone is added below
def test_a_time_and_its_first_number_belong_together(time: datetime) -> None:
    time = time.replace(tzinfo=UTC)
    found = post_time(first_post_id_at(time))
    assert timedelta(0) <= time - found < timedelta(milliseconds=1)


@given(st.integers(1, MAX_POST_ID - 1))
def test_time_never_runs_back(number: int) -> None:
    assert post_time(XPostId(number)) <= post_time(XPostId(number + 1))
