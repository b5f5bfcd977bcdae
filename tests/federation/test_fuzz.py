"""Everything that comes from outside is refused with its one error, in bounded time and memory.

Work is counted in calls, memory in bytes that Python allocated, and the cost of a single call to C in the CPU time
of this thread; nothing depends on how busy the machine is.
"""

import gc
import json
import sys
import time
import tracemalloc
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from types import FrameType
from typing import Any, Final

import pytest

from federation.errors import (
    FederationError,
    InvalidAddCheckpoint,
    InvalidBodies,
    InvalidBundle,
    InvalidCheckpoint,
    InvalidCosignature,
    InvalidDescriptor,
    InvalidEntry,
    InvalidEvidence,
    InvalidKey,
    InvalidNote,
    InvalidOperations,
    InvalidProof,
    InvalidStatement,
    InvalidTile,
    InvalidTlogProof,
    Malformed,
    UntrustedNote,
    UntrustedOperations,
    UntrustedRequest,
)
from federation.keys.chain import open_first_operations, parse_operations_note
from federation.keys.equivocation import open_evidence
from federation.keys.evidence import MAX_EVIDENCE_BYTES, Evidence
from federation.keys.operations import MAX_OPERATIONS_BYTES, Operations
from federation.own_log.mapping_proof import open_mapping_proof
from federation.peers.signing import MAX_FIELD_CHARS, Request, read_claim
from federation.protocol.add_checkpoint import (
    MAX_REQUEST_BYTES,
    MAX_SIZE_BYTES,
    AddCheckpoint,
    parse_size,
)
from federation.protocol.body_answers import Body, Erased, Lost
from federation.protocol.body_wire import MAX_ANSWER_BYTES, encode_answers, parse_answers
from federation.protocol.descriptor import MAX_DESCRIPTOR_BYTES, parse_descriptor
from federation.protocol.entry import ENTRY_BYTES, parse_entry
from federation.protocol.peering_wire import MAX_PEERING_BYTES, InvalidPeering, parse_peering_request
from federation.protocol.statement import MAX_BODY_BYTES, parse_statement
from federation.tlog.bundles import MAX_BUNDLE_BYTES, decode_bundle
from federation.tlog.checkpoint import Checkpoint, LogTrust, open_checkpoint, parse_signed_checkpoint
from federation.tlog.cosignature import PAYLOAD_BYTES, CosignatureVerifier, parse_time
from federation.tlog.keys import MAX_KEY_CHARS, PrivateKey, VerifierKey
from federation.tlog.merkle import verify_consistency, verify_inclusion
from federation.tlog.note import (
    MAX_NOTE_BYTES,
    NoteVerifier,
    Signature,
    open_note,
    parse_note,
    parse_signatures,
)
from federation.tlog.proof import MAX_TLOG_PROOF_BYTES, TlogProof
from federation.tlog.tiles import MAX_PATH_CHARS, TILE_BYTES, Tile, parse_path
from tests.federation.mutations import mutations
from tests.vectors.fixed import LOG, ORIGIN, WITNESS
from tests.vectors.make import path_of

MAX_SEEDS: Final = 3
MAX_CPU_S: Final = 0.25
"""The limit of one parse: linear work over 64 KiB takes a hundredth of it, quadratic work ten times as much."""
TRUST: Final = LogTrust(ORIGIN, (NoteVerifier(LOG.vkey),), (CosignatureVerifier(WITNESS.vkey),), 1)


@dataclass(frozen=True)
class Parser:
    """A function that takes input from outside, and the only errors that it may raise."""

    name: str
    seeds: Callable[[], list[bytes]]
    parse: Callable[[Any], object]
    refuses: tuple[type[Exception], ...]
    limit: int
    """The most bytes that it reads."""
    max_calls: int
    max_memory: int
    """Bytes in use at most, besides the input."""
    given: Callable[[bytes], Any] = bytes

    def __str__(self) -> str:
        return self.name


