"""Limits the requests of one address in a minute, and sends the headers of
draft-ietf-httpapi-ratelimit-headers-10.

Counters live in memory, of this process or of all web processes of a machine (`counting`), and hold keyed hashes, never
addresses.
"""

import hashlib
import math
import re
import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

import msgspec
from litestar.enums import ScopeType
from litestar.exceptions import TooManyRequestsException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from directory.networks.callers import Caller, called_by

WINDOW_S: Final = 60
FREE_PATHS: Final = ("/static/", "/log/", "/healthz", "/readyz")
"""Not counted where they have what was asked for. What is refused there is counted."""
SIGNED_PATHS: Final = tuple(
    f"/federation/v1/{path}" for path in ("peering", "statements/", "own/", "evidence")
)
"""Requests of peers, which have budgets of their own. Those that no peer has signed are counted by `StrangerLimit`."""
LOOKUP_PATHS: Final = (
    "/api/v1/",
    "/x/",
    "/m/",
    "/search",
    "/whose",
    "/.well-known/",
    "/nodeinfo/",
    "/federation/",
)
"""What tells where people are. Everything else is a page: many browsers may stand behind one address, as in a school."""
MAX_KEYS: Final = 200_000
"""Beyond this many addresses in a minute new ones share one counter: memory stays bounded."""
ROUNDING: Final = 1e-6
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
"""Of most callers: reading it as an address would give it back as it is."""


class Allowance(msgspec.Struct, frozen=True):
    """What is left after a request: `remaining` of `limit`, and the seconds until the window ends.

    `retry_after_s` is 0, or for a refused request the seconds until the same would fit.
    """

    name: str
    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int = 0

    @property
    def is_exceeded(self) -> bool:
        return self.retry_after_s > 0

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Returns the headers; none where there is no limit, since a quota of 0 would read as nothing left."""
        if not self.limit:
            return []
        state = f'"{self.name}";r={self.remaining};t={self.reset_s}'
        headers = [_policy(self.name, self.limit), (b"ratelimit", state.encode())]
        if self.is_exceeded:
            headers.append((b"retry-after", str(self.retry_after_s).encode()))
        return headers

    def check(self) -> None:
        """Raises TooManyRequestsException where the allowance is used up."""
        if self.is_exceeded:
            headers = {name.decode(): value.decode() for name, value in self.headers()}
            raise TooManyRequestsException(headers=headers)


@lru_cache(maxsize=64)
def _policy(name: str, limit: int) -> tuple[bytes, bytes]:
    """Returns the header of a limit, which stays."""
    return b"ratelimit-policy", f'"{name}";q={limit};w={WINDOW_S}'.encode()


class RateLimiter:
    """Counts units for each key in the current window and, weighted, in the one before it. A limit of 0 counts nothing."""

    def __init__(self, name: str, limit: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._limit = limit
        self._monotonic = monotonic
        self._window = 0
        self._current: dict[bytes, int] = {}
        self._previous: dict[bytes, int] = {}
        self._unlimited = Allowance(name, 0, 0, 0)

    def take(self, key: bytes, units: int = 1) -> Allowance:
        """Counts `units` where they fit; refused ones are not counted. A limit of 0 refuses nothing."""
        if not self._limit:
            return self._unlimited
        elapsed = self._advance()
        if len(self._current) >= MAX_KEYS and key not in self._current:
            key = b"others"
        left_s = WINDOW_S - elapsed
        current, previous = self._current.get(key, 0), self._previous.get(key, 0)
        used = current + previous * left_s / WINDOW_S
        retry_after_s = 0
        if used + units > self._limit + ROUNDING:
            retry_after_s = self._wait_s(current, previous, units, left_s)
        else:
            self._current[key] = current + units
            used += units
        remaining = max(0, int(self._limit - used))
        return Allowance(self._name, self._limit, remaining, math.ceil(left_s), retry_after_s)

    def _wait_s(self, current: int, previous: int, units: int, left_s: float) -> int:
        """Returns the whole seconds until `units` fit, if nothing else is taken; a whole window where they
        never fit."""
        room = self._limit - units
        if room < 0:
            return WINDOW_S
        if current <= room:
            wait_s = left_s - WINDOW_S * (room - current) / previous
        else:
            wait_s = left_s + WINDOW_S - WINDOW_S * room / current
        return max(1, math.ceil(wait_s))

    def _advance(self) -> float:
        window, elapsed = divmod(self._monotonic(), WINDOW_S)
        if window != self._window:
            self._previous = self._current if window == self._window + 1 else {}
            self._current = {}
            self._window = int(window)
        return elapsed


class ClientKeys:
    """Turns a caller's address into keys, hashed with a secret of the running instance, that do not tell the address."""

    def __init__(self, trusted_proxies: int, secret: bytes | None = None) -> None:
        """`secret` is that of all processes that count together; without it, one of this process."""
        self._trusted_proxies = trusted_proxies
        self._secret = secret or secrets.token_bytes(32)

    def key_of(self, scope: Scope) -> bytes:
        """Returns the key of the caller: of their address, or of its /64."""
        return self.caller_of(scope).key

    def caller_of(self, scope: Scope) -> Caller:
        """Returns the caller for whom other servers are asked, and memory is held: by address and by /48, IPv4 by address
        alone."""
        address = _address(scope, self._trusted_proxies)
        if _IPV4.fullmatch(address):
            key = self._hashed(address)
            return Caller(key, key)
        return Caller(self._hashed(_network_of(address)), self._hashed(_network_of(address, groups=3)))

    def _hashed(self, network: str) -> bytes:
        return hashlib.blake2b(network.encode(), key=self._secret, digest_size=16).digest()


