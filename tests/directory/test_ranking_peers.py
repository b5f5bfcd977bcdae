"""What peers say, beside what was proven here: an evil peer can have nobody else followed for a member of ours, and a
limited or silent one nobody at all."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.choosing import Chosen, is_chosen_unasked, may_choose_with_all
from directory.doubts import Doubt
from directory.exports import mastodon_accounts
from directory.identifiers import Acct, XHandle, XId
from directory.mappings import Mapping, Network, Strength
from directory.origins import Standing
from directory.queries import Lists, Query
from directory.ranking import Answer
from tests.harness.clock import START
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, mastodon
from tests.harness.ranking import rank

THIRD: Final = "three.example/log"
LATER: Final = START + timedelta(days=3)
BY_ID: Final = Query(x_id=XId(12))
BY_HANDLE: Final = Query(x_handle=XHandle("jack"))
BY_BOTH: Final = Query(XId(12), XHandle("jack"), Lists.FOLLOWING, START.date())


def limited(mapping: Mapping, *, is_checked: bool = False) -> Mapping:
    return msgspec.structs.replace(mapping, standing=Standing.LIMITED, is_checked=is_checked)


def stale(mapping: Mapping) -> Mapping:
    return msgspec.structs.replace(mapping, is_stale=True)


def at_ours(query: Query, mappings: Sequence[Mapping]) -> tuple[Answer, ...]:
    """The answers of the instance whose log is ORIGIN, which are the same in whatever order the mappings come."""
    every_order = [rank(query, order, own=ORIGIN).answers for order in permutations(mappings)]
    assert all(answers == every_order[0] for answers in every_order)
    return every_order[0]


@pytest.mark.parametrize("query", [BY_HANDLE, BY_BOTH])
def test_a_stronger_claim_of_a_peer_does_not_turn_the_follows_of_our_member(query: Query) -> None:
    """A followed peer invents an X sign-in for somebody who has proven their handle here: it is stronger, and newer. All
    who ask by name would follow the peer's account."""
    ours = bluesky("jack")
    theirs = bluesky("jack", 12, target="mallory", origin=OTHER_ORIGIN, issued=LATER)
    answers = at_ours(query, [ours, theirs])
    assert {answer.mapping for answer in answers} == {ours, theirs}
    assert {answer.doubt for answer in answers} == {Doubt.DISPUTED}


def test_an_invented_id_does_not_put_our_member_aside() -> None:
    """Asked by name alone, the ids decide whose it is: a peer that invents one stands beside our member's at most."""
    ours = bluesky("jack", 12, strength=Strength.HANDLE)
    theirs = mastodon("jack", 99, target="mallory", origin=OTHER_ORIGIN, issued=LATER)
    answers = at_ours(BY_HANDLE, [ours, theirs])
    assert ours in {answer.mapping for answer in answers}
    assert all(answer.disputed for answer in answers)


def test_a_weaker_claim_of_a_peer_is_left_out() -> None:
    ours = bluesky("jack", 12)
    theirs = bluesky("jack", 12, target="mallory", strength=Strength.HANDLE, origin=OTHER_ORIGIN)
    (answer,) = at_ours(BY_BOTH, [ours, theirs])
    assert (answer.mapping, answer.may_follow) == (ours, True)


def test_a_claim_no_better_than_our_members_stops_nobody_whose_number_is_known() -> None:
    """Our member has proven the name, and an honest peer the number, of one account. An evil peer gives the name another
    account, as well proven as here: who asks by both would follow nobody any more."""
    ours = bluesky("jack")
    honest = bluesky("jack", 12, origin=OTHER_ORIGIN)
    evil = bluesky("jack", target="mallory", origin=THIRD, issued=LATER)
    (answer,) = at_ours(BY_BOTH, [ours, honest, evil])
    assert (answer.mapping, answer.may_follow) == (honest, True)


def test_a_contested_name_stops_nobody_whose_number_was_proven_here() -> None:
    """The member had proven the name first, and somebody else proves it, too. The number stays theirs."""
    name = msgspec.structs.replace(bluesky("jack"), is_contested=True)
    number = bluesky("jack", 12, issued=LATER)
    (answer,) = at_ours(BY_BOTH, [name, number])
    assert (answer.mapping, answer.may_follow) == (number, True)


def test_what_is_contested_here_stays_so_whatever_a_peer_says() -> None:
    """Two have proven the account here. A peer that knows the same target, better proven, does not settle that."""
    ours = msgspec.structs.replace(bluesky("jack"), is_contested=True)
    theirs = bluesky("jack", 12, origin=OTHER_ORIGIN)
    assert all(answer.disputed for answer in at_ours(BY_BOTH, [ours, theirs]))


