"""A small internet for tests: hosts with names, https on port 443, answered on this machine.

Every host has a certificate of a throwaway authority. A client made here keeps the rules that it
keeps in production (https, port 443, public addresses); only the last step, the socket, leads to
this machine. A host can have an address of its own, to test that it is never connected to.
"""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

import msgspec
import trustme

from directory.networks.addresses import Address
from directory.networks.connections import Connection, Dialer
from directory.networks.http import GuardedClient
from directory.networks.urls import Target

# What every name of this internet leads to, unless a test sets another; no connection is made to it.
SOMEWHERE_PUBLIC: Final = "93.184.216.34"
MAX_BODY_BYTES: Final = 1024 * 1024
SILENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a host. `query` and `form` hold the first value of each field."""

    method: str
    host: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw_query: str = ""

    @property
    def form(self) -> dict[str, str]:
        return first_values(self.body.decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Response:
    """The answer of a host."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, content: object, status: int = 200, type_: str = "application/json; charset=utf-8") -> Self:
        return cls(status, msgspec.json.encode(content), {"content-type": type_})

    @classmethod
    def html(cls, text: str, status: int = 200) -> Self:
        return cls(status, text.encode(), {"content-type": "text/html; charset=utf-8"})

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Self:
        return cls(status, b"", {"location": location})


Site = Callable[[Request], Response]


def nobody(_request: Request) -> Response:
    """Answers for names that are not hosts here."""
    return Response(404)


def first_values(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}


class FakeInternet:
    """Hosts and their answers. A context manager: it serves until its end."""

    def __init__(self) -> None:
        self.sites: dict[str, Site] = {}
        self.addresses: dict[str, Sequence[str]] = {}
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._authority = trustme.CA()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port of this machine behind every host's 443."""
        return int(self._server.server_address[1])

    def asked(self, host: str) -> list[str]:
        """Lists the paths that were requested from a host, in order."""
        return [request.path for request in self.requests if request.host == host]

    def hang(self, _request: Request) -> Response:
        """Answers as a site that is silent for SILENCE_S, or until the end of the test."""
        self.closing.wait(SILENCE_S)
        return Response(503)

    def client_tls(self) -> ssl.SSLContext:
        """Makes a context that trusts this internet's authority alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(context)
        return context

    def server_tls(self, host: str) -> ssl.SSLContext:
        """Makes the context with the certificate of one host."""
        if host not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._authority.issue_cert(host).configure_cert(context)
            # Whole before another thread sees it.
            self._contexts[host] = context
        return self._contexts[host]

    def lose_certificate(self, host: str) -> None:
        """Has a host show the certificate of another name from now on."""
        self._contexts[host] = self.server_tls("nobody.invalid")

    def find_certificate(self, host: str) -> None:
        """Has a host show its own certificate again."""
        self._contexts.pop(host, None)

    def chromium_args(self) -> list[str]:
        """Returns the arguments that lead a browser here. Its context also needs `ignore_https_errors=True`."""
        return [f"--host-resolver-rules=MAP *:443 127.0.0.1:{self.port}"]

    @asynccontextmanager
    async def client(self) -> AsyncIterator[GuardedClient]:
        """Makes our client, in this internet."""
        async with GuardedClient("Passerelle/test", resolve=self._resolve, tls=self.client_tls()) as client:
            client._dialer = _LocalDialer(self, client._dialer)
            yield client

    async def _resolve(self, host: str) -> Sequence[str]:
        if host in self.addresses:
            return self.addresses[host]
        if host not in self.sites:
            raise OSError("no such name")
        return [SOMEWHERE_PUBLIC]


class _LocalDialer(Dialer):
    """Checks as the real one does; connects to this machine in the place of SOMEWHERE_PUBLIC."""

    def __init__(self, internet: FakeInternet, real: Dialer) -> None:
        self.__dict__.update(real.__dict__)
        self._internet = internet

    async def _connect(self, target: Target, address: Address) -> Connection:
        assert str(address) == SOMEWHERE_PUBLIC, f"a connection to {address} was let through"
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._internet.port, ssl=await self._trusted(), server_hostname=target.host
        )
        return Connection(target.origin, reader, writer)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, internet: FakeInternet) -> None:
        self.internet = internet
        super().__init__(("127.0.0.1", 0), _Handler)
        context = internet.server_tls("nobody.invalid")
        context.sni_callback = self._choose
        # The handler does the handshake: here it would block all other requests.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def _choose(self, connection: ssl.SSLObject, host: str | None, _context: ssl.SSLContext) -> None:
        if host in self.internet.sites:
            connection.context = self.internet.server_tls(host)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores a client that has disconnected."""


class _Handler(BaseHTTPRequestHandler):
    timeout = SILENCE_S
    server: _Server

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def answer(self) -> None:
        host = (self.headers.get("host") or "").partition(":")[0].lower()
        parts = urlsplit(self.path)
        length = min(int(self.headers.get("content-length") or 0), MAX_BODY_BYTES)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length) if length else b""
        request = Request(
            self.command, host, parts.path, first_values(parts.query), headers, body, parts.query
        )
        self.server.internet.requests.append(request)
        site = self.server.internet.sites.get(host, nobody)
        response = site(request)
        self.say(response)

    do_GET = do_POST = answer

    def say(self, response: Response) -> None:
        self.send_response_only(response.status)
        if "date" not in response.headers:
            self.send_header("date", self.date_time_string())
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Logs nothing."""