def cases(file: str) -> list[dict[str, Any]]:
    """Reads the cases of a file, valid ones first: input that is nearly valid reaches the most code."""
    found: list[dict[str, Any]] = json.loads(path_of(file).read_text())["cases"]
    return sorted(found, key=lambda case: bool(case["wantErr"]))


def texts(file: str, field: str) -> Callable[[], list[bytes]]:
    return lambda: [str(case[field]).encode() for case in cases(file) if field in case]


def text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def notes_of_operations() -> list[bytes]:
    return [note.encode() for case in cases("operations") for note in case["notes"]]


def texts_of_operations() -> list[bytes]:
    return [note.partition(b"\n\n")[0] + b"\n" for note in notes_of_operations()]


def own_key() -> list[bytes]:
    return [LOG.reveal().encode()]


def entries() -> list[bytes]:
    return [bytes.fromhex(case["raw"]) for case in cases("entries")]


def bundles() -> list[bytes]:
    return [b64decode(case["bundle"]) for case in cases("bundles")]


def answers() -> list[bytes]:
    return [bytes.fromhex(case["content"]) for case in cases("body-answers") if case["width"] == 3] + [
        encode_answers([Body(bytes(32), b"{}"), Erased(7), Lost()])
    ]


def witness_requests() -> list[bytes]:
    return [b64decode(case["request"]) for case in cases("add-checkpoint")]


def descriptors() -> list[bytes]:
    keys = {"log": {"key": str(LOG.vkey), "fingerprint": "00", "words": "babab"}}
    said = {"v": 1, "origin": ORIGIN, "operations": 1, "name": "One", "contact": "a@b.example", "keys": keys}
    return [json.dumps(said).encode()]


def peerings() -> list[bytes]:
    wishes = ('"follow"', '"stop","address":"http://one.localhost:8001"')
    return [b'{"v":1,"origin":"%s","wish":%s}' % (ORIGIN.encode(), wish.encode()) for wish in wishes]


@cache
def signed_request() -> Any:
    [case] = [case for case in cases("signed-requests") if case["name"] == "get"]
    return case


def signature_inputs() -> list[bytes]:
    return [dict(signed_request()["headers"])["signature-input"].encode()]


def read_signature_input(field: str) -> object:
    """Reads a request whose digest and signature have their forms."""
    case = signed_request()
    headers = dict(case["headers"]) | {"signature-input": field}
    request = Request("GET", case["authority"], case["path"], tuple(headers.items()))
    return read_claim(request, case["now"])


def payloads() -> list[bytes]:
    return [Signature.parse(case["line"]).payload for case in cases("cosignatures") if not case["wantErr"]]


def proofs() -> list[bytes]:
    return [json.dumps([case["index"], case["size"], *case["proof"]]).encode() for case in cases("inclusion")]


def parts_of(data: bytes) -> tuple[int, int, list[bytes]]:
    """Takes sizes and hashes from any bytes: a proof of which an attacker chose every part."""
    old, new = (int.from_bytes(data[at : at + 8], "big", signed=True) for at in (0, 8))
    return old, new, [data[at : at + 32] for at in range(0, min(len(data), 8 * K), 32)]


def verify_parts(parts: tuple[int, int, list[bytes]]) -> None:
    """Verifies both kinds of proofs."""
    old, new, hashes = parts
    with suppress(InvalidProof):
        verify_consistency(old, new, bytes(32), bytes(32), hashes)
    verify_inclusion(old, new, bytes(32), hashes, bytes(32))


K: Final = 1_024
NOTE: Final = MAX_NOTE_BYTES
SOME_NOTE: Final = 16 * NOTE
"""A text with one character beyond Latin-1 takes twice its bytes, and parts of it are copied a few times."""
READ_CHECKPOINT: Final = (InvalidCheckpoint, UntrustedNote)
READ_EVIDENCE: Final = (
    InvalidCheckpoint,
    InvalidEvidence,
    InvalidOperations,
    InvalidProof,
    UntrustedNote,
    UntrustedOperations,
)
READ_PROOF: Final = (InvalidTlogProof, InvalidCheckpoint, InvalidProof, InvalidStatement, UntrustedNote)


