"""The vectors are current, and everything here agrees with every one of them."""

import json
import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from directory.errors import DirectoryError
from directory.origin_names import LOG_SUFFIX, InvalidOrigin, is_origin, parse_origin
from directory.public_address import PublicAddress
from federation.errors import FederationError, InvalidProof, Malformed, OtherSize, UnknownLog, UntrustedNote
from federation.fsck.liveness import Liveness
from federation.keys.chain import in_force, open_chain
from federation.keys.equivocation import open_evidence
from federation.keys.evidence import Evidence
from federation.keys.moving import is_same_house
from federation.keys.operations import Operations, RightTree
from federation.keys.return_point import size_to_read_from
from federation.peers.signing import Request, read_claim, verify_request
from federation.protocol.add_checkpoint import AddCheckpoint, encode_size
from federation.protocol.body_answers import judge_missing
from federation.protocol.body_wire import encode_answers, parse_answers
from federation.protocol.entry import MappingEntry, OperationsEntry, RevokeEntry, UnknownEntry, parse_entry
from federation.protocol.statement import commitment, encode_statement, parse_statement
from federation.tlog.bundles import decode_bundle
from federation.tlog.checkpoint import Checkpoint, LogTrust, open_checkpoint, parse_signed_checkpoint
from federation.tlog.cosignature import CosignatureVerifier, parse_time
from federation.tlog.ed25519 import Seed, is_signed
from federation.tlog.growth import Edge, grow
from federation.tlog.keys import KeyKind, VerifierKey
from federation.tlog.merkle import leaf_hash, verify_consistency, verify_inclusion
from federation.tlog.note import NoteVerifier, Signature, open_note, parse_note
from federation.tlog.proof import TlogProof, verify_tlog_proof
from federation.tlog.tiles import Tile, parse_path
from federation.witness.growth import EMPTY, Base, check_growth
from tests.vectors.make import FILES, path_of
from tests.vectors.of_bodies import say

Case = dict[str, Any]
CHECKOUT = Path(__file__).parents[2]
SAID_OF_ENTRIES = {"commitment", "target", "reason", "digest"}
"""Fields of an entry's content: the document lists them together."""


def hashes(texts: list[str]) -> list[bytes]:
    return [b64decode(text) for text in texts]


def trust_of(case: Case) -> LogTrust:
    return LogTrust(
        case["origin"],
        tuple(map(NoteVerifier.parse, case["logKeys"])),
        tuple(map(CosignatureVerifier.parse, case["witnesses"])),
        case["quorum"],
    )


def check_origin(case: Case) -> None:
    if not is_origin(case["origin"]):
        raise InvalidOrigin(case["origin"])
    assert parse_origin(case["origin"]) == case["origin"]


def check_address(case: Case) -> None:
    address = PublicAddress.parse(case["address"])
    assert address.log_host + LOG_SUFFIX == case["origin"]
    assert is_origin(case["origin"])
    assert PublicAddress.parse(str(address)) == address


def check_vkey(case: Case) -> None:
    key = VerifierKey.parse(case["vkey"])
    assert (key.name, key.kind, key.key_id.hex()) == (case["keyName"], case["kind"], case["keyId"])
    assert key.public_key == b64decode(case["publicKey"])
    assert key.public_key == Seed(bytes.fromhex(case["seed"])).public_key


def check_signature(case: Case) -> None:
    public_key, signature = hashes([case["publicKey"], case["signature"]])
    VerifierKey("any.example/log", KeyKind.NOTE, public_key)
    if not is_signed(public_key, bytes.fromhex(case["message"]), signature):
        raise UntrustedNote


def check_note(case: Case) -> None:
    data = b64decode(case["noteBase64"]) if "noteBase64" in case else case["note"].encode()
    opened = open_note(parse_note(data), map(NoteVerifier.parse, case["vkeys"]))
    assert opened.text == case["text"]


def check_checkpoint(case: Case) -> None:
    checkpoint = open_checkpoint(case["note"].encode(), trust_of(case)).checkpoint
    assert (checkpoint.size, checkpoint.root) == (case["size"], b64decode(case["root"]))


def check_cosignature(case: Case) -> None:
    line = Signature.parse(case["line"])
    note = parse_note(f"{case['checkpoint']}\n{case['line']}\n".encode())
    open_note(note, [CosignatureVerifier.parse(case["vkey"])])
    assert parse_time(line.payload) == case["time"]
    Checkpoint.parse(case["checkpoint"])


