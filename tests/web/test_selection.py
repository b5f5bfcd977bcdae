"""The results as a person sees them: what is ticked, filtered, ordered and cut into pages."""

from datetime import timedelta
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.identifiers import XHandle, XId
from directory.mappings import Mapping, Network, Strength
from directory.queries import Lists, Query
from directory.ranking import Match, rank
from tests.harness.clock import START
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, mastodon
from web.pages.selection import (
    PAGE_ROWS,
    Order,
    Row,
    Sureness,
    View,
    page_of,
    rows_of,
    select_rows,
    ticked_answers,
    toggled_after,
    toggled_for_all,
)

NOTHING: Final[frozenset[str]] = frozenset()
ALL: Final = View()


def asked(name: str, *mappings: Mapping, x_id: int | None = None, lists: Lists = Lists.NONE) -> Match:
    """The match of a query for @name (and an id) over these mappings."""
    return rank(Query(XId(x_id) if x_id else None, XHandle(name), lists), mappings)


def names(rows: list[Row]) -> list[str]:
    return [row.name for row in rows]


def ticked(rows: list[Row]) -> set[str]:
    return {str(answer.mapping.target_handle) for answer in ticked_answers(rows)}


SURE: Final = asked("sure", bluesky("sure", 1), mastodon("sure", 1), x_id=1)
HINT: Final = asked("hint", bluesky("hint", strength=Strength.IMPORTED))
LINKED: Final = asked("linked", mastodon("linked", strength=Strength.LINKED))
TORN: Final = asked(
    "torn", bluesky("torn", 2, target="a"), bluesky("torn", 2, target="b", origin=OTHER_ORIGIN)
)
EVERYBODY: Final = [SURE, HINT, LINKED, TORN]


def test_networks_stand_side_by_side_and_disputes_together() -> None:
    (sure, torn) = rows_of([SURE, TORN], NOTHING)
    assert [len(sure.bluesky), len(sure.mastodon)] == [1, 1]
    assert [len(torn.bluesky), len(torn.mastodon)] == [2, 0]


def test_only_the_sure_are_ticked_for_a_person() -> None:
    assert ticked(rows_of(EVERYBODY, NOTHING)) == {"sure.bsky.example", "sure@social.example"}


@pytest.mark.parametrize(
    ("lists", "is_ticked"),
    [
        (Lists.NONE, True),
        (Lists.FOLLOWING, True),
        (Lists.FOLLOWING | Lists.FOLLOWER, True),
        (Lists.FOLLOWER, False),
        (Lists.BLOCK, False),
        (Lists.FOLLOWING | Lists.BLOCK, False),
        (Lists.FOLLOWING | Lists.MUTE, False),
    ],
)
def test_whom_a_person_did_not_follow_is_not_ticked(lists: Lists, is_ticked: bool) -> None:
    """Somebody blocked on X would be followed on Bluesky, and told so."""
    (row,) = rows_of([asked("jack", bluesky("jack", 1), x_id=1, lists=lists)], NOTHING)
    assert [cell.is_ticked for cell in row.cells] == [is_ticked]


def test_a_tick_is_changed_on_one_network_alone() -> None:
    (row,) = rows_of([SURE], NOTHING)
    changed = toggled_after([row], ALL, frozenset(c.key for c in row.cells), frozenset({row.mastodon[0].key}))
    assert ticked(rows_of([SURE], changed)) == {"sure@social.example"}


def test_boxes_that_were_not_shown_keep_their_state() -> None:
    """A page of the form sends its own boxes; what stands on other pages is not unticked by it."""
    rows = rows_of(EVERYBODY, NOTHING)
    assert toggled_after(rows, ALL, NOTHING, NOTHING) == NOTHING
    view = View(toggled=frozenset({"@hint.b"}))
    assert toggled_after(rows_of(EVERYBODY, view.toggled), view, NOTHING, NOTHING) == view.toggled


def test_keys_of_nobody_change_nothing() -> None:
    strange = frozenset({"x", "@nobody.b", "2.b", "", "1.z"})
    rows = rows_of(EVERYBODY, strange)
    assert ticked(rows) == ticked(rows_of(EVERYBODY, NOTHING))
    assert toggled_after(rows, ALL, strange, strange) == NOTHING


def test_all_means_all_that_are_proven() -> None:
    toggled = toggled_for_all(rows_of(EVERYBODY, NOTHING), ALL, tick=True)
    assert ticked(rows_of(EVERYBODY, toggled)) == {
        "sure.bsky.example",
        "sure@social.example",
        "linked@social.example",
    }


def test_none_means_none_even_of_hints_ticked_by_hand() -> None:
    view = View(toggled=frozenset({"@hint.b"}))
    rows = rows_of(EVERYBODY, view.toggled)
    assert "hint.bsky.example" in ticked(rows)
    assert ticked(rows_of(EVERYBODY, toggled_for_all(rows, view, tick=False))) == set()


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
    assert names(select_rows(rows_of(EVERYBODY, NOTHING), view)) == shown


