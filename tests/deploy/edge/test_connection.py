"""What the guard does with what comes at once, and with the end of a client's side."""

import asyncio
import time

import pytest

from deploy.edge.connection import GuardedConnection
from deploy.edge.places import EdgeLimits, Places
from tests.deploy.edge.test_gathering import Recorder

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Socket(Recorder):
    """The transport of a connection: it is closed where the protocol says that the connection may end."""

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("127.0.0.1", 1) if name == "peername" else default


class Server(asyncio.Protocol):
    """A server that answers each head at once."""

    def __init__(self) -> None:
        self.heads = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.heads += data
        self._transport.write(b"answer")


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def connection(server: Server) -> GuardedConnection:
    return GuardedConnection(lambda: server, Places(EdgeLimits()), time.monotonic)


async def test_an_answer_goes_before_the_end(connection: GuardedConnection) -> None:
    """A client that ends its side as its last answer is made: the connection ended before what was gathered was sent."""
    socket = Socket()
    connection.connection_made(socket)
    connection.data_received(HEAD)
    connection.note_answered()
    if not connection.eof_received():
        socket.close()
    await asyncio.sleep(0)
    assert socket.writes == [b"answer"]


async def test_many_heads_at_once_are_read_in_one_go(connection: GuardedConnection, server: Server) -> None:
    """Attack: what came after a head was copied for each, so that twenty connections of tiny requests stopped everybody for
    nine seconds."""
    connection.connection_made(Socket())
    many = HEAD * (256 * 2**10 // len(HEAD))
    started = time.process_time()
    connection.data_received(many)
    assert time.process_time() - started < 1.0
    assert server.heads == many


@pytest.mark.parametrize("pieces", [[b"\r", b"\n" + HEAD], [b"\r\n", HEAD], [b"\r\n" + HEAD]])
async def test_a_blank_line_before_a_request_is_passed_over(
    pieces: list[bytes], connection: GuardedConnection, server: Server
) -> None:
    """RFC 9112, section 2.2, however it is split."""
    connection.connection_made(Socket())
    for piece in pieces:
        connection.data_received(piece)
    assert server.heads == HEAD
