"""The log over HTTP, read by a stranger who has the public keys and nothing else."""

from collections.abc import Iterator

import httpx
import pytest

from directory.mapping_life import MappingState
from federation.keys.chain import open_chain
from federation.keys.instance import KeyFolder
from federation.own_log.mapping_proof import open_mapping_proof
from federation.own_log.sequencer import Sequencer
from federation.tlog.bundles import decode_bundle
from federation.tlog.checkpoint import LogTrust, open_checkpoint
from federation.tlog.growth import Edge, grow
from federation.tlog.keys import VerifierKey
from federation.tlog.merkle import leaf_hash
from federation.tlog.note import NoteVerifier
from federation.tlog.proof import TlogProof
from federation.tlog.tiles import bundles_added, tiles_added
from tests.harness.instance import RunningInstance, running_instance
from tests.harness.mappings import bluesky

HOST = "log.example"
ORIGIN = f"{HOST}/log"
PEOPLE = 600
RATE = 250


async def publish(instance: RunningInstance, keys: KeyFolder) -> None:
    sequencer = Sequencer(keys, ORIGIN, instance.clock)
    async with instance.database.connection() as connection:
        while await sequencer.run_once(connection):
            pass


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyFolder:
    folder = KeyFolder(tmp_path_factory.mktemp("data") / "data")
    folder.make(HOST)
    return folder


@pytest.fixture(scope="module")
def log_instance(module_dsn: str, keys: KeyFolder) -> Iterator[RunningInstance]:
    async def fill(running: RunningInstance) -> None:
        people = [bluesky(f"p{n}", 1_000 + n, origin=ORIGIN) for n in range(PEOPLE)]
        await running.mappings().add(people, MappingState.PENDING)
        await publish(running, keys)

    with running_instance(
        module_dsn, fill=fill, public_url=f"https://{HOST}", rate_lookups_per_minute=RATE
    ) as running:
        yield running


@pytest.fixture
def reader(log_instance: RunningInstance) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=log_instance.url, timeout=20, trust_env=False) as opened:
        yield opened


def trust(keys: KeyFolder) -> LogTrust:
    return LogTrust(ORIGIN, (NoteVerifier(keys.read().logs[0].vkey),))


def size(reader: httpx.Client, keys: KeyFolder) -> int:
    return open_checkpoint(reader.get("/log/checkpoint").content, trust(keys)).checkpoint.size