def open_as_stranger(data: bytes) -> object:
    return open_note(parse_note(data), [NoteVerifier(LOG.vkey)])


def open_proof(data: bytes) -> object:
    return open_mapping_proof(TlogProof.parse(data), TRUST)


def open_equivocation(data: bytes) -> object:
    return open_evidence(Evidence.parse(data), [LOG.vkey])


def open_operations(data: bytes) -> object:
    return open_first_operations(data, LOG.vkey)


PARSERS: Final = [
    Parser("vkey", texts("vkeys", "vkey"), VerifierKey.parse, (InvalidKey,), MAX_KEY_CHARS, 100, 16 * K, text),
    Parser("private key", own_key, PrivateKey.parse, (InvalidKey,), MAX_KEY_CHARS, 200, 16 * K, text),
    Parser("note", texts("notes", "note"), parse_note, (InvalidNote,), NOTE, 4_000, SOME_NOTE),
    Parser("opened note", texts("notes", "note"), open_as_stranger, (InvalidNote, UntrustedNote), NOTE, 4_000, SOME_NOTE),
    Parser("signature lines", texts("cosignatures", "line"), parse_signatures, (InvalidNote,), NOTE, 4_000, SOME_NOTE),
    Parser("signature line", texts("cosignatures", "line"), Signature.parse, (InvalidNote,), NOTE, 100, SOME_NOTE, text),
    Parser("cosignature", payloads, parse_time, (InvalidCosignature,), PAYLOAD_BYTES, 20, 4 * K),
    Parser("checkpoint text", texts("cosignatures", "checkpoint"), Checkpoint.parse, (InvalidCheckpoint,), NOTE, 300, SOME_NOTE, text),
    Parser("checkpoint", texts("checkpoints", "note"), parse_signed_checkpoint, (InvalidCheckpoint,), NOTE, 4_000, SOME_NOTE),
    Parser("opened checkpoint", texts("checkpoints", "note"), partial(open_checkpoint, trust=TRUST), READ_CHECKPOINT, NOTE, 8_000, SOME_NOTE),
    Parser("tile path", texts("tile-paths", "path"), parse_path, (InvalidTile,), MAX_PATH_CHARS, 100, 16 * K, text),
    Parser("tile", lambda: [bytes(32), bytes(TILE_BYTES)], Tile(0, 3, 1).read, (InvalidTile,), TILE_BYTES, 40, 16 * K),
    Parser("bundle", bundles, partial(decode_bundle, width=2), (InvalidBundle,), MAX_BUNDLE_BYTES, 3_000, 2 * MAX_BUNDLE_BYTES),
    Parser("body answers", answers, partial(parse_answers, width=3), (InvalidBodies,), 3 * MAX_ANSWER_BYTES, 60, 40 * K),
    Parser("add-checkpoint", witness_requests, AddCheckpoint.parse, (InvalidAddCheckpoint,), MAX_REQUEST_BYTES, 1_000, 2 * SOME_NOTE),
    Parser("told size", lambda: [b"0\n", b"300\n", b"9223372036854775807\n"], parse_size, (InvalidAddCheckpoint,), MAX_SIZE_BYTES, 20, 4 * K),
    Parser("descriptor", descriptors, parse_descriptor, (InvalidDescriptor,), MAX_DESCRIPTOR_BYTES, 200, 200 * K),
    Parser("peering", peerings, parse_peering_request, (InvalidPeering,), MAX_PEERING_BYTES, 100, 40 * K),
    Parser("signature input", signature_inputs, read_signature_input, (UntrustedRequest,), MAX_FIELD_CHARS, 300, 40 * K, text),
    Parser("tlog-proof", texts("tlog-proofs", "proof"), TlogProof.parse, (InvalidTlogProof,), MAX_TLOG_PROOF_BYTES, 5_000, SOME_NOTE),
    Parser("mapping proof", texts("tlog-proofs", "proof"), open_proof, READ_PROOF, MAX_TLOG_PROOF_BYTES, 12_000, SOME_NOTE),
    Parser("equivocation", texts("equivocations", "evidence"), open_equivocation, READ_EVIDENCE, MAX_EVIDENCE_BYTES, 30_000, 5 * SOME_NOTE),
    Parser("statement", texts("statements", "body"), parse_statement, (InvalidStatement,), MAX_BODY_BYTES, 1_000, 100 * K),
    Parser("operations text", texts_of_operations, Operations.parse, (InvalidOperations,), MAX_OPERATIONS_BYTES, 2_000, 200 * K, text),
    Parser("operations note", notes_of_operations, parse_operations_note, (InvalidOperations,), NOTE, 5_000, SOME_NOTE),
    Parser("opened operations", notes_of_operations, open_operations, (InvalidOperations, UntrustedOperations), NOTE, 8_000, SOME_NOTE),
    Parser("entry", entries, parse_entry, (), ENTRY_BYTES, 20, 4 * K),
    Parser("Merkle proof", proofs, verify_parts, (InvalidProof,), 64 * 32, 700, 16 * K, parts_of),
]  # fmt: skip


