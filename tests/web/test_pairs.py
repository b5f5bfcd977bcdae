"""The body of a match is read slice by slice: the same pairs and the same refusals as if it were read at once."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.exceptions import ClientException

from directory.errors import DirectoryError, InvalidIdentifier, InvalidQuery
from directory.queries import Query
from web.api import pairs
from web.api.bodies import decode_body
from web.api.pairs import PairReader
from web.api.schema import MAX_API_PAIRS, MatchIn


def read(body: bytes) -> list[Query]:
    reader = PairReader(body)
    while reader.read_slice():
        pass
    return [reader.asked.query(number) for number in range(len(reader.asked))]


def read_at_once(body: bytes) -> list[Query]:
    asked = decode_body(body, MatchIn)
    return [_query(number, pair) for number, pair in enumerate(asked.pairs, start=1)]


def _query(number: int, pair: Any) -> Query:
    try:
        return Query.parse_pair(pair.id, pair.handle, seen=pair.seen)
    except (InvalidIdentifier, InvalidQuery) as error:
        raise InvalidQuery(f"pair {number}: {error}") from error


def outcome(read_body: Any, body: bytes) -> list[Query] | str:
    try:
        queries: list[Query] = read_body(body)
    except ClientException as error:
        return error.detail
    except DirectoryError as error:
        return str(error)
    return queries


def _texts() -> st.SearchStrategy[str | None]:
    ids = st.one_of(
        st.integers(1, 2**63 + 5).map(str), st.sampled_from(["0", "01", " 12 ", "9" * 19, "", "１２"])
    )
    names = st.one_of(
        st.sampled_from(
            [
                "jack",
                "@Jack",
                "https://x.com/jack?s=1",
                "x.com/i/user/12",
                "[jack](x.com/jack)",
                'a"b',
                "a\\b",
            ]
        ),
        st.text(max_size=6),
        st.text("abc_XYZ09", min_size=1, max_size=21),
    )
    return st.one_of(st.none(), ids, names)


_DAYS = st.one_of(
    st.none(), st.dates().map(str), st.sampled_from(["2024-02-30", "2024-1-01", "", "0000-00-00"])
)
_PAIR: st.SearchStrategy[Any] = st.one_of(
    st.tuples(
        st.one_of(st.none(), st.integers(1, 2**63 - 1).map(str)), st.sampled_from([None, "jack", "A_b"])
    ),
    st.tuples(_texts(), _texts()),
    st.tuples(_texts(), _texts(), _DAYS),
    st.sampled_from([(), ("1",), ("1", None, None, None), (1, None), ("1", ["a"]), {}, None]),
)
_PLAIN_PAIR = st.tuples(st.integers(1, 2**63 - 1).map(str), st.one_of(st.none(), st.just("jack")))


@given(
    st.one_of(st.lists(_PLAIN_PAIR, max_size=30), st.lists(_PAIR, max_size=12)),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")]),
    st.booleans(),
    st.integers(20, 200),
)
def test_as_if_it_were_read_at_once(
    people: list[Any], separators: tuple[str, str], is_ascii: bool, slice_bytes: int
) -> None:
    def written(those: list[Any]) -> bytes:
        text = json.dumps({"pairs": those}, separators=separators, ensure_ascii=is_ascii)
        return text.encode("utf-8", "surrogatepass")

    body = written(people)
    expected = outcome(read_at_once, body)
    wrong = [each for each in people if isinstance(outcome(read_at_once, written([each])), str)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "SLICE_PAIRS", 3)
        if all(len(written([each])) < slice_bytes for each in people):
            patch.setattr(pairs, "SLICE_BYTES", slice_bytes)
        got = outcome(read, body)
    if len(wrong) <= 1:
        assert without_byte(got) == without_byte(expected)
    else:
        # What is wrong first may be named, or what is no JSON.
        assert isinstance(got, str)


@given(
    st.lists(st.integers(1, 2**63 + 5).map(str), min_size=1, max_size=6),
    st.sampled_from([",", ", ", ",  "]),
    st.data(),
)
def test_ids_alone_but_for_a_few_bytes(ids: list[str], comma: str, data: st.DataObject) -> None:
    """What is nearly a list of ids is not taken for one: a comma in a string, a zero before, a space, a pair that is open."""
    text = f"{comma}".join(f'["{x_id}"{comma}null]' for x_id in ids)
    at = data.draw(st.integers(0, len(text)))
    gone = data.draw(st.integers(0, 2))
    more = data.draw(st.text('01,[]"nul -.e\\\t\n', max_size=2))
    body = f'{{"pairs":[{text[:at]}{more}{text[at + gone :]}]}}'.encode()
    got, expected = outcome(read, body), outcome(read_at_once, body)
    assert got == expected if isinstance(expected, list) else isinstance(got, str)


def without_byte(found: list[Query] | str) -> list[Query] | str:
    """The byte that a refusal counts is that of another part of the body."""
    return found.partition(" (byte")[0] if isinstance(found, str) else found


def _odd_bodies() -> Iterator[bytes]:
    yield from (
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"pairs":null}',
        b'{"pairs":[]',
        b'{"pairs":[]}',
        b' { "pairs" : [ ] } ',
    )
    yield from (b'{"pairs":[["1",null],]}', b'{"pairs":[["1",null]["2",null]]}', b'{"pairs":[,["1",null]]}')
    yield from (b'{"pairs":[["1",null]]} x', b'{"pairs":[["1",null]]}}', b'{"pairs":[["1",null]],"more":1}')
    yield from (
        b'{"pairs":[["1",null]],"pairs":[["2",null]]}',
        b'{"pairs":[],"pairs":[]}',
        b'{"more":1,"pairs":[]}',
    )
    yield from (
        b'{"pairs":[["1",null],["2"]]}',
        b'{"pairs":[["1",null],5]}',
        b'{"pairs":[["1",null],[["2",null]]]}',
    )
    yield from (
        b'{"pairs":[["1",null], {"id":"2"}]}',
        b'{"pairs":[["1","a\x00b"]]}',
        b'{"pairs":[["1","\xff"]]}',
    )
    yield from (
        b'{"pairs":[["1",null],["2",null]',
        b'{"pairs":[["1",null',
        b'{"pairs":[["1","a',
        b'{"pairs":[["1",nul]]}',
    )
    yield from (
        b'{"pairs":[[null,null]]}',
        b'{"pairs":[["1",null,"2024-01-01"]]}',
        b'{"pairs":[["1","a","2024-13-01"]]}',
    )
    yield from (b'{"pairs":[["9223372036854775808",null]]}', b'{"pairs":[["9223372036854775807",null]]}')
    yield from (
        b'{"pairs":[["1,2",null],["3",null]]}',
        b'{"pairs":[["1, 2",null],["3",null]]}',
        b'{"pairs":[["01",null]]}',
        b'{"pairs":[["0",null]]}',
        b'{"pairs":[["",null]]}',
        b'{"pairs":[["1",null],["2",null],]}',
    )
    yield from (
        b'{"pairs":[["1","a"],\r\n["2","b"]]}',
        b'\xef\xbb\xbf{"pairs":[]}',
        b'{"pairs":[["1","\\u0061"]]}',
    )


@pytest.mark.parametrize("body", list(_odd_bodies()))
def test_what_is_odd(body: bytes) -> None:
    assert without_byte(outcome(read, body)) == without_byte(outcome(read_at_once, body))


def test_what_is_wrong_is_named_by_its_place() -> None:
    people: list[Any] = [[str(number), None] for number in range(1, 3_001)]
    for wrong, reason in (([2, None], "$.pairs[2500][0]"), (["x", None], "pair 2501")):
        body = json.dumps({"pairs": [*people[:2_500], wrong, *people[2_500:]]}).encode()
        assert reason in str(outcome(read, body))


def test_too_many() -> None:
    people = [(str(number), None) for number in range(1, MAX_API_PAIRS + 2)]
    for separators in ((",", ":"), (" , ", ":")):
        body = json.dumps({"pairs": people}, separators=separators).encode()
        assert outcome(read, body) == outcome(read_at_once, body)
        assert "10000" in str(outcome(read, body))
        body = json.dumps({"pairs": people[:-1]}, separators=separators).encode()
        assert outcome(read, body) == outcome(read_at_once, body)


def _heavy_bodies() -> Iterator[bytes]:
    room = 990_000
    yield b'{"pairs":[' + b",".join([b"[null,null]"] * (room // 12)) + b"]}"
    yield b'{"pairs":[' + b",".join([b'["1",null]'] * (room // 11)) + b'],"pairs":[]}'
    yield b'{"pairs":[["1",null]],"pairs":[' + b",".join([b'["1",null]'] * (room // 11)) + b"]}"
    yield b'{"pairs":[' + b",".join([b'["1" ,null]'] * (room // 12)) + b"]}"
    yield b'{"pairs":[["1","' + b"\\\\" * (room // 2) + b'"]]}'
    yield b'{"pairs":[["1","' + b'","' * (room // 3) + b'"]]}'
    yield b'{"pairs":[' + b'["' * (room // 2)
    yield b'{"pairs":' * (room // 9)
    yield b'{"pairs":[["1",null],' + b" " * room + b"]}"


@pytest.mark.parametrize("body", list(_heavy_bodies()), ids=range(9))
def test_no_body_is_read_at_once(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: a body that is refused in the end is read as a whole before, and all others wait: up to 40 ms for a
    megabyte. So much as a whole list is decoded to say what is wrong, and no more."""
    decoded: list[int] = []

    def decode(part: bytes, kind: Any) -> Any:
        decoded.append(len(part.replace(b" ", b"")))
        return decode_body(part, kind)

    monkeypatch.setattr(pairs, "decode_body", decode)
    with pytest.raises((ClientException, InvalidQuery)):
        read(body)
    assert all(size <= 12 * MAX_API_PAIRS + 64_000 for size in decoded)


def test_a_list_is_read_in_slices() -> None:
    """Others have their turn between two slices, of whatever form they are."""
    people = [(str(10**17 + number), None) for number in range(5_000)]
    for separators in ((",", ":"), (" ,", ":")):
        reader = PairReader(json.dumps({"pairs": people}, separators=separators).encode())
        sizes = [0]
        while True:
            goes_on = reader.read_slice()
            sizes.append(len(reader.asked))
            if not goes_on:
                break
        assert max(after - before for before, after in pairwise(sizes)) <= 2_000
        assert sizes[-1] == 5_000


def test_msgspec_keeps_its_words() -> None:
    """The reader relies on how a list of pairs is refused."""
    with pytest.raises(msgspec.ValidationError, match=r"\$\[1\]\[0\]"):
        msgspec.json.decode(b'[["1",null],[2,null]]', type=list[tuple[str, None]])
