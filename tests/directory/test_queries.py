"""What is asked: a list of people, a line each, read whole or refused with the number of the line."""

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

import directory.queries
from directory.errors import InvalidIdentifier, InvalidQuery
from directory.identifiers import MAX_X_ID, XHandle, XId
from directory.queries import MAX_LINE_CHARS, Lists, Query, format_lines, parse_lines, parse_names, read_lines

ids = st.one_of(st.none(), st.builds(XId, st.integers(1, MAX_X_ID)))
handles = st.one_of(st.none(), st.builds(XHandle, st.from_regex(r"[A-Za-z0-9_]{1,20}", fullmatch=True)))
lists = st.builds(Lists, st.integers(0, 15))
queries = st.builds(
    lambda halves, of, seen: Query(halves[0], halves[1], of, seen if halves[1] is not None else None),
    st.tuples(ids, handles).filter(lambda halves: any(half is not None for half in halves)),
    lists,
    st.none() | st.dates(),
)
near_lines = st.text(st.sampled_from("0123456789,-@frbmJack_ \t\r\n\x00٣é"), max_size=200)


@given(st.lists(queries, max_size=30))
def test_a_list_comes_back_as_it_was_written(asked: list[Query]) -> None:
    assert parse_lines("\n".join(format_lines(asked))) == asked


@given(
    st.one_of(
        st.from_regex(
            r"\A[0-9]{0,20},@?\w{0,16},[frbm]{0,5}(,([0-9-]{0,11}|20[0-9]{2}-[0-1][0-9]-[0-3][0-9]))?\Z"
        ),
        near_lines,
    )
)
def test_a_line_is_read_as_its_parts_are(line: str) -> None:
    """Plain lines go a shorter way, which must neither let through nor change what the parsers would not."""
    halves = [*line.strip().split(",", 3), "", "", ""]
    try:
        expected = [Query.parse_pair(*halves[:4])] if line.strip() else []
    except (InvalidQuery, InvalidIdentifier):
        expected = None
    try:
        assert parse_lines(line) == expected
    except InvalidQuery:
        assert expected is None or len(line.strip()) > MAX_LINE_CHARS or "\n" in line


@pytest.mark.parametrize("line", ["1234567890123456789,jack,f,2026-01-01", "8999999999999999999,,", "12,,fr"])
def test_a_line_of_our_scripts_is_read_in_one_step(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """An id of X has 19 digits today: a hundred thousand of them took the longer way, for as many people twice the time."""
    expected = parse_lines(line)
    monkeypatch.setattr(Query, "parse_pair", None)
    assert parse_lines(line) == expected


@given(queries)
def test_every_query_fits_on_a_line(query: Query) -> None:
    assert len(str(query)) <= MAX_LINE_CHARS


@given(st.one_of(st.text(max_size=300), near_lines))
def test_a_list_is_read_or_refused(text: str) -> None:
    try:
        read = parse_lines(text)
    except InvalidQuery:
        return
    assert len(read) <= text.count("\n") + 1
    assert parse_lines("\n".join(format_lines(read))) == read


@given(
    st.one_of(st.none(), st.text(max_size=30)),
    st.one_of(st.none(), st.text(max_size=30)),
    st.text(max_size=6),
    st.one_of(st.none(), st.text(max_size=12), st.dates().map(str)),
)
def test_a_pair_is_read_or_refused(x_id: str | None, handle: str | None, of: str, seen: str | None) -> None:
    try:
        query = Query.parse_pair(x_id, handle, of, seen)
    except (InvalidQuery, InvalidIdentifier):
        return
    assert query.x_id is not None or query.x_handle is not None


@given(lists)
def test_only_people_who_are_followed_are_wanted_of_an_archive(of: Lists) -> None:
    assert of.is_wanted == (str(of) in {"", "f", "fr"})
    assert of.is_refused == bool({"b", "m"} & set(str(of)))
    assert [word[0] for word in of.words] == [{"r": "f"}.get(letter, letter) for letter in str(of)]


@given(lists)
def test_lists_come_back_from_their_letters(of: Lists) -> None:
    assert Lists.parse(str(of)) == of


@pytest.mark.parametrize("letters", ["x", "F", "ff", "frbmf", "f ", "٣", "frbm" * 1_000])
def test_letters_of_no_list_are_refused(letters: str) -> None:
    with pytest.raises(InvalidQuery):
        Lists.parse(letters)


def test_lines_as_people_and_programs_write_them() -> None:
    read = parse_lines(
        "12\r\n\r\n  ,@Jack  \n13,jack_2,fm\n\t\n14,,\n15,eve,,2020-02-29\n,@mia,r,2006-01-01\n"
    )
    assert read == [
        Query(XId(12)),
        Query(x_handle=XHandle("Jack")),
        Query(XId(13), XHandle("jack_2"), Lists.FOLLOWING | Lists.MUTE),
        Query(XId(14)),
        Query(XId(15), XHandle("eve"), Lists.NONE, date(2020, 2, 29)),
        Query(None, XHandle("mia"), Lists.FOLLOWER, date(2006, 1, 1)),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("12\n\nx", "line 3:"),
        (",,f", "line 1:"),
        ("12,a b", "line 1:"),
        ("12,jack,f,extra", "line 1: 'extra' is no day"),
        ("12,jack,f,2021-02-29", "line 1: '2021-02-29' is no day"),
        ("12,jack,f,20210228", "line 1:"),
        ("12,jack,f,2021-W01-1", "line 1:"),
        ("12,jack,f,2021-02-28T00", "line 1:"),
        ("12,jack,f,2021-02-28,", "line 1:"),
        ("12,jack,f,٢٠٢١-02-28", "line 1:"),
        ("12,,f,2021-02-28", "line 1: a day, but no handle"),
        ("0", "line 1:"),
        ("9" * 30, "line 1:"),
        ("1" * 65, "line 1 is too long"),
        ("12,twenty_one_letters_ok", "line 1:"),
        ("12\v13", "line 1:"),
    ],
)
def test_the_first_line_that_cannot_be_read_is_named(text: str, said: str) -> None:
    with pytest.raises(InvalidQuery, match=said):
        parse_lines(text)