def check_tile_path(case: Case) -> None:
    place = parse_path(case["path"])
    assert (place.index, place.width) == (case["index"], case["width"])
    assert (place.level if isinstance(place, Tile) else None) == case["level"]


def check_tiles(case: Case) -> None:
    leaves = b"".join(leaf_hash(b"entry %d" % n) for n in range(case["newSize"]))
    old = grow(Edge.empty(), leaves[: case["oldSize"] * 32]).edge
    growth = grow(old, leaves[case["oldSize"] * 32 :])
    tiles = {str(tile): sha256(data).hexdigest() for tile, data in growth.tiles}
    assert growth.edge.root() == b64decode(case["root"])
    assert len(tiles) == case["count"]
    for tile in case["tiles"]:
        assert tiles[tile["path"]] == tile["sha256"]


def check_bundle(case: Case) -> None:
    entries = decode_bundle(b64decode(case["bundle"]), case["width"])
    assert [entry.hex() for entry in entries] == case["entries"]


def check_inclusion(case: Case) -> None:
    leaf, root, *proof = hashes([case["leafHash"], case["root"], *case["proof"]])
    verify_inclusion(case["index"], case["size"], leaf, proof, root)


def check_consistency(case: Case) -> None:
    old, new, *proof = hashes([case["oldRoot"], case["newRoot"], *case["proof"]])
    verify_consistency(case["oldSize"], case["newSize"], old, new, proof)


def check_tlog_proof(case: Case) -> None:
    proof = TlogProof.parse(case["proof"].encode())
    verify_tlog_proof(proof, bytes.fromhex(case["entry"]), trust_of(case))


def check_entry(case: Case) -> None:
    match parse_entry(bytes.fromhex(case["raw"])):
        case MappingEntry(hidden):
            assert (case["says"], case["commitment"]) == ("mapping", hidden.hex())
        case RevokeEntry(target, reason):
            assert (case["says"], case["target"], case["reason"]) == ("revoke", target, reason)
        case OperationsEntry(digest):
            assert (case["says"], case["digest"]) == ("operations", digest.hex())
        case UnknownEntry():
            assert case["says"] == "nothing"


def check_replay(case: Case) -> None:
    log = Liveness()
    revoked = log.extend([bytes.fromhex(entry) for entry in case["entries"]])
    assert list(log.live) == case["live"]
    assert [{"target": each.target, "by": each.by, "reason": each.reason} for each in revoked] == case[
        "revoked"
    ]


def check_statement(case: Case) -> None:
    body = case["body"].encode()
    hidden = commitment(bytes.fromhex(case["salt"]), body)
    assert (hidden.hex(), (b"\x01" + hidden).hex()) == (case["commitment"], case["entry"])
    statement = parse_statement(body)
    kinds = [item["kind"] for item in json.loads(body)["evidence"]]
    assert [item.kind for item in statement.evidence] == case["counts"]
    assert kinds != case["counts"] or encode_statement(statement) == body


def check_operations(case: Case) -> None:
    chain = open_chain([note.encode() for note in case["notes"]], VerifierKey.parse(case["logKey"]))
    assert ["03" + document.digest.hex() for document in chain] == case["entries"]
    assert [str(key) for key in chain[-1].checkpoint_keys] == case["checkpointKeys"]


def check_equivocation(case: Case) -> None:
    evidence = Evidence.parse(case["evidence"].encode())
    assert bytes(evidence).decode() == case["evidence"]
    found = open_evidence(evidence, map(VerifierKey.parse, case["trusted"]))
    assert found.is_proven is case["proven"]


def check_in_force(case: Case) -> None:
    chain = [Operations.parse(text) for text in case["texts"]]
    assert in_force(chain, case["now"]).number == case["number"]


def check_return_point(case: Case) -> None:
    right = RightTree(case["rightSize"], b64decode(case["rightRoot"]))
    kept_root = None if case["keptRoot"] is None else b64decode(case["keptRoot"])
    assert size_to_read_from(case["keptSize"], right, kept_root) == case["readFrom"]


def check_house(case: Case) -> None:
    old = [Operations.parse(text) for text in case["old"]]
    assert is_same_house(old, Operations.parse(case["newFirst"])) is case["isSame"]


def check_missing_body(case: Case) -> None:
    judged = judge_missing(case["revokedBy"], case["missingAt"], case["checkpointAt"])
    assert judged.value == case["verdict"]


