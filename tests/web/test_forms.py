"""Forms of strangers: read as the framework reads them, and refused where reading them would hold everybody up."""

import time
from collections.abc import AsyncGenerator
from typing import Any, Final

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Request, post
from litestar._multipart import parse_multipart_form
from litestar._parsers import parse_url_encoded_form_data
from litestar.datastructures import FormMultiDict, UploadFile
from litestar.exceptions import ClientException
from litestar.testing import create_test_client

from tests.web.test_plain_forms import BOUNDARY, FRAGMENTS, MOST, ODD, part, whole
from web.forms import (
    MAX_TEXT_BYTES,
    MAX_URL_ENCODED_BYTES,
    FormRequest,
    FormTooLarge,
    read_multipart,
    read_url_encoded,
)

KIND: Final = {"content-type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}


async def in_pieces(body: bytes, size: int) -> AsyncGenerator[bytes, None]:
    for at in range(0, len(body), size):
        yield body[at : at + size]
    yield b""


async def shown(fields: FormMultiDict) -> list[tuple[str, str, bytes | str]]:
    """Shows each field, in an order of its own for each name."""
    read = [
        (name, value.filename, await value.read()) if isinstance(value, UploadFile) else (name, "", value)
        for name in sorted(set(fields.keys()))
        for value in fields.getall(name)
    ]
    await fields.close()
    return read


async def theirs(body: bytes, size: int) -> list[tuple[str, str, bytes | str]] | None:
    try:
        fields = await parse_multipart_form(in_pieces(body, size), BOUNDARY, MOST)
    except (ClientException, UnicodeDecodeError):
        return None
    return await shown(FormMultiDict.from_form_data(fields))


async def ours(body: bytes, size: int) -> list[tuple[str, str, bytes | str]] | None:
    try:
        return await shown(FormMultiDict(await read_multipart(in_pieces(body, size), BOUNDARY, MOST)))
    except ClientException:
        return None


IN_LATIN: Final = whole(part(b"tick", b"1", b"\r\nContent-Type: text/plain; charset=latin-1"))


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("body", [each for each in ODD if each != IN_LATIN], ids=range(len(ODD) - 1))
async def test_a_form_is_read_as_the_framework_reads_it(body: bytes, size: int) -> None:
    if body:
        assert await ours(body, size) == await theirs(body, size)


@given(pieces=st.lists(st.sampled_from(FRAGMENTS), max_size=12), size=st.integers(1, 40))
async def test_no_form_is_read_otherwise(pieces: list[bytes], size: int) -> None:
    for body in (
        whole(part(b"a", b"".join(pieces)), part(b"b", b"")),
        whole(part(b"a", b"".join(pieces), b'; filename="x"')),
        b"--" + BOUNDARY + b"\r\n" + b"".join(pieces) + b"\r\n--" + BOUNDARY + b"--\r\n",
    ):
        assert await ours(body, size) == await theirs(body, size)


@given(body=st.text("ab&=%+4c3;\xe9").map(lambda text: text.encode("latin-1")), size=st.integers(1, 40))
async def test_no_form_of_the_other_kind_is_read_otherwise(body: bytes, size: int) -> None:
    read = FormMultiDict(await read_url_encoded(in_pieces(body, size), MOST))
    expected: Any = parse_url_encoded_form_data(body)
    assert await shown(read) == await shown(FormMultiDict.from_form_data(expected))


@post("/form", request_class=FormRequest)
async def count(request: Request[Any, Any, Any]) -> int:
    return len(list((await request.form()).multi_items()))


@pytest.mark.parametrize("charset", ["punycode", "idna", "utf-7", "rot13", "no-such", "latin-1"])
def test_a_text_is_not_decoded_by_its_senders_rules(charset: str) -> None:
    """Attack: half a megabyte in Python's `punycode` held everybody up for half a minute; an unknown name was a fault of ours."""
    text = part(b"x", b"a-" + b"ba" * 250_000, b"\r\nContent-Type: text/plain; charset=" + charset.encode())
    with create_test_client([count]) as client:
        began = time.process_time()
        assert client.post("/form", content=whole(text), headers=KIND).status_code == 400
        assert time.process_time() - began < 5


def test_a_text_may_say_that_it_is_utf_8() -> None:
    text = part(b"x", "é".encode(), b"\r\nContent-Type: text/plain; charset=UTF-8")
    with create_test_client([count]) as client:
        assert client.post("/form", content=whole(text), headers=KIND).json() == 1
        assert client.post("/form", content=whole(part(b"x", b"\xff")), headers=KIND).status_code == 400


def test_forms_that_are_not_multipart_are_short_and_of_few_fields() -> None:
    """Attack: sixty megabytes of `a=b&` held everybody up for forty seconds, and were kept until the process ended."""
    kind = {"content-type": "application/x-www-form-urlencoded"}
    with create_test_client([count]) as client:

        def status(body: bytes) -> int:
            return client.post("/form", content=body, headers=kind).status_code

        assert client.post("/form", content=b"&".join([b"a=b"] * MOST), headers=kind).json() == MOST
        assert status(b"&".join([b"a=b"] * (MOST + 1))) == 413
        assert (
            client.post("/form", content=b"a=".ljust(MAX_URL_ENCODED_BYTES, b"1"), headers=kind).json() == 1
        )
        assert status(b"a=".ljust(MAX_URL_ENCODED_BYTES + 1, b"1")) == 413


async def test_no_form_is_kept() -> None:
    """Attack: a few large forms fill the memory for good; and nothing of what was asked is to be kept."""
    before = parse_url_encoded_form_data.cache_info().currsize
    kind = {"content-type": "application/x-www-form-urlencoded"}
    with create_test_client([count]) as client:
        assert client.post("/form", content=b"names=nobody_else_asks_this", headers=kind).json() == 1
    assert parse_url_encoded_form_data.cache_info().currsize == before


async def test_the_texts_of_a_form_are_bounded_together() -> None:
    half = b"1" * (MAX_TEXT_BYTES // 2)
    file = part(b"files", half + half, b'; filename="a"')
    body = whole(part(b"a", half), part(b"b", half), file)
    assert len(await ours(body, 2**16) or []) == 3
    with pytest.raises(FormTooLarge):
        await read_multipart(
            in_pieces(whole(part(b"a", half), part(b"b", half + b"1")), 2**16), BOUNDARY, MOST
        )


async def test_the_files_of_a_form_that_breaks_off_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[UploadFile] = []

    class Noted(UploadFile):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            made.append(self)

    async def breaking_off() -> AsyncGenerator[bytes, None]:
        yield whole(part(b"files", b"PK", b'; filename="a"'), part(b"files", b"PK", b'; filename="b"'))[:-50]
        raise TimeoutError

    monkeypatch.setattr("web.forms.UploadFile", Noted)
    with pytest.raises(TimeoutError):
        await read_multipart(breaking_off(), BOUNDARY, MOST)
    assert made
    assert all(each.file.closed for each in made)


def test_a_length_beside_a_transfer_coding_says_nothing() -> None:
    """Attack: whoever says ten bytes and sends an archive in chunks has it held whole, several times over."""

    def told(**headers: str) -> bool:
        listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope: Any = {"type": "http", "headers": listed, "state": {}}
        return FormRequest(scope)._is_short()

    assert told(content_length="10")
    assert not told(content_length="10", transfer_encoding="chunked")
    assert not told(content_length="70000")
    assert not told()


def test_every_route_reads_forms_here(client: httpx.Client) -> None:
    """Attack: the route that any stranger reaches was open to all of this."""
    foreign = part(b"names", b"jack", b"\r\nContent-Type: text/plain; charset=punycode")
    assert client.post("/results", content=whole(foreign), headers=KIND).status_code == 400
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/results", content=b"a=b&" * MOST, headers=kind).status_code == 413
    assert client.post("/results", data={"names": "jack"}).status_code == 200


def test_the_form_that_names_are_pasted_into_may_be_long(client: httpx.Client) -> None:
    assert '<form action="/results" method="post" enctype="multipart/form-data">' in client.get("/").text
