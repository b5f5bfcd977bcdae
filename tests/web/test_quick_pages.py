"""What pages make once, or on a shorter way, is to the byte what they would make each time."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final

import jinja2
import pytest
from babel.dates import format_date
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st
from litestar.testing import RequestFactory
from markupsafe import Markup
from msgspec.structs import replace

from directory.doubts import Doubt
from directory.identifiers import XHandle, XId
from directory.instance_settings import InstanceSettings
from directory.mappings import Strength
from directory.origins import Standing
from directory.packed.matches import PackedMatches
from directory.queries import Lists, Query
from directory.ranking import Answer, Match, MatchedBy
from directory.statistics import Statistics
from tests.harness.clock import START
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, mastodon
from web.catalogues import LANGUAGES
from web.language import locale_of
from web.pages.results import _Asked, _values
from web.pages.selection import View
from web.remarks import remark_of
from web.rendering import MAX_PIECE_CHARS, Renderer, _breakable, _date_in, _number_in

OWN: Final = ORIGIN
_DAYS: Final = {language: _date_in(locale_of(language)) for language in LANGUAGES}
_NUMBERS: Final = {language: _number_in(locale_of(language)) for language in LANGUAGES}
SEEN: Final = date(2019, 5, 17)


class EachTime:
    """The plain way: nothing is kept."""

    def __init__(self, make: Callable[[Any], Markup]) -> None:
        self._make = make

    def __getitem__(self, of: Any) -> Markup:
        return self._make(of)


def renderer(each: type[Any] | None = None) -> Renderer:
    """Makes a renderer, one that makes each text in the plain way where that is given."""
    made = Renderer(base_url="https://find.example", own_origin=OWN, instance=InstanceSettings)
    for environment in made._environments.values():
        if each is not None:
            environment.globals["each_once"] = each
    return made


QUICK: Final = renderer()
PLAIN: Final = renderer(EachTime)


def page_of_results(matches: list[Match], language: str, by: Renderer) -> str:
    """Returns the part of the page with the results, as a script asks for it."""
    request = RequestFactory().post("/results", headers={"hx-request": "1", "accept-language": language})
    asked, view = _Asked(len(matches), [], None, True, True), View()
    values = _values(PackedMatches(matches), view)
    page = by.page(
        request,
        "_results.html",
        view=view,
        asked=asked.count,
        notices=[],
        portion=None,
        toggled="",
        mastodon_max_rows=7_500,
        has_follows=True,
        has_members=True,
        **values,
    )
    return page.content


ANSWERS: Final[st.SearchStrategy[Answer]] = st.builds(
    lambda make, target, strength, standing, origin, flags, matched_by, doubt: Answer(
        replace(
            make("jack", 1, target=target, strength=strength, origin=origin),
            standing=standing,
            is_stale=flags[0],
            is_contested=flags[1],
        ),
        matched_by,
        flags[2],
        (),
        doubt,
    ),
    st.sampled_from([bluesky, mastodon]),
    st.sampled_from(["ada", "ada-b", "grace"]),
    st.sampled_from(Strength),
    st.sampled_from(Standing),
    st.sampled_from([OWN, OTHER_ORIGIN, "<i>.example/log"]),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.sampled_from(MatchedBy),
    st.sampled_from([None, Doubt.NAME_OF_UNKNOWN_AGE, Doubt.NAME_SEEN_LONG_AGO]),
)
FOUND: Final[st.SearchStrategy[Match]] = st.builds(
    lambda number, lists, year, answers: Match(
        Query(XId(number), XHandle(f"p{number}"), Lists(lists), SEEN.replace(year=year)), tuple(answers)
    ),
    st.integers(1, 99),
    st.integers(0, 15),
    st.sampled_from([2012, 2019]),
    st.lists(ANSWERS, min_size=1, max_size=3),
)


@pytest.mark.parametrize("language", LANGUAGES)
@given(matches=st.lists(FOUND, min_size=1, max_size=8))
def test_sentences_that_answers_share_are_those_of_each(language: str, matches: list[Match]) -> None:
    quick = page_of_results(matches, language, QUICK)
    assert quick == page_of_results(matches, language, PLAIN)
    assert quick.count('<div class="answer">') == sum(len(match.answers) for match in matches)


@given(answer=ANSWERS, lists=st.integers(0, 15).map(Lists))
def test_a_remark_says_all_of_an_answer_but_whose_it_is(answer: Answer, lists: Lists) -> None:
    remark, mapping = remark_of(answer, lists, SEEN), answer.mapping
    said = (remark.strength, remark.doubt, remark.name_doubt, remark.disputed, remark.matched_by)
    assert said == (
        mapping.strength.label,
        answer.doubt,
        answer.name_doubt,
        answer.disputed,
        answer.matched_by,
    )
    assert (remark.is_contested, remark.is_stale) == (mapping.is_contested, mapping.is_stale)
    assert (remark.origin, remark.lists) == (mapping.origin, str(lists))
    assert remark.year == (2019 if answer.name_doubt is Doubt.NAME_SEEN_LONG_AGO else 0)


def test_a_macro_that_asks_a_remark_for_more_is_told() -> None:
    """What one sentence is made of is made of no name: else it would stand beside somebody else."""
    environment = QUICK._environments["en"]
    wrong = environment.from_string("{% macro m(remark) %}{{ remark.mapping }}{% endmacro %}{{ m(remark) }}")
    with pytest.raises(jinja2.UndefinedError):
        wrong.render(remark=remark_of(Answer(bluesky("jack", 1), MatchedBy.ID, disputed=False)))


@given(name=st.one_of(st.text(), st.text("@.ab-<&'\"\n", max_size=60)))
def test_a_name_breaks_before_the_signs_of_an_address_alone(name: str) -> None:
    """Piece by piece, each escaped by the library. A name without a hyphen is taken on a shorter way."""
    piece = Markup('<span class="piece">%s</span>')
    plain = Markup("<wbr>").join(
        piece % part if "-" in part and len(part) <= MAX_PIECE_CHARS else part
        for part in re.findall(r"^[@.]?[^@.]*|[@.][^@.]*", name)
    )
    assert _breakable(name) == plain


@pytest.mark.parametrize("language", LANGUAGES)
@given(number=st.one_of(st.integers(-10, 10**7), st.floats(0, 1e6)))
def test_a_number_is_written_as_the_library_writes_it(language: str, number: float) -> None:
    """1 and 1.0 are one key of a dictionary."""
    locale = locale_of(language)
    quick = _NUMBERS[language]
    for each in (number, int(number), float(number)):
        assert quick(each) == format_decimal(each, locale=locale)


@pytest.mark.parametrize("language", LANGUAGES)
@given(moment=st.datetimes(timezones=st.just(UTC) | st.none()))
def test_a_day_is_written_as_the_library_writes_it(language: str, moment: datetime) -> None:
    locale = locale_of(language)
    quick = _DAYS[language]
    for each in (moment, moment.date(), moment):
        assert quick(each) == format_date(each, "long", locale=locale)


def first_page(
    by: Renderer, instance: InstanceSettings, people: int = 3, path: str = "/", language: str = "en"
) -> str:
    by._instance = lambda: instance
    figures = Statistics(people, people, {}, {}, {}, 2, START)
    return by.page_for_all(
        RequestFactory().get(path, headers={"accept-language": language}),
        "home.html",
        typed=None,
        unread_list=None,
        upload_max_mb=200,
        statistics=figures,
        has_members=True,
    ).content


def test_a_page_for_all_is_made_anew_once_something_of_it_changes() -> None:
    kept = renderer()
    settings = InstanceSettings(name="Here", languages=("en", "fr"))
    changes: list[dict[str, Any]] = [
        {},
        {"language": "fr"},
        {"instance": replace(settings, name="There")},
        {"instance": replace(settings, read_only=True)},
        {"people": 4},
        {"path": "/search"},
        {},
    ]
    for change in changes * 2:
        asked: dict[str, Any] = {"instance": settings} | change
        quick = first_page(kept, **asked)
        assert quick == first_page(kept, **asked) == first_page(renderer(), **asked)


def test_one_page_for_all_is_kept_of_each_language() -> None:
    """Whoever asks for addresses without end makes no page more."""
    kept = renderer()
    for number in range(5):
        for language in LANGUAGES:
            first_page(kept, InstanceSettings(name=f"n{number}"), language=language)
    assert len(kept._for_all) == len(LANGUAGES)