def at_address(mapping: Mapping, address: str) -> Mapping:
    return msgspec.structs.replace(mapping, target_handle=Acct.parse(address))


@pytest.mark.parametrize("query", [BY_ID, BY_HANDLE, BY_BOTH])
def test_a_peer_that_knows_the_account_of_our_member_gives_it_no_other_address(query: Query) -> None:
    """A followed peer names the very account that our member has proven, later, under an address of its own: it is no
    dispute by the account's id. The file for Mastodon's import holds addresses, so all who import it would follow the
    peer's account."""
    ours = mastodon("jack", 12)
    theirs = at_address(mastodon("jack", 12, origin=OTHER_ORIGIN, issued=LATER), "mallory@evil.example")
    (answer,) = at_ours(query, [ours, theirs])
    assert (answer.mapping, answer.may_follow, answer.agreeing) == (ours, True, (OTHER_ORIGIN,))
    assert mastodon_accounts([Chosen(BY_BOTH, answer)]) == ["jack@social.example"]


def test_our_member_is_followed_at_the_address_that_they_gave_last() -> None:
    """They renamed their account, and somebody else may have the old address by now: until the older wording is revoked,
    our log says both, and a peer that says a third must not bring the old one back."""
    older = at_address(mastodon("jack", 12), "jack@before.example")
    newer = mastodon("jack", 12, issued=START + timedelta(days=1))
    theirs = at_address(mastodon("jack", 12, origin=OTHER_ORIGIN, issued=LATER), "mallory@evil.example")
    (answer,) = at_ours(BY_ID, [older, newer, theirs])
    assert (answer.mapping, answer.may_follow) == (newer, True)


def test_a_peer_gives_our_member_no_other_name_on_x() -> None:
    """The page of an account shows how it is called on X: that is what was seen here, too."""
    ours = bluesky("jack", 12)
    theirs = bluesky("president", 12, target="jack", origin=OTHER_ORIGIN, issued=LATER)
    (answer,) = at_ours(BY_ID, [ours, theirs])
    assert answer.mapping == ours


def test_a_peer_that_has_proven_the_number_of_our_member_helps_who_asks_by_it() -> None:
    """The name alone was proven here, in whatever case, and was seen on no known day. The peer names the same account under
    the same names: it answers for its number, though it looked earlier."""
    asked = Query(XId(12), XHandle("jack"))
    ours, theirs = bluesky("Jack", issued=LATER), bluesky("jack", 12, origin=OTHER_ORIGIN)
    (answer,) = at_ours(asked, [ours])
    assert answer.doubt is Doubt.NAME_OF_UNKNOWN_AGE
    (answer,) = at_ours(asked, [ours, theirs])
    assert (answer.mapping, answer.may_follow, answer.agreeing) == (theirs, True, (ORIGIN,))


def test_an_address_in_other_letters_is_the_same_address() -> None:
    """Servers ignore case: two peers that write it differently are no reason to follow nobody."""
    one = mastodon("jack", 12, origin=OTHER_ORIGIN)
    other = at_address(mastodon("jack", 12, origin=THIRD, issued=LATER), "Jack@social.example")
    (answer,) = at_ours(BY_ID, [one, other])
    assert (answer.mapping, answer.may_follow) == (other, True)


def test_peers_that_give_one_account_two_addresses_are_in_dispute() -> None:
    """An evil peer that is followed confirms what an honest one says, later, under another address, which is what a
    file for Mastodon's import would hold."""
    honest = mastodon("jack", 12, origin=OTHER_ORIGIN)
    evil = at_address(mastodon("jack", 12, origin=THIRD, issued=LATER), "mallory@evil.example")
    (answer,) = at_ours(BY_ID, [honest, evil])
    assert answer.doubt is Doubt.DISPUTED
    assert not mastodon_accounts([Chosen(BY_BOTH, answer)])


def test_a_peer_may_correct_an_address_of_its_own() -> None:
    """Until the older wording is revoked, one log says two: the newer one counts."""
    older = at_address(mastodon("jack", 12, origin=OTHER_ORIGIN), "jack@before.example")
    newer = mastodon("jack", 12, origin=OTHER_ORIGIN, issued=LATER)
    (answer,) = at_ours(BY_ID, [older, newer])
    assert (answer.mapping, answer.may_follow) == (newer, True)