def test_lists_are_told_apart() -> None:
    both = Lists.FOLLOWING | Lists.FOLLOWER
    matches = [
        asked("a", bluesky("a"), lists=both),
        asked("b", bluesky("b"), lists=Lists.FOLLOWER),
        asked("c", bluesky("c"), lists=Lists.MUTE),
    ]
    rows = rows_of(matches, NOTHING)
    assert names(select_rows(rows, View(lists=Lists.FOLLOWING))) == ["a"]
    assert names(select_rows(rows, View(lists=Lists.FOLLOWER))) == ["a", "b"]
    assert names(select_rows(rows, View(lists=Lists.MUTE))) == ["c"]


def test_the_newest_first_and_names_whatever_their_case() -> None:
    ages = {"old": 3, "New": 1, "middle": 2, "Also_middle": 2}
    matches = [asked(name, bluesky(name, issued=START - timedelta(days=age))) for name, age in ages.items()]
    rows = rows_of(matches, NOTHING)
    assert names(select_rows(rows, ALL)) == ["Also_middle", "middle", "New", "old"]
    assert names(select_rows(rows, View(order=Order.NEWEST))) == ["New", "Also_middle", "middle", "old"]


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
    page = page_of(rows_of([SURE] * count, NOTHING), asked_for)
    assert (page.number, page.pages, len(page.rows), page.rows_in_all) == (number, pages, shown, count)


def _mappings(name: str, x_id: int) -> st.SearchStrategy[list[Mapping]]:
    one = st.builds(
        lambda make, has_id, strength, origin, target: make(
            name, x_id if has_id else None, strength=strength, origin=origin, target=target
        ),
        st.sampled_from([bluesky, mastodon]),
        st.booleans(),
        st.sampled_from(Strength),
        st.sampled_from([ORIGIN, OTHER_ORIGIN]),
        st.sampled_from(["first", "second"]),
    )
    return st.lists(one, min_size=1, max_size=5)


@st.composite
def many_matches(draw: st.DrawFn) -> list[Match]:
    """Matches as a lookup gives them: each person once, each with an answer."""
    found = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        lists = Lists(draw(st.integers(0, 15)))
        query = Query(XId(number) if draw(st.booleans()) else None, XHandle(f"p{number}"), lists)
        found.append(rank(query, draw(_mappings(f"p{number}", number))))
    return [match for match in found if match.answers]


keys = st.frozensets(
    st.one_of(
        st.builds("{}.{}".format, st.integers(1, 5), st.sampled_from("bm")),
        st.builds("@p{}.{}".format, st.integers(1, 5), st.sampled_from("bm")),
        st.text(max_size=5),
    )
)


@given(matches=many_matches(), toggled=keys, shown=keys, wanted=keys)
def test_what_is_ticked_is_never_disputed(
    matches: list[Match], toggled: frozenset[str], shown: frozenset[str], wanted: frozenset[str]
) -> None:
    view = View(toggled=toggled)
    rows = rows_of(matches, toggled)
    after = rows_of(matches, toggled_after(rows, view, shown, wanted))
    everybody = rows_of(matches, toggled_for_all(rows, view, tick=True))
    assert not [a for seen in (rows, after, everybody) for a in ticked_answers(seen) if a.disputed]


@given(matches=many_matches(), toggled=keys, shown=keys, wanted=keys)
def test_a_page_sent_back_stands_as_it_was_sent(
    matches: list[Match], toggled: frozenset[str], shown: frozenset[str], wanted: frozenset[str]
) -> None:
    view = View(toggled=toggled)
    rows = rows_of(matches, toggled)
    after = rows_of(matches, toggled_after(rows, view, shown, wanted))
    for before, row in zip(rows, after, strict=True):
        for old, new in zip(before.cells, row.cells, strict=True):
            if new.answer.disputed:
                assert not new.is_ticked
            else:
                assert new.is_ticked == (new.key in wanted if new.key in shown else old.is_ticked)


@given(matches=many_matches(), toggled=keys)
def test_toggling_twice_is_nothing(matches: list[Match], toggled: frozenset[str]) -> None:
    def toggle_everything(view: View) -> View:
        rows = rows_of(matches, view.toggled)
        shown = frozenset(cell.key for row in rows for cell in row.cells)
        unticked = frozenset(cell.key for row in rows for cell in row.cells if not cell.is_ticked)
        return msgspec.structs.replace(view, toggled=toggled_after(rows, view, shown, unticked))

    view = View(toggled=toggled)
    assert toggle_everything(toggle_everything(view)) == view


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
    rows = rows_of(matches, NOTHING)
    shown = select_rows(rows, View(network=network, sureness=sureness, order=order, search=search))
    assert len(names(shown)) == len(set(names(shown)))
    assert set(names(shown)) <= set(names(rows))
    halves = [
        select_rows(rows, View(network=network, sureness=half)) for half in (Sureness.SURE, Sureness.LOOK)
    ]
    assert sorted(names(halves[0]) + names(halves[1])) == names(select_rows(rows, View(network=network)))
