"""At every door: whatever is pasted around an account, the account comes out, or one named error."""

from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.accounts import AccountNetwork
from directory.errors import InvalidIdentifier, InvalidLine
from directory.identifiers import Acct, AtHandle, Did
from directory.networks.bluesky.names import parse_typed as parse_at_bluesky
from directory.networks.mastodon.names import parse_typed as parse_at_mastodon
from directory.pasted.any_account import parse_any_account
from directory.pasted.target_account import parse_target_account
from directory.pasted.x_account import parse_x_account, parse_x_handle
from directory.pasted.x_pages import X_PAGES
from directory.proofs.post_url import parse_pasted_post
from directory.queries import Query, parse_names
from tests.directory.pasted.test_around_an_account import acct_texts, handle_texts, strewn, x_texts
from web.auth.typed import likely_networks

Read = Callable[[str], object]
Pasted = tuple[str, str]
"""A text, and the account that it names."""


def _in_the_text_area(text: str) -> object:
    (query,) = parse_names(text)
    return query.x_handle or query.x_id


def _of_query(text: str) -> object:
    query = Query.parse(text)
    return query.x_handle or query.x_id


def _at_sign_in(text: str) -> object:
    first, *_ = likely_networks(text)
    return (parse_at_bluesky if first is AccountNetwork.BLUESKY else parse_at_mastodon)(text)


OF_X: Final[dict[str, Read]] = {
    "box": parse_any_account,
    "lookup, webfinger, person": parse_x_account,
    "command, hides": _of_query,
    "names": _in_the_text_area,
    "links, confirm": parse_x_handle,
}
OF_TARGETS: Final[dict[str, Read]] = {
    "box": parse_any_account,
    "reverse, whose": parse_target_account,
    "sign-in": _at_sign_in,
}

_plc: Final = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=24, max_size=24)


def _as_texts(pasted: tuple[str, object]) -> Pasted:
    return pasted[0], str(pasted[1])


x_pasted: Final = x_texts.map(_as_texts).flatmap(
    lambda pasted: st.sampled_from(
        [
            pasted,
            (f"https://x.com/{pasted[1]}", pasted[1]),
            (f"twitter.com/#!/{pasted[1]}", pasted[1]),
            (f"https://nitter.net/{pasted[1]}/status/20", pasted[1]),
            (f"https://twitter.com/intent/user?screen_name={pasted[1]}", pasted[1]),
            (f"acct:{pasted[1]}@twitter.com", pasted[1]),
        ]
    )
)


def _of_acct(acct: Acct) -> st.SearchStrategy[Pasted]:
    pages = (f"@{acct}", f"https://{acct.host}/@{acct.user}", f"{acct.host}/web/@{acct.user}/1234")
    others = (f"https://elk.zone/{acct.host}/@{acct.user}", f"acct:{acct}", f"mailto:{acct}")
    return st.sampled_from([(text, str(acct)) for text in pages + others])


def _of_handle(handle: AtHandle | Did) -> st.SearchStrategy[Pasted]:
    pages = (
        str(handle),
        f"at://{handle}",
        f"https://bsky.app/profile/{handle}",
        f"deer.social/profile/{handle}",
    )
    return st.sampled_from([(text, str(handle)) for text in pages])


targets_pasted: Final = st.one_of(
    acct_texts.flatmap(lambda pasted: _of_acct(pasted[1])),
    handle_texts.flatmap(lambda pasted: _of_handle(pasted[1])),
    _plc.flatmap(lambda name: _of_handle(Did(f"did:plc:{name}"))),
)


def _said(read: Read, text: str) -> str | None:
    """The account that a door reads; None for its named error. Anything else that is raised fails the test."""
    try:
        return str(read(text))
    except (InvalidIdentifier, InvalidLine):
        return None


def _check(doors: dict[str, Read], text: str, account: str, *, is_address: bool) -> None:
    """An address is decoded by its parts, so that an escape or a page of X's own in it can name nobody."""
    expected = {account, None} if is_address else {account}
    assert {
        door: _said(read, text) for door, read in doors.items() if _said(read, text) not in expected
    } == {}


@given(st.data(), x_pasted)
def test_an_account_on_x_comes_out_of_every_door(data: st.DataObject, pasted: Pasted) -> None:
    text, account = pasted
    _check(OF_X, data.draw(strewn(text)), account, is_address="/" in text)


@given(st.data(), targets_pasted)
def test_an_account_of_a_new_network_comes_out_of_every_door(data: st.DataObject, pasted: Pasted) -> None:
    text, account = pasted
    _check(OF_TARGETS, data.draw(strewn(text)), account, is_address="/" in text)


@given(x_pasted.filter(lambda pasted: pasted[1].lower() not in X_PAGES))
def test_an_address_on_x_is_read_as_it_stands(pasted: Pasted) -> None:
    text, account = pasted
    assert {_said(read, text) for read in OF_X.values()} == {account}


@given(targets_pasted)
def test_an_address_on_a_new_network_is_read_as_it_stands(pasted: Pasted) -> None:
    text, account = pasted
    assert {_said(read, text) for read in OF_TARGETS.values()} == {account}


@pytest.mark.parametrize("door", [*OF_X, *OF_TARGETS, "proof"])
@given(text=st.text(max_size=60))
def test_any_text_is_an_account_or_a_named_error(door: str, text: str) -> None:
    """In the text area blank lines are nobody, and several are several people: no door answers an error of Python's."""
    read = {**OF_X, **OF_TARGETS, "proof": parse_pasted_post, "names": parse_names}[door]
    try:
        read(text)
    except (InvalidIdentifier, InvalidLine):
        return