def test_a_stranger_can_check_the_whole_log(reader: httpx.Client, keys: KeyFolder) -> None:
    """Its tiles and bundles lead to the root that was signed, and asking for all of them is never too much."""
    answer = reader.get("/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    checkpoint = open_checkpoint(answer.content, trust(keys)).checkpoint
    entries: list[bytes] = []
    for bundle in bundles_added(0, checkpoint.size):
        entries += decode_bundle(reader.get(f"/log/{bundle}").content, bundle.width)
    growth = grow(Edge.empty(), b"".join(map(leaf_hash, entries)))
    assert growth.edge.root() == checkpoint.root
    assert len(entries) == checkpoint.size >= PEOPLE + 1
    for tile, data in growth.tiles:
        answer = reader.get(f"/log/{tile}")
        assert answer.content == data
        assert answer.headers["content-type"] == "application/octet-stream"
        assert "immutable" in answer.headers["cache-control"]


def test_narrower_tiles_of_earlier_checkpoints_stay(reader: httpx.Client) -> None:
    wide = reader.get("/log/tile/0/001").content
    for width in (1, 100, 255):
        assert reader.get(f"/log/tile/0/001.p/{width}").content == wide[: width * 32]
    assert (
        reader.get("/log/tile/entries/001.p/3").content == reader.get("/log/tile/entries/001").content[:105]
    )


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/999",
        "tile/0/002",
        "tile/0/002.p/255",
        "tile/1/000",
        "tile/3/000.p/1",
        "tile/8/000",
        "tile/0/0",
        "tile/0/x000/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/entries/999",
        "tile/-1/000",
        "tile/0/٠٠٠",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/%2e%2e/0/000",
        "tile/0/000%00",
        "tile/0/%ff",
        "checkpoint/",
        "Checkpoint",
        "operations/00",
        "operations/%201",
        "operations/" + "9" * 40,
        "operations/" + "9" * 5_000,
        "operations/1",
        "operations/-1",
        "",
    ],
)
def test_what_is_not_there_is_a_problem_document(reader: httpx.Client, path: str) -> None:
    answer = reader.get(f"/log/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.headers["cache-control"] == "no-store", "tomorrow it may be there"


@pytest.mark.parametrize(
    "path",
    [
        "log/checkpoint",
        "log/tile/0/000",
        "log/tile/entries/000",
        "log/operations/0",
        ".well-known/passerelle",
    ],
)
def test_heads_and_other_methods(reader: httpx.Client, path: str) -> None:
    whole, head = reader.get(f"/{path}"), reader.head(f"/{path}")
    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-type", "content-length", "etag", "cache-control"):
        assert head.headers[name] == whole.headers[name]
    answer = reader.post(f"/{path}", content=b"more")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000", "tile/entries/000"])
def test_nothing_is_encoded_that_does_not_shrink(reader: httpx.Client, path: str) -> None:
    """Hashes do not compress; what a mirror keeps is what was hashed."""
    answer = reader.get(f"/log/{path}", headers={"accept-encoding": "gzip, br, zstd"})
    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_checkpoint_is_kept_for_a_second_and_a_tile_for_ever(reader: httpx.Client) -> None:
    assert reader.get("/log/checkpoint").headers["cache-control"] == "public, max-age=1"
    for path in ("tile/0/000", "tile/0/002.p/7", "tile/entries/002.p/7", "operations/0"):
        assert reader.get(f"/log/{path}").headers["cache-control"] == "public, max-age=31536000, immutable"


def test_who_has_it_already_is_told_so(reader: httpx.Client) -> None:
    for path in ("/log/checkpoint", "/log/tile/0/000", "/log/operations/0"):
        first = reader.get(path)
        again = reader.get(path, headers={"if-none-match": f'"other", {first.headers["etag"]}'})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == first.headers["etag"]
        for known in (f"W/{first.headers['etag']}", "*"):
            assert reader.get(path, headers={"if-none-match": known}).status_code == 304
        for other in ('"other"', "", "broken", first.headers["etag"].strip('"')):
            assert reader.get(path, headers={"if-none-match": other}).status_code == 200


def test_other_sites_may_read_it(reader: httpx.Client) -> None:
    assert reader.get("/log/checkpoint").headers["access-control-allow-origin"] == "*"


def test_the_descriptor_leads_to_all_else(reader: httpx.Client) -> None:
    told = reader.get("/.well-known/passerelle").json()
    assert told["origin"] == ORIGIN
    assert told["log"] == f"https://{HOST}/log/"
    documents = [reader.get(f"/log/operations/{n}").content for n in range(told["operations"])]
    chain = open_chain(documents, VerifierKey.parse(told["keys"]["log"]["key"]))
    assert str(chain[-1].witness_key) == told["keys"]["witness"]["key"]
    assert len(told["keys"]["peer"]["words"].split()) == 8


def test_the_descriptor_says_what_the_instance_says_now(
    log_instance: RunningInstance, reader: httpx.Client
) -> None:
    said = {"name": "Find them", "contact": "mailto:ada@log.example", "description": "For all."}
    for key, text in {**said, "languages": "fr"}.items():
        log_instance.set(key, text)
    told = reader.get("/.well-known/passerelle").json()
    assert {key: told[key] for key in said} == said
    assert told["languages"] == ["fr"]


def test_a_proof_is_given_once(log_instance: RunningInstance, reader: httpx.Client, keys: KeyFolder) -> None:
    leaf = 17
    token = log_instance.call(lambda: log_instance.services.log.create_proof_link(leaf))
    address = f"/api/v1/proof/{ORIGIN}/{leaf}"
    assert reader.get(f"/api/v1/proof/{ORIGIN}/18?token={token}").status_code == 404
    answer = reader.get(f"{address}?token={token}")
    assert answer.headers["cache-control"] == "no-store"
    proven = open_mapping_proof(TlogProof.parse(answer.content), trust(keys))
    assert proven.leaf == leaf
    assert reader.get(f"{address}?token={token}").status_code == 404


def test_a_link_is_not_used_up_by_looking_at_it(log_instance: RunningInstance, reader: httpx.Client) -> None:
    """Programs that show previews of links ask for heads, and guess at neighbours."""
    token = log_instance.call(lambda: log_instance.services.log.create_proof_link(40))
    address = f"/api/v1/proof/{ORIGIN}/40?token={token}"
    assert reader.head(address).status_code == 405
    assert reader.get(address.replace(HOST, "other.example")).status_code == 404
    assert reader.get(address).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("live/other.example/log/1", 404),
        (f"live/{ORIGIN}/100000", 404),
        (f"live/{HOST.upper()}/log/1", 404),
        (f"live/{HOST}:443/log/1", 404),
        (f"live/{HOST}./log/1", 404),
        ("live/[::1]/log/1", 404),
        (f"live/{ORIGIN}/01", 404),
        (f"live/{ORIGIN}/+1", 404),
        (f"live/{ORIGIN}/1_0", 404),
        (f"live/{ORIGIN}/-1", 404),
        (f"live/{ORIGIN}/٣", 404),
        (f"live/{ORIGIN}/{2**63 - 1}", 404),
        (f"live/{ORIGIN}/" + "9" * 5_000, 404),
        ("live/%00/log/1", 404),
        ("live/%ff/log/1", 404),
        ("live/" + "a" * 300 + "/log/1", 400),
        (f"proof/{ORIGIN}/1", 400),
        (f"proof/{ORIGIN}/1?token=", 404),
        (f"proof/{ORIGIN}/1?token=%00", 400),
        (f"proof/{ORIGIN}/1?token=" + "a" * 101, 400),
        (f"proof/{ORIGIN}/100000?token=a", 404),
        ("proof/other.example/log/1?token=a", 404),
    ],
)
def test_what_nobody_can_answer_is_a_problem_document(reader: httpx.Client, path: str, status: int) -> None:
    answer = reader.get(f"/api/v1/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_the_slash_of_an_origin_is_not_escaped(reader: httpx.Client) -> None:
    """An address that a proxy's rule is about has one spelling: programs write the slash as it is."""
    plain = reader.get(f"/api/v1/live/{ORIGIN}/3")
    assert plain.json()["origin"] == ORIGIN
    assert reader.get(f"/api/v1/live/{ORIGIN.replace('/', '%2F')}/3").status_code == 404


def test_what_is_asked_of_a_leaf_is_counted_and_documented(reader: httpx.Client) -> None:
    paths = reader.get("/api/openapi.json").json()["paths"]
    for what in ("live", "proof"):
        answer = reader.get(f"/api/v1/{what}/{ORIGIN}/3?token=none")
        assert answer.headers["ratelimit-policy"].startswith('"requests"')
        told = paths[f"/api/v1/{what}/{{host}}/log/{{leaf}}"]["get"]
        assert set(told["responses"]) == {"200", "400", "404", "429", "503"}
        assert all("description" in each for each in told["parameters"])


def test_a_withdrawn_mapping_is_not_live_at_once_and_has_no_proof_later(
    log_instance: RunningInstance, reader: httpx.Client, keys: KeyFolder
) -> None:
    leaf = 33
    address = f"/api/v1/live/{ORIGIN}/{leaf}"

    async def ask() -> bool:
        return await log_instance.services.log.is_live(ORIGIN, leaf)

    assert reader.get(address).json() == {"origin": ORIGIN, "leaf": leaf, "live": True}
    assert log_instance.call(ask)
    before = size(reader, keys)
    token = log_instance.call(lambda: log_instance.services.log.create_proof_link(leaf))

    async def withdraw() -> None:
        async with log_instance.database.connection() as connection:
            await connection.execute("UPDATE mapping SET state = 2 WHERE leaf = $1", leaf)

    log_instance.call(withdraw)
    assert not log_instance.call(ask)
    assert size(reader, keys) == before
    log_instance.call(lambda: publish(log_instance, keys))
    assert size(reader, keys) == before + 1
    assert not log_instance.call(ask)
    assert reader.get(f"/api/v1/proof/{ORIGIN}/{leaf}?token={token}").status_code == 404


def test_a_log_is_never_asked_for_too_much(reader: httpx.Client, keys: KeyFolder) -> None:
    for _ in range(RATE + 1):
        assert reader.get("/log/tile/0/000").status_code == 200
    for tile in tiles_added(0, size(reader, keys)):
        assert reader.get(f"/log/{tile}").status_code == 200


CALLERS: tuple[dict[str, str], ...] = (
    {},
    {"accept-language": "fr", "accept-encoding": "gzip, br", "cookie": "language=fr"},
    {"origin": "https://elsewhere.example", "user-agent": "another", "accept": "text/html"},
)
IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("path", "lifetime"),
    [
        ("/log/tile/0/000", IMMUTABLE),
        ("/log/tile/0/x000/000.p/1", None),
        ("/log/tile/entries/000", IMMUTABLE),
        ("/log/tile/entries/002.p/1", IMMUTABLE),
        ("/log/tile/1/000.p/2", IMMUTABLE),
        ("/log/operations/0", IMMUTABLE),
        ("/log/checkpoint", "public, max-age=1"),
        ("/log/tile/0/009", None),
        ("/log/tile/entries/002.p/255", None),
        ("/log/operations/1", None),
    ],
)
def test_what_stands_between_may_keep_the_log_by_its_addresses_alone(
    reader: httpx.Client, path: str, lifetime: str | None
) -> None:
    """Attack: a cache keeps an answer for somebody as that of everybody, or that a tile is not there, which will be there in a
    second. Whoever asks, the answer is the same, names nothing that it depends on, and tells nothing of who asked."""
    answers = [
        reader.request(method, path, headers=caller) for caller in CALLERS for method in ("GET", "HEAD")
    ]
    for answer in answers:
        if lifetime is None:
            assert answer.status_code == 404
            assert answer.headers["cache-control"] == "no-store"
            continue
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == lifetime
        told = set(answer.headers)
        assert not told & {"vary", "set-cookie", "ratelimit", "ratelimit-policy", "content-encoding", "age"}
        assert answer.headers["etag"].startswith('"')
        assert answer.headers["access-control-allow-origin"] == "*"
    if lifetime is not None:
        assert len({(each.headers["etag"], each.headers["content-length"]) for each in answers}) == 1
        assert len({each.content for each in answers[::2]}) == 1
        again = reader.get(path, headers={"if-none-match": answers[0].headers["etag"]})
        assert (again.status_code, again.headers["cache-control"]) == (304, lifetime)
