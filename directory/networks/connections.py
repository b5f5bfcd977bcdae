"""Connections to other servers: opened to a checked address, kept for a while."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Final

import h11

from directory.host_names import LOCAL_SUFFIX
from directory.networks.addresses import Address, is_loopback, is_public, parse_address
from directory.networks.errors import NotSecure, Refused, Unreachable
from directory.networks.limits import MAX_HEAD_BYTES
from directory.networks.resolver import Resolve
from directory.networks.urls import HTTPS_PORT, Target

# A name can have any number of addresses; each that does not answer costs time.
MAX_ADDRESSES_TRIED: Final = 4
# Small enough that a head above MAX_HEAD_BYTES is refused before much more of it is read.
READ_BYTES: Final = 16 * 1024
IDLE_S: Final = 15.0
LOOPBACK: Final = "127.0.0.1"
MAX_IDLE: Final = 16


class Connection:
    """One connection to one origin, and the state of its HTTP."""

    def __init__(
        self, origin: tuple[str, str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.origin = origin
        self.http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self.idle_since = 0.0
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Sends bytes. Raises OSError."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except RuntimeError as error:  # uvloop raises it for a connection that has closed
            raise ConnectionResetError(str(error)) from error

    async def receive(self) -> bytes:
        """Reads the next bytes, empty at the end. Raises OSError."""
        return await self._reader.read(READ_BYTES)

    async def is_quiet(self) -> bool:
        """Tells whether the other side has neither closed the connection nor sent anything unasked."""
        # One turn of the loop to notice what has arrived, one to have it in the reader.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if self._writer.is_closing() or self._reader.at_eof():
            return False
        try:
            async with asyncio.timeout(0):
                await self._reader.read(1)
        except TimeoutError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Closes at once: an orderly end of TLS would wait for the other side."""
        self._writer.transport.abort()


class Dialer:
    """Opens connections, to addresses that we may connect to and no others."""

    def __init__(self, resolve: Resolve, tls: Callable[[], ssl.SSLContext], *, allow_loopback: bool) -> None:
        """`tls` loads whom we trust: once, in a thread, for the first connection that is secure."""
        self._resolve = resolve
        self._load_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._allow_loopback = allow_loopback

    async def open(self, target: Target, seconds: float) -> Connection:
        """Opens a connection to the target. Raises Refused, NotSecure, Unreachable.

        The name is looked up once. The connection goes to an address from that one answer, as a
        number, so nothing can lead it elsewhere; certificate and `Host` are those of the name.
        """
        addresses = await self._allowed_addresses(target, seconds)
        tried = addresses[:MAX_ADDRESSES_TRIED]
        failure: OSError | None = None
        for address in tried:
            try:
                async with asyncio.timeout(seconds / len(tried)):
                    return await self._connect(target, address)
            except OSError as error:
                failure = error
        if isinstance(failure, ssl.SSLError):
            raise NotSecure(target.host, "has no certificate for its name that we trust") from failure
        if isinstance(failure, TimeoutError):
            raise Unreachable(target.host, "does not take a connection in time") from failure
        raise Unreachable(target.host, "does not take a connection") from failure

    async def _connect(self, target: Target, address: Address) -> Connection:
        secure = target.scheme == "https"
        reader, writer = await asyncio.open_connection(
            str(address),
            target.port,
            ssl=await self._trusted() if secure else None,
            server_hostname=target.host if secure else None,
        )
        return Connection(target.origin, reader, writer)

    async def _trusted(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = await asyncio.to_thread(self._load_tls)
        return self._tls

    async def _allowed_addresses(self, target: Target, seconds: float) -> Sequence[Address]:
        found = [parse_address(text) for text in await self._look_up(target.host, seconds)]
        if not found:
            raise Unreachable(target.host, "has no address")
        # One address that is not allowed refuses the whole name: an honest name has none.
        allowed = [address for address in found if address and self._is_allowed(address, target)]
        if len(allowed) < len(found):
            raise Refused(target.host, "the name leads to an address or a port that we do not connect to")
        return allowed

    async def _look_up(self, host: str, seconds: float) -> Sequence[str]:
        if parse_address(host):
            return [host]
        if self._allow_loopback and host.endswith(LOCAL_SUFFIX):
            return [LOOPBACK]  # RFC 6761: no name server is asked, and few systems know the names below
        try:
            async with asyncio.timeout(seconds):
                return await self._resolve(host)
        except TimeoutError:
            raise Unreachable(host, "the name servers do not answer in time") from None
        except OSError as error:
            raise Unreachable(host, "the name has no address, or its name servers do not answer") from error

    def _is_allowed(self, address: Address, target: Target) -> bool:
        if is_loopback(address):
            return self._allow_loopback
        return is_public(address) and target.scheme == "https" and target.port == HTTPS_PORT


class IdleConnections:
    """Connections that can serve the next request to the same origin. Not more than MAX_IDLE."""

    def __init__(self) -> None:
        self._idle: list[Connection] = []
        self._is_closed = False

    async def take(self, origin: tuple[str, str, int]) -> Connection | None:
        """Takes a connection that is still usable. Returns None where there is none."""
        self._drop_expired()
        while found := next((one for one in reversed(self._idle) if one.origin == origin), None):
            self._idle.remove(found)
            is_usable = False
            try:
                is_usable = await found.is_quiet()
            finally:
                # Also where the request is given up at this moment: nobody else knows of the connection.
                if not is_usable:
                    found.close()
            if is_usable:
                return found
        return None

    def give(self, connection: Connection) -> None:
        """Keeps a connection whose exchange is complete."""
        if self._is_closed:
            connection.close()
            return
        self._drop_expired()
        while len(self._idle) >= MAX_IDLE:
            self._idle.pop(0).close()
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append(connection)

    def close(self) -> None:
        """Closes all connections, and those that are given later."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()

    def _drop_expired(self) -> None:
        oldest = asyncio.get_running_loop().time() - IDLE_S
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.pop(0).close()
