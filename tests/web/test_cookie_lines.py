"""One cookie is read of a request, whatever else stands beside it."""

import time
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Request
from litestar.types import Scope

from web.cookie_lines import read_cookie

TOKENS = st.text("abcXYZ019-_", min_size=1, max_size=12)


def scope(*lines: str) -> Scope:
    headers = [(b"accept", b"*/*"), *((b"cookie", line.encode("latin-1")) for line in lines)]
    return cast("Scope", {"type": "http", "headers": headers, "query_string": b""})


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ((), ""),
        (("session=abc",), "abc"),
        (("a=b; session=abc; c=d",), "abc"),
        (("a=b;session=abc;c=d",), "abc"),
        (("a=b; \tsession=abc  ; c=d",), "abc"),
        (("session=a=b",), "a=b"),
        (("session=",), ""),
        (("session",), ""),
        (("old-session=abc",), ""),
        (("session-old=abc",), ""),
        (("Session=abc",), ""),
        (("a=session=abc",), ""),
        (("session=abc; session=def",), "def"),
        (("a=b", "session=abc", "c=d"), "abc"),  # RFC 9113, section 8.2.3: one line for each
        (("session=\xe9",), "\xe9"),
    ],
)
def test_a_cookie(lines: tuple[str, ...], value: str) -> None:
    assert read_cookie(scope(*lines), "session") == value


@given(st.lists(st.tuples(st.sampled_from(["session", "other", "a"]), TOKENS), max_size=6))
def test_it_is_the_cookie_that_the_framework_reads(cookies: list[tuple[str, str]]) -> None:
    asked = scope("; ".join(map("=".join, cookies)))
    assert read_cookie(asked, "session") == Request(asked).cookies.get("session", "")


def test_thousands_of_cookies_take_no_time() -> None:
    """Attack: any page of a shared domain may set them, and each request reads them."""
    asked = scope("a=b;" * 4_000 + "session=abc")
    began = time.process_time()
    for _ in range(100):
        assert read_cookie(asked, "session") == "abc"
    assert time.process_time() - began < 1