near_list = st.lists(st.sampled_from(["12", "@jack", " ", "", "\r", "13", "x y", "nina\r"]), max_size=30)


@given(near_list.map("\n".join), st.integers(0, 12))
def test_a_list_is_taken_apart_in_pieces_as_at_once(text: str, chars: int) -> None:
    """People, and the number of the line that is refused."""

    def read(parse: Callable[[str], list[Query]]) -> list[Query] | str:
        try:
            return parse(text)
        except InvalidQuery as error:
            return str(error)

    at_once = [read(parse_lines), read(parse_names)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(directory.queries, "LINES_AT_ONCE_CHARS", chars)
        assert [read(parse_lines), read(parse_names)] == at_once


PLAIN = ["12,,", "12,jack,f", "8999999999999999999,,frbm", "9,Ada_1,,2021-02-28"]
NOT_PLAIN = ["", " ", "12", " 12,,", "12,,\r", ",ada", "12,@ada", "9223372036854775807,,", "1\v2,,"]
REFUSED = [
    "12,,ff",
    "12,ada,,2021-02-29",
    "12,,,2021-02-28",
    "0,,",
    "12,ada,f,2021-02-28,",
    "9999999999999999999,,",
]
any_lines = st.lists(
    st.sampled_from(PLAIN * 4 + NOT_PLAIN) | st.sampled_from(PLAIN + NOT_PLAIN + REFUSED), max_size=12
)


@given(any_lines.map("\n".join), st.integers(0, 80), st.integers(0, 12))
def test_lines_that_are_read_at_once_are_read_as_each_is(text: str, chars: int, most: int) -> None:
    """Who is read before a fault, and the fault, whatever other lines stand beside it."""

    def read() -> tuple[list[Query], str]:
        people = list[Query]()
        try:
            people.extend(read_lines(text, max_pairs=most))
        except InvalidQuery as error:
            return people, str(error)
        return people, ""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(directory.queries, "LINES_AT_ONCE_CHARS", chars)
        at_once = read()
        patch.setattr(directory.queries, "_read_plain_lines", lambda _: None)
        assert read() == at_once


@pytest.mark.parametrize("end", ["", "\n"])
def test_lines_of_our_scripts_are_read_at_once(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    expected = [parse_lines(line)[0] for line in PLAIN]
    monkeypatch.setattr(directory.queries, "_read_each_line", None)
    assert parse_lines("\n".join(PLAIN) + end) == expected


def test_too_many_names_are_told_before_one_that_cannot_be_read() -> None:
    with pytest.raises(InvalidQuery, match="more than 2 people"):
        parse_names("x y\n12\n\n13", max_names=2)


def test_what_is_said_of_a_bad_line_stays_short() -> None:
    with pytest.raises(InvalidQuery) as refused:
        parse_lines("x" * 1_000_000)
    assert len(str(refused.value)) < 200


def test_one_person_too_many_is_refused_before_they_are_read() -> None:
    text = "\n".join(map(str, range(1, 12)))
    assert len(parse_lines(text, max_pairs=11)) == 11
    with pytest.raises(InvalidQuery, match="more than 10 people"):
        parse_lines(text, max_pairs=10)


@pytest.mark.parametrize("value", range(16))
def test_what_lists_mean_is_what_their_flags_say(value: int) -> None:
    lists = Lists(value)
    assert lists.is_refused == bool(lists & (Lists.BLOCK | Lists.MUTE))
    assert lists.is_wanted == (lists is Lists.NONE or (Lists.FOLLOWING in lists and not lists.is_refused))
