"""Instances that can be each other's peers, over real HTTP on this machine: `one.localhost`, `two.localhost`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.ports import free_port
from directory.clock import Clock
from directory.mapping_life import MappingState
from federation.keys.instance import KeyFolder
from federation.own_log.sequencer import Sequencer
from federation.peers.peering import Delivery
from tests.harness.instance import RunningInstance, running_instance
from tests.harness.mappings import bluesky


class PeerInstance:
    """An instance with a log of its own; each method runs to its end."""

    def __init__(self, running: RunningInstance, keys: KeyFolder, host: str) -> None:
        self.running = running
        self.keys = keys
        self.host = host
        self.origin = f"{host}/log"
        self.address = running.settings.base_url
        self.peering = running.peering

    def publish(self, count: int = 0, *, first: int = 0) -> None:
        """Publishes so many people, after its first document."""

        async def run() -> None:
            people = [
                bluesky(f"{self.host[:3]}{n}", 1_000 + n, origin=self.origin, issued=self.running.clock.now())
                for n in range(first, first + count)
            ]
            if people:
                await self.running.mappings().add(people, MappingState.PENDING)
            sequencer = Sequencer(self.keys, self.origin, self.running.clock)
            async with self.running.database.connection() as connection:
                while await sequencer.run_once(connection):
                    pass

        self.running.call(run)

    def add(self, other: "PeerInstance") -> Delivery:
        """Takes up a peer, as an operator who has compared its fingerprints."""

        async def run() -> Delivery:
            return await self.peering.add(await self.peering.introduce(other.address))

        return self.running.call(run)

    def approve(self, other: "PeerInstance") -> None:
        async def run() -> None:
            await self.peering.approve(await self.peering.introduce(other.address))

        self.running.call(run)

    def get(self, other: "PeerInstance", path: str) -> tuple[int, bytes]:
        """Asks a peer with a signed request. Returns status and body."""

        async def run() -> tuple[int, bytes]:
            answer = await self.running.signed.get(other.address, path)
            return answer.status, answer.body

        return self.running.call(run)

    def fetch(self, sql: str, *values: object) -> list[dict[str, Any]]:
        async def run() -> list[dict[str, Any]]:
            async with self.running.database.connection() as connection:
                return [dict(row) for row in await connection.fetch(sql, *values)]

        return self.running.call(run)


@contextmanager
def peer_instance(
    dsn: str, folder: Path, host: str, *, clock: Clock | None = None, people: int = 0, **settings: Any
) -> Iterator[PeerInstance]:
    """Runs an instance of this name over a migrated database, with people in its log."""
    port = free_port()
    chosen = {
        "port": port,
        "public_url": f"http://{host}:{port}",
        "data": folder / host,
        "allow_loopback": True,
    }
    keys = KeyFolder(folder / host)
    keys.make(host)
    with running_instance(dsn, clock=clock, **{**chosen, **settings}) as running:
        instance = PeerInstance(running, keys, host)
        instance.publish(people)
        yield instance
