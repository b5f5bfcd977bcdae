"""The rate limit of one address: windows, who counts as one caller, and bounded memory."""

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.exceptions import TooManyRequestsException
from litestar.types import Message, Receive, ReceiveMessage, Scope, Send

from web.middleware import rate_limit
from web.middleware.rate_limit import WINDOW_S, ClientKeys, RateLimiter, RateLimitMiddleware

A, B = b"a", b"b"


class Monotonic:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0 * WINDOW_S

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Monotonic:
    return Monotonic()


def limiter(limit: int, seconds: Monotonic) -> RateLimiter:
    return RateLimiter("requests", limit, seconds)


def test_what_fits_passes_and_what_is_left_is_told(seconds: Monotonic) -> None:
    limit = limiter(3, seconds)
    assert [limit.take(A).remaining for _ in range(3)] == [2, 1, 0]
    refused = limit.take(A)
    assert refused.is_exceeded
    assert dict(refused.headers()) == {
        b"ratelimit-policy": b'"requests";q=3;w=60',
        b"ratelimit": b'"requests";r=0;t=60',
        b"retry-after": b"80",
    }
    assert not limit.take(B).is_exceeded


def test_a_request_of_many_units_takes_all_of_them_or_none(seconds: Monotonic) -> None:
    limit = limiter(100, seconds)
    assert limit.take(A, 60).remaining == 40
    assert limit.take(A, 41).is_exceeded
    assert limit.take(A, 40).remaining == 0


def test_the_window_before_counts_for_what_is_left_of_it(seconds: Monotonic) -> None:
    """Else a caller takes twice the limit around the end of a window."""
    limit = limiter(10, seconds)
    seconds.now += WINDOW_S - 1
    assert limit.take(A, 10).remaining == 0
    seconds.now += 1
    assert limit.take(A).is_exceeded
    seconds.now += WINDOW_S / 2
    assert limit.take(A, 5).remaining == 0
    assert limit.take(A).is_exceeded


def test_after_two_windows_all_is_forgotten(seconds: Monotonic) -> None:
    limit = limiter(10, seconds)
    limit.take(A, 10)
    seconds.now += 2 * WINDOW_S
    assert limit.take(A).remaining == 9


@given(st.lists(st.tuples(st.floats(0, 90), st.integers(1, 5)), max_size=20), st.integers(5, 20))
def test_who_waits_as_long_as_told_is_let_in(steps: list[tuple[float, int]], allowed: int) -> None:
    """A well-behaved program that obeys Retry-After must not be refused a second time."""
    seconds = Monotonic()
    limit = limiter(allowed, seconds)
    for wait, units in steps:
        seconds.now += wait
        refused = limit.take(A, units)
        if refused.is_exceeded:
            seconds.now += refused.retry_after_s
            assert not limit.take(A, units).is_exceeded


def test_what_never_fits_is_told_to_wait_all_the_same(seconds: Monotonic) -> None:
    assert limiter(5, seconds).take(A, 6).retry_after_s == WINDOW_S


def test_a_limit_of_nothing_is_none_and_is_not_told(seconds: Monotonic) -> None:
    limit = limiter(0, seconds)
    taken = [limit.take(A, 1_000_000) for _ in range(10)]
    assert not any(each.is_exceeded for each in taken)
    assert taken[0].headers() == []


