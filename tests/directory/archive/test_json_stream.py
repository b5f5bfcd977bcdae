"""The stream of JSON says the same as the whole of it, wherever it is cut."""

import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import ijson  # type: ignore[import-untyped]  # the package ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.archive.json_stream import Event, json_events, json_of_list
from directory.archive.mentions import MentionReader
from directory.archive.problems import ArchiveError
from directory.archive.rows import RowReader
from tests.directory.archive.build import list_js, tweet, tweets_js

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.text(alphabet=st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(alphabet='ab=;[{"\\', max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


def cut(content: bytes, places: Iterable[int]) -> list[bytes]:
    """`content` in pieces, some of them empty."""
    edges = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    return [content[start:end] for start, end in pairwise(edges)]


def events_of(pieces: list[bytes]) -> list[Event]:
    return [event for batch in json_events(json_of_list(pieces, ["x"], "x.js"), "x.js") for event in batch]


@given(VALUES, st.lists(st.integers(0, 10_000), max_size=8), st.sampled_from(["", ";", " ; \r\n", "\n\n"]))
def test_where_it_is_cut_does_not_matter(value: Any, places: list[int], end: str) -> None:
    text = json.dumps(value, ensure_ascii=False)
    content = f"\ufeffwindow.YTD.x.part0 = {text}{end}".encode()
    assert events_of(cut(content, places)) == list(ijson.basic_parse(text.encode(), use_float=True))


IDS = st.lists(st.integers(1, 2**63 - 1), max_size=30)


@given(IDS, st.lists(st.integers(0, 10_000), max_size=8))
def test_ids_come_back_in_their_order(ids: list[int], places: list[int]) -> None:
    pieces = cut(list_js("block", *map(str, ids)), places)
    json = json_of_list(pieces, ["block"], "block.js")
    assert list(RowReader("blocking", "block.js").read(json)) == ids


HANDLES = st.text(alphabet="abcXYZ_09", min_size=1, max_size=20)
MENTIONS = st.lists(st.tuples(st.integers(1, 2**63 - 1), HANDLES), max_size=4)
TWEETS = st.lists(st.tuples(st.integers(1, 2**63 - 1), MENTIONS), max_size=8)


@pytest.mark.parametrize("is_wrapped", [True, False])
@given(tweets=TWEETS, places=st.lists(st.integers(0, 20_000), max_size=8))
def test_mentions_come_back_in_their_order(
    is_wrapped: bool, tweets: list[tuple[int, list[tuple[int, str]]]], places: list[int]
) -> None:
    written = [
        tweet(str(tweet_id), *((str(x_id), handle) for x_id, handle in mentions))
        for tweet_id, mentions in tweets
    ]
    content = tweets_js(*written)
    if not is_wrapped:
        content = b"window.YTD.tweet.part0 = " + json.dumps(written).encode()
    batches = json_events(json_of_list(cut(content, places), ["tweet", "tweets"], "t.js"), "t.js")
    assert list(MentionReader("t.js").read(batches)) == [
        (tweet_id, x_id, handle, True) for tweet_id, mentions in tweets for x_id, handle in mentions
    ]


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_get_anything_but_an_archive_error_out(content: bytes, is_prefixed: bool) -> None:
    pieces = [b"window.YTD.x.part0 = [" + content if is_prefixed else content]
    with suppress(ArchiveError):
        batches = list(map(list, json_events(json_of_list(pieces, ["x"], "x.js"), "x.js")))
        list(MentionReader("x.js").read(batches))
        list(RowReader("following", "x.js").read(json_of_list(pieces, ["x"], "x.js")))
