"""What the tests of outbound requests share."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from directory.networks.http import GuardedClient
from tests.directory.networks.strangers import loopback_client

REAL_CONNECT: Final = asyncio.open_connection


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    """The client, allowed to speak to this machine only."""
    async with loopback_client() as ours:
        yield ours


@dataclass
class Internet:
    """Where the client connects to: written down, and led to a server of ours or nowhere."""

    port: int | None = None
    dialled: list[tuple[str, int]] = field(default_factory=list)

    async def connect(self, host: str, port: int, **options: Any) -> Any:
        self.dialled.append((host, port))
        if self.port is None:
            raise ConnectionRefusedError("nobody lives here")
        return await REAL_CONNECT("127.0.0.1", self.port, **options)


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    """Stands where the sockets are, so that a test can connect to public addresses."""
    everywhere = Internet()
    monkeypatch.setattr("directory.networks.connections.asyncio.open_connection", everywhere.connect)
    return everywhere
