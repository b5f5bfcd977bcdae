"""The streams of news: few for one member, and bounded in all."""

from contextlib import ExitStack
from uuid import uuid4

import pytest
from litestar.exceptions import TooManyRequestsException

from web.pages.run_news import MAX_STREAMS, MAX_STREAMS_OF_MEMBER, Streams


def test_one_member_takes_no_place_of_others() -> None:
    """Attack: a member opens streams until nobody else can."""
    streams, greedy = Streams(), uuid4()
    with ExitStack() as opened:
        for _ in range(MAX_STREAMS_OF_MEMBER):
            opened.enter_context(streams.place(greedy))
        with pytest.raises(TooManyRequestsException):
            streams.check(greedy)
        streams.check(uuid4())
    streams.check(greedy)


def test_all_streams_of_a_process_are_bounded() -> None:
    streams = Streams()
    with ExitStack() as opened:
        for _ in range(MAX_STREAMS):
            opened.enter_context(streams.place(uuid4()))
        with pytest.raises(TooManyRequestsException):
            streams.check(uuid4())
    streams.check(uuid4())
