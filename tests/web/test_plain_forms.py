"""Plain forms are read as the parser of all forms reads them, and every other form by that parser itself."""

from collections.abc import AsyncGenerator
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from litestar import Request, post
from litestar._multipart import parse_multipart_form
from litestar.datastructures import FormMultiDict
from litestar.exceptions import ClientException
from litestar.testing import create_test_client

from web.forms import FormRequest
from web.plain_forms import MAX_PLAIN_BYTES, read_plain_fields

BOUNDARY: Final = b"----browser0"
MOST: Final = 1_000


def part(name: bytes, value: bytes, more: bytes = b"") -> bytes:
    head = b'Content-Disposition: form-data; name="' + name + b'"' + more
    return b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + value + b"\r\n"


def whole(*parts: bytes, end: bytes = b"--\r\n") -> bytes:
    return b"".join(parts) + b"--" + BOUNDARY + end


async def theirs(body: bytes, boundary: bytes = BOUNDARY) -> list[tuple[str, Any]] | None:
    """Reads the form with the framework's parser. None where that refuses it."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body
        yield b""

    try:
        fields = await parse_multipart_form(stream(), boundary, MOST)
    except (ClientException, UnicodeDecodeError):
        return None
    return list(FormMultiDict.from_form_data(fields).multi_items())


PLAIN: Final = whole(
    part(b"pairs", b"1,,f\n2,,f"), part(b"tick", b"1.b"), part(b"tick", b""), part(b"toggled", "é".encode())
)
ODD: Final = [
    b"",
    whole(),
    PLAIN.removesuffix(b"\r\n"),
    PLAIN.removesuffix(b"--\r\n"),
    PLAIN + b"\r\n",
    PLAIN + PLAIN,
    b"\r\n" + PLAIN,
    b"before\r\n" + PLAIN,
    whole(part(b"files", b"PK", b'; filename="a.zip"\r\nContent-Type: application/zip')),
    whole(part(b"files", b"", b'; filename=""')),
    whole(part(b"tick", b"1", b"\r\nContent-Type: text/plain; charset=latin-1")),
    whole(part(b"tick", b"1", b"\r\nContent-Length: 9")),
    whole(part(b"tick", b"1", b"; filename*=utf-8''a")),
    whole(part(b'a"; name="b', b"1")),
    whole(part(b"a%22", b"1")),
    whole(part(b"", b"1")),
    whole(part(b"tick", b"\xff")),
    whole(part(b"tick", b"a\r\n--" + BOUNDARY + b"\r\nb")),
    whole(part(b"tick", b"a\r\n--" + BOUNDARY + b"x")),
    whole(part(b"tick", b"a\r\n--" + BOUNDARY + b"--")),
    whole(part(b"tick", b"a\n--" + BOUNDARY)),
    whole(part(b"tick", b"--" + BOUNDARY)),
    whole(part(b"tick", b"\r\n")),
    whole(part(b"tick", b"\r\r\n\r\n--")),
    whole(b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="tick"\r\n--' + BOUNDARY + b"\r\n"),
    whole(
        b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="tick"\r\n\r\n--' + BOUNDARY + b"\r\n"
    ),
    whole(b"--" + BOUNDARY + b'\ncontent-disposition: form-data; name="tick"\n\n1\n'),
    whole(*[part(b"tick", b"1")] * (MOST + 1)),
]


async def check(body: bytes) -> None:
    ours = read_plain_fields(body, BOUNDARY, MOST)
    if ours is not None:
        expected = await theirs(body)
        assert expected is not None
        assert sorted(FormMultiDict(ours).multi_items()) == sorted(expected)
        for name, _ in ours:
            assert FormMultiDict(ours).getall(name) == FormMultiDict(expected).getall(name)


async def test_a_plain_form_is_read() -> None:
    assert read_plain_fields(PLAIN, BOUNDARY, MOST) == [
        ("pairs", "1,,f\n2,,f"),
        ("tick", "1.b"),
        ("tick", ""),
        ("toggled", "é"),
    ]
    await check(PLAIN)
    await check(whole(*[part(b"tick", b"1")] * MOST))


@pytest.mark.parametrize("at", range(len(ODD)))
async def test_what_is_not_plain_is_left_or_read_the_same(at: int) -> None:
    await check(ODD[at])


def test_files_and_forms_of_too_many_fields_are_left_to_the_parser() -> None:
    files = whole(part(b"files", b"", b'; filename=""'))
    many = whole(*[part(b"tick", b"1")] * (MOST + 1))
    assert read_plain_fields(files, BOUNDARY, MOST) is None
    assert read_plain_fields(many, BOUNDARY, MOST) is None
    assert read_plain_fields(PLAIN, b"", MOST) is None


FRAGMENTS: Final = [
    b"\r\n",
    b"\r",
    b"\n",
    b"--",
    b"-",
    b"--" + BOUNDARY,
    BOUNDARY,
    b'Content-Disposition: form-data; name="a"',
    b'Content-Disposition: form-data; name="b"\r\n\r\n',
    b"value",
    b"\xc3\xa9",
    b"\xff",
]


@given(pieces=st.lists(st.sampled_from(FRAGMENTS), max_size=12))
@example(pieces=[])
async def test_no_form_is_read_otherwise_than_by_the_parser(pieces: list[bytes]) -> None:
    await check(b"".join(pieces))
    await check(whole(part(b"a", b"".join(pieces)), part(b"b", b"")))
    await check(b"--" + BOUNDARY + b"\r\n" + b"".join(pieces) + b"\r\n--" + BOUNDARY + b"--\r\n")


@post("/form", request_class=FormRequest)
async def echo(request: Request[Any, Any, Any]) -> list[list[str]]:
    """Shows what was read, of files their content."""
    once, again = await request.form(), await request.form()
    assert list(once.multi_items()) == list(again.multi_items())
    shown = [
        [name, value if isinstance(value, str) else (await value.read()).decode()]
        for name, value in once.multi_items()
    ]
    return sorted(shown)


PLAIN_FIELDS: Final = [["pairs", "1,,f\n2,,f"], ["tick", ""], ["tick", "1.b"], ["toggled", "é"]]


def test_a_request_reads_either() -> None:
    kind = {"content-type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}
    file = part(b"files", b"PK", b'; filename="a.txt"')
    long = part(b"pairs", b"1" * MAX_PLAIN_BYTES)
    with create_test_client([echo]) as client:
        assert client.post("/form", content=PLAIN, headers=kind).json() == PLAIN_FIELDS
        assert client.post("/form", content=whole(file), headers=kind).json() == [["files", "PK"]]
        assert client.post("/form", content=whole(long), headers=kind).json()[0][1] == "1" * MAX_PLAIN_BYTES
        assert client.post("/form", data={"tick": "1.b"}).json() == [["tick", "1.b"]]
        assert client.post("/form", content=b"{}", headers={"content-type": "application/json"}).json() == []
        assert client.post("/form", content=PLAIN[:-9], headers=kind).status_code == 400
        assert client.post("/form", content=whole(), headers=kind).json() == []
