"""A name counts as of the day on which it was seen: who is followed by name, and why not."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.choosing import may_choose_with_all
from directory.doubts import NAME_HOLDS, Doubt, doubt_beside_id
from directory.identifiers import XHandle, XId
from directory.mappings import Mapping, Strength
from directory.origins import Standing
from directory.queries import Lists, Query
from directory.ranking import Answer, MatchedBy
from tests.harness.clock import START
from tests.harness.mappings import OTHER_ORIGIN, bluesky, mastodon
from tests.harness.ranking import TODAY, rank

PROVEN = START.date()
DAY = timedelta(days=1)


def answer_to(query: Query, *mappings: Mapping, today: date = TODAY) -> Answer:
    (answer,) = rank(query, mappings, today).answers
    return answer


def read_name(seen: date | None, x_id: int | None = 12) -> Query:
    """Returns the query for somebody of an archive whose name was read in a tweet of that day."""
    return Query(XId(x_id) if x_id is not None else None, XHandle("jack"), Lists.FOLLOWING, seen)


def test_a_name_that_was_sold_since_is_not_followed_unseen() -> None:
    """Account 12 was @jack in a tweet of 2019, sold the name, and left. The buyer proves @jack by name: their mapping
    tells no id, so the old name found it, and whoever had followed account 12 was made to follow the buyer."""
    answer = answer_to(read_name(date(2019, 6, 1)), bluesky("jack", target="buyer"))
    assert answer.matched_by is MatchedBy.HANDLE
    assert not answer.may_follow
    assert answer.doubt is Doubt.NAME_SEEN_LONG_AGO


@pytest.mark.parametrize(
    ("seen", "doubt"),
    [
        (PROVEN - NAME_HOLDS, None),
        (PROVEN - NAME_HOLDS - DAY, Doubt.NAME_SEEN_LONG_AGO),
        (PROVEN - DAY, None),
        (PROVEN, None),
        (PROVEN + DAY, None),
        (PROVEN + 100 * DAY, None),
        (PROVEN + 101 * DAY, Doubt.NAME_OF_UNKNOWN_AGE),
        (date.max, Doubt.NAME_OF_UNKNOWN_AGE),
        (date(2006, 3, 21), Doubt.NAME_SEEN_LONG_AGO),
        (date(2006, 3, 20), Doubt.NAME_OF_UNKNOWN_AGE),
        (date.min, Doubt.NAME_OF_UNKNOWN_AGE),
        (None, Doubt.NAME_OF_UNKNOWN_AGE),
    ],
)
@pytest.mark.parametrize("make", [bluesky, mastodon])
def test_a_name_read_beside_an_id_counts_for_a_year(
    make: Callable[[str], Mapping], seen: date | None, doubt: Doubt | None
) -> None:
    """The names are looked up 100 days after the proof; tomorrow's tweet is a forgery."""
    answer = answer_to(read_name(seen), make("jack"), today=PROVEN + 100 * DAY)
    assert answer.doubt is doubt
    assert answer.may_follow is (doubt is None)


def test_a_name_without_a_day_was_typed_today_only_where_there_is_no_id() -> None:
    assert answer_to(read_name(None, x_id=None), bluesky("jack")).may_follow
    assert not answer_to(read_name(None), bluesky("jack")).may_follow


@pytest.mark.parametrize("seen", [date(2019, 6, 1), TODAY + DAY, date(2005, 1, 1)])
@pytest.mark.parametrize("x_id", [None, 99])
def test_a_name_alone_with_an_impossible_or_old_day_is_not_typed(seen: date, x_id: int | None) -> None:
    """A program sent `[null, "jack", "2999-01-01"]`: a day that counts as unknown would have made the name a typed
    one, and followed. A bound mapping that only the handle found is no better: its id is the buyer's."""
    answer = answer_to(read_name(seen, x_id=None), bluesky("jack", x_id))
    assert answer.matched_by is MatchedBy.HANDLE
    assert not answer.may_follow


def test_an_id_needs_no_name() -> None:
    for seen in (None, date(2010, 1, 1), date.max):
        answer = answer_to(read_name(seen), bluesky("jack", 12))
        assert (answer.matched_by, answer.may_follow, answer.doubt) == (MatchedBy.ID, True, None)


def test_whom_a_number_found_is_chosen_with_all() -> None:
    """Nobody asked for a name, so none is in doubt: else "all" would leave out everybody of an archive."""
    assert may_choose_with_all(read_name(None), answer_to(read_name(None), bluesky("jack", 12)))


def test_the_day_is_that_of_the_proof_in_utc() -> None:
    """23:30 in New York is the next day in UTC, which the days of tweets are told in."""
    proven = datetime(2026, 10, 1, 23, 30, tzinfo=timezone(timedelta(hours=-4)))
    mapping = bluesky("jack", issued=proven)
    day = proven.astimezone(UTC).date() - NAME_HOLDS
    assert answer_to(read_name(day), mapping).may_follow
    assert not answer_to(read_name(day - DAY), mapping).may_follow


