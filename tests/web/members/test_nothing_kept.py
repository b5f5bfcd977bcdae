"""Nothing of a request stays in a cache of the process once it is answered, whichever address it was for."""

import gc
import re
import secrets
from collections.abc import Iterator
from functools import _lru_cache_wrapper, lru_cache
from types import FunctionType, ModuleType
from typing import Any, Final

import pytest
from litestar.routes import HTTPRoute

from directory.networks.callers import NOBODY
from directory.networks.places import Room, shares_of
from tests.harness.waiting import wait_until
from tests.web.members.instance import MemberInstance
from tests.web.rawhttp import ask
from web.app import create_litestar

_PARAMETER: Final = re.compile(r"\{[a-z_]+(?::([a-z]+))?\}")
_EXAMPLES: Final = {"int": "7", "uuid": "0d3fbe52-92f0-4e6c-9d47-3b3c5b1c6a11"}
_NO_VALUES: Final = (type, FunctionType, ModuleType)
DEPTH: Final = 4


def caches() -> list[Any]:
    gc.unfreeze()  # what is frozen is not told of
    return [each for each in gc.get_objects() if isinstance(each, _lru_cache_wrapper)]


def texts_in(kept: object, depth: int = DEPTH) -> Iterator[str]:
    """Yields the texts that an object holds."""
    for each in gc.get_referents(kept):
        if isinstance(each, str):
            yield each
        elif isinstance(each, bytes):
            yield each.decode("latin-1")
        elif depth and not isinstance(each, _NO_VALUES):
            yield from texts_in(each, depth - 1)


def keeping(marker: str) -> set[str]:
    """Returns which caches hold a text with `marker`."""
    return {
        f"{cache.__module__}.{cache.__qualname__}"
        for cache in caches()
        if any(marker in text for text in texts_in(cache))
    }


@pytest.fixture(scope="module")
def addresses(instance: MemberInstance) -> list[str]:
    routes = create_litestar(instance.services).routes
    return [route.path for route in routes if isinstance(route, HTTPRoute)]


def ask_everywhere(instance: MemberInstance, addresses: list[str], marker: str) -> None:
    """Asks for all addresses, with a marker wherever a name or a secret may stand."""
    named = f"x=@{marker}&account=https://social.example/@{marker}&name={marker}&token={marker}&to={marker}"
    for address in addresses:
        path = _PARAMETER.sub(lambda found: _EXAMPLES.get(found[1], marker), address)
        for method, lines, body in (
            ("GET", [], ""),
            ("POST", [b"Content-Type: application/x-www-form-urlencoded"], named),
            ("POST", [b"Content-Type: application/json"], f'{{"pairs":[[null,"{marker}"]]}}'),
        ):
            cookie = f"Cookie: passerelle={marker}; lang={marker}; other={marker}".encode()
            languages = f"Accept-Language: {marker}, fr".encode()
            target = f"{path}?{named}".encode()
            ask(instance.url, method, target, cookie, languages, *lines, body=body.encode())


def test_what_was_asked_is_in_no_cache(instance: MemberInstance, addresses: list[str]) -> None:
    """The framework keeps what it parsed of the last thousand: who was looked for, and the sessions of people who are gone."""
    marker = f"k{secrets.token_hex(7)}"
    ask_everywhere(instance, addresses, marker)
    wait_until(lambda: not keeping(marker), 10)
    assert sorted(keeping(marker)) == []


def test_no_host_that_is_asked_is_in_a_cache() -> None:
    """A server can have one person on it. The domains of the last four thousand hosts were kept, for as long as a process ran."""
    marker = f"k{secrets.token_hex(7)}"
    shares_of(f"{marker}.example", NOBODY, Room())
    assert sorted(keeping(marker)) == []


def test_what_is_kept_would_be_found() -> None:
    @lru_cache
    def parse(line: str) -> dict[str, list[str]]:
        return {"cookies": line.split(";")}

    marker = secrets.token_hex(7)
    parse(f"a;{marker};b")
    assert keeping(marker)
    parse.cache_clear()
    assert not keeping(marker)
