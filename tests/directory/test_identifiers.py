"""Every parser is total, and gives back what its value writes."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.errors import InvalidIdentifier
from directory.identifiers import (
    Acct,
    ActorUri,
    AtHandle,
    Did,
    XHandle,
    XId,
)
from directory.pasted.target_account import parse_target_account
from directory.pasted.x_account import parse_x_account

Identifier = XId | XHandle | Did | AtHandle | Acct | ActorUri
Parser = Callable[[object], Identifier]

PARSERS: list[Parser] = [
    XId.parse,
    XHandle.parse,
    Did.parse,
    AtHandle.parse,
    Acct.parse,
    ActorUri.parse,
    parse_x_account,
    parse_target_account,
]

# Pieces that real identifiers are made of, so that random joins come near to them.
_PIECES = st.sampled_from(
    [
        "@",
        "did:",
        "plc:",
        "web:",
        "https://",
        "http://",
        "x.com",
        "twitter.com",
        "/",
        "i/user/",
        "?user_id=",
        "a",
        "B",
        "_",
        "-",
        ".",
        "0",
        "é",
        "\u202e",
        "\x00",
        "😀",
        "acct:",
        "#",
        "[::1]",
        "xn--",
        "users/",
        ":",
        ":99999",
        "bsky.app/profile/",
        "example.social",
        "%00",
        "intent/user",
        "\\",
        "\n",
        " ",
        "9" * 19,
        "9" * 30,
    ]
)
ANYTHING = st.one_of(
    st.text(),
    st.lists(_PIECES, max_size=8).map("".join),
    st.none(),
    st.integers(),
    st.binary(max_size=20),
    st.lists(st.integers(), max_size=2),
)


@pytest.mark.parametrize("parse", PARSERS)
@given(text=ANYTHING)
def test_a_parser_returns_a_value_or_raises_its_error(parse: Parser, text: object) -> None:
    try:
        value = parse(text)
    except InvalidIdentifier:
        return
    assert str(value)
    assert type(value).parse(str(value)) == value


_names = st.from_regex(r"[A-Za-z0-9_]{1,20}", fullmatch=True)
_labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
_hosts = st.builds("{}.{}".format, _labels, st.sampled_from(["social", "example", "org"]))


@given(st.integers(1, 2**63 - 1))
def test_every_id_is_read_back(number: int) -> None:
    assert XId.parse(str(number)) == XId(number)


@given(_names, _hosts)
def test_good_names_are_read_back(name: str, host: str) -> None:
    assert str(XHandle.parse(f"@{name}")) == name
    assert str(AtHandle.parse(host)) == host
    assert str(Acct.parse(f"@{name}@{host.upper()}")) == f"{name}@{host}"
    assert ActorUri.parse(f"https://{host.upper()}/users/{name}").host == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "01",
        "-1",
        "+5",
        "1_0",
        " 1",
        "1 ",
        "٣",
        "9223372036854775808",
        "1" * 30,
        "1.0",
        "0x1",
        5,
        True,
    ],
)
def test_what_is_no_id(text: object) -> None:
    with pytest.raises(InvalidIdentifier):
        XId.parse(text)


@pytest.mark.parametrize(
    "text", ["", "@", "@@a", "with space", "a" * 21, "émile", "😀", "a-b", "a.b", "a\n", "ａ"]
)
def test_what_is_no_handle(text: str) -> None:
    with pytest.raises(InvalidIdentifier):
        XHandle.parse(text)


@pytest.mark.parametrize(
    ("typed", "account"),
    [
        ("@jack", XHandle("jack")),
        (" Jack ", XHandle("Jack")),
        ("12", XId(12)),
        ("@12", XHandle("12")),
        ("x.com/jack", XHandle("jack")),
        ("https://x.com/jack", XHandle("jack")),
        ("http://www.twitter.com/jack/", XHandle("jack")),
        ("https://mobile.twitter.com/jack/status/20?s=20#x", XHandle("jack")),
        ("https://twitter.com/@jack", XHandle("jack")),
        ("https://twitter.com/intent/user?user_id=12", XId(12)),
        ("https://x.com/intent/follow?screen_name=jack", XHandle("jack")),
        ("https://x.com/i/user/12", XId(12)),
        ("HTTPS://X.COM/jack", XHandle("jack")),
    ],
)
def test_what_people_type_for_an_x_account(typed: str, account: XId | XHandle) -> None:
    assert parse_x_account(typed) == account


@pytest.mark.parametrize(
    "typed",
    [
        "https://evil.example/x.com/jack",
        "https://x.com.evil.example/jack",
        "https://x.com@evil.example/jack",
        "https://x.com:8443/jack",
        "https://x.com/",
        "https://x.com/home",
        "https://x.com/i/web/status/1",
        "https://x.com/intent/user?user_id=abc",
        "javascript:alert(1)//x.com/jack",
        "x.com/" + "a" * 3_000,
    ],
)
def test_addresses_that_name_no_person(typed: str) -> None:
    with pytest.raises(InvalidIdentifier):
        parse_x_account(typed)


@pytest.mark.parametrize(
    ("typed", "account"),
    [
        ("alice.bsky.social", AtHandle("alice.bsky.social")),
        ("@Alice.Bsky.Social", AtHandle("alice.bsky.social")),
        ("did:plc:" + "a" * 24, Did("did:plc:" + "a" * 24)),
        ("did:web:Alice.example", Did("did:web:alice.example")),
        ("https://bsky.app/profile/alice.example", AtHandle("alice.example")),
        ("https://bsky.app/profile/did:plc:" + "b" * 24, Did("did:plc:" + "b" * 24)),
        ("alice@Example.social", Acct("alice", "example.social")),
        ("acct:alice@example.social", Acct("alice", "example.social")),
        ("https://example.social/@alice", Acct("alice", "example.social")),
        ("https://example.social/@alice@other.example", Acct("alice", "other.example")),
        ("https://example.social/users/alice", ActorUri("https://example.social/users/alice")),
    ],
)
def test_what_people_type_for_an_account(typed: str, account: object) -> None:
    assert parse_target_account(typed) == account


@pytest.mark.parametrize(
    "typed",
    [
        "did:plc:short",
        "did:key:z6Mk",
        "alice@localhost",
        "alice@127.0.0.1",
        "@a@b@c.d",
        "http://a.example/users/x",
        "alice",
    ],
)
def test_what_is_no_account(typed: str) -> None:
    with pytest.raises(InvalidIdentifier):
        parse_target_account(typed)


def _parsed(text: str) -> ActorUri | None:
    try:
        return ActorUri.parse(text)
    except InvalidIdentifier:
        return None


@given(st.text(alphabet="aA0.-_~@:/?#%\\ é", max_size=30))
def test_the_quick_way_reads_an_actor_as_the_long_one_does(rest: str) -> None:
    """The quick way knows lower-case schemes alone, so that an upper-case one goes the long way."""
    for host in ("", "social.example", "social.example/", "127.0.0.1/", "a.b-.c/", "x" * 64 + ".example/"):
        assert _parsed(f"https://{host}{rest}") == _parsed(f"HTTPS://{host}{rest}")