def test_a_peer_does_not_hide_an_address_behind_what_it_said_before() -> None:
    """An evil peer says first what an honest one says, and then the address of somebody else: the later one is what a file
    for Mastodon's import would hold, and is in dispute. An honest correction, the other way round, is not."""
    same = mastodon("jack", 12, origin=THIRD)
    other = at_address(same, "mallory@evil.example")
    honest = mastodon("jack", 12, origin=OTHER_ORIGIN)
    (answer,) = at_ours(BY_ID, [honest, same, msgspec.structs.replace(other, issued=LATER)])
    assert answer.doubt is Doubt.DISPUTED
    (answer,) = at_ours(BY_ID, [honest, other, msgspec.structs.replace(same, issued=LATER)])
    assert answer.may_follow


def test_what_nobody_proved_here_has_no_such_weight() -> None:
    ours = bluesky("jack", 12, strength=Strength.LINKED)
    theirs = bluesky("jack", 12, target="new", origin=OTHER_ORIGIN)
    (answer,) = at_ours(BY_ID, [ours, theirs])
    assert (answer.mapping, answer.may_follow) == (theirs, True)


def test_a_peer_has_not_the_weight_of_our_own_log() -> None:
    """Between two peers the stronger wins, as ever: neither is ours."""
    one = bluesky("jack", origin=OTHER_ORIGIN)
    other = bluesky("jack", 12, target="new", origin=THIRD)
    (answer,) = at_ours(BY_BOTH, [one, other])
    assert answer.mapping == other


def test_two_limited_peers_that_agree_are_followed_unseen_by_nobody() -> None:
    """Anyone can run two instances, and have the one confirm what the other says."""
    one = limited(bluesky("jack", 12, origin=OTHER_ORIGIN))
    other = limited(bluesky("jack", 12, origin=THIRD))
    (answer,) = at_ours(BY_ID, [one, other])
    assert answer.doubt is Doubt.LIMITED
    assert answer.agreeing


def test_a_limited_peer_is_followed_once_a_followed_one_says_the_same() -> None:
    one = limited(bluesky("jack", 12, origin=OTHER_ORIGIN, issued=LATER))
    other = bluesky("jack", 12, origin=THIRD)
    (answer,) = at_ours(BY_ID, [one, other])
    assert (answer.mapping, answer.may_follow) == (other, True)


def test_agreement_about_the_name_proves_no_id() -> None:
    """A limited peer gives the handle and the target that a followed one has proven an id of its own choice: whoever asks
    by that id would follow somebody else than the bearer of the id."""
    named = bluesky("jack", origin=THIRD)
    invented = limited(bluesky("jack", 12, origin=OTHER_ORIGIN))
    (answer,) = at_ours(BY_ID, [invented])
    assert answer.doubt is Doubt.LIMITED
    (answer,) = at_ours(Query(XId(12), XHandle("jack")), [named, invented])
    assert not answer.may_follow


def test_our_own_look_at_the_evidence_stands_in_for_a_second_peer() -> None:
    checked = limited(bluesky("jack", 12, origin=OTHER_ORIGIN), is_checked=True)
    (answer,) = at_ours(BY_ID, [checked])
    assert answer.may_follow
    unlike = bluesky("jack", 12, target="else", origin=THIRD)
    assert all(answer.disputed for answer in at_ours(BY_ID, [checked, unlike]))


@pytest.mark.parametrize(("query", "mapping"), [(BY_ID, bluesky("jack", 12)), (BY_HANDLE, bluesky("jack"))])
def test_a_silent_peer_is_shown_and_followed_unseen_by_nobody(query: Query, mapping: Mapping) -> None:
    """Somebody withdrew there yesterday, and the peer keeps its tree from us: that a day has passed is all we can know."""
    wanted = Query(query.x_id, query.x_handle, Lists.FOLLOWING, query.seen)
    (answer,) = at_ours(wanted, [stale(mapping)])
    assert answer.doubt is Doubt.STALE
    assert not is_chosen_unasked(wanted, answer)
    assert not may_choose_with_all(wanted, answer)


def test_a_silent_peer_does_not_hide_one_that_is_heard() -> None:
    silent = stale(bluesky("jack", 12, origin=OTHER_ORIGIN, issued=LATER))
    heard = bluesky("jack", 12, origin=THIRD)
    (answer,) = at_ours(BY_ID, [silent, heard])
    assert (answer.mapping, answer.may_follow, answer.agreeing) == (heard, True, (OTHER_ORIGIN,))


