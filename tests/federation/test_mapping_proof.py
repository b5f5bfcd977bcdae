import pytest

from federation.errors import InvalidProof, InvalidStatement, InvalidTlogProof, UntrustedNote
from federation.own_log.mapping_proof import make_mapping_proof, open_mapping_proof
from federation.protocol.entry import MappingEntry, encode_entry
from federation.protocol.statement import commitment, encode_statement
from federation.tlog.checkpoint import Checkpoint, LogTrust, sign_checkpoint
from federation.tlog.growth import Edge, grow
from federation.tlog.merkle import leaf_hash
from federation.tlog.note import NoteVerifier
from federation.tlog.proof import TlogProof
from federation.tlog.reading import TileHashes
from tests.vectors.fixed import LOG, ORIGIN, STRANGER
from tests.vectors.of_statements import statement_values

SALT = bytes(range(32))
STATEMENT = statement_values()["bound"]
BODY = encode_statement(STATEMENT)
TRUST = LogTrust(ORIGIN, (NoteVerifier(LOG.vkey),))


def prove(said: bytes, shown: bytes) -> TlogProof:
    """Makes a log with `said` at leaf 3, and a proof that shows `shown`."""
    entries = [bytes(33)] * 3 + [encode_entry(MappingEntry(commitment(SALT, said)))] + [bytes(33)] * 3
    growth = grow(Edge.empty(), b"".join(map(leaf_hash, entries)))
    hashes = TileHashes(7, dict(growth.tiles).__getitem__).prove_inclusion(3)
    note = sign_checkpoint(Checkpoint(ORIGIN, 7, growth.edge.root()), [LOG])
    return TlogProof.parse(bytes(make_mapping_proof(3, hashes, note, SALT, shown)))


def test_a_proof_shows_what_the_log_said() -> None:
    proven = open_mapping_proof(prove(BODY, BODY), TRUST)
    assert (proven.statement, proven.leaf, proven.signed.checkpoint.size) == (STATEMENT, 3, 7)


def test_a_proof_that_shows_something_else_is_refused() -> None:
    """Somebody changes the account in a true proof, to be followed in the place of another."""
    shown = BODY.replace(b"ada.people.example", b"eve.people.example")
    assert shown != BODY
    with pytest.raises(InvalidProof):
        open_mapping_proof(prove(BODY, shown), TRUST)


def test_a_proof_of_what_makes_no_sense_or_by_a_stranger_is_refused() -> None:
    with pytest.raises(InvalidStatement):
        open_mapping_proof(prove(b"{}", b"{}"), TRUST)
    with pytest.raises(UntrustedNote):
        open_mapping_proof(prove(BODY, BODY), LogTrust(ORIGIN, (NoteVerifier(STRANGER.vkey),)))


def test_a_proof_without_salt_and_body_shows_nothing() -> None:
    proof = prove(BODY, BODY)
    for extra in (None, b"", SALT):
        with pytest.raises(InvalidTlogProof):
            open_mapping_proof(TlogProof(3, proof.hashes, proof.note, extra), TRUST)
