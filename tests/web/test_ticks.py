"""Which of the accounts found are ticked: over pages, for all at once, and never what is disputed."""

from datetime import date
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.choosing import is_chosen_unasked, may_choose
from directory.identifiers import XHandle, XId
from directory.mappings import Strength
from directory.queries import Lists, Query
from directory.ranking import Match
from tests.harness.mappings import bluesky, mastodon
from tests.harness.ranking import rank
from tests.web.found import EVERYBODY, HINT, SURE, asked, many_matches
from web.pages.ticks import account_key, is_ticked, key_of, ticked_answers, toggled_after, toggled_for_all

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
    toggled = keys_of([HINT])
    assert toggled_after(EVERYBODY, toggled, NOTHING, NOTHING) == toggled
    assert toggled_after(EVERYBODY, toggled, frozenset({"1.b"}), frozenset({"1.b"})) == toggled


def test_keys_of_nobody_change_nothing() -> None:
    strange = frozenset({"x", "@nobody.b", "2.b", "", "1.z"})
    assert ticked(EVERYBODY, strange) == ticked(EVERYBODY)
    assert toggled_after(EVERYBODY, NOTHING, strange, strange) == NOTHING


def test_all_means_all_that_are_proven() -> None:
    toggled = toggled_for_all(EVERYBODY, NOTHING, tick=True)
    assert ticked(EVERYBODY, toggled) == {"sure.bsky.example", "sure@social.example", "linked@social.example"}


@pytest.mark.parametrize("lists", [Lists(value) for value in range(16)])
def test_all_means_all_whom_a_person_followed(lists: Lists) -> None:
    """ "Choose all" put people who were blocked, muted or mere followers among those to follow."""
    match = asked("jack", bluesky("jack", 1), x_id=1, lists=lists)
    assert bool(ticked([match], toggled_for_all([match], NOTHING, tick=True))) == lists.is_wanted


def test_a_follower_is_ticked_by_hand_and_all_leaves_that_be() -> None:
    follower = asked("jack", bluesky("jack", 1), x_id=1, lists=Lists.FOLLOWER)
    key = keys_of([follower])
    by_hand = toggled_after([follower], NOTHING, key, key)
    assert ticked([follower], by_hand) == {"jack.bsky.example"}
    assert toggled_for_all([follower], by_hand, tick=True) == by_hand
    assert ticked([follower], toggled_for_all([follower], by_hand, tick=False)) == set()


@pytest.mark.parametrize("lists", [Lists.BLOCK, Lists.MUTE, Lists.FOLLOWING | Lists.MUTE])
def test_nobody_blocked_or_muted_is_ticked_by_any_form(lists: Lists) -> None:
    """A form is written by anybody: neither its boxes nor the ticks that it carries choose them."""
    match = asked("jack", bluesky("jack", 1), x_id=1, lists=lists)
    key = keys_of([match])
    assert ticked([match], key) == set()
    assert toggled_after([match], NOTHING, key, key) == NOTHING


@pytest.mark.parametrize("seen", [date(2019, 1, 1), None])
def test_a_name_of_doubtful_age_takes_a_tick_of_its_own(seen: date | None) -> None:
    """It may be somebody else's by now: "all" would follow strangers by the hundred."""
    old = rank(Query(XId(1), XHandle("jack"), Lists.FOLLOWING, seen), [bluesky("jack")])
    assert ticked([old]) == set()
    assert ticked([old], toggled_for_all([old], NOTHING, tick=True)) == set()
    assert ticked([old], keys_of([old])) == {"jack.bsky.example"}


def test_none_means_none_even_of_hints_ticked_by_hand() -> None:
    toggled = keys_of([HINT])
    assert "hint.bsky.example" in ticked(EVERYBODY, toggled)
    assert ticked(EVERYBODY, toggled_for_all(EVERYBODY, toggled, tick=False)) == set()


def test_a_tick_that_was_taken_away_is_none_of_somebody_who_is_doubtful_since() -> None:
    """Attack: a form of yesterday says that a sure person is not ticked. Today an instance that nobody relies on names the
    account of that person alone: what was "not" yesterday was "yes" today, and followed as if ticked in person."""
    taken_away = keys_of([SURE])
    assert ticked([SURE], taken_away) == set()
    doubtful = asked("sure", bluesky("sure", 1, strength=Strength.LINKED), x_id=1)
    assert ticked([doubtful], taken_away) == set()