def test_a_name_proven_here_does_not_speak_for_the_number_of_a_silent_peer() -> None:
    """Who asks by number is found by the peer's proof alone, which may be withdrawn since. Our member's name is another
    matter: in its place, "all" would choose them."""
    asked = Query(XId(12), lists=Lists.FOLLOWING)
    ours = bluesky("jack", 12, strength=Strength.HANDLE)
    theirs = stale(bluesky("jack", 12, origin=OTHER_ORIGIN))
    (answer,) = at_ours(asked, [ours, theirs])
    assert (answer.mapping, answer.doubt) == (theirs, Doubt.STALE)
    assert not may_choose_with_all(asked, answer)


def test_of_two_silent_peers_the_newer_word_is_shown() -> None:
    """The account was called otherwise when the older one looked."""
    older = stale(bluesky("jack_2025", 12, target="jack", origin=OTHER_ORIGIN))
    newer = stale(bluesky("jack", 12, origin=THIRD, issued=LATER))
    (answer,) = at_ours(BY_ID, [older, newer])
    assert (answer.mapping, answer.doubt) == (newer, Doubt.STALE)


def test_all_does_not_mean_what_only_a_limited_peer_says() -> None:
    (answer,) = at_ours(BY_BOTH, [limited(bluesky("jack", 12, origin=OTHER_ORIGIN))])
    assert not may_choose_with_all(BY_BOTH, answer)


_PEERS: Final = (OTHER_ORIGIN, THIRD)


@st.composite
def _said(draw: st.DrawFn, origins: tuple[str, ...]) -> Mapping:
    x_id = draw(st.sampled_from([12, 99, None]))
    strength = draw(st.sampled_from(list(Strength)))
    if x_id is None and strength is Strength.BOUND:
        strength = Strength.HANDLE
    mapping = draw(st.sampled_from([bluesky, mastodon]))(
        "jack",
        x_id,
        target=draw(st.sampled_from(["a", "b", "c"])),
        strength=strength,
        origin=draw(st.sampled_from(origins)),
        issued=START + timedelta(days=draw(st.integers(0, 9))),
    )
    if mapping.origin == ORIGIN:
        return mapping
    if mapping.network is Network.MASTODON and draw(st.booleans()):
        mapping = at_address(mapping, "mallory@evil.example")
    return msgspec.structs.replace(
        mapping,
        standing=draw(st.sampled_from([Standing.FOLLOWING, Standing.LIMITED])),
        is_stale=draw(st.booleans()),
        is_checked=draw(st.booleans()),
    )


_QUERIES: Final = st.sampled_from([BY_ID, BY_HANDLE, BY_BOTH, Query(XId(99), XHandle("jack"))])


@given(st.lists(_said((ORIGIN, *_PEERS)), max_size=6), _QUERIES)
def test_nobody_is_followed_unseen_on_a_peers_word_against_our_members(
    said: list[Mapping], query: Query
) -> None:
    """For whatever peers invent: of an X account that was proven here, either the same account is named here, or nobody
    is followed unseen on that network."""
    for answer in rank(query, said, own=ORIGIN).answers:
        if not answer.may_follow:
            continue
        here = {
            (mapping.target_id, mapping.target_handle)
            for mapping in said
            if mapping.origin == ORIGIN
            and mapping.network is answer.mapping.network
            and mapping.strength >= Strength.HANDLE
            and _is_found(query, mapping)
        }
        assert not here or (answer.mapping.target_id, answer.mapping.target_handle) in here


@given(st.lists(_said(_PEERS), max_size=6), _QUERIES)
def test_whoever_is_followed_unseen_is_vouched_for_by_somebody_we_rely_on_and_hear(
    said: list[Mapping], query: Query
) -> None:
    for answer in rank(query, said, own=ORIGIN).answers:
        if answer.may_follow:
            assert answer.mapping.is_relied_on
            assert not answer.mapping.is_stale


@given(st.lists(_said(_PEERS), max_size=5), st.lists(_said(_PEERS), max_size=5), _QUERIES)
def test_limited_peers_change_nothing_that_others_answer(
    said: list[Mapping], noise: list[Mapping], query: Query
) -> None:
    """However many limited instances somebody runs, what the others say about a network stays as it was."""
    heard = [mapping for mapping in said if mapping.is_relied_on]
    ignored = [limited(mapping) for mapping in noise]
    alone = rank(query, heard, own=ORIGIN).answers
    networks = {answer.mapping.network for answer in alone}
    together = rank(query, [*heard, *ignored], own=ORIGIN).answers
    assert [answer for answer in together if answer.mapping.network in networks] == list(alone)


def _is_found(query: Query, mapping: Mapping) -> bool:
    if query.x_id is not None and mapping.x_id is not None:
        return query.x_id == mapping.x_id
    return query.x_handle is not None
