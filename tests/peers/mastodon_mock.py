"""`mastodon_mock` as a process of its own, under a name, with TLS, for as long as a test needs it.

A stateful fake of the Mastodon client API, made by others. What it says about OAuth proves nothing: it takes a
wrong secret, a wrong way back and an unknown app (`tests.harness.fake_mastodon` is strict there); and its API
calls the profile's address the actor's URI. Our client knows it as https://mock.test, as it would know a real
server; only the last step, the socket, leads to this machine.
"""

import asyncio
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import trustme

from deploy.ports import free_port
from directory.networks.addresses import Address, is_loopback
from directory.networks.connections import Connection, Dialer
from directory.networks.http import GuardedClient
from directory.networks.urls import Target
from tests.peers.children import ending_with_block, killed_if_silent

HOST: Final = "mock.test"
CHAIN: Final = "chain.pem"
KEY: Final = "key.pem"
READY: Final = "Uvicorn running on"
# Another process can take a port between the moment it was found free and its use.
START_ATTEMPTS: Final = 3
SHOWN_CHARS: Final = 2_000


class MockFailed(RuntimeError):
    """The server did not start; the message holds its last words."""


class MockMastodon:
    """A running server."""

    def __init__(self, port: int, authority: trustme.CA) -> None:
        self._port = port
        self._authority = authority

    @asynccontextmanager
    async def client(self) -> AsyncIterator[GuardedClient]:
        """Our client with the loopback setting, for which the one name there is leads here."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(tls)
        async with GuardedClient(
            "Passerelle/test", allow_loopback=True, resolve=self._resolve, tls=tls
        ) as client:
            client._dialer = _PortDialer(self._port, client._dialer)
            yield client

    async def _resolve(self, host: str) -> Sequence[str]:
        if host != HOST:
            raise OSError("no such name")
        return ["127.0.0.1"]


class _PortDialer(Dialer):
    """Checks as the real one; port 443 is another one here."""

    def __init__(self, port: int, real: Dialer) -> None:
        self.__dict__.update(real.__dict__)
        self._port = port

    async def _connect(self, target: Target, address: Address) -> Connection:
        assert is_loopback(address), f"a connection to {address} was let through"
        reader, writer = await asyncio.open_connection(
            str(address), self._port, ssl=await self._trusted(), server_hostname=target.host
        )
        return Connection(target.origin, reader, writer)


@contextmanager
def running_mock() -> Iterator[MockMastodon]:
    """Starts a server with one account, `testuser`, and stops it at the end. Raises MockFailed."""
    authority = trustme.CA()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        _write_certificate(authority, Path(folder))
        for _ in range(START_ATTEMPTS):
            port = free_port()
            process = stack.enter_context(_process(Path(folder), port))
            if not (said := _words_until_ready(process)):
                break
            if "address already in use" not in said:
                raise MockFailed(f"mastodon_mock did not start: {said[-SHOWN_CHARS:]}")
        else:
            raise MockFailed("mastodon_mock found no free port")
        # Nobody reads what it says from now on, and a full pipe would stop it.
        assert process.stderr is not None
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield MockMastodon(port, authority)


def _write_certificate(authority: trustme.CA, folder: Path) -> None:
    certificate = authority.issue_cert(HOST)
    chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
    (folder / CHAIN).write_bytes(chain)
    (folder / KEY).write_bytes(certificate.private_key_pem.bytes())


@contextmanager
def _process(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The server's process; it ends with the block."""
    command = [sys.executable, "-m", "mastodon_mock", "serve", "--in-memory", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--domain", HOST, "--ssl-certfile", CHAIN, "--ssl-keyfile", KEY]
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with ending_with_block(process):
        yield process


def _words_until_ready(process: subprocess.Popen[str]) -> str:
    """Empty once it serves; else what it said before it ended, or was ended for its silence."""
    assert process.stderr is not None
    said = ""
    with killed_if_silent(process):
        for line in process.stderr:
            if READY in line:
                return ""
            said += line
    return said or "it said nothing"
