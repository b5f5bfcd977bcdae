"""The addresses of our witness, over HTTP: C2SP tlog-witness."""

from collections.abc import Iterator
from hashlib import sha256

import httpx
import pytest

from directory.origins import Standing
from federation.keys.instance import KeyFolder
from federation.protocol.add_checkpoint import MAX_REQUEST_BYTES, SIZE_TYPE
from federation.tlog.checkpoint import LogTrust, open_checkpoint
from federation.tlog.cosignature import CosignatureVerifier
from federation.tlog.note import NoteVerifier, parse_signatures
from tests.harness.instance import RunningInstance, running_instance
from tests.harness.known_log import PeerLog, confirm_peer

HOST = "own.example"
ADD = "/federation/v1/add-checkpoint"
LOG = PeerLog("peer.example")
FORKING = PeerLog("forking.example")
QUIET = PeerLog("quiet.example", 10)
SUSPENDED = PeerLog("suspended.example", 10)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyFolder:
    folder = KeyFolder(tmp_path_factory.mktemp("data") / "data")
    folder.make(HOST)
    return folder


@pytest.fixture(scope="module")
def witness(module_dsn: str, keys: KeyFolder) -> Iterator[RunningInstance]:
    async def fill(running: RunningInstance) -> None:
        for log in (LOG, FORKING, QUIET):
            await confirm_peer(running.database, log)
        await confirm_peer(running.database, SUSPENDED, standing=Standing.SUSPENDED)

    with running_instance(
        module_dsn, fill=fill, public_url=f"https://{HOST}", data=keys.path.parent
    ) as running:
        yield running


@pytest.fixture
def client(witness: RunningInstance) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=witness.url, timeout=20, trust_env=False) as opened:
        yield opened


def digest_of(log: PeerLog) -> str:
    return sha256(log.origin.encode()).hexdigest()


def test_a_checkpoint_is_cosigned_and_shown(client: httpx.Client, keys: KeyFolder) -> None:
    shown = f"/federation/v1/{digest_of(LOG)}/checkpoint"
    assert client.get(shown).status_code == 404
    answer = client.post(ADD, content=LOG.request(0, 150))
    assert answer.status_code == 200
    (line,) = parse_signatures(answer.content)
    verifier = CosignatureVerifier(keys.read().witness.vkey)
    assert verifier.is_valid(str(LOG.checkpoint(150)).encode(), line.payload)
    kept = client.get(shown)
    assert kept.headers["content-type"] == "text/plain; charset=utf-8"
    trust = LogTrust(LOG.origin, (NoteVerifier(LOG.key.vkey),), (verifier,), quorum=1)
    assert open_checkpoint(kept.content, trust).checkpoint == LOG.checkpoint(150)
    assert client.head(shown).status_code == 200
    assert client.get(shown.replace("checkpoint", "checkpoint/")).status_code == 404
    assert client.get(f"/federation/v1/{digest_of(LOG).upper()}/checkpoint").status_code == 404
    conflict = client.post(ADD, content=LOG.request(0, 200))
    assert (conflict.status_code, conflict.content) == (409, b"150\n")
    # Tessera and sigsum compare the whole field: with a charset they take the size for a failure.
    assert conflict.headers["content-type"] == SIZE_TYPE


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"old 0\n\nno checkpoint\n", 400),
        (PeerLog("stranger.example", 10).request(0, 5), 404),
        (SUSPENDED.request(0, 5), 404),
        (QUIET.request(0, 5, note=bytes(QUIET.note(5, "entry", QUIET.log_key("other")))), 403),
        (QUIET.request(0, 5, proof=(b"x" * 32,)), 422),
        (QUIET.request(7, 5), 400),
        (QUIET.request(7, 8), 409),
        (b"old 0\n\n" + b"x" * MAX_REQUEST_BYTES, 413),
    ],
)
def test_what_is_refused(client: httpx.Client, body: bytes, status: int) -> None:
    answer = client.post(ADD, content=body)
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"


def test_a_fork_is_refused_and_its_log_unknown_from_then_on(client: httpx.Client) -> None:
    assert client.post(ADD, content=FORKING.request(0, 200)).status_code == 200
    assert client.post(ADD, content=FORKING.request(200, 200, "other")).status_code == 422
    assert client.post(ADD, content=FORKING.request(200, 300)).status_code == 404


@pytest.mark.parametrize("path", ["/federation/v1/add-checkpoint/", "/federation/v1//add-checkpoint"])
def test_an_address_has_one_spelling(client: httpx.Client, path: str) -> None:
    assert client.post(path, content=LOG.request(0, 5)).status_code == 404
