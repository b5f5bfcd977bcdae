"""Parses what a person pastes for an account on X."""

import re
from typing import Final

from directory.errors import InvalidIdentifier
from directory.identifiers import XHandle, XId
from directory.pasted.cleaning import clean
from directory.pasted.hosts import parse_pasted_host
from directory.pasted.prefixes import without_prefix
from directory.pasted.urls import PastedUrl, looks_like_url
from directory.pasted.x_pages import is_page, is_x_domain, is_x_host

_KIND: Final = "an X account"
_ADDRESS: Final = "the address of an X profile"
_NO_PERSON: Final = "it names no person"
_REDIRECT: Final = "redirect_by_id"
_PLAIN: Final = re.compile(r"@?[A-Za-z0-9_]{1,64}")
_DIGITS: Final = re.compile(r"[0-9]+")


def parse_x_account(text: object) -> XId | XHandle:
    """Parses a handle, an id, or any address of a profile, on X or on a site that shows it. Raises InvalidIdentifier.

    A bare number is an id; a handle of digits only is written with its @.
    """
    try:
        return _parse(_cleaned(text))
    except InvalidIdentifier as error:
        # The message quotes what was pasted.
        raise InvalidIdentifier(error.kind, text, error.why) from None


def _parse(typed: str) -> XId | XHandle:
    if looks_like_url(typed):
        return _in_url(typed)
    if _DIGITS.fullmatch(typed):
        return XId.parse(typed)
    name, at, host = typed.lstrip("@").partition("@")
    if at and not is_x_domain(parse_pasted_host(_KIND, host)):
        raise InvalidIdentifier(_KIND, typed, "it is an account of another network")
    return XHandle.parse(name)


def _cleaned(text: object) -> str:
    """Cleans a text, unless nothing of it needs it: nearly all that a program asks for."""
    if isinstance(text, str) and _PLAIN.fullmatch(text):
        return text
    return without_prefix(clean(_KIND, text))


def parse_x_handle(text: object) -> XHandle:
    """Parses what a person pastes where only a name will do: a number alone is one. Raises InvalidIdentifier."""
    typed = without_prefix(clean(_KIND, text))
    account = XHandle.parse(typed) if _DIGITS.fullmatch(typed) else parse_x_account(typed)
    if isinstance(account, XId):
        raise InvalidIdentifier("an X handle", typed, "it names a number, not a name")
    return account


def is_x_account_form(text: object) -> bool:
    """Whether a pasted text has the form of a name or an address on X, rather than on a new network."""
    try:
        typed = without_prefix(clean(_KIND, text))
        if looks_like_url(typed):
            return is_x_host(PastedUrl.parse(_ADDRESS, typed).host)
        name, at, host = typed.lstrip("@").partition("@")
        return is_x_domain(parse_pasted_host(_KIND, host)) if at else "." not in name and ":" not in name
    except InvalidIdentifier:
        return False


def _in_url(typed: str) -> XId | XHandle:
    url = PastedUrl.parse(_ADDRESS, typed)
    if not is_x_host(url.host):
        raise InvalidIdentifier(_ADDRESS, typed, "it is not on x.com or twitter.com")
    segments = url.segments or url.in_fragment
    if segments[:2] == ("i", "user") and len(segments) > 2:
        return XId.parse(segments[2])
    if segments[:1] == ("intent",):
        return _in_query(url, typed)
    if _REDIRECT in segments[:2]:
        return _by_id(url, segments, typed)
    if not segments or is_page(segments):
        raise InvalidIdentifier(_ADDRESS, typed, _NO_PERSON)
    return XHandle.parse(segments[0].lstrip("@"))


def _in_query(url: PastedUrl, typed: str) -> XId | XHandle:
    if number := url.field(_ADDRESS, "user_id"):
        return XId.parse(number)
    if name := url.field(_ADDRESS, "screen_name"):
        return XHandle.parse(name.lstrip("@"))
    raise InvalidIdentifier(_ADDRESS, typed, _NO_PERSON)


def _by_id(url: PastedUrl, segments: tuple[str, ...], typed: str) -> XId:
    after = segments[segments.index(_REDIRECT) + 1 :]
    number = after[0] if after else url.field(_ADDRESS, "id")
    if number is None:
        raise InvalidIdentifier(_ADDRESS, typed, _NO_PERSON)
    return XId.parse(number)
