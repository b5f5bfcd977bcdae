"""An instance over several machines, of real parts: a primary and a replica, two processes of each role, and HAProxy before the
webs. Each is killed in turn, and what has to go on goes on."""

import shutil
import signal
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx
import pytest

from deploy.embedded.locks import wait_until
from deploy.ports import free_port
from directory.members.publications import Wish
from federation.errors import MissingKeys
from federation.keys.instance import PEER_FILE, WITNESS_FILE, KeyFolder
from federation.own_log.high_water import SignedMark
from tests.deploy.machines import PATIENCE_S, Machine, fetch
from tests.deploy.members import Members
from tests.deploy.pending import add_pending
from tests.directory.members.people import at_bluesky, on_x
from tests.harness.command import Started
from tests.harness.no_tls import NO_TLS
from tests.harness.proxies import HOST, SAMPLES, Proxy, running_sample
from tests.harness.replicas import Cluster, Server, running_cluster, same_database

LOG: Final = f"{HOST}/log"
NOWHERE: Final = "http://127.0.0.1:1"
SETTINGS: Final = {
    "public_url": f"https://{HOST}",
    "trusted_proxies": "1",
    "rate_lookups_per_minute": "100000",
    "x_syndication": "",
    "x_oembed": "",
    "x_oembed_twitter": "",
    "plc_url": NOWHERE,
    "bluesky_app_view": "",
    "metrics": "false",
}
WITHDRAWN_WITHIN_S: Final = 2.0
CALLER: Final = "x-test-caller"
"""Tells the proxy the address of a caller, in the test alone."""
SECRETS_OF_THE_LOG: Final = {"log.key", "signed.checkpoint", "recovery.fingerprint"}


@dataclass
class Asked:
    """A look-up by the proxy or at a machine: when it began, and what came."""

    began: float
    status: int
    found: bool


@dataclass
class Asking:
    """Asks the proxy without pause, as people do who know nothing of machines."""

    proxy: Proxy
    name: str
    asked: list[Asked] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with client_of(self.proxy) as client:
            while not self.stopping.wait(0.03):
                self.asked.append(look_up(client, self.name))

    @contextmanager
    def without_failure(self) -> Iterator[None]:
        """Fails where anybody was not answered during the block, and for a moment after it."""
        begins = len(self.asked)
        yield
        ends = len(self.asked)
        assert wait_until(lambda: len(self.asked) >= ends + 20, PATIENCE_S)
        failed = [each for each in self.asked[begins:] if each.status != 200 or not each.found]
        assert not failed, failed


class Apart:
    """The machines of the instance, and what runs on them."""

    def __init__(self, folder: Path, cluster: Cluster, replica: Server, dsn: str) -> None:
        self.cluster, self.replica, self.dsn = cluster, replica, dsn
        reads = same_database(dsn, replica)
        self.machines = {name: Machine(folder, name, dsn) for name in _ROLES}
        for name, machine in self.machines.items():
            machine.command.settings.update(SETTINGS, roles=_ROLES[name])
            if _ROLES[name] == "web":
                machine.command.settings.update(read_database_url=reads)
        self.running: dict[str, Started] = {}
        self._stack = ExitStack()

    def start(self, name: str) -> None:
        self.running[name] = self._stack.enter_context(self.machines[name].command.started("serve"))

    def wait_until_up(self, *names: str) -> None:
        for name in names:
            self.running[name].wait_until_up()

    def kill(self, name: str) -> None:
        """Ends a process without a word."""
        self.running[name].send(signal.SIGKILL)
        self.running[name].wait()

    def stop(self) -> None:
        """Stops all as supervisors do. Fails where one does not end well."""
        for name, started in self.running.items():
            if started.process.poll() is None:
                started.process.terminate()
                assert started.wait() == 0, (name, started.logged())
            assert "Traceback" not in started.logged(), name

    def close(self) -> None:
        self._stack.close()

    def published(self) -> int:
        return int(
            fetch(self.dsn, "SELECT coalesce(max(published_size), 0) AS size FROM log_state")[0]["size"]
        )

    def publish_more(self) -> None:
        """Has somebody publish, and waits until that is signed, and matched by a worker."""
        size = self.published()
        add_pending(self.dsn, LOG, 1)
        assert wait_until(lambda: self.published() > size, PATIENCE_S)
        assert wait_until(lambda: not fetch(self.dsn, "SELECT FROM arrival"), PATIENCE_S)
        assert wait_until(self.marks_agree, PATIENCE_S)

    def marks_agree(self) -> bool:
        """Tells whether each machine that could sign knows what was signed, whichever has done it."""
        signing = [name for name, role in _ROLES.items() if role == "sequencer"]
        alive = [name for name in signing if self.running[name].process.poll() is None]
        marks = [SignedMark(self.machines[name].data / "keys").read() for name in alive]
        return {mark.size for mark in marks if mark is not None} == {self.published()}


