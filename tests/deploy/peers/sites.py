"""Instances as real processes, each with a data folder and a database of its own, and https between them."""

import asyncio
import json
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, TypeVar

from deploy.embedded import EmbeddedDatabase, open_database
from deploy.migrate import migrate
from deploy.pending import add_pending
from deploy.ports import free_port
from directory.clock import SystemClock
from directory.store.database import Database
from federation.keys.fingerprints import to_words
from federation.keys.instance import KeyFolder
from federation.peers.looks import EVERY_S
from federation.tlog.checkpoint import Checkpoint, parse_signed_checkpoint
from tests.deploy.machines import fetch
from tests.deploy.members import Members
from tests.deploy.ready import put_database
from tests.harness.command import Command, Result, Started
from tests.harness.forking import Forks
from tests.harness.tls_front import TlsFronts
from tests.harness.waiting import wait_until

PATIENCE_S: Final = 120
T = TypeVar("T")


@dataclass
class Site:
    """An instance: its name is that of its folder and of its host below `.localhost`."""

    name: str
    folder: Path
    fronts: TlsFronts
    front: int
    port: int
    host: str = ""
    stack: ExitStack | None = None
    held: EmbeddedDatabase | None = None

    def __post_init__(self) -> None:
        self.host = self.host or f"{self.name}.localhost"
        self.runs.mkdir(parents=True, exist_ok=True)

    @classmethod
    def behind(cls, fronts: TlsFronts, folder: Path, name: str) -> "Site":
        """Makes an instance that was never started, with a front of its own."""
        port = free_port()
        put_database(folder / name)
        return cls(name, folder, fronts, fronts.add(f"{name}.localhost", port), port)

    @property
    def data(self) -> Path:
        return self.folder / self.name

    @property
    def runs(self) -> Path:
        """Where its commands run, and what they write stays."""
        return self.folder / f"{self.name}-runs"

    @property
    def address(self) -> str:
        return f"https://{self.host}:{self.front}"

    @property
    def url(self) -> str:
        """Where its process listens, behind its front."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.host}/log"

    @property
    def words(self) -> str:
        """The fingerprint of its first log key, as its operator tells it."""
        return to_words(KeyFolder(self.data).read_logs()[0].vkey.fingerprint)

    @property
    def command(self) -> Command:
        settings = {
            "data": str(self.data),
            "port": str(self.port),
            "public_url": self.address,
            "allow_loopback": "true",
            "log_format": "json",
            "rate_lookups_per_minute": "0",
        }
        return Forks(self.runs, settings, variables={"SSL_CERT_FILE": str(self.fronts.file)})

    @property
    def log(self) -> str:
        """What its processes have written."""
        return (self.runs / "stderr.log").read_text()

    @contextmanager
    def serving(self, **settings: str) -> Iterator[Started]:
        """Runs its process until the block ends; it is stopped as supervisors do."""
        with self.command.started("serve", **settings) as started:
            started.wait_until_ready(self.url)
            yield started
            started.send(signal.SIGTERM)
            assert started.wait() == 0, self.log
        assert "Traceback" not in self.log

    def start(self) -> None:
        """Starts its process, if it does not run."""
        if self.stack is None:
            self.stack = ExitStack()
            self.stack.enter_context(self.serving())

    def stop(self) -> None:
        """Stops its process, if it runs."""
        if self.stack is not None:
            stack, self.stack = self.stack, None
            stack.close()

    @contextmanager
    def database(self) -> Iterator[EmbeddedDatabase]:
        """Holds its database, beside its process or alone. Who holds it already takes no other share: each costs a
        connection of the superuser."""
        if self.held is not None:
            yield self.held
            return
        with open_database(self.data) as database:
            self.held = database
            try:
                yield database
            finally:
                self.held = None

    def run(self, *arguments: str | Path, said: str = "", code: int = 0) -> Result:
        """Runs a command of its operator. Fails where it ends otherwise than with `code`."""
        done = self.command.run(*arguments, said=said)
        assert done.code == code, (self.name, arguments, done.out, done.err)
        return done

    def fetch(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Reads from its database, or changes it, past its process."""
        with self.database() as database:
            return list(map(dict, fetch(database.dsn, sql, *values)))

    def members(self) -> Members:
        """Its members; its database has to be held."""
        with self.database() as database:
            return Members(self.data, database.dsn, public_url=self.address)

    def add_people(self, count: int, *, first: int = 0) -> None:
        """Has so many invented people wait for its log."""

        async def run(dsn: str) -> None:
            await migrate(dsn)
            opened = await Database.connect(dsn, max_connections=1)
            now = SystemClock().now().replace(microsecond=0)
            try:
                await add_pending(opened, count, self.origin, now, first=first)
            finally:
                await opened.close()

        with self.database() as database:
            asyncio.run(run(database.dsn))

    def checkpoint(self) -> Checkpoint | None:
        """Returns the checkpoint that it serves. None before the first."""
        status, body = self.get("/log/checkpoint")
        return parse_signed_checkpoint(body)[0] if status == 200 else None

    def wait_for_log(self) -> None:
        """Waits until its log has begun: before that it has no keys that another operator could take."""
        assert wait_until(lambda: self.checkpoint() is not None, PATIENCE_S), self.log

    def wait_for_size(self, size: int) -> None:
        """Waits until its published log has at least so many leaves."""
        assert wait_until(
            lambda: (served := self.checkpoint()) is not None and served.size >= size, PATIENCE_S
        ), (size, self.checkpoint(), self.log)

    def look_up(self, x: str) -> list[str]:
        """Asks it for somebody on X. Returns the origins of what it answers."""
        status, body = self.get(f"/api/v1/lookup?x={x}")
        assert status == 200, (status, body)
        return [each["origin"] for each in json.loads(body)["answers"]]

    def get(self, path: str) -> tuple[int, bytes]:
        """Asks its process, past its front. Returns status and body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def wait_to_hear(self, x: str, origin: str) -> None:
        """Waits until it answers for somebody with what this log has said, and nothing else."""

        def is_heard() -> bool:
            self.nudge()
            return self.look_up(x) == [origin]

        assert wait_until(is_heard, PATIENCE_S), (
            self.name,
            x,
            self.look_up(x),
            self.fetch("SELECT origin, size, bodies_size, next_at - now(), stopped, fault FROM peer_log"),
            self.log[-2_000:],
        )

    def progress(self, peer: "Site") -> dict[str, Any]:
        """How far it has read the log of a peer."""
        [row] = self.fetch("SELECT * FROM peer_log WHERE origin = $1", peer.origin)
        return row

    def looks_within_s(self, peer: "Site") -> float:
        """Waits until it has looked at a peer. Returns in how many seconds its next look is due."""
        due_s: list[float] = []

        def is_at_rest() -> bool:
            [row] = self.fetch(
                "SELECT extract(epoch FROM next_at - now())::float AS due_s FROM peer_log WHERE origin = $1",
                peer.origin,
            )
            due_s.append(row["due_s"])
            return bool(0 < due_s[-1] <= EVERY_S)

        assert wait_until(is_at_rest, PATIENCE_S), due_s[-1]
        return due_s[-1]

    def nudge(self) -> None:
        """Makes the next look at all peers due, so that no test waits for it. One that is under way, whose lease is renewed
        in time, goes on; a peer that was away is not left alone for longer and longer, however often this is called, nor is what
        waits to be sent to it."""
        self.fetch("DELETE FROM host_backoff")
        self.fetch(
            "UPDATE peer_log SET next_at = now(), failures = 0"
            " WHERE next_at NOT BETWEEN now() + interval '42 s' AND now() + interval '61 s'"
        )

    def read_now(self, peer: "Site") -> None:
        """Makes the next look at a peer due, whoever was at it: a process that was killed."""
        self.fetch("UPDATE peer_log SET next_at = now() WHERE origin = $1", peer.origin)


Trio = tuple[Site, Site, Site]


def at_once(do: Callable[[T], object], items: Sequence[T]) -> None:
    """Does something with several things at a time."""
    with ThreadPoolExecutor(len(items)) as pool:
        list(pool.map(do, items))


@contextmanager
def held(*sites: Site) -> Iterator[None]:
    """Holds the databases of instances until the block ends; those whose processes run are stopped then."""
    with ExitStack() as stack:
        for site in sites:
            stack.enter_context(site.database())
        try:
            yield
        finally:
            at_once(Site.stop, sites)


def make_peers(*pairs: tuple[Site, Site]) -> None:
    """Has the operators of running instances take each other up, with the words that they tell each other."""
    for site in {id(each): each for pair in pairs for each in pair}.values():
        site.wait_for_log()
    both = [*pairs, *((theirs, ours) for ours, theirs in pairs)]
    by_operator = [
        [pair for pair in both if pair[0] is site] for site in {id(a): a for a, _ in both}.values()
    ]

    def take_up(mine: list[tuple[Site, Site]]) -> None:
        for ours, theirs in mine:
            ours.run("peers", "add", theirs.address, "--fingerprint", theirs.words, "--yes")

    def approve(mine: list[tuple[Site, Site]]) -> None:
        for ours, theirs in mine:
            ours.run("peers", "approve", theirs.origin)

    at_once(take_up, by_operator)
    at_once(approve, by_operator)
