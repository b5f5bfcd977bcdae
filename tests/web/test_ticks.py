"""Which of the accounts found are ticked: over pages, for all at once, and never what is disputed."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.queries import Lists
from directory.ranking import Match
from tests.harness.mappings import bluesky
from tests.web.found import EVERYBODY, SURE, asked, many_matches
from web.pages.ticks import is_ticked, key_of, ticked_answers, toggled_after, toggled_for_all

NOTHING: Final[frozenset[str]] = frozenset()


def ticked(matches: list[Match], toggled: frozenset[str] = NOTHING) -> set[str]:
    return {str(each.answer.mapping.target_handle) for each in ticked_answers(matches, toggled)}


def keys_of(matches: list[Match]) -> frozenset[str]:
    return frozenset(key_of(match.query, answer) for match in matches for answer in match.answers)


def test_only_the_sure_are_ticked_for_a_person() -> None:
    assert ticked(EVERYBODY) == {"sure.bsky.example", "sure@social.example"}


@pytest.mark.parametrize(
    ("lists", "is_wanted"),
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
def test_whom_a_person_did_not_follow_is_not_ticked(lists: Lists, is_wanted: bool) -> None:
    """Somebody blocked on X would be followed on Bluesky, and told so."""
    match = asked("jack", bluesky("jack", 1), x_id=1, lists=lists)
    assert is_ticked(match.query, match.answers[0], NOTHING) == is_wanted


def test_a_tick_is_changed_on_one_network_alone() -> None:
    changed = toggled_after([SURE], NOTHING, keys_of([SURE]), frozenset({"1.m"}))
    assert ticked([SURE], changed) == {"sure@social.example"}


def test_boxes_that_were_not_shown_keep_their_state() -> None:
    """A page of the form sends its own boxes; what stands on other pages is not unticked by it."""
    assert toggled_after(EVERYBODY, NOTHING, NOTHING, NOTHING) == NOTHING
    toggled = frozenset({"@hint.b"})
    assert toggled_after(EVERYBODY, toggled, NOTHING, NOTHING) == toggled
    assert toggled_after(EVERYBODY, toggled, frozenset({"1.b"}), frozenset({"1.b"})) == toggled


def test_keys_of_nobody_change_nothing() -> None:
    strange = frozenset({"x", "@nobody.b", "2.b", "", "1.z"})
    assert ticked(EVERYBODY, strange) == ticked(EVERYBODY)
    assert toggled_after(EVERYBODY, NOTHING, strange, strange) == NOTHING


def test_all_means_all_that_are_proven() -> None:
    toggled = toggled_for_all(EVERYBODY, NOTHING, tick=True)
    assert ticked(EVERYBODY, toggled) == {"sure.bsky.example", "sure@social.example", "linked@social.example"}


def test_none_means_none_even_of_hints_ticked_by_hand() -> None:
    toggled = frozenset({"@hint.b"})
    assert "hint.bsky.example" in ticked(EVERYBODY, toggled)
    assert ticked(EVERYBODY, toggled_for_all(EVERYBODY, toggled, tick=False)) == set()


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
    after = toggled_after(matches, toggled, shown, wanted)
    everybody = toggled_for_all(matches, toggled, tick=True)
    for seen in (toggled, after, everybody):
        assert not [each for each in ticked_answers(matches, seen) if each.answer.disputed]


@given(matches=many_matches(), toggled=keys, shown=keys, wanted=keys)
def test_a_page_sent_back_stands_as_it_was_sent(
    matches: list[Match], toggled: frozenset[str], shown: frozenset[str], wanted: frozenset[str]
) -> None:
    after = toggled_after(matches, toggled, shown, wanted)
    for match in matches:
        for answer in match.answers:
            key = key_of(match.query, answer)
            before, now = (is_ticked(match.query, answer, ticks) for ticks in (toggled, after))
            if answer.disputed or match.query.lists.is_refused:
                assert not now
            else:
                assert now == (key in wanted if key in shown else before)


@given(matches=many_matches(), toggled=keys)
def test_toggling_twice_is_nothing(matches: list[Match], toggled: frozenset[str]) -> None:
    def toggle_everything(toggled: frozenset[str]) -> frozenset[str]:
        chosen = keys_of_ticked(matches, toggled)
        return toggled_after(matches, toggled, keys_of(matches), keys_of(matches) - chosen)

    assert toggle_everything(toggle_everything(toggled)) == toggled


def keys_of_ticked(matches: list[Match], toggled: frozenset[str]) -> frozenset[str]:
    return frozenset(
        key_of(match.query, answer)
        for match in matches
        for answer in match.answers
        if is_ticked(match.query, answer, toggled)
    )
