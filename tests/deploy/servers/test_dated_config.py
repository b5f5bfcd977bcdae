"""Answers tell the time of the second in which they are given."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from deploy.servers.dated_config import DatedConfig


def test_the_date_is_that_of_now_and_made_once_a_second() -> None:
    config = DatedConfig()
    config.include_server_header = False
    ((name, value),) = config.response_headers("h11")
    assert name == b"date"
    assert abs(parsedate_to_datetime(value.decode()) - datetime.now(UTC)) < timedelta(seconds=30)
    config._of_protocol["h11"] = [(name, b"a second ago")]
    config._second -= 1
    ((_, again),) = config.response_headers("h11")
    assert again != b"a second ago"
