"""What a page says of all who were found is what the files and filters, each by itself, would give."""

from hypothesis import given

from directory.choosing import may_choose
from directory.exports import bluesky_handles, listed_accounts, mastodon_accounts
from directory.mappings import Network
from directory.queries import Lists, format_lines
from directory.ranking import Match
from tests.web.found import EVERYBODY, many_matches
from tests.web.test_ticks import keys
from web.pages.tally import Tally
from web.pages.ticks import ticked_answers


def tally_of(matches: list[Match], toggled: frozenset[str]) -> Tally:
    tally = Tally(toggled)
    for match in matches:
        tally.add(match)
    return tally


@given(matches=many_matches(), toggled=keys)
def test_numbers_are_those_of_the_files(matches: list[Match], toggled: frozenset[str]) -> None:
    """Two people can lead to one account, and stand in its file once."""
    matches *= 2
    tally, chosen = tally_of(matches, toggled), list(ticked_answers(matches, toggled))
    assert tally.chosen == len(chosen)
    assert tally.chosen_on(Network.MASTODON) == len(mastodon_accounts(chosen))
    assert tally.chosen_on(Network.BLUESKY) == len(bluesky_handles(chosen))
    for lists in (Lists.BLOCK, Lists.MUTE):
        assert tally.listed(lists) == len(listed_accounts(matches, lists))


@given(matches=many_matches())
def test_what_is_offered_is_what_somebody_needs(matches: list[Match]) -> None:
    tally = tally_of(matches, frozenset())
    answers = [(match.query, answer) for match in matches for answer in match.answers]
    for network in Network:
        choosable = [each for each in answers if each[1].mapping.network is network and may_choose(*each)]
        assert tally.may_choose_on(network) == bool(choosable)
    assert str(tally.lists) == "".join(
        letter for letter in "frbm" if any(letter in str(match.query.lists) for match in matches)
    )
    assert tally.beside == len([match for match in matches if not match.query.lists.is_wanted])


@given(matches=many_matches())
def test_the_people_found_go_with_the_form(matches: list[Match]) -> None:
    assert tally_of(matches, frozenset()).pairs == "\n".join(format_lines(match.query for match in matches))


def test_nobody_was_found() -> None:
    tally = tally_of([], frozenset())
    assert (tally.pairs, tally.lists, tally.chosen, tally.beside) == ("", Lists.NONE, 0, 0)
    assert not tally.may_choose_on(Network.MASTODON)


def test_somebody_in_doubt_is_offered_and_not_counted() -> None:
    tally = tally_of(EVERYBODY, frozenset())
    assert tally.chosen == tally.chosen_on(Network.BLUESKY) + tally.chosen_on(Network.MASTODON) == 2
