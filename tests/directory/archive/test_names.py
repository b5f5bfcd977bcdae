"""Which names are taken from tweets, and which are not."""

import json
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.archive import read_archive
from directory.archive.mentions import Mention
from directory.archive.names import Names
from directory.identifiers import XHandle
from tests.directory.archive.build import list_js, loose, people_of, tweet, tweets_js

FOLLOWING = list_js("following", "12", "34")
SEEN_CASES: Final = json.loads((Path(__file__).parents[2] / "js" / "archive" / "seen.json").read_text())
"""The reader in the browser reads the same ones."""


def test_the_newest_name_wins_wherever_it_stands() -> None:
    tweets = tweets_js(
        tweet("900", ("12", "middle")), tweet("1000", ("12", "Newest")), tweet("99", ("12", "oldest"))
    )
    assert people_of(loose(following=FOLLOWING, tweets=tweets))[0] == "12,Newest,f"


def test_a_handle_that_passed_to_another_is_forgotten() -> None:
    """X resells handles. An old tweet calls 12 `@bridge`, a newer one calls a stranger so: a lookup of
    the handle would find the stranger, and 12's followers would follow a wrong person.
    """
    tweets = tweets_js(
        tweet("1", ("12", "Bridge")), tweet("2", ("999", "bridge")), tweet("3", ("34", "ferry"))
    )
    assert people_of(loose(following=FOLLOWING, tweets=tweets)) == ["12,,f", "34,ferry,f"]


def test_a_handle_that_came_from_another_is_kept() -> None:
    tweets = tweets_js(tweet("2", ("12", "Bridge")), tweet("1", ("999", "bridge")))
    assert people_of(loose(following=FOLLOWING, tweets=tweets))[0] == "12,Bridge,f"


def test_names_of_old_archives_are_read() -> None:
    old = b"window.YTD.tweet.part0 = " + json.dumps([tweet("5", ("12", "Bridge"))]).encode()
    assert people_of(loose(following=FOLLOWING, tweet=old))[0] == "12,Bridge,f"


def test_unreadable_mentions_are_passed_over() -> None:
    tweets = tweets_js(
        tweet("5", ("-1", "gone"), ("12", "with space"), ("12", "twenty_one_letters_ok"), ("12", "né")),
        tweet("x", ("34", "ferry")),
    )
    archive = read_archive(loose(following=FOLLOWING, tweets=tweets))
    assert [str(query) for query in archive.people] == ["12,,f", "34,ferry,f"]
    assert archive.skipped.mentions == 4


def test_mentions_inside_a_quoted_tweet_do_not_count() -> None:
    quoted = {**tweet("5"), "quoted_status": tweet("9", ("12", "Bridge")), "entities": {"quoted": tweet("1")}}
    assert people_of(loose(following=FOLLOWING, tweets=tweets_js(quoted)))[0] == "12,,f"


def test_a_tweet_that_mentions_the_world_is_cut_short() -> None:
    crowd = [(str(number), "Bridge") for number in range(1_000, 2_000)]
    archive = read_archive(loose(following=FOLLOWING, tweets=tweets_js(tweet("5", *crowd, ("12", "last")))))
    assert archive.skipped.mentions == 1


@pytest.mark.parametrize("case", SEEN_CASES, ids=lambda case: case["what"])
def test_a_name_has_the_day_of_the_tweet_that_told_it(case: dict[str, Any]) -> None:
    tweets = tweets_js(
        *(
            {**tweet("1", tuple(named)), "id_str": number}
            | ({"full_text": text[0]} if text else {})
            | case.get("beside", {})
            for number, named, *text in case["tweets"]
        )
    )
    assert people_of(loose(following=list_js("following", "12"), tweets=tweets)) == [case["line"]]


MENTIONS = st.lists(
    st.builds(
        Mention,
        st.integers(0, 50),
        st.integers(1, 8),
        st.sampled_from(["ann", "Ann", "bob", "cy", "dee"]),
        st.booleans(),
    ),
    max_size=20,
    unique_by=lambda mention: mention.tweet_id,
)


@given(MENTIONS, st.randoms(use_true_random=False))
def test_the_order_of_tweets_does_not_matter(mentions: list[Mention], chance: Random) -> None:
    people = {1, 2, 3, 4}
    names, shuffled = Names(people), Names(people)
    for mention in mentions:
        names.see(mention)
    chance.shuffle(mentions)
    for mention in mentions:
        shuffled.see(mention)
    found = [names.name_of(x_id)[0] for x_id in people]
    assert [names.name_of(x_id) for x_id in people] == [shuffled.name_of(x_id) for x_id in people]
    keys = [name.key for name in found if name]
    assert len(keys) == len(set(keys))


def test_strangers_beyond_the_limit_are_not_remembered() -> None:
    names = Names({1}, max_strangers=1)
    for mention in (Mention(1, 8, "first"), Mention(2, 9, "second"), Mention(0, 1, "second")):
        names.see(mention)
    assert names.name_of(1) == (XHandle("second"), None)