class Counting:
    """Counts calls, of Python and of C."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        self.calls += event in {"call", "c_call"}


def cost_of(parser: Parser, data: bytes) -> tuple[int, int, float]:
    """Parses once. Returns calls, peak bytes, and CPU seconds. Fails on any error that the parser may not raise."""
    given, counting = parser.given(data), Counting()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    refusal: FederationError | None = None
    started = time.thread_time()
    try:
        sys.setprofile(counting)
        parser.parse(given)
    except FederationError as error:
        refusal = error
    finally:
        sys.setprofile(None)
    seconds = time.thread_time() - started
    assert refusal is None or type(refusal) in parser.refuses, repr(refusal)
    return counting.calls, tracemalloc.get_traced_memory()[1] - before, seconds


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Keeps out garbage collection: collecting what other tests have left would be counted too."""
    gc.collect()
    gc.disable()
    tracemalloc.start(1)
    yield
    tracemalloc.stop()
    gc.enable()


@pytest.mark.parametrize("parser", PARSERS, ids=str)
def test_whatever_comes_is_refused_with_one_error_and_bounded_work(parser: Parser) -> None:
    for seed in parser.seeds()[:MAX_SEEDS]:
        cost_of(parser, seed)  # what is built once, at the first use, does not count
        for data in mutations(seed):
            calls, peak, seconds = cost_of(parser, data)
            what = f"{data[:80]!r}… of {len(data)} bytes"
            assert calls <= parser.max_calls, what
            assert peak <= parser.max_memory, what
            if seconds > MAX_CPU_S:  # a single slow run may be chance
                assert min(cost_of(parser, data)[2] for _ in range(3)) <= MAX_CPU_S, what


@pytest.mark.parametrize("parser", PARSERS, ids=str)
def test_what_is_too_long_is_refused_before_it_is_read(parser: Parser) -> None:
    """Twice as much costs not one call more, and next to no memory."""
    for seed in parser.seeds()[:2]:
        costs = [cost_of(parser, seed + b"\n" * size) for size in (parser.limit + 1, 2 * parser.limit)]
        assert costs[0][0] == costs[1][0] <= 60
        assert max(peak for _, peak, _ in costs) <= 8 * K


def test_every_format_is_tried() -> None:
    """An entry is never refused: its error is for values that cannot be written as one."""
    tried = {error for parser in PARSERS for error in parser.refuses if issubclass(error, Malformed)}
    assert tried == set(Malformed.__subclasses__()) - {InvalidEntry}
