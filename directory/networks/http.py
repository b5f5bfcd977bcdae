"""The one client for addresses that a stranger can name.

Whoever can type a server's name into a form, publish a DID document or send a redirect decides
where we connect. So: https to public addresses only, each name looked up once and the connection
made to the address that was checked, everything bounded, no cookies, no proxies, no redirects
unless the caller allows them. The rules are in `urls`, `addresses`, `places`, `connections`, `exchange`, `body`.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode, urljoin

import msgspec

from directory.failures import Failing, failures_noted, note_failure
from directory.networks.answers import Answer
from directory.networks.callers import current_caller
from directory.networks.connections import Dialer, IdleConnections
from directory.networks.contacts import current_contacts
from directory.networks.errors import BadAnswer, NetworkError, Refused, TooSlow, Unreachable, Unsendable
from directory.networks.exchange import Exchange, Headers, Received, Request
from directory.networks.limits import Limits
from directory.networks.places import Places, Room
from directory.networks.resolver import Resolve, resolve_by_system
from directory.networks.urls import Target, parse_target

MAX_SENT_HEAD_BYTES: Final = 32 * 1024
DEFAULT_LIMITS: Final = Limits()
DEFAULT_ROOM: Final = Room()

_HEADER_NAME = re.compile(r"[a-z0-9-]{1,64}")
_HEADER_VALUE = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")
# Headers about the framing and the sender of the message, which only the client sets.
_OUR_HEADERS: Final = frozenset(
    {"host", "user-agent", "accept-encoding", "content-length", "transfer-encoding", "connection"}
    | {"te", "trailer", "upgrade", "expect", "keep-alive", "proxy-authorization", "cookie"}
)
_REPEATABLE: Final = frozenset({"GET", "HEAD"})
_METHODS: Final = _REPEATABLE | {"POST", "PUT", "PATCH", "DELETE"}
TOO_MANY_REQUESTS: Final = 429
SERVER_ERRORS: Final = range(500, 600)
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# The headers that a redirect to another server keeps.
_HEADERS_FOR_ANYONE: Final = frozenset({"accept", "user-agent", "accept-encoding"})


def user_agent(public_url: str) -> str:
    """Makes the name of an instance in its requests to other servers."""
    return f"Passerelle/{version('passerelle')} (+{public_url})"


@cache
def tls_context() -> ssl.SSLContext:
    """Loads the system's certificate authorities, for TLS 1.2 or newer. Takes some 50 ms and 1 MB: it is called where a
    connection is first made, beside the event loop."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class GuardedClient:
    """Sends requests to servers that strangers name. Every method raises NetworkError and nothing else.

    `allow_loopback` is for tests and for trying things out on one machine: it also allows http and
    any port, on 127.0.0.0/8 and ::1 only. One client belongs to one event loop.
    """

    def __init__(  # noqa: PLR0913 - settings by keyword, each with a default
        self,
        user_agent: str,
        *,
        allow_loopback: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        resolve: Resolve = resolve_by_system,
        tls: ssl.SSLContext | None = None,
        room: Room = DEFAULT_ROOM,
    ) -> None:
        self._user_agent = user_agent
        self._allow_loopback = allow_loopback
        self._limits = limits
        self._dialer = Dialer(resolve, (lambda: tls) if tls else tls_context, allow_loopback=allow_loopback)
        self._places = Places(room)
        self._idle = IdleConnections()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the idle connections. The caller ends requests under way."""
        self._idle.close()
        await asyncio.sleep(0)  # one turn of the loop, in which the sockets are closed

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        redirects: int = 0,
    ) -> Answer:
        """Sends a GET. Follows up to `redirects` redirects, each to an address checked like the first."""
        return await self.request("GET", url, headers=headers, limits=limits, redirects=redirects)

    async def post(
        self,
        url: str,
        *,
        json: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Answer:
        """Sends a POST of a form, of JSON, or of nothing. Never sent twice, never redirected."""
        sent = dict(headers or {})
        content = b""
        if form is not None:
            content = urlencode(form).encode()
            sent["content-type"] = "application/x-www-form-urlencoded"
        elif json is not None:
            content = msgspec.json.encode(json)
            sent["content-type"] = "application/json"
        return await self.request("POST", url, headers=sent, content=content, limits=limits)

    async def request(  # noqa: PLR0913 - as above
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        limits: Limits | None = None,
        redirects: int = 0,
    ) -> Answer:
        """Sends a request. Returns its whole answer, whatever its status.

        Where `redirects` is 0, a redirect is an answer like any other. Only GET and HEAD without
        content follow any.
        """
        with failures_noted(Failing.REQUEST, NetworkError):
            target = parse_target(url, allow_loopback=self._allow_loopback)
            request = Request(method, target, self._checked(method, target, headers or {}), content)
            hops = redirects if method in _REPEATABLE and content is None else 0
            answer = await self._ask_and_tell(request, limits or self._limits, hops)
        if answer.status == TOO_MANY_REQUESTS or answer.status in SERVER_ERRORS:
            note_failure(Failing.REQUEST, f"status-{answer.status // 100}xx", answer.host)
        return answer

    async def _ask_and_tell(self, request: Request, limits: Limits, redirects: int) -> Answer:
        """Tells whoever listens to this job how it went. Raises HeldBack where the host is left alone."""
        contacts, host = current_contacts(), request.target.authority
        if contacts is None:
            return await self._within_time(request, limits, redirects)
        await contacts.require_free(host)
        try:
            answer = await self._within_time(request, limits, redirects)
        except NetworkError as error:
            contacts.note_failure(host, error)
            raise
        contacts.note_answer(host, answer)
        return answer

    async def _within_time(self, request: Request, limits: Limits, redirects: int) -> Answer:
        try:
            async with asyncio.timeout(limits.total_s):
                return await self._follow(request, limits, redirects)
        except TimeoutError:
            # Whether it was sent is not known here.
            host = request.target.host
            raise TooSlow(host, "the answer takes too long", may_have_arrived=True) from None

    async def _follow(self, request: Request, limits: Limits, redirects: int) -> Answer:
        answer = await self._ask(request, limits)
        try:
            for _ in range(redirects):
                if not _is_redirect(answer):
                    return answer
                request = self._redirected(request, answer.header("location") or "")
                answer = await self._ask(request, limits)
        except NetworkError as error:
            error.may_have_arrived = True  # at the first server
            raise
        if redirects and _is_redirect(answer):
            raise BadAnswer(request.target.host, "redirects too many times", may_have_arrived=True)
        return answer

    async def _ask(self, request: Request, limits: Limits) -> Answer:
        received = await self._exchange(request, limits)
        return Answer(received.status, received.headers, received.body, request.target)

    def _redirected(self, request: Request, location: str) -> Request:
        here = request.target
        try:
            url = urljoin(str(here), location)
        except ValueError:
            raise BadAnswer(here.host, "redirects to nowhere") from None
        there = parse_target(url, allow_loopback=self._allow_loopback)
        if there.scheme != here.scheme:
            raise Refused(there.host, "the redirect leaves https")
        headers = request.headers
        if there.origin != here.origin:
            headers = tuple(pair for pair in headers if pair[0] in _HEADERS_FOR_ANYONE)
        return Request(request.method, there, headers, None)

    async def _exchange(self, request: Request, limits: Limits) -> Received:
        async with self._places.taken(request.target.host, current_caller(), limits.connect_s):
            # Only a repeatable request goes over a kept connection: the other side may be closing it
            # at the moment, and then it is not known whether the request arrived.
            if request.method in _REPEATABLE:
                received = await self._exchange_over_kept(request, limits)
                if received is not None:
                    return received
            connection = await self._dialer.open(request.target, limits.connect_s)
            return await self._run(Exchange(connection, request, limits))

    async def _exchange_over_kept(self, request: Request, limits: Limits) -> Received | None:
        """Sends a request over a kept connection. Returns None where there is none, or it is closed."""
        connection = await self._idle.take(request.target.origin)
        if connection is None:
            return None
        exchange = Exchange(connection, request, limits)
        try:
            return await self._run(exchange)
        except Unreachable as error:
            if exchange.has_received or isinstance(error, TooSlow):
                raise
            return None

    async def _run(self, exchange: Exchange) -> Received:
        kept = False
        try:
            received = await exchange.run()
            kept = exchange.is_reusable
        finally:
            if not kept:
                exchange.connection.close()
        if kept:
            self._idle.give(exchange.connection)
        return received

    def _checked(self, method: str, target: Target, headers: Mapping[str, str]) -> Headers:
        """Checks the headers. Returns them as they are sent. Raises Unsendable, which quotes none of them."""
        named = {name.lower(): value for name, value in headers.items()}
        fits = (
            method in _METHODS
            and not named.keys() & _OUR_HEADERS
            and all(_HEADER_NAME.fullmatch(name) for name in named)
            and all(_HEADER_VALUE.fullmatch(value) for value in named.values())
            and sum(len(name) + len(value) + 4 for name, value in named.items()) <= MAX_SENT_HEAD_BYTES
        )
        if not fits:
            raise Unsendable(target.host, "the method or the headers do not fit into HTTP")
        ours = (("user-agent", self._user_agent), ("accept-encoding", "gzip, identity"))
        return (*ours, *named.items())


def _is_redirect(answer: Answer) -> bool:
    return answer.status in _REDIRECTS and answer.header("location") is not None
