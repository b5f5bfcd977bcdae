"""Whatever is pasted around an account, it comes out, or one named error: never the account of somebody else."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, AtHandle, XHandle, XId
from directory.pasted.any_account import parse_any_account
from directory.pasted.cleaning import MAX_PASTED_CHARS
from directory.pasted.target_account import Target, parse_target_account
from directory.pasted.x_account import parse_x_account

INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufe0f\ufeff"
WRAPPERS: Final = [
    ("(", ")"),
    ("[", "]"),
    ("<", ">"),
    ("{", "}"),
    ("“", "”"),
    ("«\u00a0", "\u00a0»"),
    ("'", "'"),
    ('"', '"'),
]
AFTER: Final = ["", ".", ",", ")", ":", ";", "!", "?", " \n", "\u3000", "%20"]
LOOK_ALIKES: Final = {
    "a": "а",
    "e": "е",
    "o": "ο",
    "i": "ı",
    "s": "ſ",
    "k": "\u212a",
    "d": "ⅾ",
    "x": "ⓧ",
    "1": "١",
    "_": "‗",
}

_x_names = st.from_regex(r"[A-Za-z0-9_]{1,20}", fullmatch=True).filter(lambda name: not name.isdigit())
_labels = st.from_regex(r"[a-z][a-z0-9]{0,9}", fullmatch=True)
_hosts = st.builds("{}.{}".format, _labels, st.sampled_from(["example", "social", "test"]))
_users = st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True)
_accts = st.builds("{}@{}".format, _users, _hosts)

x_texts = _x_names.map(lambda name: (f"@{name}", XHandle(name)))
acct_texts = _accts.map(lambda acct: (f"@{acct}", Acct.parse(acct)))
handle_texts = _hosts.map(lambda host: (host, AtHandle(host)))
accounts: st.SearchStrategy[tuple[str, XHandle | Target]] = st.one_of(x_texts, acct_texts, handle_texts)


@st.composite
def strewn(draw: st.DrawFn, text: str) -> str:
    """A text with invisible characters in it, in full-width forms, percent-encoded, wrapped and ended somehow."""
    if draw(st.booleans()):
        text = "".join(letter + draw(st.sampled_from(["", *INVISIBLE])) for letter in text)
    if draw(st.booleans()):
        text = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and draw(st.booleans()) else c for c in text)
    elif draw(st.booleans()):
        text = text.replace("@", "%40").replace(":", "%3A")
    before, after = draw(st.sampled_from([("", ""), *WRAPPERS]))
    return (
        f"{draw(st.sampled_from(['', ' ', *INVISIBLE]))}{before}{text}{after}{draw(st.sampled_from(AFTER))}"
    )


@given(st.data(), accounts)
def test_what_surrounds_an_account_is_removed(
    data: st.DataObject, pasted: tuple[str, XHandle | Target]
) -> None:
    text, account = pasted
    assert parse_any_account(data.draw(strewn(text))) == account


@given(st.data(), accounts, st.text(max_size=4), st.text(max_size=4))
def test_any_text_around_an_account_makes_no_other(
    data: st.DataObject, pasted: tuple[str, XHandle | Target], before: str, after: str
) -> None:
    """Characters that may stand in names make a longer name, which is what was pasted; all others make none."""
    text, account = pasted
    before, after = ("".join(letter for letter in part if not letter.isascii()) for part in (before, after))
    try:
        found = parse_any_account(f"{before}{text}{after}")
    except InvalidIdentifier:
        return
    assert found == account or str(found).rpartition("@")[2].startswith("xn--") or ".xn--" in str(found)


@given(accounts, st.integers(0, 40))
def test_a_letter_that_looks_alike_names_nobody_silently(
    pasted: tuple[str, XHandle | Target], at: int
) -> None:
    """A Cyrillic letter in a host is another host, as in a browser; in a name it names nobody; and a letter that only a
    compatibility mapping makes one of ASCII is refused everywhere."""
    text, account = pasted
    letter = text[at % len(text)]
    if letter not in LOOK_ALIKES:
        return
    odd = text[: at % len(text)] + LOOK_ALIKES[letter] + text[at % len(text) + 1 :]
    try:
        found = parse_any_account(odd)
    except InvalidIdentifier:
        return
    assert "xn--" in str(found) or (found == account and letter == "k"), (odd, found)


@given(accounts, st.integers(1, 12), st.sampled_from(["…", "...", "*", "**", "…”", "...)", "… "]))
def test_a_name_that_was_cut_off_is_nobodys(pasted: tuple[str, XHandle | Target], cut: int, end: str) -> None:
    """`ada_lov…` stood for ada_lovell, and ada_lov is somebody else."""
    with pytest.raises(InvalidIdentifier):
        parse_any_account(pasted[0][:-cut] + end)


@given(
    st.lists(accounts, min_size=2, max_size=2),
    st.sampled_from([" ", ", ", "\n", "\t", "/", "\\", "|", ",", "%0A"]),
)
def test_two_accounts_are_none(two: list[tuple[str, XHandle | Target]], between: str) -> None:
    (first, _), (second, _) = two
    try:
        found = parse_any_account(f"@{first.lstrip('@')}{between}@{second.lstrip('@')}")
    except InvalidIdentifier:
        return
    # An address of the first, which shows the second: `fern.example/@bea`.
    assert between == "/"
    assert "@" not in first
    assert str(found).partition("@")[0] == second.lstrip("@").partition("@")[0]


@given(st.integers(1, 2**63 - 1), st.sampled_from(["-", "+", "−", ".", ",", "#", "0"]))
def test_a_number_is_not_another_one(number: int, sign: str) -> None:
    assert parse_x_account(f" {number}. ") == XId(number)
    with pytest.raises(InvalidIdentifier):
        parse_x_account(f"{sign}{number}")


@given(st.text(max_size=80) | st.binary(max_size=8) | st.none())
def test_any_text_is_an_account_or_the_named_error(text: object) -> None:
    for parse in (parse_x_account, parse_target_account, parse_any_account):
        try:
            found = parse(text)
        except InvalidIdentifier:
            continue
        assert type(found).parse(str(found)) == found


def test_a_text_too_long_is_refused_not_cut() -> None:
    with pytest.raises(InvalidIdentifier):
        parse_any_account("@ada" + " " * MAX_PASTED_CHARS)