_ROLES: Final = {
    f"{role}-{number}": role for role in ("sequencer", "worker", "web") for number in ("one", "two")
}


def client_of(proxy: Proxy) -> httpx.Client:
    trust: ssl.SSLContext = proxy.trust
    return httpx.Client(
        base_url=f"https://localhost:{proxy.port}",
        verify=trust,
        trust_env=False,
        timeout=30,
        headers={"host": HOST},
    )


def look_up(client: httpx.Client, name: str, caller: str = "192.0.2.1") -> Asked:
    began = time.monotonic()
    answer = client.get(
        "/api/v1/lookup", params={"x": name}, headers={CALLER: caller}, extensions={"sni_hostname": HOST}
    )
    return Asked(began, answer.status_code, answer.status_code == 200 and bool(answer.json()["answers"]))


@contextmanager
def running_apart(folder: Path) -> Iterator[Apart]:
    """Starts the servers, and all processes; the secrets are copied as docs/operations.md says."""
    with running_cluster() as cluster:
        dsn = cluster.make_database("passerelle")
        apart = Apart(folder, cluster, cluster.replica("replica"), dsn)
        try:
            apart.start("sequencer-one")
            apart.start("web-one")
            apart.wait_until_up("sequencer-one", "web-one")
            assert wait_until(lambda: apart.published() > 0, PATIENCE_S)
            machines = apart.machines
            machines["sequencer-two"].copy(machines["sequencer-one"], "keys")
            for name in ("worker-one", "worker-two", "web-two"):
                machines[name].copy(machines["web-one"], "vault")
            _give_keys_for_peers(machines["sequencer-one"], machines["web-two"])
            rest = [name for name in _ROLES if name not in apart.running]
            for name in rest:
                apart.start(name)
            apart.wait_until_up(*rest)
            yield apart
            apart.stop()
        finally:
            apart.close()


@contextmanager
def running_haproxy(folder: Path, apart: Apart) -> Iterator[Proxy]:
    one, two = (f"127.0.0.1:{apart.machines[name].port}" for name in ("web-one", "web-two"))
    words = {
        "10.0.0.1:8000": one,
        "10.0.0.2:8000": two,
        "[::]:80 v6only": f"127.0.0.1:{free_port()}",
        "[::]:443 v6only": f"127.0.0.1:{free_port()}",
        "    http-request set-header X-F": f"    http-request set-src req.hdr({CALLER})\n    http-request set-header X-F",
        "inter 2s": "inter 200ms",
    }
    with running_sample("haproxy", SAMPLES / "several-haproxy.cfg", folder, words) as proxy:
        yield proxy


def join(apart: Apart, name: str, x_id: int) -> tuple[UUID, UUID]:
    """Has a member publish. Returns the member and the publication, which is signed."""
    members = Members(apart.machines["web-one"].data, apart.dsn, public_url=f"https://{HOST}")
    at = members.clock.now()
    member = members.call(lambda parts: parts.membership.sign_in(at_bluesky(name, at=at)))
    wish = Wish(members.link(member.member, on_x(name, x_id, at=at)).id, member.account.id, consent=1)
    made = members.call(lambda parts: parts.publishing.publish(member.member, wish))
    active = "SELECT FROM mapping WHERE x_id = $1 AND state = 1"
    assert wait_until(lambda: bool(fetch(apart.dsn, active, x_id)), PATIENCE_S)
    return member.member, made.id


def withdraw(apart: Apart, member: UUID, publication: UUID) -> float:
    """Withdraws a publication. Returns when that was done."""
    members = Members(apart.machines["web-one"].data, apart.dsn, public_url=f"https://{HOST}")
    members.call(lambda parts: parts.publishing.withdraw(member, publication))
    return time.monotonic()


def see_it_gone(apart: Apart, name: str, withdrawn_at: float) -> None:
    """Asks both webs until neither knows them. Fails where one still tells later than promised."""
    for web in ("web-one", "web-two"):
        with httpx.Client(
            base_url=apart.machines[web].url, trust_env=False, verify=NO_TLS, timeout=30
        ) as client:
            assert wait_until(lambda: not _late(look_up(client, name), withdrawn_at), PATIENCE_S)


def _late(asked: Asked, withdrawn_at: float) -> bool:
    assert asked.status == 200
    assert not asked.found or asked.began <= withdrawn_at + WITHDRAWN_WITHIN_S
    return asked.found


def reads_are_at_replica(apart: Apart) -> bool:
    """Tells whether the webs have asked the replica something, which their pools there show."""
    asked = apart.replica.run(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'passerelle' AND query LIKE '%FROM mapping%'"
    )
    return bool(asked[0]["count"])