def test_each_reason_is_told() -> None:
    limited = msgspec.structs.replace(bluesky("jack", 12), standing=Standing.LIMITED)
    torn = rank(read_name(None), [bluesky("jack", 12), bluesky("jack", 12, target="b", origin=OTHER_ORIGIN)])
    assert {answer.doubt for answer in torn.answers} == {Doubt.DISPUTED}
    assert answer_to(read_name(None), limited).doubt is Doubt.LIMITED
    assert answer_to(read_name(PROVEN), bluesky("jack", strength=Strength.LINKED)).doubt is Doubt.LINKS_ONLY
    assert answer_to(read_name(PROVEN), bluesky("jack", strength=Strength.IMPORTED)).doubt is Doubt.UNCHECKED


@pytest.mark.parametrize(
    ("seen", "may_follow"), [(PROVEN - 30 * DAY, False), (PROVEN, False), (PROVEN + DAY, True)]
)
def test_a_name_that_its_number_has_given_up_is_not_followed_unseen(seen: date, *, may_follow: bool) -> None:
    """Account 12 was @jack a month ago, is @countess now, and has proven so: on Bluesky it is found by its number. The
    new @jack proves the name alone, for a Mastodon account: whoever had followed account 12 was made to follow both."""
    of_12, of_the_new_jack = bluesky("countess", 12), mastodon("jack")
    found, named = rank(read_name(seen), [of_12, of_the_new_jack], PROVEN + 2 * DAY).answers
    assert (found.mapping, found.may_follow) == (of_12, True)
    assert (named.mapping, named.may_follow) == (of_the_new_jack, may_follow)
    assert named.doubt is (None if may_follow else Doubt.NAME_SEEN_LONG_AGO)


@pytest.mark.parametrize("known", [bluesky("Jack", 12), bluesky("countess", 99)])
def test_a_name_that_its_number_still_has_is_followed(known: Mapping) -> None:
    """In whatever case; and what another number is called says nothing."""
    (named,) = [
        a for a in rank(read_name(PROVEN), [known, mastodon("jack")]).answers if a.mapping.x_id is None
    ]
    assert named.may_follow


def test_whom_we_do_not_rely_on_renames_nobody() -> None:
    limited = msgspec.structs.replace(bluesky("countess", 12), standing=Standing.LIMITED)
    (named,) = [
        a for a in rank(read_name(PROVEN), [limited, mastodon("jack")]).answers if a.mapping.x_id is None
    ]
    assert named.may_follow


def test_every_one_of_several_answers_has_its_doubt() -> None:
    """Two networks, and two origins that agree: the name is as old for each."""
    rows = [bluesky("jack"), bluesky("jack", origin=OTHER_ORIGIN), mastodon("jack")]
    answers = rank(read_name(date(2019, 1, 1)), rows).answers
    assert [answer.doubt for answer in answers] == [Doubt.NAME_SEEN_LONG_AGO] * 2
    assert all(answer.may_follow for answer in rank(read_name(PROVEN), rows).answers)


@given(
    st.none() | st.integers(1, 3),
    st.none() | st.dates(date(2006, 1, 1), date(2030, 1, 1)),
    st.none() | st.integers(1, 3),
    st.integers(-1_000_000, 10_000).map(lambda minutes: START + timedelta(minutes=minutes)),
    st.dates(date(2024, 1, 1), date(2028, 1, 1)),
)
def test_nobody_is_followed_by_a_name_of_doubtful_age(
    asked: int | None, seen: date | None, x_id: int | None, proven: datetime, today: date
) -> None:
    for answer in rank(read_name(seen, asked), [bluesky("jack", x_id, issued=proven)], today).answers:
        if answer.matched_by is MatchedBy.ID:
            assert asked == x_id
            assert answer.may_follow
        elif seen is None:
            assert answer.may_follow is (asked is None)
        else:
            oldest = proven.date() - timedelta(days=365)
            assert answer.may_follow is (max(date(2006, 3, 21), oldest) <= seen <= today)


def test_a_name_holds_for_365_days() -> None:
    """As the documentation says. X gives up names that nobody uses: with every day more, a buyer is followed who came a
    year after."""
    assert answer_to(read_name(PROVEN - timedelta(days=365)), bluesky("jack")).may_follow
    assert not answer_to(read_name(PROVEN - timedelta(days=366)), bluesky("jack")).may_follow


def test_the_codes_are_as_the_api_tells_them() -> None:
    """A program that knows them, and the page, would show no reason for a code that changed."""
    assert [doubt.value for doubt in Doubt] == [
        "disputed",
        "limited",
        "links-only",
        "unchecked",
        "name-seen-long-ago",
        "name-of-unknown-age",
        "stale",
    ]


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server whose clock is set to 14 hours before Greenwich."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "EAST-14")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_the_day_is_the_same_wherever_the_server_stands() -> None:
    """At noon of 1 October in UTC it is 2 October at the server: instances would differ in whom they follow."""
    noon = datetime(2026, 10, 1, 12, tzinfo=UTC)
    assert noon.astimezone().date() == date(2026, 10, 2)
    assert answer_to(read_name(date(2026, 10, 1) - NAME_HOLDS), bluesky("jack", issued=noon)).may_follow
    renamed = bluesky("countess", 12, issued=noon)
    assert doubt_beside_id(read_name(date(2026, 10, 1)), [renamed]) is Doubt.NAME_SEEN_LONG_AGO
    assert doubt_beside_id(read_name(date(2026, 10, 2)), [renamed]) is None


def test_a_name_without_a_day_was_given_up_by_nobody() -> None:
    """There is nothing to compare: one such person would end the search for a whole list with an error."""
    assert doubt_beside_id(read_name(None), [bluesky("countess", 12)]) is None
