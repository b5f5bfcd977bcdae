"""Keys of ticks are read and written in parts, and no more of them than there can be."""

import tracemalloc
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.errors import InvalidQuery
from web.pages import tick_keys
from web.pages.tick_keys import (
    MAX_KEYS,
    MAX_KEYS_OF_A_PAGE,
    MAX_TICK_CHARS,
    read_keys,
    read_ticks,
    write_keys,
)

MEGABYTE: Final = 2**20
spaced = st.lists(st.sampled_from(["1.b", "@ada.m", "2", " ", "\n", "\u2003"]), max_size=30).map("".join)


@given(spaced)
def test_keys_are_the_words_of_a_text(text: str) -> None:
    assert read_keys(text) == frozenset(text.split())


@given(st.frozensets(st.text("12b.@", min_size=1), max_size=12), st.integers(1, 3))
def test_keys_are_written_in_order(keys: frozenset[str], at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tick_keys, "SORTED_AT_ONCE", at_once)
        assert write_keys(keys) == " ".join(sorted(keys))
    assert read_keys(write_keys(keys)) == keys


@pytest.mark.parametrize("space", [" ", "\n", "\u2003"])
@pytest.mark.parametrize("most", [MAX_KEYS, MAX_KEYS_OF_A_PAGE])
def test_more_than_there_can_be_are_refused_before_they_are_held(space: str, most: int) -> None:
    """Attack: six megabytes of short keys became a million small texts, and held up everybody for more than a second."""
    text = space.join(map(str, range(900_000)))
    tracemalloc.start()
    try:
        with pytest.raises(InvalidQuery, match=f"more than {most} ticks"):
            read_keys(text, most)
        assert tracemalloc.get_traced_memory()[1] < most * 200 + 4 * MEGABYTE
    finally:
        tracemalloc.stop()


def test_as_many_as_there_can_be_are_read() -> None:
    keys = frozenset(f"{number}.b" for number in range(MAX_KEYS))
    assert read_keys(write_keys(keys)) == keys


@given(spaced)
def test_ticks_are_keys(text: str) -> None:
    assert read_ticks(text) == read_keys(text)


@pytest.mark.parametrize(
    "text",
    [
        '1.b "',
        "1.b &amp;",
        "1" * (MAX_TICK_CHARS + 1),
        "1.b " * 30_000 + "<",
        '"' * 6_390_000,
        "1" * 6_390_000,
    ],
    ids=range(6),
)
def test_what_is_no_tick_is_refused(text: str) -> None:
    """Attack: six megabytes of quotes as one tick were escaped and repeated in the page, and held everybody up for 0.8 seconds."""
    with pytest.raises(InvalidQuery, match="no"):
        read_ticks(text)


def test_the_longest_tick_is_read() -> None:
    assert read_ticks("@" + "a" * (MAX_TICK_CHARS - 1)) == {"@" + "a" * (MAX_TICK_CHARS - 1)}