def test_each_part_is_killed_in_turn(tmp_path: Path) -> None:
    with running_apart(tmp_path) as apart, running_haproxy(tmp_path / "proxy", apart) as proxy:
        _secrets_are_where_they_are_needed(apart)
        jack = join(apart, "jack", 12)
        ada = join(apart, "ada", 13)
        join(apart, "grace", 14)
        asking = Asking(proxy, "@grace")
        with client_of(proxy) as client:
            assert wait_until(lambda: look_up(client, "@grace").found, PATIENCE_S)
        thread = threading.Thread(target=asking.run)
        thread.start()
        try:
            _limits_of_an_address_hold(proxy)
            assert wait_until(lambda: reads_are_at_replica(apart), PATIENCE_S)
            see_it_gone(apart, "@jack", withdraw(apart, *jack))
            _replica_stands_still(apart, asking, ada)
            _replica_dies(apart, asking)
            for name in ("web-one", "worker-one", "sequencer-one"):
                _one_dies(apart, asking, name)
            _primary_dies(apart, asking)
        finally:
            asking.stopping.set()
            thread.join()


def _secrets_are_where_they_are_needed(apart: Apart) -> None:
    """No more than the table in docs/operations.md says: a web holds nothing that signs the log, a sequencer nothing of
    members."""
    for name, machine in apart.machines.items():
        held = {Path(path).name for path in machine.holds()}
        if _ROLES[name] == "sequencer":
            assert held >= SECRETS_OF_THE_LOG
            assert "vault" not in held
        else:
            assert "vault.keys" in held
            assert not held & SECRETS_OF_THE_LOG
    for_peers = KeyFolder(apart.machines["web-two"].data)
    assert for_peers.read_witness().vkey
    assert for_peers.read_peer()
    with pytest.raises(MissingKeys):
        for_peers.read_logs()


def _give_keys_for_peers(signing: Machine, answering: Machine) -> None:
    """Copies what a web needs that has peers, and no more."""
    folder = answering.data / "keys"
    folder.mkdir(mode=0o700)
    for name in (WITNESS_FILE, PEER_FILE):
        shutil.copy2(signing.data / "keys" / name, folder / name)


def _limits_of_an_address_hold(proxy: Proxy) -> None:
    """Whoever spreads their requests over machines has no more than one machine gives: all of an address, and of a /64 of
    IPv6, come to one."""
    left: dict[str, list[int]] = {}
    with client_of(proxy) as client:
        for number in range(24):
            for caller in (f"198.51.100.{number % 8}", f"2001:db8:0:{number % 8:x}::{number:x}"):
                answer = client.get(
                    "/api/v1/lookup",
                    params={"x": "@a"},
                    headers={CALLER: caller},
                    extensions={"sni_hostname": HOST},
                )
                network = caller if "." in caller else caller.partition("::")[0]
                remaining = int(answer.headers["ratelimit"].partition("r=")[2].partition(";")[0])
                left.setdefault(network, []).append(remaining)
    assert len(left) == 16
    for counted in left.values():
        assert counted == [counted[0], counted[0] - 1, counted[0] - 2], left


def _replica_stands_still(apart: Apart, asking: Asking, ada: tuple[UUID, UUID]) -> None:
    apart.replica.run("SELECT pg_wal_replay_pause()")
    with asking.without_failure():
        see_it_gone(apart, "@ada", withdraw(apart, *ada))
    apart.replica.run("SELECT pg_wal_replay_resume()")


def _replica_dies(apart: Apart, asking: Asking) -> None:
    with asking.without_failure():
        apart.replica.kill()
    with asking.without_failure():
        apart.replica.start()
        assert wait_until(lambda: reads_are_at_replica(apart), PATIENCE_S)


def _one_dies(apart: Apart, asking: Asking, name: str) -> None:
    """The other of its role goes on: people are answered, publications are signed and matched."""
    with asking.without_failure():
        apart.kill(name)
        apart.publish_more()
        apart.start(name)
        apart.wait_until_up(name)


def _primary_dies(apart: Apart, asking: Asking) -> None:
    """Nobody is told anything meanwhile, as nobody knows what is withdrawn; then all go on by themselves."""
    begins = len(asking.asked)
    apart.cluster.primary.kill()
    assert wait_until(lambda: bool(asking.asked) and asking.asked[-1].status == 503, PATIENCE_S)
    apart.cluster.primary.start()
    assert wait_until(lambda: asking.asked[-1].found, PATIENCE_S)
    assert {each.status for each in asking.asked[begins:]} == {200, 503}
    apart.publish_more()
    with asking.without_failure():
        assert wait_until(lambda: reads_are_at_replica(apart), PATIENCE_S)
