"""The client that asks peers, against a real server."""

import asyncio
from pathlib import Path

import pytest

from directory.networks.http import GuardedClient
from federation.errors import UntrustedRequest
from federation.keys.instance import KeyFolder
from federation.peers.signed_client import SignedClient
from federation.peers.signing import Request, read_claim, verify_request
from tests.harness.clock import FakeClock

OWN = "one.example/log"
PATH = "/federation/v1/statements/000"


class Listening:
    """A server that keeps what it is asked."""

    def __init__(self) -> None:
        self.heads: list[str] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    def request(self, authority: str) -> Request:
        """The last request, as a peer reads it."""
        lines = [line.split(": ", 1) for line in self.heads[-1].split("\r\n")[1:] if line]
        return Request("GET", authority, PATH, [(name.lower(), value) for name, value in lines])


async def test_a_client_that_lives_on_signs_with_the_key_that_a_recovery_has_made(
    folder: Path, clock: FakeClock
) -> None:
    """The whole folder of keys is lost and recovered while the instance runs: the log goes on with the new keys by itself, and
    peers read of them there. Requests under the former peer key are refused from then on, for as long as the process runs."""
    keys, listening = KeyFolder(folder), Listening()
    keys.make("one.example")
    former = keys.read_peer()
    server = await asyncio.start_server(listening.handle, "127.0.0.1", 0)
    authority = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, GuardedClient("Passerelle/test", allow_loopback=True) as http:
        client = SignedClient(http, OWN, keys.read_peer, clock)
        await client.get(f"http://{authority}", PATH)
        keys.path.rename(folder / "lost")
        keys.make("one.example")
        await client.get(f"http://{authority}", PATH)
    request = listening.request(authority)
    claim = read_claim(request, int(clock.now().timestamp()))
    verify_request(request, claim, keys.read_peer().public_key)
    with pytest.raises(UntrustedRequest):
        verify_request(request, claim, former.public_key)