def test_a_tick_that_was_taken_away_is_none_of_a_doubt_that_comes_again() -> None:
    """A hint was ticked in person, and was sure for a day. Its tick was taken away then, and it is a hint again."""
    doubtful = asked("sure", bluesky("sure", 1, strength=Strength.LINKED), x_id=1)
    sure = asked("sure", bluesky("sure", 1), x_id=1)
    by_hand = keys_of([doubtful])
    assert ticked([doubtful], by_hand) == ticked([sure], by_hand) == {"sure.bsky.example"}
    taken_away = toggled_after([sure], by_hand, keys_of([sure]), NOTHING)
    nobody = toggled_for_all([sure], by_hand, tick=False)
    for toggled in (taken_away, nobody):
        assert ticked([sure], toggled) == ticked([doubtful], toggled) == set()


def test_none_means_none_of_whom_a_dispute_hides_for_now() -> None:
    doubtful = asked("sure", bluesky("sure", 1, strength=Strength.LINKED), x_id=1)
    torn = asked(
        "sure",
        bluesky("sure", 1, strength=Strength.LINKED),
        bluesky("sure", 1, strength=Strength.LINKED, target="other", origin="other.example/log"),
        x_id=1,
    )
    assert all(answer.disputed for answer in torn.answers)
    nobody = toggled_for_all([torn], keys_of([doubtful]), tick=False)
    assert ticked([doubtful], nobody) == set()


def test_a_tick_is_of_the_account_that_was_shown() -> None:
    """Attack: somebody looked at a doubtful account and ticked it, and left the page open. Meanwhile another account stood
    in its place: the tick that was never given to it had it followed."""
    shown = asked("hint", bluesky("hint", strength=Strength.IMPORTED))
    another = asked("hint", bluesky("hint", strength=Strength.IMPORTED, target="mallory"))
    by_hand = keys_of([shown])
    assert ticked([shown], by_hand) == {"hint.bsky.example"}
    assert ticked([another], by_hand) == set()
    assert ticked([another], toggled_after([another], NOTHING, by_hand, by_hand)) == set()


ACCOUNTS: Final = [
    f"{letter}.{account_key(make('p1', 1, target=target).target_id)}"
    for letter, make in (("b", bluesky), ("m", mastodon))
    for target in ("first", "second")
]
keys = st.frozensets(
    st.one_of(
        st.builds("{}.{}".format, st.integers(1, 5), st.sampled_from(["b", "m", *ACCOUNTS])),
        st.builds("@p{}.{}".format, st.integers(1, 5), st.sampled_from(["b", "m", *ACCOUNTS])),
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

    twice = toggle_everything(toggle_everything(toggled))
    assert keys_of_ticked(matches, twice) == keys_of_ticked(matches, toggled)


def keys_of_ticked(matches: list[Match], toggled: frozenset[str]) -> frozenset[str]:
    return frozenset(
        key_of(match.query, answer)
        for match in matches
        for answer in match.answers
        if is_ticked(match.query, answer, toggled)
    )


@given(matches=many_matches(), toggled=keys, shown=keys, ticked=keys)
def test_people_who_were_not_shown_need_no_key(
    matches: list[Match], toggled: frozenset[str], shown: frozenset[str], ticked: frozenset[str]
) -> None:
    """The keys of everybody found, one after the other, come to the same."""
    changed = {
        key
        for match in matches
        for answer in match.answers
        if (key := key_of(match.query, answer)) in shown
        and may_choose(match.query, answer)
        and is_ticked(match.query, answer, toggled) != (key in ticked)
    }
    unticked = {key.rpartition(".")[0] if key.count(".") > 1 else key for key in changed - ticked}
    former = {key for key in toggled - changed if key.count(".") > 1 and key.rpartition(".")[0] in unticked}
    assert toggled_after(matches, toggled, shown, ticked) == (toggled ^ changed) - former


@given(matches=many_matches(), toggled=keys)
def test_a_tick_is_what_is_chosen_unless_it_was_changed(
    matches: list[Match], toggled: frozenset[str]
) -> None:
    for match in matches:
        for answer in match.answers:
            is_changed = key_of(match.query, answer) in toggled
            is_chosen = is_chosen_unasked(match.query, answer) != is_changed
            assert is_ticked(match.query, answer, toggled) == (may_choose(match.query, answer) and is_chosen)
