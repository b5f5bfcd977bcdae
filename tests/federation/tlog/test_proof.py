import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from federation.errors import InvalidCheckpoint, InvalidProof, InvalidTlogProof, UntrustedNote
from federation.tlog.checkpoint import Checkpoint, LogTrust, sign_checkpoint
from federation.tlog.cosignature import CosignatureVerifier, cosign
from federation.tlog.ed25519 import Seed
from federation.tlog.growth import Edge, grow
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.merkle import leaf_hash
from federation.tlog.note import NoteVerifier
from federation.tlog.proof import MAX_TLOG_PROOF_BYTES, TlogProof, verify_tlog_proof
from federation.tlog.reading import TileHashes
from tests.federation.strategies import checkpoints, hashes, raises_only, spoiled
from tests.federation.tlog.naive import make_entries

ORIGIN = "example.org/log"
LOG = PrivateKey(ORIGIN, KeyKind.NOTE, Seed(b"l" * 32))
WITNESS = PrivateKey("peer.example/witness", KeyKind.COSIGNATURE, Seed(b"w" * 32))
TRUST = LogTrust(ORIGIN, (NoteVerifier(LOG.vkey),), (CosignatureVerifier(WITNESS.vkey),), 1)

ENTRIES = make_entries(300)
GROWTH = grow(Edge.empty(), b"".join(map(leaf_hash, ENTRIES)))
CHECKPOINT = Checkpoint(ORIGIN, 300, GROWTH.edge.root())
NOTE = sign_checkpoint(CHECKPOINT, [LOG]).signed_also([cosign(CHECKPOINT, WITNESS, 1_700_000_000)])


def prove(index: int, extra: bytes | None = None) -> TlogProof:
    tree = TileHashes(300, dict(GROWTH.tiles).__getitem__)
    return TlogProof(index, tree.prove_inclusion(index), NOTE, extra)


PROOF = prove(73, b"salt and body")

proofs = st.builds(
    TlogProof,
    st.integers(0, 2**63 - 2),
    st.lists(hashes, max_size=63).map(tuple),
    checkpoints.filter(lambda each: " " not in each.origin).map(
        lambda each: sign_checkpoint(Checkpoint(ORIGIN, each.size, each.root, each.extensions), [LOG])
    ),
    st.none() | st.binary(max_size=300),
)


@given(proofs)
def test_what_is_written_is_read_again(proof: TlogProof) -> None:
    assert TlogProof.parse(bytes(proof)) == proof


def test_a_proof_of_the_longest_way_is_read_and_none_with_more() -> None:
    """A tree of 2^63 - 1 leaves has 63 hashes beside the way to its root."""
    longest = TlogProof(0, tuple(leaf_hash(b"%d" % n) for n in range(63)), NOTE, None)
    assert TlogProof.parse(bytes(longest)) == longest
    with pytest.raises(InvalidTlogProof):
        TlogProof(0, (*longest.hashes, leaf_hash(b"more")), NOTE, None)


@given(spoiled(bytes(PROOF)) | st.binary(max_size=200))
@example(bytes(PROOF).replace(b"index 73", b"index 073"))
@example(bytes(PROOF).replace(b"index 73", b"index 9223372036854775807"))
@example(bytes(PROOF).replace(b"proof@v1", b"proof@v2"))
@example(bytes(PROOF).replace(b"\n", b"\r\n"))
@example(b"c2sp.org/tlog-proof@v1")
@example(b"c2sp.org/tlog-proof@v1\nextra \n\n")
def test_anything_else_is_refused_and_no_change_is_believed(data: bytes) -> None:
    proof = raises_only(InvalidTlogProof, TlogProof.parse, data)
    if proof is None:
        return
    assert bytes(proof) == data
    try:
        verify_tlog_proof(proof, ENTRIES[73], TRUST)
    except (InvalidCheckpoint, UntrustedNote, InvalidProof):
        return
    # What nothing authenticates may have changed, and lines of keys that nobody knows.
    assert (proof.index, proof.hashes, proof.checkpoint) == (PROOF.index, PROOF.hashes, CHECKPOINT)


@pytest.mark.parametrize("index", [0, 1, 73, 255, 256, 299])
def test_a_proof_verifies_for_its_entry_only(index: int) -> None:
    proof = TlogProof.parse(bytes(prove(index)))
    assert verify_tlog_proof(proof, ENTRIES[index], TRUST).checkpoint == CHECKPOINT
    with pytest.raises(InvalidProof):
        verify_tlog_proof(proof, ENTRIES[(index + 1) % 300], TRUST)


def test_a_proof_without_the_witnesses_that_were_asked_for_is_not_trusted() -> None:
    alone = TlogProof(73, PROOF.hashes, sign_checkpoint(CHECKPOINT, [LOG]))
    with pytest.raises(UntrustedNote):
        verify_tlog_proof(alone, ENTRIES[73], TRUST)
    verify_tlog_proof(alone, ENTRIES[73], LogTrust(ORIGIN, TRUST.log_keys))


def test_a_proof_beyond_the_limits_is_refused() -> None:
    for data in (
        bytes(PROOF) + b"x" * MAX_TLOG_PROOF_BYTES,
        b"c2sp.org/tlog-proof@v1\nindex 1\n" + b"A" * 43 + b"=\n" * 64 + bytes(NOTE),
        b"c2sp.org/tlog-proof@v1\n" * 4_000,
    ):
        with pytest.raises(InvalidTlogProof):
            TlogProof.parse(data)
    for index, path, extra in (
        (-1, (), None),
        (0, (b"",), None),
        (0, (bytes(32),) * 64, None),
        (0, (), bytes(16_385)),
    ):
        with pytest.raises(InvalidTlogProof):
            TlogProof(index, path, NOTE, extra)