def check_signed_request(case: Case) -> None:
    headers = tuple((name, value) for name, value in case["headers"])
    content = bytes.fromhex(case["content"])
    request = Request(case["method"], case["authority"], case["path"], headers, content)
    claim = read_claim(request, case["now"])
    [public_key] = hashes([case["publicKey"]])
    verify_request(request, claim, public_key)
    assert (claim.origin, claim.created, claim.nonce) == (case["keyId"], case["created"], case["nonce"])


def check_answers(case: Case) -> None:
    answers = parse_answers(bytes.fromhex(case["content"]), case["width"])
    assert list(map(say, answers)) == case["answers"]
    assert encode_answers(answers).hex() == case["content"]


def check_add_checkpoint(case: Case) -> None:
    error = find_refusal(case)
    status = next((status for kind, status in STATUS_OF_WITNESS if isinstance(error, kind)), 200)
    told = encode_size(error.size).decode() if isinstance(error, OtherSize) else None
    assert (status, told) == (case["status"], case.get("told"))
    if error is not None:
        raise error


def find_refusal(case: Case) -> FederationError | None:
    try:
        answer_add_checkpoint(case)
    except FederationError as error:
        return error
    return None


def answer_add_checkpoint(case: Case) -> None:
    """Does what a witness does that has cosigned `keptSize` last."""
    request = AddCheckpoint.parse(b64decode(case["request"]))
    assert bytes(request) == b64decode(case["request"])
    checkpoint, _ = parse_signed_checkpoint(request.note)
    if checkpoint.origin != case["origin"]:
        raise UnknownLog(checkpoint.origin)
    keys = tuple(NoteVerifier.parse(key) for key in case["logKeys"])
    open_checkpoint(request.note, LogTrust(case["origin"], keys))
    base = EMPTY if case["keptSize"] is None else Base(case["keptSize"], b64decode(case["keptRoot"]))
    check_growth(request, checkpoint, base)


STATUS_OF_WITNESS = (
    (Malformed, 400),
    (UntrustedNote, 403),
    (UnknownLog, 404),
    (OtherSize, 409),
    (InvalidProof, 422),
)

CHECKS: dict[str, Callable[[Case], None]] = {
    "signatures": check_signature,
    "vkeys": check_vkey,
    "origins": check_origin,
    "addresses": check_address,
    "notes": check_note,
    "checkpoints": check_checkpoint,
    "cosignatures": check_cosignature,
    "tile-paths": check_tile_path,
    "tiles": check_tiles,
    "bundles": check_bundle,
    "inclusion": check_inclusion,
    "consistency": check_consistency,
    "tlog-proofs": check_tlog_proof,
    "entries": check_entry,
    "replay": check_replay,
    "statements": check_statement,
    "operations": check_operations,
    "equivocations": check_equivocation,
    "in-force": check_in_force,
    "return-points": check_return_point,
    "same-house": check_house,
    "missing-bodies": check_missing_body,
    "signed-requests": check_signed_request,
    "add-checkpoint": check_add_checkpoint,
    "body-answers": check_answers,
}


def test_the_command_writes_the_vectors(tmp_path: Path) -> None:
    """A format must not change without anybody seeing it; the same bytes on any machine."""
    command = [sys.executable, "-m", "tests.vectors.make", str(tmp_path)]
    subprocess.run(command, check=True, cwd=CHECKOUT)
    assert {path.name for path in tmp_path.iterdir()} == {path_of(name).name for name in FILES}
    for name in FILES:
        assert (tmp_path / path_of(name).name).read_bytes() == path_of(name).read_bytes(), name


def test_the_document_tells_the_command_and_every_file() -> None:
    told = (CHECKOUT / "docs/protocol.md").read_text()
    assert "`python -m tests.vectors.make`" in told
    for name in FILES:
        [row] = re.findall(rf"^\| `{name}` \|(.*)$", told, re.MULTILINE)
        fields = {field for case in json.loads(path_of(name).read_text())["cases"] for field in case}
        for field in fields - {"name", "desc", "wantErr"}:
            assert f"`{field}`" in row or field in SAID_OF_ENTRIES, (name, field)


@pytest.mark.parametrize("name", FILES)
def test_every_vector_passes(name: str) -> None:
    cases = json.loads(path_of(name).read_text())["cases"]
    assert len({case["name"] for case in cases}) == len(cases)
    for case in cases:
        if case["wantErr"]:
            with pytest.raises((FederationError, DirectoryError)):
                CHECKS[name](case)
        else:
            CHECKS[name](case)