def test_many_addresses_share_what_is_left_of_memory(
    seconds: Monotonic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A swarm of addresses must not fill the memory; who was there before keeps their own count."""
    monkeypatch.setattr(rate_limit, "MAX_KEYS", 10)
    limit = limiter(5, seconds)
    for number in range(1_000):
        limit.take(str(number).encode())
    assert len(limit._current) <= 11
    assert limit.take(b"5").remaining == 3
    assert limit.take(b"newcomer").is_exceeded
    seconds.now += 2 * WINDOW_S
    assert not limit.take(b"newcomer").is_exceeded


@given(st.lists(st.tuples(st.floats(0, 90), st.integers(1, 5)), max_size=60), st.integers(1, 20))
def test_no_window_lets_more_through_than_the_limit(steps: list[tuple[float, int]], allowed: int) -> None:
    seconds = Monotonic()
    limit = limiter(allowed, seconds)
    taken: list[tuple[int, int]] = []
    for wait, units in steps:
        seconds.now += wait
        allowance = limit.take(A, units)
        assert 0 <= allowance.remaining <= allowed
        assert 1 <= allowance.reset_s <= WINDOW_S
        if not allowance.is_exceeded:
            taken.append((int(seconds.now // WINDOW_S), units))
    for window in {window for window, _ in taken}:
        assert sum(units for of, units in taken if of == window) <= allowed


def scope(address: str | None, *forwarded: str) -> Scope:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    client = (address, 1234) if address is not None else None
    return cast("Scope", {"type": "http", "path": "/", "client": client, "headers": headers})


def same(keys: ClientKeys, one: Scope, other: Scope) -> bool:
    return keys.key_of(one) == keys.key_of(other)


def test_an_ipv6_caller_is_its_network() -> None:
    """Each household has 2^64 addresses to choose from."""
    keys = ClientKeys(0)
    assert same(keys, scope("2001:db8:1:2::1"), scope("2001:db8:1:2:ffff:ffff:ffff:ffff"))
    assert not same(keys, scope("2001:db8:1:2::1"), scope("2001:db8:1:3::1"))
    assert same(keys, scope("::ffff:192.0.2.1"), scope("192.0.2.1"))
    assert not same(keys, scope("192.0.2.1"), scope("192.0.2.2"))


def test_without_a_proxy_nobody_names_their_own_address() -> None:
    keys = ClientKeys(0)
    assert same(keys, scope("192.0.2.1", "198.51.100.7"), scope("192.0.2.1"))


def test_behind_proxies_the_caller_is_who_the_outermost_trusted_one_saw() -> None:
    """What stands further left was written by the caller."""
    one, two = ClientKeys(1), ClientKeys(2)
    assert same(one, scope("10.0.0.1", "9.9.9.9, 192.0.2.1"), scope("192.0.2.1"))
    assert not same(one, scope("10.0.0.1", "192.0.2.1"), scope("10.0.0.1", "192.0.2.2"))
    assert same(two, scope("10.0.0.1", "9.9.9.9, 192.0.2.1, 10.0.0.2"), scope("192.0.2.1"))
    assert same(two, scope("10.0.0.1", "192.0.2.1"), scope("10.0.0.1"))


def test_a_proxy_may_add_a_header_line_of_its_own() -> None:
    """Some proxies add a second line instead of extending the first, which the caller wrote: read
    alone, the first would let a caller choose a new address, and a new allowance, for each request."""
    keys = ClientKeys(1)
    assert same(keys, scope("10.0.0.1", "9.9.9.9", "192.0.2.1"), scope("192.0.2.1"))


def test_a_proxy_may_name_the_port_too() -> None:
    """With the port, each connection of one caller would count for itself."""
    keys = ClientKeys(1)
    assert same(keys, scope("10.0.0.1", "192.0.2.1:50123"), scope("192.0.2.1"))
    assert same(keys, scope("10.0.0.1", "[2001:db8::1]:50123"), scope("2001:db8::2"))
    assert same(keys, scope("10.0.0.1", "[2001:db8::1]"), scope("2001:db8::2"))


def test_keys_tell_no_address_and_differ_between_processes() -> None:
    key = ClientKeys(0).key_of(scope("192.0.2.1"))
    assert len(key) == 16
    assert b"192" not in key
    assert key != ClientKeys(0).key_of(scope("192.0.2.1"))


@given(st.text(st.characters(max_codepoint=255), max_size=200), st.integers(0, 5))
def test_any_header_gives_a_key(forwarded: str, proxies: int) -> None:
    assert len(ClientKeys(proxies).key_of(scope("10.0.0.1", forwarded))) == 16
    assert len(ClientKeys(proxies).key_of(scope(None, forwarded))) == 16


@given(st.ip_addresses(v=4).map(str))
def test_a_plain_address_is_the_caller_that_it_is_in_every_other_form(address: str) -> None:
    """Attack: the short way for plain addresses gives a caller a second allowance beside that of the long way."""
    keys = ClientKeys(1)
    plain = keys.caller_of(scope("10.0.0.1", address))
    for form in (f"::ffff:{address}", f"{address}:50123", f"[::ffff:{address}]:50123"):
        assert keys.caller_of(scope("10.0.0.1", form)) == plain
    assert keys.caller_of(scope("10.0.0.1", f"0{address}")) != plain


async def _ok(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def _nothing() -> ReceiveMessage:
    return {"type": "http.disconnect"}


async def test_static_files_and_health_are_free(seconds: Monotonic) -> None:
    middleware = RateLimitMiddleware(_ok, limiter(1, seconds), ClientKeys(0))
    told: list[int] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            told.append(len(list(message["headers"])))

    async def ask(path: str) -> None:
        await middleware(cast("Scope", {**scope("192.0.2.1"), "path": path}), _nothing, send)

    for path in ("/static/icon.svg", "/healthz", "/readyz", "/"):
        await ask(path)
    assert told == [0, 0, 0, 2]
    with pytest.raises(TooManyRequestsException) as refused:
        await ask("/")
    assert refused.value.headers is not None
    assert int(refused.value.headers["retry-after"]) > 0
    await ask("/healthz")


async def test_pages_and_lookups_are_limited_apart(seconds: Monotonic) -> None:
    """Whoever looks much up keeps nobody behind the same address from the pages, and a class that opens the first page at once
    can look people up."""
    middleware = RateLimitMiddleware(_ok, limiter(1, seconds), ClientKeys(0), limiter(3, seconds))

    async def send(_: Message) -> None:
        return None

    async def ask(path: str) -> bool:
        try:
            await middleware(cast("Scope", {**scope("192.0.2.1"), "path": path}), _nothing, send)
        except TooManyRequestsException:
            return False
        return True

    assert [await ask(path) for path in ("/", "/about", "/results", "/sign-in")] == [True, True, True, False]
    assert [await ask(path) for path in ("/x/ada", "/api/v1/lookup", "/search")] == [True, False, False]
