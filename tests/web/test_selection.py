"""The results as a person sees them: filtered, ordered and cut into pages."""

from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.mappings import Network
from directory.queries import Lists
from directory.ranking import Match
from tests.harness.clock import START
from tests.harness.mappings import bluesky
from tests.web.found import EVERYBODY, SURE, TORN, asked, many_matches
from web.pages.selection import (
    PAGE_ROWS,
    Order,
    Row,
    Sureness,
    View,
    name_of,
    page_of,
    select_matches,
)

ALL: Final = View()


def names(matches: list[Match]) -> list[str]:
    return [name_of(match) for match in matches]


def selected(matches: list[Match], view: View) -> list[Match]:
    return [matches[number] for number in select_matches(matches, view)]


def rows(*matches: Match) -> tuple[Row, ...]:
    return page_of(matches, range(len(matches)), ALL).rows


def test_networks_stand_side_by_side_and_disputes_together() -> None:
    (sure, torn) = rows(SURE, TORN)
    assert [len(sure.bluesky), len(sure.mastodon)] == [1, 1]
    assert [len(torn.bluesky), len(torn.mastodon)] == [2, 0]


@pytest.mark.parametrize(
    ("view", "shown"),
    [
        (ALL, ["hint", "linked", "sure", "torn"]),
        (View(network=Network.BLUESKY), ["hint", "sure", "torn"]),
        (View(network=Network.MASTODON), ["linked", "sure"]),
        (View(sureness=Sureness.SURE), ["sure"]),
        (View(sureness=Sureness.LOOK), ["hint", "linked", "torn"]),
        (View(network=Network.MASTODON, sureness=Sureness.LOOK), ["linked"]),
        (View(search="SUR"), ["sure"]),
        (View(search="@torn"), ["torn"]),
        (View(search="social.example"), ["linked", "sure"]),
        (View(search="nowhere"), []),
        (View(lists=Lists.FOLLOWING), []),
        (View(order=Order.STRENGTH), ["sure", "torn", "linked", "hint"]),
    ],
)
def test_filter_and_order(view: View, shown: list[str]) -> None:
    assert names(selected(EVERYBODY, view)) == shown


def test_lists_are_told_apart() -> None:
    both = Lists.FOLLOWING | Lists.FOLLOWER
    matches = [
        asked("a", bluesky("a"), lists=both),
        asked("b", bluesky("b"), lists=Lists.FOLLOWER),
        asked("c", bluesky("c"), lists=Lists.MUTE),
    ]
    assert names(selected(matches, View(lists=Lists.FOLLOWING))) == ["a"]
    assert names(selected(matches, View(lists=Lists.FOLLOWER))) == ["a", "b"]
    assert names(selected(matches, View(lists=Lists.MUTE))) == ["c"]


def test_the_newest_first_and_names_whatever_their_case() -> None:
    ages = {"old": 3, "New": 1, "middle": 2, "Also_middle": 2}
    matches = [asked(name, bluesky(name, issued=START - timedelta(days=age))) for name, age in ages.items()]
    assert names(selected(matches, ALL)) == ["Also_middle", "middle", "New", "old"]
    assert names(selected(matches, View(order=Order.NEWEST))) == ["New", "Also_middle", "middle", "old"]


@pytest.mark.parametrize(
    ("count", "asked_for", "number", "pages", "shown"),
    [
        (0, 1, 1, 1, 0),
        (1, 1, 1, 1, 1),
        (PAGE_ROWS, 1, 1, 1, PAGE_ROWS),
        (PAGE_ROWS + 1, 2, 2, 2, 1),
        (PAGE_ROWS + 1, 99, 2, 2, 1),
        (PAGE_ROWS + 1, 0, 1, 2, PAGE_ROWS),
    ],
)
def test_pages(count: int, asked_for: int, number: int, pages: int, shown: int) -> None:
    page = page_of([SURE] * count, range(count), View(page=asked_for))
    assert (page.number, page.pages, len(page.rows), page.rows_in_all) == (number, pages, shown, count)


@given(
    matches=many_matches(),
    network=st.one_of(st.none(), st.sampled_from(Network)),
    sureness=st.sampled_from(Sureness),
    order=st.sampled_from(Order),
    search=st.text(max_size=8),
)
def test_a_filter_shows_some_of_the_rows_once(
    matches: list[Match], network: Network | None, sureness: Sureness, order: Order, search: str
) -> None:
    shown = selected(matches, View(network=network, sureness=sureness, order=order, search=search))
    assert len(names(shown)) == len(set(names(shown)))
    assert set(names(shown)) <= set(names(matches))
    halves = [
        selected(matches, View(network=network, sureness=half)) for half in (Sureness.SURE, Sureness.LOOK)
    ]
    assert sorted(names(halves[0]) + names(halves[1])) == names(selected(matches, View(network=network)))