def _address(scope: Scope, trusted_proxies: int) -> str:
    client = scope.get("client")
    address = client[0] if client else ""
    if trusted_proxies:
        # All lines of the header: a proxy may add one of its own below the caller's.
        lines = ",".join(_headers(scope, b"x-forwarded-for"))
        forwarded = [part.strip() for part in lines.split(",") if part.strip()]
        if len(forwarded) >= trusted_proxies:
            address = forwarded[-trusted_proxies]
    return address


def _network_of(address: str, groups: int = 4) -> str:
    """Returns the network that is counted as one caller: an IPv6 caller can use a whole /64, which is 4 groups."""
    try:
        parsed = ip_address(_without_port(address))
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else parsed.exploded[: groups * 5 - 1]
    return str(parsed)


def _without_port(address: str) -> str:
    """Removes a port: some proxies write `192.0.2.1:50123` or `[2001:db8::1]:50123`."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


class RateLimitMiddleware:
    """Refuses with 429 what exceeds an address's limit, and names the caller to the client for other servers.

    Static files, the log and health are not counted; what they do not have is.
    """

    def __init__(
        self, app: ASGIApp, limiter: RateLimiter, keys: ClientKeys, pages: RateLimiter | None = None
    ) -> None:
        """`pages` counts what is no look-up; without it, all are counted together."""
        self._app = app
        self._limiter = limiter
        self._pages = pages or limiter
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith(FREE_PATHS):
            await self._answer_freely(scope, receive, send)
            return
        caller = self._keys.caller_of(scope)
        if scope["path"].startswith(SIGNED_PATHS):
            with called_by(caller):
                await self._app(scope, receive, send)
            return
        limiter = self._limiter if scope["path"].startswith(LOOKUP_PATHS) else self._pages
        allowance = limiter.take(caller.key)
        allowance.check()
        with called_by(caller):
            await self._app(scope, receive, _with_headers(send, allowance) if allowance.limit else send)

    async def _answer_freely(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers without counting. A refusal is counted, and one too many is a refusal of the limit's instead."""
        allowance: Allowance | None = None

        async def send_counted(message: Message) -> None:
            nonlocal allowance
            if message["type"] == "http.response.start" and 400 <= message["status"] < 500:
                allowance = self._limiter.take(self._keys.key_of(scope))
                message["headers"] = [*message["headers"], *allowance.headers()]
            if allowance is None or not allowance.is_exceeded:
                await send(message)

        await self._app(scope, receive, send_counted)
        if allowance is not None:
            allowance.check()


def _with_headers(send: Send, allowance: Allowance) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *allowance.headers()]
        await send(message)

    return send_with_headers
