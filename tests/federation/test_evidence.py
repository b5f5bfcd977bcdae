"""Evidence of an equivocation proves what a log did, and can never be made against a log that only grows."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from federation.errors import (
    FederationError,
    InvalidEvidence,
    InvalidProof,
    UntrustedNote,
    UntrustedOperations,
)
from federation.keys.chain import sign_operations
from federation.keys.changes import switch_key
from federation.keys.equivocation import open_evidence
from federation.keys.evidence import (
    MAX_EVIDENCE_BYTES,
    MAX_EVIDENCE_DOCUMENTS,
    MAX_EVIDENCE_KEYS,
    Evidence,
    make_evidence,
)
from federation.tlog.checkpoint import Checkpoint, sign_checkpoint
from federation.tlog.cosignature import CosignatureVerifier, cosign
from federation.tlog.ed25519 import Seed
from federation.tlog.growth import Edge, grow
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.merkle import derive_prefix_root, leaf_hash
from federation.tlog.note import Note, Signature, sign_text
from federation.tlog.reading import TileHashes
from tests.federation.strategies import raises_only, spoiled
from tests.federation.tlog.naive import make_entries, naive_root
from tests.vectors.fixed import LOG, NEXT, ORIGIN, RESCUE, STRANGER, TIME, WITNESS
from tests.vectors.of_evidence import (
    ANNOUNCED,
    FORK,
    RECOVERED,
    ROTATION,
    SAME_SIZE,
    forked,
    forked_tree,
    true,
)

ENTRIES = make_entries(80)
LATER = datetime.fromtimestamp(TIME, UTC) + timedelta(days=30)


def tree_of(entries: list[bytes]) -> TileHashes:
    leaves = b"".join(map(leaf_hash, entries))
    return TileHashes(len(entries), dict(grow(Edge.empty(), leaves).tiles).__getitem__)


def note_of(entries: list[bytes]) -> Note:
    return sign_checkpoint(Checkpoint(ORIGIN, len(entries), naive_root(entries)), [LOG])


@given(st.data())
def test_the_hashes_tell_the_root_that_any_tree_had_before(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 80))
    old = data.draw(st.integers(1, new - 1))
    hashes = tree_of(ENTRIES[:new]).prove_prefix(old)
    assert derive_prefix_root(old, new, naive_root(ENTRIES[:new]), hashes) == naive_root(ENTRIES[:old])


@given(st.data())
def test_every_fork_can_be_proven(data: st.DataObject) -> None:
    """A log shows one person a leaf that it shows nobody else, at whatever size and in whatever place."""
    new = data.draw(st.integers(2, 80))
    old = data.draw(st.integers(1, new - 1))
    at = data.draw(st.integers(0, old - 1))
    shown = [*ENTRIES[:at], b"another", *ENTRIES[at + 1 : new]]
    evidence = make_evidence(
        note_of(shown), note_of(ENTRIES[:old]), keys=[LOG.vkey], hashes=tree_of(shown).prove_prefix(old)
    )
    assert open_evidence(Evidence.parse(bytes(evidence)), [LOG.vkey]).is_proven


@given(st.data())
def test_a_log_that_only_grows_is_never_proven_wrong(data: st.DataObject) -> None:
    """Whoever wants a log suspended chooses all hashes of the evidence: those of other sizes, changed, cut, repeated."""
    new = data.draw(st.integers(2, 80))
    old = data.draw(st.integers(1, new - 1))
    grown = tree_of(ENTRIES[:new])
    every = [*grown.prove_prefix(old), *grown.prove_prefix(data.draw(st.integers(1, new - 1))), bytes(32)]
    chosen = data.draw(st.lists(st.sampled_from(every), max_size=10) | st.just(every[:-1]))
    evidence = make_evidence(
        note_of(ENTRIES[:old]), note_of(ENTRIES[:new]), keys=[LOG.vkey], hashes=chosen[:64]
    )
    try:
        found = open_evidence(evidence, [LOG.vkey])
    except InvalidProof:
        return
    assert not found.is_proven
    assert not evidence.hashes


@given(spoiled(bytes(FORK)) | st.binary(max_size=200))
@example(bytes(FORK).replace(b"\n\n", b"\n\n\n", 1))
@example(bytes(SAME_SIZE) + b"\n")
@example(b"passerelle/equivocation@v1\n")
@example(b"passerelle/equivocation@v1\n\n\n\n\n\n\n\n\n")
def test_anything_else_is_refused_and_no_change_is_believed(data: bytes) -> None:
    evidence = raises_only(InvalidEvidence, Evidence.parse, data)
    if evidence is None:
        return
    assert bytes(evidence) == data
    try:
        found = open_evidence(evidence, [LOG.vkey])
    except (FederationError, InvalidProof):
        return
    assert (found.older.checkpoint, found.newer.checkpoint) in {
        (Checkpoint.parse(each.older.text), Checkpoint.parse(each.newer.text)) for each in (FORK, SAME_SIZE)
    }


def test_two_readers_who_hold_the_same_notes_write_the_same_file() -> None:
    one, other = true(300, LOG, NEXT), forked(300, LOG, NEXT)
    keys = [LOG.vkey, NEXT.vkey]
    assert make_evidence(one, other, keys=keys) == make_evidence(other, one, keys=[*keys[::-1], NEXT.vkey])


def test_keys_that_a_file_brings_along_are_not_believed() -> None:
    """An accuser signs two trees with a key of their own, named as the log, and writes that key into the file."""
    evidence = make_evidence(true(300, STRANGER), forked(300, STRANGER), keys=[LOG.vkey, STRANGER.vkey])
    with pytest.raises(UntrustedNote):
        open_evidence(evidence, [LOG.vkey])


def test_documents_that_a_file_brings_along_are_believed_from_a_trusted_key_only() -> None:
    evidence = make_evidence(true(300, LOG), forked(300, NEXT), documents=ROTATION)
    for key in (LOG, NEXT):
        assert open_evidence(evidence, [key.vkey]).signers == (LOG.vkey, NEXT.vkey)
    with pytest.raises(UntrustedOperations):
        open_evidence(evidence, [STRANGER.vkey, WITNESS.vkey])


def test_a_log_cannot_make_evidence_against_it_too_long() -> None:
    """A log that means to fork serves documents with a hundred lines each: lines of nobody, and of its own key."""
    padding = [Signature("a" * 200, bytes(3) + bytes([n]), bytes(300)) for n in range(90)]
    own = [sign_text(note.text, LOG) for note in ROTATION]
    padded = [
        Note(note.text, (*padding, *note.signatures, line, *padding[:5]))
        for note, line in zip(ROTATION, own, strict=True)
    ]
    evidence = make_evidence(true(300, LOG), forked(300, NEXT), documents=padded)
    assert evidence == make_evidence(true(300, LOG), forked(300, NEXT), documents=ROTATION)
    assert open_evidence(evidence, [LOG.vkey]).is_proven
    with pytest.raises(InvalidEvidence):
        make_evidence(true(300), forked(300), documents=[Note(ROTATION[0].text, tuple(padding))])


def test_it_tells_which_document_took_a_key_out_of_power() -> None:
    """A thief signs with the stolen key after the recovery: the file must not read as if the operator had done it."""
    stolen = make_evidence(true(300, LOG), forked(300, RESCUE), documents=RECOVERED)
    found = open_evidence(stolen, [LOG.vkey])
    by = found.find_replacement(LOG.vkey, LATER)
    assert by is not None
    assert (by.number, by.recovered_by is not None) == (1, True)
    assert found.find_replacement(RESCUE.vkey, LATER) is None
    rotated = open_evidence(
        make_evidence(true(300, LOG), forked(300, NEXT), documents=ROTATION), [NEXT.vkey]
    ).find_replacement(LOG.vkey, LATER)
    assert rotated is not None
    assert (rotated.number, rotated.recovered_by) == (2, None)


def test_a_rotation_that_is_dated_ahead_takes_no_key_out_of_power() -> None:
    """Attack: a log that means to fork writes a switch of its key for the year 9999. By it, all that the present key signs
    would have been signed by a key out of power."""
    ahead = sign_operations(switch_key(ANNOUNCED, 253_402_300_799), [LOG])
    evidence = make_evidence(true(300, LOG), forked(300, LOG), documents=[*ROTATION[:2], ahead])
    assert open_evidence(evidence, [LOG.vkey]).find_replacement(LOG.vkey, LATER) is None


def test_what_witnesses_saw_is_verified() -> None:
    cosigned = forked(500).signed_also([cosign(Checkpoint.parse(forked(500).text), WITNESS, TIME)])
    evidence = make_evidence(true(300), cosigned, keys=[LOG.vkey], hashes=FORK.hashes)
    seen = open_evidence(evidence, [LOG.vkey], [CosignatureVerifier(WITNESS.vkey)])
    assert [line.name for line in seen.newer.cosignatures] == [WITNESS.name]
    assert not seen.older.cosignatures
    assert not open_evidence(evidence, [LOG.vkey]).newer.cosignatures


def test_what_is_beyond_the_limits_is_refused() -> None:
    for data in (
        bytes(FORK) + b"a" * MAX_EVIDENCE_BYTES,
        b"passerelle/equivocation@v1\n" + b"key a\n" * 100,
        b"passerelle/equivocation@v1\n" + b"\n\n" * 10_000,
    ):
        with pytest.raises(InvalidEvidence):
            Evidence.parse(data)
    many = [
        PrivateKey(ORIGIN, KeyKind.NOTE, Seed(bytes([n]) * 32)).vkey for n in range(MAX_EVIDENCE_KEYS + 1)
    ]
    make_evidence(true(300), forked(300), keys=many[1:])
    with pytest.raises(InvalidEvidence):
        make_evidence(true(300), forked(300), keys=many)
    with pytest.raises(InvalidEvidence):
        make_evidence(true(300), forked(300), documents=[ROTATION[0]] * (MAX_EVIDENCE_DOCUMENTS + 1))
    with pytest.raises(InvalidEvidence):
        make_evidence(true(300), forked(500), keys=[LOG.vkey], hashes=[bytes(32)] * 65)


def test_a_file_of_the_largest_kind_is_read_again() -> None:
    """A long chain of documents fits; the same bytes come out."""
    evidence = make_evidence(true(300), forked(300), documents=[ROTATION[0]] * MAX_EVIDENCE_DOCUMENTS)
    assert Evidence.parse(bytes(evidence)) == evidence
    assert len(bytes(evidence)) > MAX_EVIDENCE_BYTES // 2


def test_hashes_of_the_forked_tree_are_as_many_as_are_needed() -> None:
    assert forked_tree(500).prove_prefix(256)[1:] == forked_tree(500).prove_consistency(256)
    assert forked_tree(500).prove_prefix(300) == forked_tree(500).prove_consistency(300)
    for old in (0, 500, 501):
        with pytest.raises(ValueError, match="begin"):
            forked_tree(500).prove_prefix(old)
